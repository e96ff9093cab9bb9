"""What would have been: the agent's own model rolled out under the actions it did not take.

A policy's value is -G. The counterfactual value is that of the best policy whose first action is another one than the
action taken; regret is how far the policy taken falls short of the best of all.
"""

from __future__ import annotations

from functools import reduce

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thermopolis.agents import lanes as ln


def best_by_action(values: Float[Array, "policy lanes"], num_actions: int) -> list[Float[Array, "lanes"]]:
    """Value of the best policy that starts with each action (policies in order, first action slowest)."""
    size = values.shape[0] // num_actions
    return [ln.maximum(values[a * size : (a + 1) * size]) for a in range(num_actions)]


def value_not_taken(
    values: Float[Array, "policy lanes"], action: Int[Array, "lanes"], num_actions: int
) -> Float[Array, "lanes"]:
    """Value of the best policy that starts otherwise; NaN where there is no other action."""
    best = best_by_action(values, num_actions)
    out = jnp.full(action.shape, jnp.nan)
    for a in range(num_actions):
        others = best[:a] + best[a + 1 :]
        if others:
            out = jnp.where(action == a, reduce(jnp.maximum, others), out)
    return out


def action_probabilities(
    q_pi: Float[Array, "policy lanes"], num_actions: int
) -> Float[Array, "action lanes"]:
    """Law of the first action under q(π)."""
    if q_pi.shape[0] == num_actions:
        return q_pi
    return ln.total(jnp.swapaxes(q_pi.reshape(num_actions, -1, q_pi.shape[-1]), 0, 1))
