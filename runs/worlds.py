"""From an experiment's environment to a world both engines can run.

A world is built for one point: its static structure, its traced numbers, how many cells (independent copies) one
replicate is made of, and the plain description that a model builder is told. Structures never hold a number that a
sweep may vary. A kind of world is one function here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import jax
import numpy as np

from thermopolis.envs.civilization.describe import describe as describe_civilization
from thermopolis.envs.civilization.env import CivilizationEnv
from thermopolis.envs.civilization.presets import civilization
from thermopolis.envs.commons.describe import describe as describe_commons
from thermopolis.envs.commons.dynamics import Commons
from thermopolis.envs.commons.env import CommonsEnv
from thermopolis.envs.games import Game, GameWarning
from thermopolis.envs.games import game as find_game
from thermopolis.envs.matrix_game.describe import describe as describe_game
from thermopolis.envs.matrix_game.dynamics import MatrixGame
from thermopolis.envs.matrix_game.env import MatrixGameEnv
from thermopolis.envs.outside import load
from thermopolis.envs.topology import PAIR
from thermopolis.envs.topology import topology as find_topology
from thermopolis.envs.world import Description
from thermopolis.errors import ExperimentError
from thermopolis.runs.schema import Experiment
from thermopolis.runs.schema import environment as sections


@dataclass(frozen=True)
class Stage:
    """One point's world.

    Attributes
    ----------
    world : static structure (hashable); ``world.slots`` decide, ``world.players`` act.
    cells : cells of one replicate; players are numbered cell by cell.
    params : traced numbers, every leaf with a last axis of 1 (shared) or of replicates.
    description : the world as plain arrays.
    cooperates : (outcomes,) how far an outcome shows that the partner cooperates, 0 to 1.
    others : values of the part of an outcome that shows the others.
    payoffs : (roles, own, other) of a dyadic matrix game, else ``None``.
    noise, observation_noise : probabilities that players know of.
    environment : ``environment(replicate)`` is that replicate's PettingZoo environment.
    """

    world: Any
    cells: int
    params: Any
    description: Description
    cooperates: np.ndarray
    others: int
    payoffs: np.ndarray | None
    noise: float
    observation_noise: float
    environment: Callable[[int], Any]

    @property
    def players(self) -> int:
        """Players of one replicate."""
        return self.cells * int(self.world.players)

    @property
    def linked(self) -> bool:
        """Whether decisions belong to links, several a player."""
        return int(self.world.slots) != int(self.world.players)

    def role(self, slot: int) -> int:
        """Whose payoffs a slot has: 0 (row, or symmetric) or 1 (column)."""
        return slot % 2 if self.description.payoffs.shape[0] == 2 else 0


def build_world(experiment: Experiment, seeds: Sequence[int]) -> Stage:
    """The stage of a point (an experiment without a sweep); ``seeds`` are its replicates' world seeds."""
    return _stage(experiment.environment, experiment, seeds)


@singledispatch
def _stage(section: Any, experiment: Experiment, seeds: Sequence[int]) -> Stage:
    raise ExperimentError(f"environment: no engine runs kind {section.kind!r}")


def of_replicate(params: Any, replicate: int) -> Any:
    """One replicate's column of every leaf."""
    leaves, structure = jax.tree_util.tree_flatten(params)
    own = [leaf[..., replicate : replicate + 1] if leaf.shape[-1] > 1 else leaf for leaf in leaves]
    return jax.tree_util.tree_unflatten(structure, own)


@_stage.register
def _(section: sections.MatrixGame, experiment: Experiment, seeds: Sequence[int]) -> Stage:
    spec: Any = section.game if isinstance(section.game, str) else section.game.model_dump()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GameWarning)
        game = find_game(spec)
    zeros = tuple(tuple(tuple(0.0 for _ in row) for row in matrix) for matrix in game.payoffs)
    players = sum(experiment.group_counts())
    if section.topology.kind == "pair":
        topology, cells = PAIR, players // 2
    else:
        topology, cells = find_topology(section.topology.model_dump()), 1
    world = MatrixGame(
        game=Game("traced", zeros, game.action_names),
        topology=topology,
        play=section.action,
        accumulate=section.accumulate,
        self_interaction=section.self_interaction,
        levels=section.levels,
        action_noise=section.noise > 0,
        misperception=section.observation_noise > 0,
        ending=section.continuation < 1,
    )
    noise = (section.noise, section.observation_noise, section.continuation)
    params = world.params(game.array(), *noise, seeds)
    description = describe_game(world, params)
    if world.broadcast:
        cooperates = description.others / max(world.seen - 1, 1)
    else:
        cooperates = (description.others == 0).astype(float)

    def environment(replicate: int) -> MatrixGameEnv:
        return MatrixGameEnv(
            world,
            of_replicate(params, replicate),
            cells,
            max_cycles=experiment.steps,
            random=experiment.random,
        )

    return Stage(
        world=world,
        cells=cells,
        params=params,
        description=description,
        cooperates=cooperates,
        others=world.seen,
        payoffs=None if world.broadcast else game.array(),
        noise=section.noise,
        observation_noise=section.observation_noise,
        environment=environment,
    )


@_stage.register
def _(section: sections.Civilization, experiment: Experiment, seeds: Sequence[int]) -> Stage:
    world, params = civilization(section.preset, section.planets, section.substeps, **section.parameters)
    description = describe_civilization(world, params)
    gave = [name.endswith("gave") for name in description.observation_names]

    def environment(replicate: int) -> CivilizationEnv:
        return CivilizationEnv(world, params, 1, max_cycles=experiment.steps, random=experiment.random)

    return Stage(
        world=world,
        cells=1,
        params=params,
        description=description,
        cooperates=np.array(gave, float),
        others=1 if world.players == 1 else 3,
        payoffs=None,
        noise=0.0,
        observation_noise=0.0,
        environment=environment,
    )


@_stage.register
def _(section: sections.Commons, experiment: Experiment, seeds: Sequence[int]) -> Stage:
    players = sum(experiment.group_counts())
    world = Commons(section.model, players, section.actions, section.levels)
    params = world.params(section.efforts, **section.parameters)
    description = describe_commons(world, params)

    def environment(replicate: int) -> CommonsEnv:
        return CommonsEnv(world, params, 1, max_cycles=experiment.steps, random=experiment.random)

    return Stage(
        world=world,
        cells=1,
        params=params,
        description=description,
        cooperates=description.others / (world.levels - 1),  # others leave a full stock
        others=world.levels,
        payoffs=None,
        noise=0.0,
        observation_noise=0.0,
        environment=environment,
    )


@_stage.register
def _(section: sections.PettingZoo, experiment: Experiment, seeds: Sequence[int]) -> Stage:
    made = load(section.module, **section.kwargs)
    world = made.world
    made.close()
    counted = sum(experiment.group_counts())
    if counted != world.players:
        raise ExperimentError(f"agents: {counted} players are counted, {section.module} has {world.players}")
    seen = world.num_observations
    description = Description(
        action_names=tuple(f"action {i}" for i in range(world.num_actions)),
        observation_names=tuple(f"observation {i}" for i in range(seen)),
        own_action=np.full(seen, -1),
        others=np.zeros(seen, int),
        payoffs=np.zeros((1, seen, 1)),
    )
    return Stage(
        world=world,
        cells=1,
        params=(),
        description=description,
        cooperates=np.zeros(seen),
        others=1,
        payoffs=None,
        noise=0.0,
        observation_noise=0.0,
        environment=lambda replicate: load(section.module, **section.kwargs),
    )
