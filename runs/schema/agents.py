"""The players: groups placed in order, each of a ``kind``.

``count`` places that many players one after the other; ``share`` places by proportion (largest remainder,
random places in every replicate). Adding a kind is one class here and its name in ``Agent``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from thermopolis.errors import ModelError
from thermopolis.runs.schema._base import (
    Count,
    Loose,
    Natural,
    Positive,
    Probability,
    Section,
    fault,
)
from thermopolis.runs.schema.group import Group
from thermopolis.runs.schema.mind import (
    Argmax,
    Enumerate,
    InformationGain,
    Learning,
    Opponent,
    Optimism,
    Perception,
    Planner,
    Policy,
    Preferences,
    Selection,
    Softmax,
    Team,
)
from thermopolis.runs.schema.scripts import Planned, Scripted
from thermopolis.runs.schema.temperature import Temperature

Outcome = Literal["CC", "CD", "DC", "DD"]
MOST_STEPS_AHEAD = 10_000
"""A horizon no plan needs; beyond it counts of policies are too long to be told."""


def _known_strategy(name: str) -> str:
    from thermopolis.agents.strategies import strategy

    try:
        strategy(name)
    except ModelError as error:
        raise fault(str(error)) from None
    return name


Strategy = Annotated[str, AfterValidator(_known_strategy)]
"""A name of ``thermopolis list strategies``."""


def _model_file(model: str, info: ValidationInfo) -> str:
    """The whole path of a model file, which is sought beside the experiment's."""
    folder = (info.context or {}).get("folder")
    path = Path(folder, model).resolve() if folder is not None else Path(model).resolve()
    if not path.is_file():
        raise fault(f"no such file: {path}")
    return str(path)


class ActiveInference(Group):
    """Perceive → learn → plan → act by minimizing free energy."""

    kind: Literal["active_inference"]
    horizon: Annotated[Count, Field(le=MOST_STEPS_AHEAD)] = 1
    preferences: Preferences = Preferences()
    optimism: Optimism = Optimism()
    information_gain: InformationGain = InformationGain()
    temperature: Temperature = 1.0
    selection: Selection = Softmax(kind="softmax")
    learning: Learning | None = Learning()
    first_observation: Outcome | None = None
    """An outcome the agent takes itself to have just seen; null: uniform D."""
    perception: Perception = Perception(kind="exact")
    policy: Policy = Policy(kind="exact")
    planner: Planner = Enumerate(kind="enumerate")
    opponent: Opponent | None = None
    team: Team | None = None
    model: str | None = None
    """An .npz file with the arrays of the agent's own generative model; null: the one that fits the world."""
    policies: Annotated[tuple[Annotated[tuple[Natural, ...], Loose], ...], Loose] | None = None
    """The sequences of actions that are weighed, by number and equally long; null: all up to the horizon."""

    @field_validator("model")
    @classmethod
    def _found(cls, model: str | None, info: ValidationInfo) -> str | None:
        return None if model is None else _model_file(model, info)

    @field_validator("policies")
    @classmethod
    def _equally_long(
        cls, policies: tuple[tuple[int, ...], ...] | None
    ) -> tuple[tuple[int, ...], ...] | None:
        if policies is not None and (len({len(row) for row in policies}) != 1 or not policies[0]):
            raise fault("one or more sequences of actions, all equally long")
        if policies is not None and len(set(policies)) < len(policies):
            raise fault("a sequence of actions is given twice")
        return policies

    @model_validator(mode="after")
    def _parts_fit(self) -> ActiveInference:
        if self.policies is not None and self.planner.kind == "sophisticated":
            raise fault(
                "planner sophisticated finds its own policies: planner enumerate weighs given ones",
                "policies",
            )
        if self.policies is not None and self.horizon not in (1, len(self.policies[0])):
            raise fault(
                f"policies have {len(self.policies[0])} actions each, horizon says {self.horizon}", "horizon"
            )
        for name, rest in (("preferences", Preferences()), ("optimism", Optimism()), ("opponent", None)):
            if self.model is not None and getattr(self, name) != rest:
                raise fault("what is wanted and believed stands in the model's own arrays", name)
        if (
            self.team is not None
            and "states" in self.team.of
            and self.perception.kind not in ("exact", "tempered")
        ):
            raise fault("beliefs about states are shared where perception is exact or tempered", "team")
        if self.opponent is not None and self.learning is not None and set(self.learning.of) - {"D", "E"}:
            raise fault(
                "an opponent model knows its transitions by the partner's type: learning: null, or of: [D], [E]",
                "learning",
            )
        if self.team is not None and self.team.kind != "independent":
            if self.share is not None:
                raise fault("a team needs members in known places: give count, not share", "team")
            if self.team.kind == "central" and (self.opponent is not None or self.optimism != Optimism()):
                raise fault("a central planner has no partner to model or to be optimistic about", "team")
            if self.learning is not None and self.learning.method != "dirichlet":
                raise fault("a team pools counts: learning.method must be dirichlet", "team")
            if self.policy.kind == "core" or self.selection.kind == "argmax":
                raise fault(
                    "a team draws its policy: policy core and selection argmax can't be shared", "team"
                )
        return self


class MemoryOne(Group):
    """Cooperates with a probability given by the last round's outcome (own move first)."""

    kind: Literal["memory_one"]
    cooperation: Annotated[tuple[Probability, Probability, Probability, Probability], Loose] | None = None
    opening: Probability | None = None
    """Probability to cooperate in the first round (null: the strategy's own, or 1)."""
    strategy: Strategy | None = None

    @model_validator(mode="after")
    def _given_once(self) -> MemoryOne:
        if (self.cooperation is None) == (self.strategy is None):
            raise fault("give exactly one of cooperation: [p_cc, p_cd, p_dc, p_dd] and strategy: a name")
        return self


class FiniteState(Group):
    """A finite automaton by name."""

    kind: Literal["finite_state"]
    strategy: Strategy


class PymdpSophisticated(Section):
    """pymdp's sophisticated inference: a tree of actions and outcomes, pruned by the thresholds."""

    kind: Literal["sophisticated"]
    max_nodes: Count = 500
    max_branching: Count = 10
    policy_prune: Probability = 0.0625
    observation_prune: Probability = 0.0625
    entropy_stop: float = 0.5
    """Entropy of q(π) in nats below which the tree grows no further; below 0: never."""


class MonteCarlo(Section):
    """pymdp's Monte Carlo tree search (mctx); it has no temperature."""

    kind: Literal["monte_carlo"]
    simulations: Count = 256


PymdpPlanner = Annotated[Enumerate | PymdpSophisticated | MonteCarlo, Field(discriminator="kind")]


class Pymdp(Group):
    """A real pymdp ``Agent`` over the arrays of an ``.npz`` file: ``A_0…, B_0…, C_0…, D_0…, E, pA_0…``."""

    kind: Literal["pymdp"]
    model: str
    horizon: Annotated[Count, Field(le=MOST_STEPS_AHEAD)] = 1
    temperature: Positive = 1.0
    """pymdp's γ is 1/temperature."""
    selection: Annotated[Softmax | Argmax, Field(discriminator="kind")] = Softmax(kind="softmax")
    information_gain: InformationGain = InformationGain()
    learning: Learning | None = None
    planner: PymdpPlanner = Enumerate(kind="enumerate")
    """pymdp's own planners; of a search, horizon is its depth."""

    @field_validator("model")
    @classmethod
    def _found(cls, model: str, info: ValidationInfo) -> str:
        return _model_file(model, info)


class QLearning(Group):
    """Q-learning from rewards, with no memory or with the last outcome as its state."""

    kind: Literal["q_learning"]
    rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    discount: Annotated[float, Field(ge=0, lt=1)] = 0.0
    temperature: Positive = 1.0
    epsilon: Probability = 0.1
    exploration: Literal["boltzmann", "epsilon_greedy"] = "boltzmann"
    memory: Annotated[Natural, Field(le=1)] = 0
    initial: float = 0.0


class LogitResponse(Group):
    """Logit (quantal) response to the partner's empirical play: p ∝ exp(expected payoff / temperature)."""

    kind: Literal["logit_response"]
    temperature: Positive = 1.0
    concentration: Positive = 1.0
    """Prior count of each of the partner's actions."""
    forgetting: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Imitation(Group):
    """Copies a neighbour by what it earned: the best around, or a random one by Fermi's probability."""

    kind: Literal["imitation"]
    rule: Literal["best", "fermi"] = "best"
    temperature: Positive = 0.1
    """Of Fermi's rule, in units of the payoffs."""
    opening: Probability = 0.9
    """Probability to cooperate in the first round."""


class Random(Group):
    """Acts by chance, whatever happens."""

    kind: Literal["random"]
    p: Probability | None = None
    """Probability to cooperate (null: all actions equally likely)."""


class Axelrod(Group):
    """Any strategy of the Axelrod library by its name there (extra axelrod, PettingZoo engine)."""

    kind: Literal["axelrod"]
    strategy: str


Agent = Annotated[
    ActiveInference
    | MemoryOne
    | FiniteState
    | Pymdp
    | QLearning
    | LogitResponse
    | Imitation
    | Random
    | Scripted
    | Planned
    | Axelrod,
    Field(discriminator="kind"),
]
