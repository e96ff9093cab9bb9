"""From an experiment's environment to a world both engines can run.

A world is built for one point: its static structure, its traced numbers, how many cells (independent copies) one
replicate is made of, and what a model builder is told of it. Structures never hold a number that a sweep may vary.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from thermopolis.envs.games import Game, GameWarning
from thermopolis.envs.games import game as find_game
from thermopolis.envs.matrix_game.dynamics import MatrixGame
from thermopolis.envs.matrix_game.env import MatrixGameEnv
from thermopolis.envs.topology import PAIR
from thermopolis.envs.topology import topology as find_topology
from thermopolis.errors import ExperimentError
from thermopolis.runs.schema import Experiment
from thermopolis.runs.schema.environment import MatrixGame as MatrixGameSection


@dataclass(frozen=True)
class Stage:
    """One point's world.

    Attributes
    ----------
    world : static structure (hashable); ``world.slots`` decide, ``world.players`` act.
    cells : cells of one replicate; players are numbered cell by cell.
    params : traced numbers, every leaf with a last axis of 1 (shared) or, from ``replicate_params``, of replicates.
    payoffs : (roles, own, other), what a model builder is told of a matrix game.
    """

    world: Any
    cells: int
    params: Any
    payoffs: np.ndarray | None
    noise: float
    observation_noise: float

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
        return slot % 2 if self.payoffs is not None and self.payoffs.shape[0] == 2 else 0


def build_world(experiment: Experiment, seeds: Sequence[int]) -> Stage:
    """The stage of a point (an experiment without a sweep); ``seeds`` are its replicates' world seeds."""
    environment = experiment.environment
    if isinstance(environment, MatrixGameSection):
        return _matrix_game(experiment, environment, seeds)
    raise ExperimentError(f"environment: the compiled engine has no world of kind {environment.kind!r}")


def make_environment(experiment: Experiment, stage: Stage, replicate: int) -> Any:
    """The PettingZoo environment of one replicate of our own worlds."""
    leaves, structure = jax.tree_util.tree_flatten(stage.params)
    own = [
        leaf[..., replicate : replicate + 1] if leaf.shape[-1] > 1 else leaf
        for leaf in map(np.asarray, leaves)
    ]
    params = jax.tree_util.tree_unflatten(structure, own)
    return MatrixGameEnv(
        stage.world, params, stage.cells, max_cycles=experiment.steps, random=experiment.random
    )


def _matrix_game(experiment: Experiment, section: MatrixGameSection, seeds: Sequence[int]) -> Stage:
    spec: Any = section.game if isinstance(section.game, str) else section.game.model_dump()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GameWarning)
        game = find_game(spec)
    payoffs = game.array()
    zeros = tuple(tuple(tuple(0.0 for _ in row) for row in matrix) for matrix in game.payoffs)
    shape = Game("traced", zeros, game.action_names)
    players = sum(experiment.group_counts())
    if section.topology.kind == "pair":
        topology, cells = PAIR, players // 2
    else:
        topology, cells = find_topology(section.topology.model_dump()), 1
    world = MatrixGame(
        game=shape,
        topology=topology,
        play=section.action,
        accumulate=section.accumulate,
        self_interaction=section.self_interaction,
        levels=section.levels,
        action_noise=section.noise > 0,
        misperception=section.observation_noise > 0,
        ending=section.continuation < 1,
    )
    params = world.params(payoffs, section.noise, section.observation_noise, section.continuation, seeds)
    return Stage(world, cells, params, payoffs, section.noise, section.observation_noise)
