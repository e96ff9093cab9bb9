"""Products, likelihoods and predictions of factored beliefs, lanes last.

Beliefs are lists of per-factor marginals (states_f, *rest, lanes). A table that depends on several factors is read with
those factors flattened to one joint axis, first factor slowest.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thermopolis.agents.lanes import UNROLL, pick, total

Beliefs = list[Array]


def outer(qs: Sequence[Float[Array, "_n *rest"]]) -> Float[Array, "joint *rest"]:
    """Product belief over the joint states of independent factors, flattened."""
    joint = qs[0]
    for q in qs[1:]:
        joint = (joint[:, None] * q[None]).reshape(
            joint.shape[0] * q.shape[0], *jnp.broadcast_shapes(joint.shape[1:], q.shape[1:])
        )
    return joint


def marginals(joint: Float[Array, "joint *rest"], num_states: Sequence[int]) -> Beliefs:
    """Marginals of every factor of a flattened joint belief."""
    if len(num_states) == 1:
        return [joint]
    rest = joint.shape[1:]
    table = joint.reshape(*num_states, *rest)
    out = []
    for f in range(len(num_states)):
        moved = jnp.moveaxis(table, f, 0).reshape(num_states[f], -1, *rest)
        out.append(total(jnp.swapaxes(moved, 0, 1)))
    return out


def outcomes_of(num_obs: Sequence[int], observation: Int[Array, "lanes"]) -> list[Int[Array, "lanes"]]:
    """An observation's outcome in each modality (mixed radix, last modality fastest); of -1, the first of each."""
    rest = jnp.maximum(observation, 0)
    if len(num_obs) == 1:
        return [rest]
    out = []
    for n in reversed(num_obs):
        out.append(rest % n)
        rest = rest // n
    return out[::-1]


def spread(table: Float[Array, "joint_m lanes"], factors: Sequence[int], num_states: Sequence[int]) -> Array:
    """A table over some factors' joint states as one over all factors' joint states, flattened."""
    if tuple(factors) == tuple(range(len(num_states))):
        return table
    order = sorted(range(len(factors)), key=lambda i: factors[i])
    lanes = table.shape[-1]
    moved = jnp.transpose(table.reshape(*(num_states[f] for f in factors), lanes), [*order, len(factors)])
    shape = [num_states[f] if f in factors else 1 for f in range(len(num_states))]
    full = jnp.broadcast_to(moved.reshape(*shape, lanes), (*num_states, lanes))
    return full.reshape(-1, lanes)


def likelihood(
    A: Float[Array, "outcome joint lanes"], outcome: Int[Array, "lanes"]
) -> Float[Array, "joint lanes"]:
    """p(o = outcome | s) for every joint state the modality depends on."""
    chosen = pick(A, outcome)
    return jnp.broadcast_to(chosen, (*chosen.shape[:-1], outcome.shape[-1]))


def contract(
    table: Float[Array, "out joint *rest"], weights: Float[Array, "joint *rest"]
) -> Float[Array, "out *rest"]:
    """Sum over the joint axis of table · weights."""
    if weights.shape[0] > UNROLL:
        return jnp.sum(table * weights[None], axis=1)
    terms = (table[:, j] * weights[j] for j in range(1, weights.shape[0]))
    return sum(terms, start=table[:, 0] * weights[0])
