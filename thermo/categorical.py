"""Energy of categorical units: a sum of factor tables, E(x) = Σ_f table_f[x_i, x_j, …].

A factor touches any number of units. An entry of +inf forbids its states: they are never drawn and never make
a NaN. Tables may be traced, and either shared by all lanes or one per lane (lanes on the last axis). Scopes,
sizes and colours are static. The law sampled is p(x) ∝ exp(−E(x)/T) (Koller & Friedman 2009, ch. 4).
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import numeric, whole
from thermopolis.thermo.colouring import colour, verify_colouring
from thermopolis.thermo.support import blocks_that_connect

Scope = tuple[int, ...]
FORBIDDEN = 1e30  # stands for +inf inside sums: differences stay finite, exp(−FORBIDDEN/T) is exactly 0
_LARGEST = 1e20  # finite energies stay far below FORBIDDEN


def finite(table: Any) -> jax.Array:
    """The table with +inf replaced by a number that no sum of finite energies reaches."""
    table = jnp.asarray(table)
    return jnp.where(table == jnp.inf, jnp.asarray(FORBIDDEN, table.dtype), table)


def infinite(energy: Any) -> jax.Array:
    """Undo ``finite`` on sums: whatever holds a forbidden entry is +inf again."""
    return jnp.where(energy > 0.5 * FORBIDDEN, jnp.inf, energy)


@jax.tree_util.register_pytree_node_class
class Categorical:
    """A factor graph over units of a few states each.

    Parameters
    ----------
    sizes : sequence of int, optional
        Number of states of each unit; without it ``Categorical(factors)`` takes them from the tables' shapes.
    factors : mapping or sequence of (scope, table)
        ``scope`` lists the units a factor touches, ``table`` holds its energies with one axis per unit of
        the scope, in that order, and optionally one more: lanes. +inf forbids.
    blocks : sequence of sequences of int, optional
        Units to be drawn jointly (a unit not named is a block of its own). ``None`` keeps units single and
        refuses a support that single moves don't connect; ``"auto"`` joins units until it is connected.
        Traced tables can't be looked into: name the blocks, or know that the support is connected.

    Raises
    ------
    ModelError
        Empty graphs, units out of range, wrong shapes, NaN, −inf, a support that is empty or not connected.
    """

    def __init__(
        self,
        sizes: Any = None,
        factors: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None = None,
        blocks: Sequence[Sequence[int]] | str | None = None,
    ) -> None:
        if factors is None:
            sizes, factors = None, sizes
        pairs = _pairs(factors)
        self.sizes: tuple[int, ...] = _sizes_of(pairs) if sizes is None else _checked_sizes(sizes)
        self.scopes: tuple[Scope, ...] = tuple(_checked_scope(scope, len(self.sizes)) for scope, _ in pairs)
        self.tables: tuple[jax.Array, ...] = tuple(
            _checked_table(scope, table, self.sizes)
            for scope, (_, table) in zip(self.scopes, pairs, strict=True)
        )
        _checked_lanes(self.scopes, self.tables)
        self.blocks: tuple[Scope, ...] = blocks_that_connect(self.sizes, self.scopes, self.tables, blocks)

    # -- structure -------------------------------------------------------------------------------------------
    @property
    def units(self) -> int:
        """Number of units: rows of a state."""
        return len(self.sizes)

    @property
    def cells(self) -> int:
        """Device cells of one copy: K − 1 per unit of K states, one per threshold of its draw."""
        return sum(size - 1 for size in self.sizes)

    @property
    def programmed(self) -> int:
        """Table entries of one copy: what a reprogramming writes."""
        return sum(math.prod(self.sizes[unit] for unit in scope) for scope in self.scopes)

    @property
    def lanes(self) -> int | None:
        """Width of the per-lane tables; ``None`` where all tables are shared."""
        widths = [
            table.shape[-1]
            for scope, table in zip(self.scopes, self.tables, strict=True)
            if table.ndim > len(scope)
        ]
        return max(widths) if widths else None

    @property
    def colours(self) -> tuple[tuple[int, ...], ...]:
        """Groups of units without a common factor (verified)."""
        return colour(self.units, self.scopes)

    def verify(self, colours: Sequence[Sequence[int]]) -> None:
        """Refuse a colouring that would update neighbours at once (``ModelError`` names them)."""
        verify_colouring(self.units, self.scopes, colours)

    # -- values ----------------------------------------------------------------------------------------------
    def __call__(self, state: Int32[Array, "units lanes"]) -> Float[Array, " lanes"]:
        """Energy of each lane's state; +inf where it is forbidden."""
        lanes = jnp.arange(state.shape[-1])
        total: Any = jnp.zeros(state.shape[-1], self.tables[0].dtype)
        for scope, table in zip(self.scopes, self.tables, strict=True):
            index = tuple(state[unit] for unit in scope)
            if table.ndim > len(scope):
                index += (lanes if table.shape[-1] > 1 else jnp.zeros_like(lanes),)
            total = total + finite(table)[index]
        return infinite(total)

    def with_tables(self, tables: Sequence[Any]) -> Categorical:
        """The same graph with other (possibly traced) energies of the same shapes."""
        leaves = tuple(jnp.asarray(table) for table in tables)
        return self.tree_unflatten((self.sizes, self.scopes, self.blocks), leaves)

    def scaled(self, factor: Any) -> Categorical:
        """All energies times a number (or one per lane, for per-lane tables); forbidden stays forbidden."""
        return self.with_tables([jnp.where(t == jnp.inf, jnp.inf, finite(t) * factor) for t in self.tables])

    def tiled(self, count: int) -> Categorical:
        """For ``count`` times as many lanes: per-lane tables repeated, shared ones left alone."""
        return self.with_tables(
            [
                jnp.tile(table, (1,) * len(scope) + (count,)) if table.ndim > len(scope) else table
                for scope, table in zip(self.scopes, self.tables, strict=True)
            ]
        )

    def merged(self) -> Categorical:
        """The same law over blocks as units; identical where no block holds two units.

        State ``b`` of a block of units i, j, … numbers their states with the last unit fastest.
        """
        if all(len(block) == 1 for block in self.blocks):
            return self
        block_of = {unit: (b, p) for b, block in enumerate(self.blocks) for p, unit in enumerate(block)}
        sizes = tuple(math.prod(self.sizes[unit] for unit in block) for block in self.blocks)
        scopes, tables = [], []
        for scope, table in zip(self.scopes, self.tables, strict=True):
            touched = tuple(dict.fromkeys(block_of[unit][0] for unit in scope))
            order = [unit for b in touched for unit in self.blocks[b]]
            axes = [scope.index(unit) for unit in order if unit in scope]
            lane_axis = [len(scope)] if table.ndim > len(scope) else []
            aligned = jnp.transpose(table, axes + lane_axis)
            width = table.shape[-1:] if lane_axis else ()
            full = [self.sizes[unit] if unit in scope else 1 for unit in order]
            spread = jnp.broadcast_to(
                aligned.reshape(*full, *width), (*(self.sizes[unit] for unit in order), *width)
            )
            scopes.append(touched)
            tables.append(spread.reshape(*(sizes[b] for b in touched), *width))
        blocks = tuple((b,) for b in range(len(sizes)))
        return self.tree_unflatten((sizes, tuple(scopes), blocks), tuple(tables))

    def split(self, merged_state: Int32[Array, "blocks lanes"]) -> Int32[Array, "units lanes"]:
        """The units' states out of the blocks' states."""
        rows: list[Any] = [None] * self.units
        for b, block in enumerate(self.blocks):
            rest = merged_state[b]
            for unit in reversed(block):
                rows[unit] = rest % self.sizes[unit]
                rest = rest // self.sizes[unit]
        return jnp.stack(rows)

    def join(self, state: Int32[Array, "units lanes"]) -> Int32[Array, "blocks lanes"]:
        """The blocks' states out of the units' states."""
        rows = []
        for block in self.blocks:
            number: Any = jnp.zeros_like(state[0])
            for unit in block:
                number = number * self.sizes[unit] + state[unit]
            rows.append(number)
        return jnp.stack(rows)

    # -- pytree ----------------------------------------------------------------------------------------------
    def tree_flatten(self) -> tuple[tuple[jax.Array, ...], tuple[Any, ...]]:
        """Tables are leaves; sizes, scopes and blocks are static."""
        return self.tables, (self.sizes, self.scopes, self.blocks)

    @classmethod
    def tree_unflatten(cls, static: tuple[Any, ...], tables: Iterable[Any]) -> Categorical:
        """Without validation, as JAX needs it."""
        self = object.__new__(cls)
        self.sizes, self.scopes, self.blocks = static
        self.tables = tuple(tables)
        return self

    def __repr__(self) -> str:
        return f"Categorical(sizes={self.sizes}, scopes={self.scopes}, blocks={self.blocks})"


def _pairs(factors: Any) -> list[tuple[Any, Any]]:
    try:
        pairs = [
            (scope, table) for scope, table in (factors.items() if isinstance(factors, Mapping) else factors)
        ]
    except (TypeError, ValueError):
        raise ModelError(
            f"categorical: factors: expected (scope, table) pairs, got {factors!r:.80}"
        ) from None
    if not pairs:
        raise ModelError("categorical: an empty graph: no factors; give at least one (scope, table)")
    return pairs


def _sizes_of(pairs: list[tuple[Any, Any]]) -> tuple[int, ...]:
    """Numbers of states from the shapes of the tables."""
    found: dict[int, int] = {}
    for scope, table in pairs:
        members, shape = _members(scope), np.shape(table)
        if len(shape) not in (len(members), len(members) + 1):
            raise ModelError(
                f"categorical: factor {members}: a table of shape {shape} has not one axis per unit"
            )
        for unit, size in zip(members, shape, strict=False):
            if found.setdefault(unit, size) != size:
                raise ModelError(
                    f"categorical: unit {unit} has {found[unit]} states in one factor, {size} in another"
                )
    missing = sorted(set(range(max(found, default=-1) + 1)) - set(found))
    if missing:
        raise ModelError(
            f"categorical: no factor touches unit {missing[0]}: give sizes, Categorical(sizes, factors)"
        )
    return _checked_sizes([found[unit] for unit in range(len(found))])


def _checked_sizes(sizes: Any) -> tuple[int, ...]:
    if np.ndim(sizes) != 1:
        raise ModelError(f"categorical: sizes: expected one number of states per unit, got {sizes!r:.80}")
    if not len(sizes):
        raise ModelError("categorical: an empty graph; give the number of states of at least one unit")
    for unit, size in enumerate(sizes):
        if not (isinstance(size, numbers.Real) and float(size) >= 1 and float(size).is_integer()):
            raise ModelError(f"categorical: unit {unit}: expected at least 1 state, got {size!r}")
    return tuple(int(size) for size in sizes)


def _members(scope: Any) -> Scope:
    given = (scope,) if np.ndim(scope) == 0 else tuple(scope)
    return tuple(whole(unit, "categorical: a factor's unit", -(2**31)) for unit in given)


def _checked_scope(scope: Any, units: int) -> Scope:
    members = _members(scope)
    for unit in members:
        if not 0 <= unit < units:
            raise ModelError(f"categorical: factor {members}: unit {unit} is not among 0…{units - 1}")
    if len(set(members)) != len(members):
        raise ModelError(f"categorical: factor {members}: a unit is named twice")
    if not members:
        raise ModelError("categorical: a factor touches no unit")
    return members


def _checked_table(scope: Scope, table: Any, sizes: tuple[int, ...]) -> jax.Array:
    shape = tuple(sizes[unit] for unit in scope)
    given = numeric(table, f"categorical: factor {scope}")
    array = jnp.asarray(table if given is None else given)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        array = array.astype(jnp.float32)
    if array.shape[: len(shape)] != shape or array.ndim > len(shape) + 1:
        raise ModelError(
            f"categorical: factor {scope}: expected a table of shape {shape} or {(*shape, 'lanes')}, "
            f"got {array.shape}"
        )
    if not isinstance(array, jax.core.Tracer):
        values = np.asarray(array)
        if np.isnan(values).any():
            raise ModelError(f"categorical: factor {scope}: NaN at {_first(np.isnan(values))}")
        if (values == -np.inf).any():
            raise ModelError(
                f"categorical: factor {scope}: −inf at {_first(values == -np.inf)}; only +inf forbids"
            )
        large = np.isfinite(values) & (np.abs(values) > _LARGEST)
        if large.any():
            raise ModelError(f"categorical: factor {scope}: |energy| above {_LARGEST:g} at {_first(large)}")
    return array


def _checked_lanes(scopes: tuple[Scope, ...], tables: tuple[jax.Array, ...]) -> None:
    widths = {
        scope: table.shape[-1]
        for scope, table in zip(scopes, tables, strict=True)
        if table.ndim > len(scope) and table.shape[-1] != 1
    }
    if len(set(widths.values())) > 1:
        raise ModelError(f"categorical: factors disagree in their number of lanes: {widths}")


def _first(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0])
