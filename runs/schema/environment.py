"""The world: matrix games on a topology, and PettingZoo worlds of other people.

Adding a kind is one class here, its name in ``Environment``, and its engine.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from thermopolis.errors import ModelError
from thermopolis.runs.schema._base import (
    Count,
    Integer,
    Loose,
    Natural,
    NonNegative,
    Positive,
    Probability,
    Section,
    fault,
)
from thermopolis.runs.schema.topology import Matching, Pair, Topology

Row = Annotated[tuple[float, ...], Field(min_length=2), Loose]
Matrix = Annotated[tuple[Row, ...], Field(min_length=2), Loose]


class Payoffs(Section):
    """A game by its payoffs ``payoffs[row action][column action]``: the row player's table, or two tables
    [row player's, column player's] where the game is asymmetric."""

    payoffs: Matrix | Annotated[tuple[Matrix, Matrix], Loose]

    @field_validator("payoffs", mode="before")
    @classmethod
    def _table(cls, payoffs: Any) -> Any:
        from thermopolis.envs.games import game

        if isinstance(payoffs, (list, tuple)):
            try:
                game({"payoffs": payoffs})
            except ModelError as error:
                raise fault(str(error).removeprefix("game.payoffs: ")) from None
        return payoffs


def _name_or_payoffs(value: Any) -> str:
    return "name" if isinstance(value, str) else "payoffs"


class MatrixGame(Section):
    """A normal-form game played every round along the links of a topology."""

    kind: Literal["matrix_game"]
    game: Annotated[
        Annotated[str, Tag("name")] | Annotated[Payoffs, Tag("payoffs")], Discriminator(_name_or_payoffs)
    ] = "prisoners_dilemma"
    topology: Topology = Pair(kind="pair")
    action: Literal["dyadic", "broadcast"] = "dyadic"
    """dyadic: one action per neighbour; broadcast: one for all."""
    noise: Probability = 0.0
    """Probability that an action is flipped."""
    observation_noise: Probability = 0.0
    """Probability that what is seen of another's action is flipped."""
    continuation: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Probability that another round follows."""
    accumulate: Literal["mean", "sum"] = "mean"
    """Rewards of broadcast play over the neighbours."""
    self_interaction: bool = False
    """Broadcast players also meet themselves (Nowak & May 1992)."""
    levels: Natural = 0
    """Steps in which a broadcast player sees the share of cooperating neighbours; 0: chosen by the degree."""

    @field_validator("game")
    @classmethod
    def _known(cls, game: str | Payoffs) -> str | Payoffs:
        if isinstance(game, str):
            from thermopolis.envs.games import game as build

            try:
                build(game)
            except ModelError as error:
                raise fault(str(error).removeprefix("game: ")) from None
        return game

    @model_validator(mode="after")
    def _play_fits(self) -> MatrixGame:
        if self.action == "dyadic":
            if self.self_interaction:
                raise fault("only broadcast players meet themselves", "self_interaction")
            if self.levels:
                raise fault("only broadcast players see a share of neighbours", "levels")
        elif self.levels == 1:
            raise fault("one step shows nothing: at least 2 are needed", "levels")
        elif isinstance(self.topology, (Pair, Matching)):
            raise fault(f"broadcast play needs a graph, not {self.topology.kind}", "action")
        return self

    def num_actions(self) -> int:
        """Actions per player."""
        return len(self.action_names())

    def action_names(self) -> tuple[str, ...]:
        """What they are called."""
        from thermopolis.envs.games import game as build

        return build(self.game if isinstance(self.game, str) else self.game.model_dump()).action_names

    def players(self) -> int | None:
        """Players the topology fixes; None where the agents say."""
        return self.topology.players()


class Commons(Section):
    """A stock that regrows and everybody harvests; players choose among levels of effort."""

    kind: Literal["commons"]
    model: Literal["gordon_schaefer", "levhari_mirman", "govsim", "growth"] = "gordon_schaefer"
    actions: Annotated[Integer, Field(ge=2)] = 5
    """Levels of effort to choose from."""
    levels: Annotated[Integer, Field(ge=2)] = 6
    """Steps in which the stock is seen (model growth: its rate of growth)."""
    efforts: Annotated[tuple[NonNegative, ...], Loose] | None = None
    """What each action means (null: levels through the planner's and the Nash harvest)."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Numbers of the resource: stock0, capacity, growth, catch, price, cost, alpha, collapse, shock,
    discount."""

    @model_validator(mode="after")
    def _possible(self) -> Commons:
        from thermopolis.envs.commons.dynamics import Commons as World

        if self.efforts is not None and len(self.efforts) != self.actions:
            raise fault(f"{len(self.efforts)} efforts for {self.actions} actions", "efforts")
        try:
            World(self.model, 2, self.actions, self.levels).params(self.efforts, **self.parameters)
        except ModelError as error:
            where, _, what = str(error).removeprefix("commons.").partition(": ")
            place = ("parameters", where) if where in self.parameters else ("efforts",) * (where == "efforts")
            raise fault(what or str(error), *place) from None
        return self

    def num_actions(self) -> int:
        return self.actions

    def action_names(self) -> tuple[str, ...]:
        return tuple(f"level {i}" for i in range(self.actions))

    def players(self) -> int | None:
        return None


class Civilization(Section):
    """Civilizations around one star, growing, radiating, trading and raiding; a step is a year."""

    kind: Literal["civilization"]
    preset: str = "earth_now"
    """Numbers to start from: earth_1800, earth_now, kardashev_1, entropy_conserving, entropy_wasteful, …"""
    planets: Annotated[tuple[Natural, ...], Loose] | None = None
    """The planet of each civilization, numbered from 0 (null: the preset's)."""
    substeps: Count = 4
    """Of a year."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Any quantity of the preset replaced: a number, or a list by civilization, planet or period."""

    @model_validator(mode="after")
    def _possible(self) -> Civilization:
        from thermopolis.envs.civilization.presets import civilization

        try:
            civilization(self.preset, self.planets, self.substeps, **self.parameters)
        except ModelError as error:
            where, _, what = str(error).removeprefix("civilization.").partition(": ")
            if where in self.parameters:
                raise fault(what, "parameters", where) from None
            raise fault(what or str(error), *([where] if where in ("preset", "planets") else [])) from None
        return self

    def num_actions(self) -> int:
        return self._world().num_actions

    def action_names(self) -> tuple[str, ...]:
        from thermopolis.envs.civilization.quantities import ACTIONS

        return ACTIONS

    def players(self) -> int | None:
        return self._world().players

    def _world(self) -> Any:
        from thermopolis.envs.civilization.presets import civilization

        return civilization(self.preset, self.planets, self.substeps)[0]


def _in_words(value: Any) -> Any:
    """Infinite and undefined numbers as words, as JSON has none: +inf forbids a state, and must survive being stored."""
    if isinstance(value, dict):
        return {name: _in_words(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_in_words(one) for one in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


Numbers = Annotated[dict[str, Any], BeforeValidator(_in_words)]
"""Settings of an energy, in which numbers may be infinite."""


class CoreAlone(Section):
    """The thermodynamic core by itself: an energy relaxes, without agents; a step is so many sweeps."""

    kind: Literal["core"]
    energy: Numbers
    """``{kind: ising, lattice: [64, 64], coupling: 1.0}``, categorical, logic, quadratic, double_well, …"""
    sampler: str | dict[str, Any] | None = None
    """gibbs, metropolis, jump, …; null: the usual one for the energy."""
    temperature: Positive | None = None
    schedule: dict[str, Any] | None = None
    """Instead of a temperature: ``{kind: linear | geometric | adaptive, …}``."""
    tempering: dict[str, Any] | Annotated[tuple[Positive, ...], Loose] | None = None
    """Temperatures of parallel tempering: a list, or {start, stop, count}."""
    protocol: Numbers | None = None
    """``{to: {…}, reverse: false}``: settings of the energy that are reached at the last step (or left at the first)."""
    chains: Count = 1
    sweeps: Count = 1
    burn_in: Natural = 0
    start: Literal["random", "up"] | None = None
    states: bool | None = None
    """Record every unit (null: where there are few)."""
    device: str | dict[str, Any] | None = None
    """A preset by name, or {name: …, weight_bits: …, mismatch: …} (null: that of the core)."""

    @model_validator(mode="after")
    def _possible(self) -> CoreAlone:
        from thermopolis.thermo.alone import plan

        try:
            plan(self.model_dump(mode="json", exclude={"kind"}, exclude_none=True))
        except ModelError as error:
            first, _, rest = str(error).removeprefix("core: ").partition(": ")
            if first in type(self).model_fields:
                raise fault(rest, first) from None
            raise fault(str(error), "energy") from None
        return self

    def num_actions(self) -> int | None:
        return None

    def players(self) -> int | None:
        return 0


class PettingZoo(Section):
    """Any PettingZoo ``ParallelEnv`` with discrete spaces, by its module."""

    kind: Literal["pettingzoo"]
    module: str
    """A dotted module with a ``parallel_env`` function, such as ``package.env_v0``."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """Arguments of ``parallel_env``."""

    @model_validator(mode="after")
    def _dotted(self) -> PettingZoo:
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", self.module):
            raise fault(f"{self.module!r} is no dotted module name", "module")
        return self

    def num_actions(self) -> int | None:
        return None

    def action_names(self) -> tuple[str, ...] | None:
        """Known once the world is made."""
        return None

    def players(self) -> int | None:
        return None


Environment = Annotated[
    MatrixGame | Commons | Civilization | CoreAlone | PettingZoo, Field(discriminator="kind")
]
