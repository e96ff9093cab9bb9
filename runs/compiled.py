"""The compiled engine: points → casts → blocks of cells → recorded arrays.

Blocks (:mod:`thermopolis.runs.blocks`) are independent of each other: as many run side by side as there are cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from thermopolis.runs.batches import LARGE_BYTES, held_bytes
from thermopolis.runs.blocks import Block, block_inputs, blocks, recorded
from thermopolis.runs.cast import PointCast
from thermopolis.runs.checkpoints import Checkpoints, block_key, carry_from, leaves_of
from thermopolis.runs.dataset import Recorder
from thermopolis.runs.identity import point_id
from thermopolis.runs.machine import cores
from thermopolis.runs.program import Program, program
from thermopolis.runs.summaries import Summaries
from thermopolis.runs.table import Table

#: Recorded values a chunk of one block may hold, so that memory stays flat in time.
CHUNK_VALUES = 4_000_000

Recorders = dict[int, Recorder | Summaries]


def play_compiled(
    points: Iterable[PointCast],
    on_steps: Callable[..., None],
    threads: int | None = None,
    checkpoints: Checkpoints | None = None,
) -> Iterator[tuple[int, Table]]:
    """Run points; yields (index, table) as points are finished.

    ``on_steps`` is told agent-steps as they are done, and what they recorded; ``checkpoints`` keep what long blocks
    have got to, and, where a point is large, its frames until it is finished. All points share steps and recording.
    """
    casts = list(points)
    left = [point.experiment.replicates * point.stage.cells for point in casts]
    recorders: Recorders = {}
    workers = threads or cores()
    with ThreadPoolExecutor(workers) as pool:
        queue = iter(blocks(casts))
        running: set[Future[Block]] = set()

        def submit() -> None:
            block = next(queue, None)
            if block is not None:
                running.add(pool.submit(_run_block, block, recorders, on_steps, checkpoints))

        try:
            for index, point in enumerate(casts):
                summed = point.experiment.record.summary is not None
                recorders[index] = (
                    Summaries(point) if summed else Recorder(point, spool_of(point, checkpoints))
                )
            for _ in range(2 * workers):
                submit()
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    block = future.result()
                    submit()
                    for part in block.parts:
                        left[part.index] -= len(part.columns)
                        if left[part.index] == 0:
                            recorder = recorders.pop(part.index)
                            yield part.index, recorder.table()
                            recorder.forget()
                            if checkpoints is not None:
                                checkpoints.finished(part.index)
        finally:
            for future in running:
                future.cancel()


def spool_of(point: PointCast, checkpoints: Checkpoints | None) -> Path | None:
    """Where the frames of a large point wait; None for memory."""
    if checkpoints is None or held_bytes(point.experiment) < LARGE_BYTES:
        return None
    return checkpoints.folder / f"{point_id(point.experiment)}.spool"


def _run_block(
    block: Block, recorders: Recorders, on_steps: Callable[..., None], checkpoints: Checkpoints | None
) -> Block:
    experiment = block.experiment
    steps, every = experiment.steps, experiment.record.every
    frames = -(-steps // every)
    per_frame = block.width * int(block.cast.world.slots) * 20
    chunks = max(1, -(-frames * per_frame // CHUNK_VALUES), min(4, frames // 50))
    chunk = -(-frames // chunks)
    players = block.cells * int(block.cast.world.players)
    run: Program = program(block.cast, every, chunk, recorded(experiment))
    inputs = block_inputs(block)
    carry = run.start(inputs)
    begin, key, members = 0, "", {part.index for part in block.parts}
    if checkpoints is not None:
        key = block_key(block, chunk)
        begin, carry = _resumed(
            checkpoints.load(key, {part.index for part in block.parts}), carry, block, recorders
        )
        on_steps(min(begin * every, steps) * players)

    def keep(first: int, record: dict[str, Any]) -> None:
        kept = min(chunk, frames - first)
        arrays = {name: np.asarray(value)[:kept] for name, value in record.items()}
        for place, part, column, count in block.stretches():
            values = {name: value[..., place : place + count] for name, value in arrays.items()}
            recorders[part.index].put(column, first, values)
        on_steps(min(kept * every, steps - first * every) * players, arrays)

    waiting: tuple[int, dict[str, Any]] | None = None
    for first in range(begin, frames, chunk):
        carry, record = run.advance(inputs, carry, jnp.int32(first * every))
        if waiting is not None:  # the last chunk is written down while this one is computed
            keep(*waiting)
        waiting = first, record
        # a finished block is kept only where its point has many more to wait for
        more = first + chunk < frames or _few_of_many(block)
        if checkpoints is not None and more and checkpoints.due(key):
            keep(*waiting)
            waiting = None
            resume = _to_resume(first + chunk, carry, block, recorders)
            checkpoints.save(key, resume, members)
    if waiting is not None:
        keep(*waiting)
    for _, part, column, count in block.stretches():
        recorder = recorders[part.index]
        if isinstance(recorder, Summaries):
            recorder.settle(column, count)
    return block


def _few_of_many(block: Block) -> bool:
    """Whether a point of the block has many more cells elsewhere."""
    return any(
        part.point.experiment.replicates * part.point.stage.cells > 4 * len(part.columns)
        for part in block.parts
    )


def _to_resume(frames: int, carry: Any, block: Block, recorders: Recorders) -> dict[str, np.ndarray]:
    """A block's state and its records of so many frames."""
    arrays = {"frames": np.array(frames), **leaves_of(carry)}
    for number, (_, part, column, count) in enumerate(block.stretches()):
        for name, value in recorders[part.index].kept(column, count, frames).items():
            arrays[f"record{number}:{name}"] = value
    return arrays


def _resumed(
    saved: dict[str, np.ndarray] | None, carry: Any, block: Block, recorders: Recorders
) -> tuple[int, Any]:
    """The frame to go on from and the carry there; records are put back."""
    if saved is None:
        return 0, carry
    try:
        resumed, frames = carry_from(saved, carry), int(saved["frames"])
        for number, (_, part, column, count) in enumerate(block.stretches()):
            start = f"record{number}:"
            mine = {key.removeprefix(start): value for key, value in saved.items() if key.startswith(start)}
            recorders[part.index].restore(column, count, mine)
    except (KeyError, ValueError):  # of another version, or its frames are gone: from the start
        return 0, carry
    return frames, resumed
