"""How an agent's exploration temperature moves: q(π) ∝ E(π) exp(−G(π)/T).

A plain number is a constant temperature. The controllers and their equations are those of
``thermopolis.thermo.controllers``: annealing; the entropy-adaptive temperature of Veličković et al. 2024
(arXiv 2410.01104); the temperature, or the feedback, that holds the policy entropy; and one that heats up
with the predicted probability of mutual defection.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from thermopolis.runs.schema._base import Count, Positive, Section, fault


class Constant(Section):
    """The same temperature at every step."""

    kind: Literal["constant"]
    temperature: Positive = 1.0
    """In the units of the expected free energy (nats)."""


class Anneal(Section):
    """From ``start`` to ``stop`` over ``steps`` steps (null: the whole run), then held."""

    kind: Literal["anneal"]
    start: Positive = 5.0
    stop: Positive = 0.05
    steps: Count | None = None
    geometric: bool = True
    """Equal ratios; false: equal differences."""


class Adaptive(Section):
    """The sharpness-preserving softmax temperature: ``temperature`` times a function of q(π)'s entropy."""

    kind: Literal["adaptive"]
    temperature: Positive = 1.0


class _Held(Section):
    """Bounds within which a controller of the policy entropy moves."""

    entropy: Positive = 0.3
    """The policy entropy to hold, in nats (at most ln of the number of policies can be reached)."""
    lower: Positive = 1e-3
    upper: Positive = 1e3

    @model_validator(mode="after")
    def _ordered(self) -> Any:
        if not self.lower < self.upper:
            raise fault(f"lower {self.lower:g} is not below upper {self.upper:g}", "lower")
        return self


class EntropyTarget(_Held):
    """The T at which the policy entropy is ``entropy``, solved for at every step."""

    kind: Literal["entropy_target"]


class EntropyFeedback(_Held):
    """ln T ← ln T + gain · (entropy − H): approaches the target over steps."""

    kind: Literal["entropy_feedback"]
    temperature: Positive = 1.0
    """Where T starts."""
    gain: Positive = 0.5


class Doom(Section):
    """Rises from ``temperature`` to ``ceiling`` as predicted mutual defection passes ``threshold``."""

    kind: Literal["doom"]
    temperature: Positive = 1.0
    ceiling: Positive = 5.0
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.5
    rate: Annotated[float, Field(gt=0, le=1)] = 0.2
    """How fast the smoothed prediction follows."""


def _which(value: Any) -> str | None:
    if isinstance(value, dict):
        return str(value["kind"]) if "kind" in value else None
    return str(getattr(value, "kind", "number"))


Temperature = Annotated[
    Annotated[Positive, Tag("number")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[Anneal, Tag("anneal")]
    | Annotated[Adaptive, Tag("adaptive")]
    | Annotated[EntropyTarget, Tag("entropy_target")]
    | Annotated[EntropyFeedback, Tag("entropy_feedback")]
    | Annotated[Doom, Tag("doom")],
    Discriminator(_which),
]

CONTROLLERS = Constant | Anneal | Adaptive | EntropyTarget | EntropyFeedback | Doom
