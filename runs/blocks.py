"""Blocks of cells: which cells run together in one program, and what the program is given for them.

Cells of all points that run the same program, and share what lanes share, are put one after the other into blocks of
a fixed width (:func:`thermopolis.runs.program.cells_per_block`), the last one padded. A point's numbers therefore do
not depend on what else is simulated, in which order, or on how many cores.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.keys import RandomKind, fold_in, keys_of, seed_words
from thermopolis.runs.cast import Cast, PointCast, Segment, is_shared, shared_leaf
from thermopolis.runs.program import Inputs, cells_per_block
from thermopolis.runs.schema import Experiment


@dataclass(frozen=True)
class Part:
    """Cells of one point: the point, its number, and the cells as columns, replicate · cells + cell, ascending."""

    index: int
    point: PointCast
    columns: np.ndarray

    @property
    def replicates(self) -> np.ndarray:
        """Replicate of every cell."""
        return self.columns // self.point.stage.cells

    @property
    def cells(self) -> np.ndarray:
        """Number of every cell in its replicate."""
        return self.columns % self.point.stage.cells

    def runs(self) -> Iterator[tuple[int, int]]:
        """Stretches [a, b) of neighbouring columns."""
        cuts = np.flatnonzero(np.diff(self.columns) != 1) + 1
        yield from zip([0, *cuts.tolist()], [*cuts.tolist(), len(self.columns)], strict=True)


@dataclass(frozen=True)
class Block:
    """Cells that run together, in the order of their parts, and how many the program has room for."""

    cast: Cast
    parts: tuple[Part, ...]
    width: int

    @property
    def experiment(self) -> Experiment:
        """One of its points: all agree in steps, recording and the kind of generator."""
        return self.parts[0].point.experiment

    @property
    def cells(self) -> int:
        """How many cells it has, padding not counted."""
        return sum(len(part.columns) for part in self.parts)

    def stretches(self) -> Iterator[tuple[int, Part, int, int]]:
        """(point's number, part, place in the block, columns) of neighbouring columns: what is recorded at once."""
        place = 0
        for part in self.parts:
            for a, b in part.runs():
                yield place + a, part, int(part.columns[a]), b - a
            place += len(part.columns)


def blocks(points: Sequence[PointCast]) -> list[Block]:
    """All cells of some points, in blocks, first points first."""
    batches: dict[Any, tuple[Cast, int, dict[int, list[np.ndarray]]]] = {}
    for index, point in enumerate(points):
        experiment = point.experiment
        shape = (experiment.steps, experiment.record.every, recorded(experiment), experiment.random)
        # the blocks of a point that is summed up must not depend on its neighbours
        alone = index if experiment.record.summary is not None else None
        for cast, columns in point.casts():
            width = cells_per_block(cast, experiment.replicates * point.stage.cells)
            _, _, members = batches.setdefault((cast.batch, shape, alone, width), (cast, width, {}))
            members.setdefault(index, []).append(columns)
    out = []
    for cast, width, members in batches.values():
        each = [np.sort(np.concatenate(found)) for found in members.values()]
        owner = np.repeat(list(members), [len(found) for found in each])
        every = np.concatenate(each)
        for start in range(0, len(every), width):
            mine, numbers = every[start : start + width], owner[start : start + width]
            cuts = np.flatnonzero(np.diff(numbers)) + 1
            parts = [
                Part(int(number[0]), points[int(number[0])], column)
                for number, column in zip(np.split(numbers, cuts), np.split(mine, cuts), strict=True)
            ]
            out.append(Block(cast, tuple(parts), width))
    return sorted(out, key=lambda block: (block.parts[0].index, int(block.parts[0].columns[0])))


def recorded(experiment: Experiment) -> tuple[str, ...] | None:
    """Names a program must record; ``None`` for all."""
    chosen = experiment.record.variables
    if chosen == "all":
        return None
    names = set(chosen)
    if "cooperation" in names:
        names.add("action")
    return tuple(sorted(names))


def block_inputs(block: Block) -> Inputs:
    """Keys, settings and world parameters of a block, lanes last; the last cell is repeated to the block's width."""
    cast, kind = block.cast, block.experiment.random
    padding = block.width - block.cells
    *parts, last = block.parts
    padded = np.pad(last.columns, (0, padding), mode="edge")
    parts.append(Part(last.index, last.point, padded))

    groups = [part.point.slot_groups(part.replicates, part.cells) for part in parts]
    first = [part.point.first_observations[group] for part, group in zip(parts, groups, strict=True)]
    seated = any(segment.seat is not None for segment in cast.segments)
    arrays = (
        tuple(_settings(segment, parts, groups, block.width == 1) for segment in cast.segments),
        np.concatenate(
            [part.point.seats(group) for part, group in zip(parts, groups, strict=True)], axis=-1
        ).astype(np.int32)
        if seated
        else None,
        np.concatenate(first, axis=-1).astype(np.int32),
    )
    cell_keys, player_keys, (settings, seats, seen) = _placed(
        _by_cell(parts, [part.point.world_seeds for part in parts]),
        _by_cell(parts, [part.point.player_seeds for part in parts]),
        np.concatenate([part.cells for part in parts]).astype(np.uint32),
        arrays,
        int(cast.world.slots),
        tuple((segment.slots.start, segment.slots.stop) for segment in cast.segments),
        kind,
    )
    return Inputs(cell_keys, player_keys, settings, seats, seen, _params(parts))


@functools.partial(jax.jit, static_argnums=(4, 5, 6))
def _placed(
    world_seeds: Any, bases: Any, cells: Any, arrays: Any, slots: int, cuts: tuple[Any, ...], kind: RandomKind
) -> Any:
    """Keys of cells and of each segment's lanes, slot by slot, from words of seeds; the arrays as they are, so that
    one call brings all of them to the device."""
    world_keys, bases = keys_of(world_seeds, kind), keys_of(bases, kind)
    numbers = cells * np.uint32(slots) + np.arange(slots, dtype=np.uint32)[:, None]
    keys = fold_in(jnp.broadcast_to(bases, numbers.shape), numbers)
    lanes = tuple(keys[start:stop].reshape(-1) for start, stop in cuts)
    return fold_in(world_keys, cells), lanes, arrays


def _by_cell(parts: Sequence[Part], seeds: Sequence[Sequence[int]]) -> np.ndarray:
    """Words of each cell's seed among those of its point's replicates."""
    return np.concatenate([seed_words(own)[part.replicates] for part, own in zip(parts, seeds, strict=True)])


def _settings(
    segment: Segment, parts: Sequence[Part], groups: Sequence[np.ndarray], alone: bool
) -> dict[str, Any]:
    """One array per setting, (…, slots · cells), or (…, 1) where the lanes share it: by rule, or as all of a society
    that is alone in its block have the same."""
    unique: list[dict[str, Any]] = []
    place: dict[int, int] = {}
    columns = []
    for part, group in zip(parts, groups, strict=True):
        known, table = part.point.segment_settings(segment, group[segment.slots.start : segment.slots.stop])
        for settings in known:
            if id(settings) not in place:
                place[id(settings)] = len(unique)
                unique.append(settings)
        columns.append(np.array([place[id(settings)] for settings in known])[table])
    lanes = np.concatenate(columns, axis=-1).reshape(-1)
    alike = alone and len(unique) == 1 and getattr(segment.player, "independent", False)
    out = {}
    for name in unique[0]:
        if alike or is_shared(segment.player, name):
            out[name] = np.asarray(unique[0][name])[..., None]
        else:
            stacked = np.stack([np.asarray(settings[name]) for settings in unique], axis=-1)
            out[name] = np.take(stacked, lanes, axis=-1)
    return out


def _params(parts: Sequence[Part]) -> Any:
    """World parameters with cells last: each cell's own column of its point's leaves."""
    flat = [jax.tree_util.tree_flatten(part.point.stage.params) for part in parts]
    leaves: list[Any] = []
    for columns in zip(*(found for found, _ in flat), strict=True):
        host = [np.asarray(leaf) for leaf in columns]
        if shared_leaf(host[0]):
            leaves.append(host[0])
            continue
        own = [
            np.take(leaf, part.replicates if leaf.shape[-1] > 1 else np.zeros_like(part.columns), axis=-1)
            for leaf, part in zip(host, parts, strict=True)
        ]
        with jax.enable_x64(True):  # physics in float64 passes through a float32 program as it is
            leaf = np.concatenate(own, axis=-1)
            leaves.append(jnp.asarray(leaf) if leaf.dtype == np.float64 else leaf)
    return jax.tree_util.tree_unflatten(flat[0][1], leaves)
