"""What is written down: every so many steps, which variables."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from thermopolis.runs.schema._base import Count, Loose, Section, fault
from thermopolis.runs.variables import OF_TRAITS
from thermopolis.runs.variables import VARIABLES as RECORDED

VARIABLES = (
    "action", "cooperation", "reward", "observation",
    "belief_entropy", "policy_entropy", "policy_varentropy",
    "free_energy", "complexity", "accuracy",
    "expected_free_energy", "risk", "ambiguity", "state_information_gain", "parameter_information_gain",
    "exploration_temperature", "regret",
    "core_joules", "core_work", "core_heat", "core_entropy_production", "landauer_bound",
    "power", "kardashev", "planet_temperature", "fuel", "store", "population", "entropy_production",
    "fitness", "offspring", "parent", "other_parent", "genotype", "type_share", "origin", "swapped",
    "expected_offspring", "on_trial", "reproduction", "selection_temperature", "group_mutation",
)  # fmt: skip
"""The names of results that a swept dimension never takes; worlds have further ones (``runs.variables``)."""

DIMENSIONS = (
    "replicate",
    "step",
    "agent",
    "operation",
    "link",
    "chain",
    "unit",
    "quantile",
    "state",
    "type",
    "deme",
)
COORDINATES = ("kind", "world_seed", "source", "target")


class Summary(Section):
    """Mean, variance and quantiles over players in the place of every player's values."""

    quantiles: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1), Loose] = (
        0.05,
        0.25,
        0.5,
        0.75,
        0.95,
    )
    sample: Annotated[Count, Field(le=100_000)] = 1024
    """Players whose values the quantiles of a replicate are taken from, evenly spaced."""


class Record(Section):
    every: Count = 1
    """Keep one step in so many (the first of each stretch)."""
    variables: Literal["all"] | Annotated[tuple[str, ...], Loose] = "all"

    summary: Summary | None = None
    """Sum players up on line: for populations too large to store."""

    @field_validator("variables")
    @classmethod
    def _known(cls, variables: str | tuple[str, ...]) -> str | tuple[str, ...]:
        from difflib import get_close_matches

        if variables == "all":
            return variables
        known = sorted({*VARIABLES, *RECORDED})
        for number, name in enumerate(variables):
            if name not in known and not name.startswith(OF_TRAITS):
                near = get_close_matches(name, known, 1)
                raise fault(
                    f"{name!r} is no variable of the results"
                    + (f"; did you mean {near[0]!r}?" if near else ""),
                    number,
                )
            if name in variables[:number]:
                raise fault(f"{name!r} is given twice", number)
        if not variables:
            raise fault("names no variable (all: everything)")
        return variables
