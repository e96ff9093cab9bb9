"""Given actions, played by a world's own pure step."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from thermopolis.envs.world import cell_keys, init_keys, step_keys


@functools.partial(jax.jit, static_argnums=0)
def _outcomes(world, params, keys, actions):
    def one(state, at):
        t, action = at
        return world.step(step_keys(keys, t), state, action, params)

    return jax.lax.scan(one, world.init(init_keys(keys), params), (jnp.arange(actions.shape[0]), actions))[1]


def outcomes(world, params, actions, seed=0):
    """Outcomes of given actions (round, player, cell)."""
    actions = jnp.asarray(actions, jnp.int32)
    return jax.device_get(_outcomes(world, params, cell_keys(seed, actions.shape[2]), actions))
