"""Matrix games on a society: pure ``init`` and ``step``, cells last.

Every round each slot plays; with probability ``noise`` its action is replaced by another; each link pays
its ends by the realised actions, ``payoffs[role][own, other]``; with probability 1 − ``continuation`` the
game of the cell is over. Dyadic play has a slot per directed link and shows ``own · n + partner``
(realised); broadcast play has a slot per player, which meets all its neighbours with one action, and shows
``own · levels + level``, the level being the share of its neighbours that played action 0, in so many steps.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key

from thermopolis.envs.games import Game, game
from thermopolis.envs.matrix_game.meetings import (
    ACTION_NOISE,
    CONTINUATION,
    OBSERVATION_NOISE,
    meet_all,
    meet_one,
    replaced,
)
from thermopolis.envs.topology import PAIR, Network, Topology, network
from thermopolis.envs.world import Outcome, lanes
from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, uniforms


class MatrixGameParams(NamedTuple):
    """Traced numbers of a matrix game; the last axis of every leaf is cells, or 1 where all share it.

    Attributes
    ----------
    payoffs : (roles, own, other, c); one role where the game is symmetric.
    noise : (c,), probability that an action is replaced by another one.
    observation_noise : (c,), probability that what is seen of others is replaced by another value.
    continuation : (c,), probability that there is a next round.
    network : index arrays of the society, None for pairs and matching.
    """

    payoffs: Float[Array, "roles own other c"]
    noise: Float[Array, " c"]
    observation_noise: Float[Array, " c"]
    continuation: Float[Array, " c"]
    network: Network | None


class MatrixGameState(NamedTuple):
    """Whether each cell's game is over."""

    ended: Bool[Array, " cells"]


@dataclass(frozen=True)
class MatrixGame:
    """Static structure of a matrix game.

    Attributes
    ----------
    game : default payoffs (another of the same size may be traced through ``params``).
    topology : how players meet; pairs never interact, so N/2 pairs are N/2 cells of two slots.
    play : ``dyadic`` (an action per link) or ``broadcast`` (an action per player).
    accumulate : broadcast rewards are the ``mean`` or the ``sum`` over neighbours.
    self_interaction : broadcast players also meet themselves (Nowak & May 1992).
    levels : steps of the share of cooperating neighbours in broadcast observations; 0: one per count where
        every player has the same number (up to 8) of neighbours, else 5.
    action_noise, misperception, ending : draw these at all (``params`` then set how likely); a stream that's
        never drawn changes no other.
    """

    game: Game
    topology: Topology = PAIR
    play: str = "dyadic"
    accumulate: str = "mean"
    self_interaction: bool = False
    levels: int = 0
    action_noise: bool = True
    misperception: bool = False
    ending: bool = False

    def __post_init__(self) -> None:
        if self.play not in ("dyadic", "broadcast"):
            raise ModelError(f"action: expected dyadic or broadcast, got {self.play!r}")
        if self.accumulate not in ("mean", "sum"):
            raise ModelError(f"accumulate: expected mean or sum, got {self.accumulate!r}")
        if self.levels and (self.levels < 2 or not self.broadcast):
            raise ModelError(
                f"levels: broadcast play takes at least 2, got {self.levels} with {self.play} play"
            )
        if self.broadcast and not self.game.symmetric:
            raise ModelError("action: broadcast play needs a symmetric game (who would be the row player?)")
        if self.broadcast and self.paired:
            raise ModelError(f"action: {self.topology.kind} players have one partner; their play is dyadic")
        if self.self_interaction and not self.broadcast:
            raise ModelError("self_interaction: only broadcast players meet themselves")

    @property
    def broadcast(self) -> bool:
        return self.play == "broadcast"

    @property
    def paired(self) -> bool:
        return self.topology.kind in ("pair", "matching")

    @property
    def players(self) -> int:
        return self.topology.n

    @property
    def slots(self) -> int:
        return self.players if self.broadcast or self.paired else self.topology.links

    @property
    def endless(self) -> bool:
        """Whether no game is ever over."""
        return not self.ending

    @property
    def num_actions(self) -> int:
        return self.game.num_actions

    @property
    def seen(self) -> int:
        """Values of the part of an observation that shows the others."""
        return share_levels(self) if self.broadcast else self.num_actions

    @property
    def num_observations(self) -> int:
        return self.num_actions * self.seen

    @property
    def slot_player(self) -> np.ndarray:
        """Owner of each slot; where each replicate has its own graph, that of ``params.network.source``."""
        if self.broadcast or self.paired:
            return np.arange(self.players)
        return network(self.topology).source[:, 0]

    @property
    def slot_partner(self) -> np.ndarray | None:
        """Player met at each slot; None in broadcast play and random matching (no fixed partner)."""
        if self.topology.kind == "pair":
            return np.array([1, 0])
        if self.broadcast or self.topology.kind == "matching":
            return None
        return network(self.topology).target[:, 0]

    def network(self, seeds: Sequence[int] = (0,)) -> Network | None:
        """Index arrays of the society for these world seeds (one graph per seed where it is random)."""
        return None if self.paired else network(self.topology, seeds)

    def params(
        self,
        payoffs: Any = None,
        noise: Any = 0.0,
        observation_noise: Any = 0.0,
        continuation: Any = 1.0,
        seeds: Sequence[int] = (0,),
    ) -> MatrixGameParams:
        """Traced numbers: scalars or over cells; payoffs ``(roles, own, other)``, or with cells last."""
        table = jnp.asarray(self.game.array() if payoffs is None else payoffs, jnp.float32)
        table = table[..., None] if table.ndim == 3 else table
        if table.ndim != 4 or table.shape[1:3] != (self.num_actions, self.num_actions):
            raise ModelError(
                f"payoffs: expected (roles, own, other[, cells]), n={self.num_actions}, got {table.shape}"
            )
        return MatrixGameParams(
            table, lanes(noise), lanes(observation_noise), lanes(continuation), self.network(seeds)
        )

    def default_params(self) -> MatrixGameParams:
        """The named game without noise, endless."""
        return self.params()

    def init(self, key: Key[Array, " cells"], params: MatrixGameParams) -> MatrixGameState:
        """Before the first round."""
        return MatrixGameState(jnp.zeros((key.shape[0],), bool))

    def step(
        self,
        key: Key[Array, " cells"],
        state: MatrixGameState,
        actions: Int32[Array, "slots cells"],
        params: MatrixGameParams,
        drawn_joules: Float[Array, "players cells"] | None = None,
    ) -> tuple[MatrixGameState, Outcome]:
        """One round; a matrix game has no energy, so ``drawn_joules`` changes nothing."""
        own = jnp.asarray(actions, jnp.int32)
        if self.action_noise:
            own = replaced(fold_in(key, ACTION_NOISE), own, params.noise, self.num_actions)
        if self.broadcast:
            shown, reward = meet_all(self, own, params)
        else:
            shown, reward = meet_one(self, key, own, params)
        if self.misperception:
            shown = replaced(fold_in(key, OBSERVATION_NOISE), shown, params.observation_noise, self.seen)
        seen = own * self.seen + shown
        over = last = state.ended
        if self.ending:
            last = over | (uniforms(fold_in(key, CONTINUATION)) >= params.continuation)
            seen, own = jnp.where(over, -1, seen), jnp.where(over, -1, own)
            reward = jnp.where(over, jnp.nan, reward)
        ended = jnp.broadcast_to(last, (self.players, key.shape[0]))
        return MatrixGameState(last), Outcome(seen, reward, own, ended, {})


@functools.lru_cache(maxsize=256)
def share_levels(world: MatrixGame) -> int:
    """Steps in which a broadcast player sees the share of cooperating neighbours."""
    if world.levels:
        return world.levels
    if world.topology.random:
        return 5
    graph = network(world.topology)
    regular = graph.neighbours is not None and graph.neighbours.shape[0] <= 8
    return 1 + graph.neighbours.shape[0] if regular and graph.neighbours is not None else 5


def matrix_game(
    game_spec: Any = "prisoners_dilemma",
    topology: Topology | None = None,
    noise: Any = 0.0,
    observation_noise: Any = 0.0,
    continuation: Any = 1.0,
    seeds: Sequence[int] = (0,),
    **structure: Any,
) -> tuple[MatrixGame, MatrixGameParams]:
    """A world and its params at once; a stream is drawn only where its probability asks for it."""
    for name, value in (
        ("noise", noise),
        ("observation_noise", observation_noise),
        ("continuation", continuation),
    ):
        number = np.asarray(value)
        if number.dtype.kind not in "fiub" or not np.all((number >= 0) & (number <= 1)):
            raise ModelError(f"{name}: expected a probability, got {value!r}")
    world = MatrixGame(
        game(game_spec),
        PAIR if topology is None else topology,
        **structure,
        action_noise=bool(np.any(np.asarray(noise) > 0)),
        misperception=bool(np.any(np.asarray(observation_noise) > 0)),
        ending=bool(np.any(np.asarray(continuation) < 1)),
    )
    return world, world.params(None, noise, observation_noise, continuation, seeds)
