"""Points in, tables out: chooses the engine and runs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thermopolis.errors import ExperimentError, SimulationError
from thermopolis.runs.batches import decisions
from thermopolis.runs.plan import needs_python
from thermopolis.runs.progress import Figures, Progress
from thermopolis.runs.schema import Experiment
from thermopolis.runs.table import Table

if TYPE_CHECKING:
    import xarray as xr

    from thermopolis.runs.cast import PointCast
    from thermopolis.runs.checkpoints import Checkpoints

ENGINES = ("auto", "compiled", "pettingzoo")


def simulate(
    points: Sequence[Experiment],
    *,
    engine: str = "auto",
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[tuple[int, xr.Dataset]]:
    """Run points (experiments without a sweep).

    Yields
    ------
    (index, dataset)
        As each point is finished: its index, and its results with dimensions (replicate, step, agent, …).

    Raises
    ------
    SimulationError
        Where a value isn't finite: step, agent, variable; raised after the points that went well.
    ExperimentError
        For an engine that can't run this.
    """
    failed: SimulationError | None = None
    for index, result in simulate_each(points, engine=engine, progress=progress):
        if isinstance(result, SimulationError):
            failed = failed or result
        else:
            yield index, result.dataset()
    if failed is not None:
        raise failed


def simulate_each(
    points: Sequence[Experiment],
    *,
    engine: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    threads: int | None = None,
    checkpoints: Path | None = None,
) -> Iterator[tuple[int, Table | SimulationError]]:
    """:func:`simulate`, with what went wrong with a point in the place of its table.

    ``threads`` run blocks of the compiled engine side by side; by default as many as there are cores.
    ``checkpoints`` is a folder for what long runs have got to, and for frames of large points.
    """
    if engine not in ENGINES:
        raise ExperimentError(f"engine: {engine!r} is none; expected one of {', '.join(ENGINES)}")
    host_only = [what for point in points if (what := needs_python(point)) is not None]
    if engine == "compiled" and host_only:
        raise ExperimentError(f"engine: {host_only[0]} can't be compiled; expected auto or pettingzoo")
    total = sum(decisions(point) for point in points)
    begun = time.monotonic()
    done = {"steps": 0, "points": 0}
    figures = Figures()

    telling = threading.Lock()  # blocks tell from threads of their own

    def tell(steps: int, arrays: Mapping[str, np.ndarray] | None = None) -> None:
        with telling:
            done["steps"] += steps
            if progress is not None:
                figures.see(arrays or {}, points[0].environment.kind == "matrix_game")
                seconds, means = time.monotonic() - begun, figures.means()
                progress(Progress(done["steps"], total, done["points"], len(points), seconds, means))

    from thermopolis.runs.checkpoints import Checkpoints

    kept = None if checkpoints is None else Checkpoints(checkpoints)
    run: Iterator[tuple[int, Table | SimulationError]]
    if points and all(point.environment.kind == "core" for point in points):
        from thermopolis.runs.alone import simulate_alone

        run = simulate_alone(points, tell, kept)
    elif any(point.selection is not None for point in points):
        from thermopolis.runs.generations import simulate_generations

        run = simulate_generations(points, _player(engine, host_only, tell, threads), tell, kept)
    else:
        from thermopolis.runs.cast import PointCast

        run = _player(engine, host_only, tell, threads, kept)(PointCast(point) for point in points)
    from thermopolis.runs.guards import check

    for index, table in run:
        try:
            if isinstance(table, SimulationError):
                raise table
            check(table, points[index])
        except SimulationError as error:
            yield index, error
            continue
        done["points"] += 1
        tell(0)
        yield index, table


def _player(
    engine: str,
    host_only: Sequence[str],
    tell: Callable[..., None],
    threads: int | None,
    kept: Checkpoints | None = None,
) -> Callable[[Iterable[PointCast]], Iterator[tuple[int, Table | SimulationError]]]:
    """The engine that plays points which are made ready."""
    if engine == "pettingzoo" or host_only:
        from thermopolis.runs.stepped import play_stepped

        return lambda points: play_stepped(points, tell, kept)
    from thermopolis.runs.compiled import play_compiled

    return lambda points: play_compiled(points, tell, threads, kept)
