"""What one mind is made of: what it wants and believes, how it perceives, learns, plans, chooses and shares.

Sections of ``kind: active_inference``; some of them are ``kind: pymdp``'s too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from thermopolis.runs.schema._base import Loose, Natural, NonNegative, Positive, Probability, Section, fault


class Preferences(Section):
    scale: float = 1.0
    """ln C = log_softmax(scale · payoff + optimism.preference · [partner cooperates])."""


class Optimism(Section):
    """Hyperstition as a trait: a tilt of what is wanted and of what is believed."""

    preference: float = 0.0
    belief: float = 0.0
    """Tilts the prior transition counts towards a cooperating partner by exp(belief)."""


class InformationGain(Section):
    state: bool = True
    parameter: bool = False


class Learning(Section):
    """Dirichlet counts, pB ← (1 − forgetting)·pB + forgetting·prior + rate · (new evidence); or gradient steps."""

    rate: NonNegative = 0.1
    forgetting: Annotated[float, Field(ge=0, lt=1)] = 0.0
    concentration: Positive = 1.0
    """Prior count per column; only transitions the structure allows are learned."""
    of: Annotated[tuple[Literal["A", "B", "D", "E"], ...], Loose] = ("B",)

    @field_validator("of")
    @classmethod
    def _distinct(cls, of: tuple[str, ...]) -> tuple[str, ...]:
        if not of or len(set(of)) != len(of):
            raise fault(
                "names each of A, B, D, E at most once, and at least one (learning: null learns nothing)"
            )
        return of

    method: Literal["dirichlet", "natural_gradient", "thermodynamic_natural_gradient"] = "dirichlet"
    """Counting; or a natural gradient with steps of ``rate``, computed or left to a relaxing system."""
    kl_bound: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Gradient methods: the most that one event changes a column, in nats."""
    relaxation_time: Positive = 1.0
    """Thermodynamic natural gradient: when the system is read; late: the natural gradient."""
    relaxation_temperature: NonNegative = 0.0
    """Thermodynamic natural gradient: of the system's noise."""


class Softmax(Section):
    """Draw a policy from q(π)."""

    kind: Literal["softmax"]


class Argmax(Section):
    """Take the policy of least expected free energy; ties to the first."""

    kind: Literal["argmax"]


class Entmax(Section):
    """α-entmax, from softmax (α = 1) to sparsemax (α = 2)."""

    kind: Literal["entmax"]
    alpha: Annotated[float, Field(ge=1, le=2)] = 1.5


class AdaptiveEntmax(Section):
    """Entmax with α set by entropy and varentropy: sure choices are cut, undecided ones kept."""

    kind: Literal["adaptive_entmax"]
    alpha_max: Annotated[float, Field(ge=1, le=2)] = 2.0
    """α of a sure policy; an undecided one has 1."""
    varentropy_scale: Positive = 1.0
    """In nats²: how much varentropy keeps strong rivals in."""


class MinP(Section):
    """Keep the policies with at least ``p`` times the probability of the likeliest one, then draw."""

    kind: Literal["min_p"]
    p: Probability = 0.1


Selection = Annotated[Softmax | Argmax | Entmax | AdaptiveEntmax | MinP, Field(discriminator="kind")]


class Perception(Section):
    kind: Literal["exact", "tempered", "fixed_point", "mean_field", "core"]
    beta: Positive = 1.0
    """Of ``tempered``: q ∝ prior · p(o | s)^beta, the beliefs that weigh complexity by 1/beta."""


class Policy(Section):
    kind: Literal["exact", "core"]


class Enumerate(Section):
    """Weigh every sequence of actions up to the horizon."""

    kind: Literal["enumerate"]


class Sophisticated(Section):
    """Weigh first actions, later ones being chosen in the light of what is seen by then; to any depth where outcomes
    show the state, else on a tree of beliefs."""

    kind: Literal["sophisticated"]
    temperature: Positive = 1.0
    """At which later choices are expected."""


Planner = Annotated[Enumerate | Sophisticated, Field(discriminator="kind")]


class Opponent(Section):
    """Infer the partner's policy, a hidden type, instead of counting what follows what (2 × 2 games)."""

    levels: Literal[1, 2] = 1
    """1: types are memory-one strategies; 2: also partners who answer me, taken for one of those."""
    volatility: Probability = 0.02
    """Probability in a round that the partner's type is drawn anew."""


class Team(Section):
    """All members of the group in one cell of the world share evidence, or act as one."""

    kind: Literal["independent", "share", "merge", "central"]
    """share: beliefs; merge: beliefs and the policy; central: one planner of joint actions; independent: nothing, as
    without a team (for sweeps)."""
    weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How much is shared (share, merge)."""
    graph: (
        Literal["complete", "ring", "neighbours"]
        | Annotated[tuple[Annotated[tuple[Natural, Natural], Loose], ...], Loose]
    ) = "complete"
    """Whom a member hears (share): all, two on a ring, its neighbours in the world, or edges [[0, 1], …] of members."""
    of: Annotated[tuple[Literal["parameters", "states"], ...], Loose] = ("parameters",)
    """What is shared: evidence on parameters; evidence on states, where all mean the same by them (needs model)."""
