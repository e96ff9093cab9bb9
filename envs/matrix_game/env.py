"""``matrix_game_v0``: matrix games on pairs and societies as a PettingZoo environment."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from thermopolis.envs.games import game as find_game
from thermopolis.envs.games import warn_if_no_dilemma
from thermopolis.envs.matrix_game import render
from thermopolis.envs.matrix_game.dynamics import matrix_game
from thermopolis.envs.parallel import RENDER_MODES, WorldEnv
from thermopolis.envs.topology import topology as find_topology
from thermopolis.envs.world import Outcome
from thermopolis.errors import ModelError
from thermopolis.keys import RandomKind


class MatrixGameEnv(WorldEnv):
    """Players of a matrix game; see ``parallel_env`` for the arguments."""

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": RENDER_MODES,
        "name": "matrix_game_v0",
        "is_parallelizable": True,
        "render_fps": 4,
    }

    def _owned_slots(self) -> list[np.ndarray]:
        graph = self.params.network
        if graph is None or self.world.slots == self.world.players:
            return [np.array([i]) for i in range(self.world.players)]
        order = np.arange(self.world.slots)
        bounds = np.searchsorted(graph.source[:, 0], np.arange(self.world.players + 1))
        return [order[a:b] for a, b in pairwise(bounds)]

    def neighbours(self, agent: str) -> list[str]:
        """Whom each component of ``agent``'s dyadic action is for, in order."""
        cell, player = divmod(self._number[agent], self.world.players)
        graph = self.params.network
        if graph is None:
            return [self.possible_agents[cell * 2 + 1 - player]] if self.world.topology.kind == "pair" else []
        return [self.possible_agents[i] for i in graph.target[graph.source[:, 0] == player, 0]]

    def _begin(self) -> None:
        self._history: list[np.ndarray] = []

    def _record(self, outcome: Outcome) -> None:
        if self.render_mode is not None:
            self._history = [*self._history[-39:], np.asarray(outcome.action)]

    def ansi(self) -> str:
        reward = None if self.outcome is None else np.asarray(self.outcome.reward)
        actions = np.zeros((1, 1)) if self.outcome is None else np.asarray(self.outcome.action)
        return render.text(self.world, self.round, actions, reward)

    def picture(self) -> np.ndarray:
        graph = self.params.network
        if graph is None:
            return render.picture(
                self.world, np.arange(self.world.slots), self._history, np.zeros((0, 2), int)
            )
        source, target = graph.source[:, 0], graph.target[:, 0]
        once = source < target
        owner = source if self.world.slots == source.size else np.arange(self.world.players)
        return render.picture(
            self.world, owner, self._history, np.stack([source[once], target[once]], axis=1)
        )


def parallel_env(
    game: Any = "prisoners_dilemma",
    topology: Any = "pair",
    players: int | None = None,
    action: str = "dyadic",
    noise: float = 0.0,
    observation_noise: float = 0.0,
    continuation: float = 1.0,
    accumulate: str = "mean",
    self_interaction: bool = False,
    levels: int = 0,
    graph_seed: int = 0,
    random: RandomKind = "counter",
    max_cycles: int = 100,
    render_mode: str | None = None,
) -> MatrixGameEnv:
    """A matrix game among players who meet by a topology.

    Parameters
    ----------
    game : a name of ``envs.games.GAMES``, or ``{"payoffs": …}`` (see ``envs.games.game``).
    topology : a kind or ``{"kind": …, …}`` (see ``envs.topology.topology``).
    players : how many; only ``pair`` needs it (an even number; player 2k meets 2k+1).
    action : ``dyadic``, one action per neighbour, or ``broadcast``, one for all of them.
    noise, observation_noise : probabilities that an action, or what is seen of others, is another one.
    continuation : probability that there is a next round.
    accumulate : a broadcast player's reward is the ``mean`` or the ``sum`` over its neighbours.
    self_interaction : broadcast players also meet themselves.
    levels : steps in which broadcast players see the share of cooperating neighbours (0: by degree).
    graph_seed : world seed of the random graph; spaces depend on it, so it is fixed with the environment.
    random, max_cycles, render_mode : see ``envs.parallel.WorldEnv``.

    Raises
    ------
    ModelError : a game, topology or probability that makes no sense.

    Warns
    -----
    GameWarning : a game that's claimed to be a dilemma and is none.
    """
    found = find_topology(topology)
    if found.kind == "pair":
        players = 2 if players is None else players
        if players < 2 or players % 2:
            raise ModelError(f"players: pairs need an even number of players, got {players}")
    elif players not in (None, found.n):
        raise ModelError(f"players: the topology has {found.n}, got {players}")
    name = game.get("name") if isinstance(game, Mapping) else game if isinstance(game, str) else None
    warn_if_no_dilemma(find_game(game), "" if name is None else name)
    world, params = matrix_game(
        game,
        found,
        noise,
        observation_noise,
        continuation,
        (graph_seed,),
        play=action,
        accumulate=accumulate,
        self_interaction=self_interaction,
        levels=levels,
    )
    cells = players // 2 if found.kind == "pair" and players else 1
    return MatrixGameEnv(world, params, cells, max_cycles, render_mode, random)
