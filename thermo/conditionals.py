"""Conditional energies of units given their neighbours, and draws from them by inverse CDF.

p(x_i = k | rest) ∝ exp(−E_i(k | neighbours)/T). One uniform u is compared with the K − 1 cumulative
probabilities c_1 ≤ … ≤ c_{K−1}: the state drawn is the number of thresholds at or below u (Devroye
1986, ch. 3). Where a weight is exactly zero two cumulative sums are exactly equal, so that a forbidden state
is never drawn.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32, Num

from thermopolis.keys import DRAW_BITS
from thermopolis.thermo.categorical import Categorical, finite

SELECT_LIMIT = 32  # up to here a choice by where-chain beats a gather


def neighbours_of(energy: Categorical, unit: int) -> tuple[int, ...]:
    """Units that share a factor with ``unit``, in rising order."""
    return tuple(sorted({other for scope in energy.scopes if unit in scope for other in scope} - {unit}))


def conditional_table(energy: Categorical, unit: int) -> Float[Array, "states configurations lanes"]:
    """E_i(k | neighbours) for every joint state of the neighbours (last neighbour fastest)."""
    others = neighbours_of(energy, unit)
    axes = (unit, *others)
    total: Any = 0.0
    for scope, table in zip(energy.scopes, energy.tables, strict=True):
        if unit not in scope:
            continue
        per_lane = finite(table) if table.ndim > len(scope) else finite(table)[..., None]
        order = [scope.index(u) for u in axes if u in scope]
        shape = [energy.sizes[u] if u in scope else 1 for u in axes]
        total = total + jnp.transpose(per_lane, [*order, len(scope)]).reshape(*shape, per_lane.shape[-1])
    full = tuple(energy.sizes[u] for u in axes)
    if isinstance(total, float):
        total = jnp.zeros((*full, 1))
    total = jnp.broadcast_to(total, (*full, total.shape[-1]))
    return total.reshape(full[0], math.prod(full[1:]), total.shape[-1])


def thresholds(energies: Any, temperature: Any) -> list[Float[Array, "*rest"]]:
    """The K − 1 cumulative probabilities of exp(−E/T) over the leading axis; ``temperature`` broadcasts."""
    rows = [energies[k] for k in range(len(energies))]
    lowest = rows[0]
    for row in rows[1:]:
        lowest = jnp.where(row < lowest, row, lowest)  # half the work of minimum, which looks for NaN
    running: Any = 0.0
    sums = []
    for row in rows:
        running = running + jnp.exp((lowest - row) / temperature)
        sums.append(running)
    return [partial / sums[-1] for partial in sums[:-1]]


def whole_thresholds(energies: Any, temperature: Any) -> list[Int32[Array, "*rest"]]:
    """The same in units of 2⁻²³, rounded up: a whole draw reaches them exactly where its uniform reaches those."""
    return [jnp.ceil(law * 2.0**DRAW_BITS).astype(jnp.int32) for law in thresholds(energies, temperature)]


def draw(uniform: Num[Array, "*lanes"], cumulative: list[Num[Array, "*lanes"]]) -> Int32[Array, "*lanes"]:
    """The number of thresholds at or below the uniform (both floats, or both whole)."""
    state: Any = jnp.zeros(uniform.shape, jnp.int32)
    for threshold in cumulative:
        state = state + (uniform >= threshold)
    return state


def select(rows: Any, index: Int32[Array, "*lanes"]) -> Any:
    """``rows[index]`` lane by lane: ``rows`` is a sequence (or leading axis) of arrays over lanes."""
    count = len(rows)
    if count <= SELECT_LIMIT:
        chosen = rows[0]
        for k in range(1, count):
            chosen = jnp.where(index == k, rows[k], chosen)
        return jnp.broadcast_to(chosen, jnp.broadcast_shapes(jnp.shape(chosen), index.shape))
    table = jnp.asarray(rows)
    if table.shape[-1] == 1:
        return table[..., 0][index]
    return jnp.take_along_axis(table, index[None], axis=0)[0]


def configuration(energy: Categorical, others: tuple[int, ...], state: Any) -> jax.Array:
    """Number of the neighbours' joint state, last neighbour fastest; ``state`` is indexable by unit."""
    number: Any = jnp.zeros_like(state[0])
    for other in others:
        number = number * energy.sizes[other] + state[other]
    return number
