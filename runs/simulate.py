"""Points in, datasets out: chooses the engine and runs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import xarray as xr

from thermopolis.errors import ExperimentError, SimulationError
from thermopolis.runs.progress import Progress
from thermopolis.runs.schema import Experiment

ENGINES = ("auto", "compiled", "pettingzoo")


def agent_steps(experiment: Experiment) -> int:
    """Agent-steps of one point."""
    return experiment.replicates * experiment.steps * sum(experiment.group_counts())


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
            yield index, result
    if failed is not None:
        raise failed


def simulate_each(
    points: Sequence[Experiment],
    *,
    engine: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    threads: int | None = None,
) -> Iterator[tuple[int, xr.Dataset | SimulationError]]:
    """:func:`simulate`, with what went wrong with a point in the place of its dataset.

    ``threads`` run blocks of the compiled engine side by side; by default as many as there are cores.
    """
    if engine not in ENGINES:
        raise ExperimentError(f"engine: {engine!r} is none; expected one of {', '.join(ENGINES)}")
    total = sum(agent_steps(point) for point in points)
    begun = time.monotonic()
    done = {"steps": 0, "points": 0}

    def tell(steps: int) -> None:
        done["steps"] += steps
        if progress is not None:
            progress(Progress(done["steps"], total, done["points"], len(points), time.monotonic() - begun))

    run: Any
    if engine == "pettingzoo" or (engine == "auto" and any(needs_python(point) for point in points)):
        from thermopolis.runs.stepped import simulate_stepped

        run = simulate_stepped(points, tell)
    else:
        from thermopolis.runs.compiled import simulate_compiled

        run = simulate_compiled(points, tell, threads)
    from thermopolis.runs.guards import check

    for index, dataset in run:
        try:
            check(dataset, points[index])
        except SimulationError as error:
            yield index, error
            continue
        done["points"] += 1
        tell(0)
        yield index, dataset


def needs_python(experiment: Experiment) -> bool:
    """Whether a world or a player can only be stepped from Python."""
    return experiment.environment.kind == "pettingzoo" or any(g.kind == "axelrod" for g in experiment.agents)
