"""Selection between the players of a society, generation after generation (``selection:``).

In a generation every society lives a life of ``steps`` rounds from fresh minds; then players leave offspring by their
fitness. Offspring inherit their group and their heritable traits. The laws are those of
:mod:`thermopolis.envs.selection`.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from thermopolis.runs.schema._base import Count, Loose, NonNegative, Positive, Probability, Section, fault


class Moran(Section):
    """One birth by weight and one death, of anybody, in a generation."""

    kind: Literal["moran"]


class WrightFisher(Section):
    """Everybody is replaced by offspring of parents drawn by weight."""

    kind: Literal["wright_fisher"]


class Truncation(Section):
    """Everybody is replaced by offspring of the best ``share``, which are parents alike."""

    kind: Literal["truncation"]
    share: Annotated[float, Field(gt=0, le=1)] = 0.2


class Pairwise(Section):
    """One player in a generation compares itself with another and copies it with Fermi's probability."""

    kind: Literal["pairwise"]


Reproduction = Annotated[Moran | WrightFisher | Truncation | Pairwise, Field(discriminator="kind")]


class Trait(Section):
    """A heritable number: phenotype = genetic value + environment, clipped to ``range``."""

    path: str
    """A number of a group, such as ``agents.0.temperature``; others carry it unexpressed."""
    genetic: NonNegative = 0.0
    """Standard deviation of the first generation's genetic values about the file's value."""
    environmental: NonNegative = 0.0
    """Standard deviation of what isn't inherited, drawn anew at each birth."""
    mutation: NonNegative = 0.0
    """Standard deviation that a birth adds to the genetic value: mutation and segregation."""
    range: Annotated[tuple[float | None, float | None], Loose] = (None, None)
    """What a phenotype can't leave, [low, high]; null: open."""

    @model_validator(mode="after")
    def _ordered(self) -> Trait:
        low, high = self.range
        if low is not None and high is not None and not low < high:
            raise fault(f"low {low:g} is not below high {high:g}", "range")
        return self


class Demes(Section):
    """Hot and cold societies side by side, neighbours on the ladder of temperatures swapping populations."""

    temperatures: Annotated[tuple[Positive, ...], Field(min_length=2), Loose]
    """Selection temperature of every deme; ``selection.temperature`` doesn't count."""
    exchange: Count | None = None
    """Every so many generations neighbours may swap, by min(1, exp[(β_i − β_j)(E_i − E_j)]), E = −Σ fitness;
    null: never."""

    @model_validator(mode="after")
    def _distinct(self) -> Demes:
        for number, temperature in enumerate(self.temperatures):
            if temperature in self.temperatures[:number]:
                raise fault(f"{temperature:g} is given twice", "temperatures", number)
        return self


class Evolution(Section):
    generations: Count
    """Lives, one after the other; ``steps`` are the rounds of a life."""
    fitness: str = "reward"
    """A recorded variable of players, its mean over a life; or the name of a trait (artificial selection)."""
    weight: Literal["exponential", "linear"] = "exponential"
    """exp(fitness / temperature), or 1 − intensity + intensity · fitness."""
    temperature: Positive = 1.0
    """Of selection: of exponential weights, and of the pairwise comparison."""
    intensity: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Of linear weights."""
    reproduction: Reproduction = WrightFisher(kind="wright_fisher")
    parents: Literal[1, 2] = 1
    """Two: genetic values start from the mid-parent; the group is the first parent's."""
    mutation: Probability = 0.0
    """Probability that an offspring's group is drawn from all groups alike."""
    traits: Annotated[tuple[Trait, ...], Loose] = ()
    demes: Demes | None = None

    def trait_names(self) -> tuple[str, ...]:
        """A name for every trait: the last part of its path, or all of it where that is shared."""
        last = [trait.path.rsplit(".", 1)[-1] for trait in self.traits]
        shared = Counter(last)
        return tuple(
            name if shared[name] == 1 and name.isidentifier() else trait.path.replace(".", "_")
            for name, trait in zip(last, self.traits, strict=True)
        )

    def societies(self) -> int:
        """Societies of a replicate: one, or as many as there are demes."""
        return 1 if self.demes is None else len(self.demes.temperatures)

    @model_validator(mode="after")
    def _fits(self) -> Any:
        kind = self.reproduction.kind
        if self.parents == 2 and kind == "pairwise":
            raise fault("who copies another has one parent: pairwise needs parents: 1", "parents")
        if (
            self.demes is not None
            and kind != "pairwise"
            and (kind == "truncation" or self.weight == "linear")
        ):
            which = "truncation has" if kind == "truncation" else "linear weights have"
            raise fault(f"demes differ in the temperature of selection, and {which} none", "demes")
        return self
