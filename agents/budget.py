"""What thinking may cost: how many samples of the core a budget of joules pays.

k samples a step cost c + k·m joules: the burn-in, the programming of the registers and the read of the policy make up
c; m is a sweep of each register and a read of the belief. A budget J pays k = ⌊(J - c)/m⌋ of them, and at most as many
as the core is set to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

if TYPE_CHECKING:
    from thermopolis.agents.core_in_loop import Core

#: The setting through which a world that charges for thinking says what a decision may cost, J by lane.
SETTING = "core.budget"


class Size(NamedTuple):
    """What of an energy its running costs depend on: cells, and numbers to be programmed."""

    cells: int
    programmed: int


def belief_size(sizes: Sequence[int], scopes: Sequence[Sequence[int]]) -> Size:
    """Of the belief register: a table of every factor's prior and one of every outcome; of a single factor their sum."""
    tables = sizes[0]
    if len(sizes) > 1:
        tables = sum(sizes) + sum(math.prod(sizes[f] for f in scope) for scope in scopes)
    return Size(sum(n - 1 for n in sizes), tables)


def policy_size(policies: int) -> Size:
    """Of the policy register: one unit over policies."""
    return Size(policies - 1, policies)


def joules(core: Core, samples: int, belief: Size | None, policy: Size | None) -> float:
    """What a step of so many samples costs; NaN where the device has no figure for an operation."""
    device = core.preset()
    sweeps = core.burn_in + samples
    spent = 0.0
    if belief is not None:
        spent += float(device.joules(device.operations(belief, sweeps, samples)).running_joules)
    if policy is not None:
        spent += float(device.joules(device.operations(policy, sweeps, 1)).running_joules)
    return spent


def affordable(
    core: Core, budget: Float[Array, "lanes"], belief: Size | None, policy: Size | None
) -> Int[Array, "lanes"]:
    """Samples that every register in use takes, 0 to ``core.samples``, so that a step costs no more than its budget."""
    once = joules(core, 1, belief, policy)
    more = joules(core, 2, belief, policy) - once
    if more <= 0:
        return jnp.where(budget >= once, core.samples, 0).astype(jnp.int32)
    paid = jnp.clip(jnp.floor((budget - once) / more) + 1, 0, core.samples).astype(jnp.int32)
    return jnp.where(budget >= joules(core, core.samples, belief, policy), core.samples, paid)
