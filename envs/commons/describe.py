"""A commons as plain arrays."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from thermopolis.envs.commons.dynamics import RULES, Commons, CommonsParams
from thermopolis.envs.world import Description


def describe(world: Commons, params: CommonsParams) -> Description:
    """Observation ``own action · levels + level of the stock left``.

    ``others`` is that level; ``payoffs`` is what the own action brings at the middle of the level if everyone
    does the same: a guide to a model builder, the reward itself was paid at the stock before. In ``growth`` a level
    is a rate g of growth, and the payoff of having taken the share s is ln s + β/(1−β)·g, what Bellman's equation
    weighs (V = ln x/(1−β) + a constant): β → 0 cares for the meal alone.
    """
    own, level = np.divmod(np.arange(world.num_observations), world.levels)
    efforts = np.asarray(params.efforts)[own]
    part = (level[:, None] + 0.5) / world.levels
    if world.model == "growth":
        beta, rate = np.asarray(params.discount), (2 * part - 1) * np.log(np.asarray(params.growth))
        reward, what = np.log(efforts) + beta / (1 - beta) * rate, "growth"
    else:
        everyone = np.broadcast_to(efforts, (world.players, *efforts.shape))
        middle, what = part * np.asarray(params.capacity), "stock"
        reward = np.asarray(RULES[world.model](jnp.asarray(middle), jnp.asarray(everyone), params)[2][0])
    names = tuple(f"level {i}" for i in range(world.actions))
    seen = tuple(f"{names[a]}, {what} {b + 1} of {world.levels}" for a, b in zip(own, level, strict=True))
    return Description(names, seen, own, level, reward[None])
