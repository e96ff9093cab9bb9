"""The compiled engine: points → casts → blocks of cells → recorded arrays.

Cells of all points that run the same program, and share what lanes share, are put one after the other into blocks of
a fixed width (:func:`thermopolis.runs.program.cells_per_block`), the last one padded. A point's numbers therefore do
not depend on what else is simulated, in which order, or on how many cores.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from thermopolis.keys import fold_in, make_keys
from thermopolis.runs.cast import Cast, PointCast, is_shared, shared_leaf
from thermopolis.runs.checkpoints import Checkpoints, block_key, carry_from, leaves_of
from thermopolis.runs.dataset import Recorder
from thermopolis.runs.program import Inputs, Program, cells_per_block, program
from thermopolis.runs.schema import Experiment
from thermopolis.runs.summaries import Summaries

#: Recorded values a chunk of one block may hold, so that memory stays flat in time.
CHUNK_VALUES = 4_000_000


_fold_in = jax.jit(fold_in)


@dataclass
class Batch:
    """Cells that run together: (point, replicate, cell) in order."""

    cast: Cast
    cells: list[tuple[int, int, int]] = field(default_factory=list)


def simulate_compiled(
    points: Sequence[Experiment],
    on_steps: Callable[[int], None],
    threads: int | None = None,
    checkpoints: Checkpoints | None = None,
) -> Iterator[tuple[int, xr.Dataset]]:
    """Run points; yields (index, dataset) as points are finished.

    ``on_steps`` is told agent-steps as they are done; ``checkpoints`` keep what long blocks have got to. All
    points share steps and recording.
    """
    casts = [PointCast(point) for point in points]
    batches: dict[Any, Batch] = {}
    for index, point in enumerate(casts):
        shape = (point.experiment.steps, point.experiment.record.every, _variables(point.experiment))
        for replicate in range(point.experiment.replicates):
            for cell in range(point.stage.cells):
                cast = point.cast(replicate, cell)
                # the blocks of a point that is summed up must not depend on its neighbours
                alone = index if point.experiment.record.summary is not None else None
                key = (cast.batch, shape, point.experiment.random, alone)
                batches.setdefault(key, Batch(cast)).cells.append((index, replicate, cell))
    blocks = []
    for batch in batches.values():
        width = cells_per_block(batch.cast)
        blocks += [(batch.cast, batch.cells[i : i + width]) for i in range(0, len(batch.cells), width)]
    blocks.sort(key=lambda block: block[1][0])
    left = [point.experiment.replicates * point.stage.cells for point in casts]
    recorders: dict[int, Recorder | Summaries] = {}
    workers = (
        threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    with ThreadPoolExecutor(workers) as pool:
        queue = iter(blocks)
        running: set[Future[Any]] = set()

        def submit() -> None:
            block = next(queue, None)
            if block is not None:
                task = pool.submit(_run_block, block[0], block[1], casts, recorders, on_steps, checkpoints)
                running.add(task)

        try:
            for index, point in enumerate(casts):
                summed = point.experiment.record.summary is not None
                recorders[index] = Summaries(point) if summed else Recorder(point)
            for _ in range(2 * workers):
                submit()
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    cells = future.result()
                    submit()
                    for index, _, _ in cells:
                        left[index] -= 1
                        if left[index] == 0:
                            yield index, recorders.pop(index).dataset()
                            if checkpoints is not None:
                                checkpoints.finished(index)
        finally:
            for future in running:
                future.cancel()


def _variables(experiment: Experiment) -> tuple[str, ...] | None:
    chosen = experiment.record.variables
    if chosen == "all":
        return None
    names = set(chosen)
    if "cooperation" in names:
        names.add("action")
    return tuple(sorted(names))


def _run_block(
    cast: Cast,
    cells: list[tuple[int, int, int]],
    casts: Sequence[PointCast],
    recorders: dict[int, Recorder | Summaries],
    on_steps: Callable[[int], None],
    checkpoints: Checkpoints | None,
) -> list[tuple[int, int, int]]:
    experiment = casts[cells[0][0]].experiment
    steps, every = experiment.steps, experiment.record.every
    frames = -(-steps // every)
    width = cells_per_block(cast)
    per_frame = width * int(cast.world.slots) * 20
    chunks = max(1, -(-frames * per_frame // CHUNK_VALUES), min(4, frames // 50))
    chunk = -(-frames // chunks)
    run: Program = program(cast, every, chunk, _variables(experiment))
    padded = cells + [cells[-1]] * (width - len(cells))
    inputs = block_inputs(cast, padded, casts)
    columns = [(index, recorders[index].column(replicate, cell)) for index, replicate, cell in cells]
    carry = run.start(inputs)
    begin, key = 0, ""
    if checkpoints is not None:
        key = block_key(cells, [point.experiment for point in casts], chunk)
        begin, carry = _resumed(checkpoints.load(key), carry, columns, recorders)
        on_steps(min(begin * every, steps) * len(cells) * int(cast.world.players))
    for first in range(begin, frames, chunk):
        carry, record = run.advance(inputs, carry, jnp.int32(first * every))
        arrays = {name: np.asarray(value) for name, value in record.items()}
        kept = min(chunk, frames - first)
        for a, b in _runs(columns):
            index, column = columns[a]
            recorders[index].put(column, first, {k: v[:kept, ..., a:b] for k, v in arrays.items()})
        on_steps(min(kept * every, steps - first * every) * len(cells) * int(cast.world.players))
        if checkpoints is not None and checkpoints.due(key):
            # a finished block is kept only where its point has many more to wait for
            counts = Counter(index for index, _, _ in cells)
            large = any(
                casts[i].experiment.replicates * casts[i].stage.cells > 4 * n for i, n in counts.items()
            )
            if first + chunk < frames or large:
                checkpoints.save(key, _to_resume(first + chunk, carry, columns, recorders), set(counts))
    for a, b in _runs(columns):
        recorder = recorders[columns[a][0]]
        if isinstance(recorder, Summaries):
            recorder.settle(columns[a][1], b - a)
    return cells


def _to_resume(
    frames: int, carry: Any, columns: list[tuple[int, int]], recorders: dict[int, Recorder | Summaries]
) -> dict[str, np.ndarray]:
    """A block's state and its records of so many frames."""
    arrays = {"frames": np.array(frames), **leaves_of(carry)}
    for number, (a, b) in enumerate(_runs(columns)):
        index, column = columns[a]
        for name, value in recorders[index].kept(column, b - a, frames).items():
            arrays[f"record{number}:{name}"] = value
    return arrays


def _resumed(
    saved: dict[str, np.ndarray] | None,
    carry: Any,
    columns: list[tuple[int, int]],
    recorders: dict[int, Recorder | Summaries],
) -> tuple[int, Any]:
    """The frame to go on from and the carry there; records are put back."""
    if saved is None:
        return 0, carry
    try:
        carry, frames = carry_from(saved, carry), int(saved["frames"])
    except (KeyError, ValueError):
        return 0, carry
    for number, (a, b) in enumerate(_runs(columns)):
        index, column = columns[a]
        start = f"record{number}:"
        mine = {name.removeprefix(start): value for name, value in saved.items() if name.startswith(start)}
        recorders[index].restore(column, b - a, mine)
    return frames, carry


def _runs(columns: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Stretches of (point, column) pairs that are neighbours in their point."""
    start = 0
    for i in range(1, len(columns) + 1):
        if i == len(columns) or columns[i] != (columns[i - 1][0], columns[i - 1][1] + 1):
            yield start, i
            start = i


def block_inputs(cast: Cast, cells: list[tuple[int, int, int]], casts: Sequence[PointCast]) -> Inputs:
    """Keys, settings and world parameters of a block, lanes last."""
    kind = casts[cells[0][0]].experiment.random
    slots, width = int(cast.world.slots), len(cells)
    members = [casts[index] for index, _, _ in cells]
    seeds = [
        (point.world_seeds[replicate], point.player_seeds[replicate])
        for point, (_, replicate, _) in zip(members, cells, strict=True)
    ]
    world_keys, bases = (make_keys(column, kind) for column in zip(*seeds, strict=True))
    cell_keys = _fold_in(world_keys, np.array([cell for _, _, cell in cells], np.uint32))
    number = np.array([[cell * slots + s for _, _, cell in cells] for s in range(slots)], np.uint32)
    keys = _fold_in(jnp.broadcast_to(bases, (slots, width)), number)
    groups = np.stack(
        [
            p.groups[r, c * p.stage.world.players : (c + 1) * p.stage.world.players][p.slot_players(r)]
            for p, (_, r, c) in zip(members, cells, strict=True)
        ],
        axis=-1,
    )
    first = np.array(
        [[p.first_observation(g) for g in row] for p, row in zip(members, groups.T, strict=True)]
    ).T
    settings, player_keys = [], []
    for segment in cast.segments:
        lo, hi = segment.slots.start, segment.slots.stop
        player_keys.append(keys[lo:hi].reshape(-1))
        settings.append(_segment_settings(segment, cells, casts))
    seats = jnp.asarray(groups, jnp.int32) if any(s.seat is not None for s in cast.segments) else None
    params = _block_params(members, cells)
    return Inputs(
        cell_keys, tuple(player_keys), tuple(settings), seats, jnp.asarray(first, jnp.int32), params
    )


def _segment_settings(
    segment: Any, cells: list[tuple[int, int, int]], casts: Sequence[PointCast]
) -> dict[str, Any]:
    """One array per setting, (…, slots · cells), or (…, 1) where the lanes share it."""
    table: dict[int, int] = {}
    unique: list[dict[str, Any]] = []
    index = np.zeros((len(segment.slots), len(cells)), np.int64)
    by_cell: dict[Any, list[int]] = {}
    for column, (point, replicate, cell) in enumerate(cells):
        players = casts[point].stage.world.players
        groups = casts[point].groups[replicate, cell * players : (cell + 1) * players]
        key = (point, groups.tobytes())
        if key not in by_cell:
            rows = []
            for settings in casts[point].slot_settings(replicate, cell, segment):
                if id(settings) not in table:
                    table[id(settings)] = len(unique)
                    unique.append(settings)
                rows.append(table[id(settings)])
            by_cell[key] = rows
        index[:, column] = by_cell[key]
    out = {}
    for name in unique[0]:
        if is_shared(segment.player, name):
            out[name] = jnp.asarray(np.asarray(unique[0][name])[..., None])
        else:
            stacked = np.stack([np.asarray(settings[name]) for settings in unique], axis=-1)
            out[name] = jnp.asarray(stacked[..., index.reshape(-1)])
    return out


def _block_params(members: Sequence[PointCast], cells: list[tuple[int, int, int]]) -> Any:
    """World parameters with cells last: each cell's own column of its point's leaves."""
    flat = {id(p): jax.tree_util.tree_flatten(p.stage.params) for p in members}
    structure = next(iter(flat.values()))[1]
    leaves: list[Any] = []
    for number, leaf in enumerate(next(iter(flat.values()))[0]):
        if shared_leaf(np.asarray(leaf)):
            leaves.append(np.asarray(leaf))
            continue
        columns = []
        host = {key: np.asarray(value[0][number]) for key, value in flat.items()}
        for point, (_, replicate, _) in zip(members, cells, strict=True):
            array = host[id(point)]
            columns.append(array[..., replicate if array.shape[-1] > 1 else 0])
        with jax.enable_x64(True):  # physics in float64 passes through a float32 program as it is
            leaves.append(jnp.asarray(np.stack(columns, axis=-1)))
    return jax.tree_util.tree_unflatten(structure, leaves)
