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

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key

from thermopolis.envs.games import Game, game
from thermopolis.envs.topology import PAIR, Network, Topology, network
from thermopolis.envs.world import Outcome, gather, lanes, lookup
from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, uniforms

ACTION_NOISE, OBSERVATION_NOISE, CONTINUATION, MATCHING = range(4)


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
    """Whether each cell's game is over, and the realised actions of the last round (-1: none)."""

    ended: Bool[Array, " cells"]
    action: Int32[Array, "slots cells"]


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
        cells = key.shape[0]
        return MatrixGameState(jnp.zeros((cells,), bool), jnp.full((self.slots, cells), -1, jnp.int32))

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
            own = _replaced(fold_in(key, ACTION_NOISE), own, params.noise, self.num_actions)
        if self.broadcast:
            shown, reward = _meet_all(self, own, params)
        else:
            shown, reward = _meet_one(self, key, own, params)
        if self.misperception:
            shown = _replaced(fold_in(key, OBSERVATION_NOISE), shown, params.observation_noise, self.seen)
        over = last = state.ended
        if self.ending:
            last = over | (uniforms(fold_in(key, CONTINUATION)) >= params.continuation)
        outcome = Outcome(
            observation=jnp.where(over, -1, own * self.seen + shown),
            reward=jnp.where(over, jnp.nan, reward),
            action=jnp.where(over, -1, own),
            ended=jnp.broadcast_to(last, (self.players, key.shape[0])),
            variables={},
        )
        return MatrixGameState(last, outcome.action), outcome


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


def _replaced(
    key: Key[Array, " cells"], value: Int32[Array, "rows cells"], chance: Array, choices: int
) -> Int32[Array, "rows cells"]:
    """Each value replaced, with this chance, by one of the ``choices - 1`` others, all equally likely."""
    draw = uniforms(key, (value.shape[0],))
    hit = draw < chance
    if choices == 2:
        return jnp.where(hit, 1 - value, value)
    shift = jnp.floor(draw / jnp.maximum(chance, 1e-30) * (choices - 1)).astype(jnp.int32)
    other = (value + 1 + jnp.clip(shift, 0, choices - 2)) % choices
    return jnp.where(hit, other, value)


def _pay(params: MatrixGameParams, index: Array, column: Array | None) -> Array:
    """Payoff of each ``own · n + other``; where ``column`` is true, from the column player's matrix."""
    n = params.payoffs.shape[1]
    tables = params.payoffs.reshape(-1, n * n, params.payoffs.shape[-1])
    row = lookup(tables[0], index)
    if tables.shape[0] == 1 or column is None:
        return row
    return jnp.where(column, lookup(tables[1], index), row)


def _meet_one(world: MatrixGame, key: Any, own: Array, params: MatrixGameParams) -> tuple[Array, Array]:
    """Dyadic play: each slot meets the slot at the other end of its link."""
    column: Array | None
    if world.topology.kind == "pair":
        other = own[::-1]
        column = jnp.array([[False], [True]])
    elif params.network is None:
        partner, column = _matched(fold_in(key, MATCHING), world.players)
        other = gather(own, partner)
    else:
        graph = params.network
        other = gather(own, jnp.asarray(graph.reverse))
        column = jnp.asarray(graph.source) > jnp.asarray(graph.target)
    return other, _pay(params, own * world.num_actions + other, column)


def _matched(key: Key[Array, " cells"], players: int) -> tuple[Array, Array]:
    """A random perfect matching per cell: everyone's partner, and who is the column player."""
    order = jnp.argsort(uniforms(key, (players,)), axis=0).astype(jnp.int32)
    place = jnp.argsort(order, axis=0).astype(jnp.int32)
    return jnp.take_along_axis(order, place ^ 1, axis=0), (place & 1) == 1


def neighbour_sum(graph: Network, values: Array, players: int) -> Array:
    """Sum of ``values`` (players, cells) over each player's neighbours: (players, cells)."""
    if graph.neighbours is not None:
        return sum(
            (values[graph.neighbours[d, :, 0]] for d in range(1, graph.neighbours.shape[0])),
            start=values[graph.neighbours[0, :, 0]],
        )
    sent = gather(values, jnp.asarray(graph.target))
    if graph.source.shape[-1] == 1:
        return jax.ops.segment_sum(sent, graph.source[:, 0], players, indices_are_sorted=True)
    one = functools.partial(jax.ops.segment_sum, num_segments=players, indices_are_sorted=True)
    return jax.vmap(one, in_axes=-1, out_axes=-1)(sent, graph.source)


def _meet_all(world: MatrixGame, own: Array, params: MatrixGameParams) -> tuple[Array, Array]:
    """Broadcast play: each player meets all its neighbours with one action."""
    n, graph = world.num_actions, params.network
    assert graph is not None
    degree = jnp.asarray(graph.degree)
    counts = [neighbour_sum(graph, (own == j).astype(jnp.int32), world.players) for j in range(n - 1)]
    counts.append(degree - sum(counts[1:], start=counts[0]))
    meetings = degree
    share = counts[0] / degree.astype(jnp.float32)
    if world.self_interaction:
        counts = [c + (own == j) for j, c in enumerate(counts)]
        meetings = degree + 1
    reward = sum(
        (lookup(params.payoffs[0, :, j], own) * counts[j].astype(jnp.float32) for j in range(1, n)),
        start=lookup(params.payoffs[0, :, 0], own) * counts[0].astype(jnp.float32),
    )
    if world.accumulate == "mean":
        reward = reward / meetings.astype(jnp.float32)
    level = jnp.round(share * (world.seen - 1)).astype(jnp.int32)
    return level, reward


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
        if not np.all((np.asarray(value) >= 0) & (np.asarray(value) <= 1)):
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
