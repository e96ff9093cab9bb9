"""A factor graph laid out for vector updates: all units of a colour at once, whatever their sizes.

The factors of a unit are bundled into tables of E(x_i = k | neighbours) of bounded size; all tables lie behind
one another in one buffer, and a conditional energy is a gather at *offset + k · configurations + number of the
neighbours' joint state*. Structure is static and cached; the buffer is filled once per use of an energy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.thermo.categorical import Categorical, finite
from thermopolis.thermo.colouring import colour

_BUNDLE = 1024  # entries of one bundle's table


class Bundle(NamedTuple):
    """Some factors of a unit, summed into one table over the unit and their neighbours."""

    unit: int
    factors: tuple[int, ...]
    others: tuple[int, ...]


class Colour(NamedTuple):
    """Index arrays of one colour; (bundles, units) or (bundles, units, neighbours), padded with no effect."""

    units: np.ndarray
    sizes: np.ndarray
    offsets: np.ndarray
    configurations: np.ndarray
    others: np.ndarray
    strides: np.ndarray


class Layout(NamedTuple):
    """Bundles in the order of the buffer, the colours that read it, and the units in order of colour."""

    bundles: tuple[Bundle, ...]
    colours: tuple[Colour, ...]
    order: np.ndarray


@jax.tree_util.register_pytree_node_class
class Prepared:
    """An energy with its buffer: (entries,) for shared tables, (entries, lanes) where one is per lane."""

    def __init__(self, energy: Categorical) -> None:
        self.energy = energy
        merged = energy.merged()
        tables = [_bundle_table(merged, bundle) for bundle in self.layout.bundles]
        width = max((table.shape[-1] for table in tables), default=1)
        spread = [jnp.broadcast_to(table, (table.shape[0], width)) for table in tables]
        buffer = jnp.concatenate([jnp.zeros((1, width), jnp.float32), *spread])
        self.buffer = buffer[:, 0] if width == 1 else buffer

    @property
    def layout(self) -> Layout:
        """Of the blocks, in the order of ``Categorical.merged``."""
        block_of = {unit: b for b, block in enumerate(self.energy.blocks) for unit in block}
        scopes = tuple(tuple(dict.fromkeys(block_of[u] for u in scope)) for scope in self.energy.scopes)
        sizes = tuple(math.prod(self.energy.sizes[u] for u in block) for block in self.energy.blocks)
        return _layout(sizes, scopes)

    def energies(self, group: Colour, state: Any) -> list[Any]:
        """E(x_i = k | neighbours) of a colour: a (units, lanes) array per state; +inf beyond a unit's own.

        ``state`` has its rows in the layout's order.
        """
        number: Any = jnp.asarray(group.offsets)[..., None]
        for column in range(group.others.shape[-1]):
            number = number + state[group.others[..., column]] * group.strides[..., column, None]
        number = jnp.broadcast_to(number, (*group.offsets.shape, state.shape[-1]))
        number = jax.lax.optimization_barrier(number)
        rows = []
        for k in range(int(group.sizes.max())):
            inside = (k < group.sizes)[:, None]
            index = number + np.where(k < group.sizes, k, 0)[:, None] * group.configurations[..., None]
            parts = self._gather(index)
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            rows.append(total if inside.all() else jnp.where(inside, total, jnp.inf))
        return jax.lax.optimization_barrier(rows)

    def _gather(self, index: Any) -> Any:
        if self.buffer.ndim == 1:
            return [self.buffer[part] for part in index]
        return [jnp.take_along_axis(self.buffer, part, axis=0) for part in index]

    def tree_flatten(self) -> tuple[Any, None]:
        """The energy and the buffer are leaves."""
        return (self.energy, self.buffer), None

    @classmethod
    def tree_unflatten(cls, static: None, leaves: Iterable[Any]) -> Prepared:
        """Without filling the buffer anew."""
        self = object.__new__(cls)
        self.energy, self.buffer = leaves
        return self


@lru_cache(maxsize=256)
def _layout(sizes: tuple[int, ...], scopes: tuple[tuple[int, ...], ...]) -> Layout:
    of_unit = [_bundles(unit, sizes, scopes) for unit in range(len(sizes))]
    offsets, ordered, position = {}, [], 1  # entry 0 is a zero, which padding points to
    for bundles in of_unit:
        for bundle in bundles:
            offsets[bundle] = position
            ordered.append(bundle)
            position += sizes[bundle.unit] * math.prod(sizes[other] for other in bundle.others)
    groups = colour(len(sizes), scopes)
    order = np.asarray([unit for group in groups for unit in group], np.int32)
    place_of = np.argsort(order)
    colours = []
    for group in groups:
        depth = max(len(of_unit[unit]) for unit in group)
        width = max((len(bundle.others) for unit in group for bundle in of_unit[unit]), default=0)
        offset, count = np.zeros((2, depth, len(group)), np.int32)
        others, strides = np.zeros((2, depth, len(group), width), np.int32)
        for column, unit in enumerate(group):
            for row, bundle in enumerate(of_unit[unit]):
                offset[row, column] = offsets[bundle]
                count[row, column] = math.prod(sizes[other] for other in bundle.others)
                for place, other in enumerate(bundle.others):
                    others[row, column, place] = place_of[other]
                    strides[row, column, place] = math.prod(sizes[u] for u in bundle.others[place + 1 :])
        chosen = np.asarray(group, np.int32)
        colours.append(Colour(chosen, np.asarray(sizes)[chosen], offset, count, others, strides))
    return Layout(tuple(ordered), tuple(colours), order)


def _bundles(unit: int, sizes: tuple[int, ...], scopes: tuple[tuple[int, ...], ...]) -> list[Bundle]:
    """The unit's factors, gathered greedily while the joint table stays small."""
    result: list[Bundle] = []
    for factor, scope in enumerate(scopes):
        if unit not in scope:
            continue
        others = tuple(sorted(set(scope) - {unit}))
        if result:
            joint = tuple(sorted({*result[-1].others, *others}))
            if sizes[unit] * math.prod(sizes[other] for other in joint) <= _BUNDLE:
                result[-1] = Bundle(unit, (*result[-1].factors, factor), joint)
                continue
        result.append(Bundle(unit, (factor,), others))
    return result or [Bundle(unit, (), ())]


def _bundle_table(energy: Categorical, bundle: Bundle) -> jax.Array:
    """The bundle's energies, states slowest, flattened to (entries, lanes or 1)."""
    axes = (bundle.unit, *bundle.others)
    shape = tuple(energy.sizes[u] for u in axes)
    total: Any = jnp.zeros((*shape, 1), jnp.float32)
    for factor in bundle.factors:
        scope, table = energy.scopes[factor], finite(energy.tables[factor])
        per_lane = table if table.ndim > len(scope) else table[..., None]
        order = [scope.index(u) for u in axes if u in scope]
        full = [energy.sizes[u] if u in scope else 1 for u in axes]
        total = total + jnp.transpose(per_lane, [*order, len(scope)]).reshape(*full, per_lane.shape[-1])
    return total.reshape(math.prod(shape), -1).astype(jnp.float32)
