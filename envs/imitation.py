"""Imitation: players of a society copy a neighbour by what it earned.

Best takes over (Nowak & May 1992): everyone takes the action of the best earner among itself and its
neighbours. Fermi (Blume 1993; Szabó & Tőke 1998): everyone looks at one random neighbour and copies it with
probability W = 1/(1 + exp{(E_own − E_other)/K}). Both are synchronous and pure; actions and earnings are
those of a broadcast round, ``(players, cells)``.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32, Key

from thermopolis.envs.matrix_game.dynamics import MatrixGame, MatrixGameParams
from thermopolis.envs.topology import Network
from thermopolis.envs.world import gather, init_keys, step_keys
from thermopolis.keys import fold_in, uniforms

NEIGHBOUR, COPY = range(2)


def _neighbour_max(network: Network, values: Float[Array, "players cells"]) -> Float[Array, "players cells"]:
    if network.neighbours is not None:
        best = values[network.neighbours[0, :, 0]]
        for d in range(1, network.neighbours.shape[0]):
            best = jnp.maximum(best, values[network.neighbours[d, :, 0]])
        return best
    sent, players = gather(values, jnp.asarray(network.target)), values.shape[0]
    if network.source.shape[-1] == 1:
        return jax.ops.segment_max(sent, network.source[:, 0], players, indices_are_sorted=True)
    one = functools.partial(jax.ops.segment_max, num_segments=players, indices_are_sorted=True)
    return jax.vmap(one, in_axes=-1, out_axes=-1)(sent, jnp.asarray(network.source))


def best_takes_over(
    network: Network,
    actions: Int32[Array, "players cells"],
    earnings: Float[Array, "players cells"],
    num_actions: int = 2,
) -> Int32[Array, "players cells"]:
    """Everyone's next action: that of the best earner in its neighbourhood, itself included.

    A tie keeps the own action where that is among the best, else takes the lowest-numbered one.
    """
    earned = [
        _neighbour_max(network, jnp.where(actions == a, earnings, -jnp.inf)) for a in range(num_actions)
    ]
    chosen, best = actions, earnings
    # the own action is weighed first, and only more than it wins: it stands where it ties
    for a, there in enumerate(earned):
        best = jnp.where((actions == a) & (there > best), there, best)
    for a, there in enumerate(earned):
        better = there > best
        chosen, best = jnp.where(better, a, chosen), jnp.where(better, there, best)
    return chosen


def fermi(
    key: Key[Array, " cells"],
    network: Network,
    actions: Int32[Array, "players cells"],
    earnings: Float[Array, "players cells"],
    temperature: Any = 0.1,
) -> Int32[Array, "players cells"]:
    """Everyone's next action by the Fermi rule at ``temperature`` K (payoff units; scalar or per cell)."""
    players, cells = actions.shape
    degree = jnp.asarray(network.degree)
    pick = (uniforms(fold_in(key, NEIGHBOUR), (players,)) * degree).astype(jnp.int32)
    link = jnp.broadcast_to(network.first + jnp.minimum(pick, degree - 1), (players, cells))
    target = jnp.broadcast_to(jnp.asarray(network.target), (network.target.shape[0], cells))
    other = jnp.take_along_axis(target, link, axis=0)
    advantage = jnp.take_along_axis(earnings, other, axis=0) - earnings
    copies = uniforms(fold_in(key, COPY), (players,)) < jax.nn.sigmoid(advantage / temperature)
    return jnp.where(copies, jnp.take_along_axis(actions, other, axis=0), actions)


@functools.partial(jax.jit, static_argnames=("world", "rounds", "rule"))
def evolve(
    world: MatrixGame,
    params: MatrixGameParams,
    keys: Key[Array, " cells"],
    start: Int32[Array, "players cells"],
    rounds: int,
    rule: str = "best",
    temperature: Any = 0.1,
) -> tuple[Int32[Array, "players cells"], Float[Array, "time cells"]]:
    """A broadcast society in which everyone imitates after every round.

    Parameters
    ----------
    rule : ``best`` (best takes over) or ``fermi``.

    Returns
    -------
    the last actions, and the share of action 0 played in each round.
    """
    network = params.network
    assert network is not None

    def one(carry: Any, t: Any) -> Any:
        state, actions = carry
        key = step_keys(keys, t)
        state, outcome = world.step(key, state, actions, params)
        if rule == "best":
            following = best_takes_over(network, outcome.action, outcome.reward, world.num_actions)
        else:
            following = fermi(fold_in(key, 0x696D69), network, outcome.action, outcome.reward, temperature)
        return (state, following), jnp.mean(outcome.action == 0, axis=0, dtype=jnp.float32)

    begin = (world.init(init_keys(keys), params), jnp.asarray(start, jnp.int32))
    (_, actions), shares = jax.lax.scan(one, begin, jnp.arange(rounds))
    return actions, shares
