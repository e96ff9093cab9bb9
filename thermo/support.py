"""Supports with forbidden states: are they connected by the moves a sampler makes?

States are joined where they differ in one block alone and both are allowed. Only factors that forbid
something matter; the units they tie together are looked at one component at a time, by enumeration. A chain
on a support that falls apart would sample a part of the law, so it is refused.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from thermopolis.errors import ModelError

BUDGET = 1 << 18  # joint states of one component that are enumerated


def blocks_that_connect(
    sizes: Sequence[int],
    scopes: Sequence[tuple[int, ...]],
    tables: Sequence[Any],
    blocks: Sequence[Sequence[int]] | str | None,
) -> tuple[tuple[int, ...], ...]:
    """A partition of the units into blocks whose single moves connect the support (see ``Categorical``)."""
    given = None if isinstance(blocks, str) or blocks is None else blocks
    partition = _partition(len(sizes), given)
    if isinstance(blocks, str) and blocks != "auto":
        raise ModelError(f"categorical: blocks: expected a partition, 'auto' or None, got {blocks!r}")
    if any(isinstance(table, jax.core.Tracer) for table in tables):
        return partition
    for component in hard_components(sizes, scopes, tables):
        masks = allowed_states(component, sizes, scopes, tables)
        if not masks.any(axis=tuple(range(len(component)))).all():
            lane = int(np.argwhere(~masks.any(axis=tuple(range(len(component)))))[0, 0])
            raise ModelError(f"categorical: units {component}: every joint state is forbidden (lane {lane})")
        while (gap := _gap(component, masks, partition)) is not None:
            if blocks != "auto":
                raise ModelError(
                    f"categorical: moves of one block at a time don't connect the allowed states of units "
                    f"{component}; draw units {gap} jointly with blocks=[{gap}], or use blocks='auto'"
                )
            joined = [block for block in partition if set(block) & set(gap)]
            rest = [block for block in partition if not set(block) & set(gap)]
            partition = tuple(sorted([tuple(sorted(u for b in joined for u in b)), *rest]))
    return partition


def hard_components(
    sizes: Sequence[int], scopes: Sequence[tuple[int, ...]], tables: Sequence[Any]
) -> list[tuple[int, ...]]:
    """Units tied together by factors that forbid states, as sorted tuples; free units are left out."""
    hard = [scope for scope, table in zip(scopes, tables, strict=True) if np.isinf(np.asarray(table)).any()]
    touched = {unit for scope in hard for unit in scope}
    return [component for component in _components(len(sizes), hard) if touched & set(component)]


def allowed_states(
    component: tuple[int, ...],
    sizes: Sequence[int],
    scopes: Sequence[tuple[int, ...]],
    tables: Sequence[Any],
) -> np.ndarray:
    """Which joint states of the component no factor forbids: bool, one axis per unit, then distinct lanes."""
    shape = tuple(sizes[unit] for unit in component)
    if math.prod(shape) > BUDGET:
        raise ModelError(
            f"categorical: units {component} are tied by forbidden states and have {math.prod(shape)} joint "
            f"states; connectedness is checked up to {BUDGET}. Use large finite energies instead of +inf"
        )
    masks = np.ones((*shape, 1), bool)
    for scope, table in zip(scopes, tables, strict=True):
        values = np.asarray(table)
        if not np.isinf(values).any() or not set(scope) <= set(component):
            continue
        per_lane = np.isfinite(values if values.ndim > len(scope) else values[..., None])
        if (per_lane == per_lane[..., :1]).all():
            per_lane = per_lane[..., :1]
        aligned = per_lane.transpose(*np.argsort(scope), len(scope))
        full = [sizes[unit] if unit in scope else 1 for unit in component]
        masks = masks & aligned.reshape(*full, aligned.shape[-1])
        if masks.size > 64 * BUDGET:
            raise ModelError(
                f"categorical: units {component}: too many lanes of forbidden states to check at once"
            )
    flat = np.unique(masks.reshape(-1, masks.shape[-1]), axis=1)
    return flat.reshape(*shape, flat.shape[-1])


def _partition(units: int, blocks: Sequence[Sequence[int]] | None) -> tuple[tuple[int, ...], ...]:
    named = [tuple(sorted(int(unit) for unit in block)) for block in blocks or ()]
    members = [unit for block in named for unit in block]
    for unit in members:
        if not 0 <= unit < units or members.count(unit) > 1:
            raise ModelError(f"categorical: blocks: unit {unit} is named twice or not among 0…{units - 1}")
    singles: list[tuple[int, ...]] = [(unit,) for unit in range(units) if unit not in members]
    return tuple(sorted([block for block in named if block] + singles))


def _gap(
    component: tuple[int, ...], masks: np.ndarray, partition: tuple[tuple[int, ...], ...]
) -> tuple[int, ...] | None:
    """Units that must move together to join two parts of some lane's support; ``None`` if it is connected."""
    shape = masks.shape[:-1]
    blocks = [tuple(component.index(u) for u in block if u in component) for block in partition]
    blocks = [block for block in blocks if block]
    states = np.stack(np.unravel_index(np.arange(math.prod(shape)), shape))
    for lane in range(masks.shape[-1]):
        allowed = np.flatnonzero(masks[..., lane].reshape(-1))
        rows, columns = [], []
        for block in blocks:
            others = [axis for axis in range(len(shape)) if axis not in block]
            key = np.zeros(len(allowed), np.int64)
            for axis in others:
                key = key * shape[axis] + states[axis, allowed]
            order = np.argsort(key, kind="stable")
            same = key[order][1:] == key[order][:-1]
            rows.append(order[1:][same])
            columns.append(order[:-1][same])
        row, column = np.concatenate(rows), np.concatenate(columns)
        graph = coo_array((np.ones(len(row)), (row, column)), shape=(len(allowed), len(allowed)))
        count, label = connected_components(graph, directed=False)
        if count > 1:
            return _nearest_move(component, states[:, allowed], label, blocks)
    return None


def _nearest_move(
    component: tuple[int, ...], states: np.ndarray, label: np.ndarray, blocks: list[tuple[int, ...]]
) -> tuple[int, ...]:
    """The units of the fewest blocks in which a state of one part differs from a state of another."""
    inside, outside = states[:, label == 0], states[:, label != 0]
    best: tuple[int, tuple[int, ...]] | None = None
    for one in inside.T[:256]:
        differs = outside != one[:, None]
        moved = np.stack([differs[list(block)].any(axis=0) for block in blocks])
        nearest = int(moved.sum(axis=0).argmin())
        count = int(moved[:, nearest].sum())
        if best is None or count < best[0]:
            chosen = [block for block, hit in zip(blocks, moved[:, nearest], strict=True) if hit]
            best = (count, tuple(sorted(component[axis] for block in chosen for axis in block)))
    assert best is not None
    return best[1]


def feasible_state(energy: Any, state: Any) -> Any:
    """The state with every component tied by forbidden states replaced by an allowed one, nearest in order.

    Each component's joint states are numbered; the state moves to the next allowed number, cyclically. Traced
    tables are treated as if any factor could forbid. Components beyond the budget are left as they are: the
    sampler then leaves forbidden states by moves that lower the number of violated factors.
    """
    traced = any(isinstance(table, jax.core.Tracer) for table in energy.tables)
    components = (
        _components(len(energy.sizes), energy.scopes)
        if traced
        else hard_components(energy.sizes, energy.scopes, energy.tables)
    )
    rows = [state[unit] for unit in range(len(energy.sizes))]
    for component in components:
        shape = tuple(energy.sizes[unit] for unit in component)
        total = math.prod(shape)
        if total > BUDGET or total * state.shape[-1] > 64 * BUDGET:
            continue
        allowed = jnp.ones((*shape, 1), bool)
        for scope, table in zip(energy.scopes, energy.tables, strict=True):
            if not set(scope) <= set(component):
                continue
            per_lane = table if table.ndim > len(scope) else table[..., None]
            aligned = jnp.transpose(jnp.isfinite(per_lane), (*np.argsort(scope), len(scope)))
            full = [energy.sizes[unit] if unit in scope else 1 for unit in component]
            allowed = allowed & aligned.reshape(*full, per_lane.shape[-1])
        flat = allowed.reshape(total, -1)
        number = jnp.zeros_like(rows[0])
        for unit in component:
            number = number * energy.sizes[unit] + rows[unit]
        distance = jnp.mod(jnp.arange(total)[:, None] - number[None], total)
        number = jnp.argmin(jnp.where(flat, distance, total), axis=0).astype(rows[0].dtype)
        for unit in reversed(component):
            rows[unit] = number % energy.sizes[unit]
            number = number // energy.sizes[unit]
    return jnp.stack(rows)


def _components(units: int, scopes: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Connected components of the factor graph."""
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(units))
    for scope in scopes:
        graph.add_edges_from(itertools.pairwise(scope))
    return [tuple(sorted(component)) for component in nx.connected_components(graph)]
