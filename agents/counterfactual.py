"""What would have been: the agent's own model rolled out under the actions it did not take.

A policy's value is -G. The counterfactual value is that of the best policy whose first action is another one than the
action taken; regret is how far the policy taken falls short of the best of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thermopolis.agents import lanes as ln


def _rows(
    x: Float[Array, "policy lanes"], first: Sequence[int], action: int
) -> Float[Array, "row lanes"] | None:
    """The policies that start with an action, as a slice where they lie together; ``None`` if there are none."""
    where = [i for i, a in enumerate(first) if a == action]
    if not where:
        return None
    if where == list(range(where[0], where[-1] + 1)):
        return x[where[0] : where[-1] + 1]
    return jnp.stack([x[i] for i in where])


def best_by_action(
    values: Float[Array, "policy lanes"], first: Sequence[int], num_actions: int
) -> list[Float[Array, "lanes"]]:
    """Value of the best policy that starts with each action; -inf where none does. ``first``: each policy's action."""
    rows = [_rows(values, first, a) for a in range(num_actions)]
    return [jnp.full(values.shape[1:], -jnp.inf) if x is None else ln.maximum(x) for x in rows]


def value_not_taken(
    values: Float[Array, "policy lanes"], action: Int[Array, "lanes"], first: Sequence[int], num_actions: int
) -> Float[Array, "lanes"]:
    """Value of the best policy that starts otherwise; NaN where there is no other action."""
    best = best_by_action(values, first, num_actions)
    out = jnp.full(action.shape, jnp.nan)
    for a in range(num_actions):
        others = [x for i, x in enumerate(best) if i != a and i in first]
        if others:
            out = jnp.where(action == a, reduce(jnp.maximum, others), out)
    return out


def action_probabilities(
    q_pi: Float[Array, "policy lanes"], first: Sequence[int], num_actions: int
) -> Float[Array, "action lanes"]:
    """Law of the first action under q(π)."""
    if tuple(first) == tuple(range(num_actions)):
        return q_pi
    rows = [_rows(q_pi, first, a) for a in range(num_actions)]
    return jnp.stack([jnp.zeros(q_pi.shape[1:]) if x is None else ln.total(x) for x in rows])
