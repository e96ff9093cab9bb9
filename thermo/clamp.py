"""Clamping: some units held at a value, the law of the rest given them.

The clamped units leave the graph; what they did to their neighbours becomes a bias or a smaller table, so that
E_clamped(rest) = E(rest, clamped) (for spins: less a constant).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from thermopolis.errors import ModelError
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.checks import whole
from thermopolis.thermo.ising import Ising


class Clamped(NamedTuple):
    """The energy of the free units, their numbers in the whole, and the held values."""

    energy: Any
    free: tuple[int, ...]
    held: dict[int, int]

    def whole(self, state: Any) -> Any:
        """States of all units, (units, lanes), from those of the free ones."""
        rows: list[Any] = [None] * (len(self.free) + len(self.held))
        for row, unit in enumerate(self.free):
            rows[unit] = state[row]
        for unit, value in self.held.items():
            rows[unit] = jnp.full_like(state[0], value)
        return jnp.stack(rows)


def clamp(energy: Any, values: Mapping[int, int]) -> Clamped:
    """Hold units of a ``Categorical`` (states 0 … K − 1) or an ``Ising`` (−1 or +1) energy.

    Raises
    ------
    ModelError
        A unit or a value out of range, or nothing left free.
    """
    held = {
        whole(unit, "clamp: unit", -(2**31)): whole(value, f"clamp: unit {unit}", -(2**31))
        for unit, value in values.items()
    }
    for unit, value in held.items():
        if not 0 <= unit < energy.units:
            raise ModelError(f"clamp: unit {unit} is not among 0…{energy.units - 1}")
        allowed = (-1, 1) if isinstance(energy, Ising) else tuple(range(energy.sizes[unit]))
        if value not in allowed:
            raise ModelError(f"clamp: unit {unit}: {value} is out of range, expected one of {allowed}")
    free = tuple(unit for unit in range(energy.units) if unit not in held)
    if not free:
        raise ModelError("clamp: every unit is held; leave at least one free")
    if isinstance(energy, Ising):
        return Clamped(_spins(energy, held, free), free, held)
    if isinstance(energy, Categorical):
        return Clamped(_tables(energy, held, free), free, held)
    raise ModelError(f"clamp: expected Categorical or Ising, got {type(energy).__name__}")


def _spins(energy: Ising, held: dict[int, int], free: tuple[int, ...]) -> Ising:
    couplings = jnp.broadcast_to(energy.couplings, (len(energy.edges), *energy.couplings.shape[1:]))
    biases = jnp.broadcast_to(energy.biases, (energy.units, *energy.biases.shape[1:]))
    if couplings.ndim > biases.ndim:
        biases = jnp.broadcast_to(biases[:, None], (energy.units, couplings.shape[1]))
    place = {unit: row for row, unit in enumerate(free)}
    kept = []
    for number, (i, j) in enumerate(energy.edges.tolist()):
        if i in held and j not in held:
            biases = biases.at[j].add(couplings[number] * held[i])
        elif j in held and i not in held:
            biases = biases.at[i].add(couplings[number] * held[j])
        elif i not in held:
            kept.append(number)
    edges = [(place[int(i)], place[int(j)]) for i, j in energy.edges[kept]]
    return Ising(
        np.asarray(edges).reshape(-1, 2),
        couplings[np.asarray(kept, int)],
        biases[np.asarray(free)],
        len(free),
    )


def _tables(energy: Categorical, held: dict[int, int], free: tuple[int, ...]) -> Categorical:
    place = {unit: row for row, unit in enumerate(free)}
    factors: list[tuple[Any, Any]] = []
    constant: Any = 0.0
    for scope, table in zip(energy.scopes, energy.tables, strict=True):
        part = table[tuple(held.get(unit, slice(None)) for unit in scope)]
        rest = tuple(place[unit] for unit in scope if unit not in held)
        if rest:
            factors.append((rest, part))
        else:
            constant = constant + part
    size = energy.sizes[free[0]]
    spread = jnp.broadcast_to(jnp.asarray(constant), (size, *jnp.shape(constant)))
    factors.append(((0,), spread))
    return Categorical([energy.sizes[unit] for unit in free], factors, blocks="auto")
