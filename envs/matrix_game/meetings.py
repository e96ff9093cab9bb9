"""Who meets whom in a round of a matrix game, what they see of each other and what it pays: pure functions."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int32, Key

from thermopolis.envs.topology import Network
from thermopolis.envs.world import gather, lookup
from thermopolis.keys import fold_in, uniforms

if TYPE_CHECKING:
    from thermopolis.envs.matrix_game.dynamics import MatrixGame, MatrixGameParams

ACTION_NOISE, OBSERVATION_NOISE, CONTINUATION, MATCHING = range(4)


def replaced(
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


def pay(params: MatrixGameParams, index: Array, column: Array | None) -> Array:
    """Payoff of each ``own · n + other``; where ``column`` is true, from the column player's matrix."""
    n = params.payoffs.shape[1]
    tables = params.payoffs.reshape(-1, n * n, params.payoffs.shape[-1])
    row = lookup(tables[0], index)
    if tables.shape[0] == 1 or column is None:
        return row
    return jnp.where(column, lookup(tables[1], index), row)


def meet_one(world: MatrixGame, key: Any, own: Array, params: MatrixGameParams) -> tuple[Array, Array]:
    """Dyadic play: each slot meets the slot at the other end of its link."""
    column: Array | None
    if world.topology.kind == "pair":
        other = own[::-1]
        column = jnp.array([[False], [True]])
    elif params.network is None:
        partner, column = matched(fold_in(key, MATCHING), world.players)
        other = gather(own, partner)
    else:
        graph = params.network
        other = gather(own, jnp.asarray(graph.reverse))
        column = jnp.asarray(graph.source) > jnp.asarray(graph.target)
    return other, pay(params, own * world.num_actions + other, column)


def matched(key: Key[Array, " cells"], players: int) -> tuple[Array, Array]:
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


def meet_all(world: MatrixGame, own: Array, params: MatrixGameParams) -> tuple[Array, Array]:
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
