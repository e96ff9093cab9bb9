"""Points of a plan, simulated and kept: each as soon as it is finished, none twice.

A point that leaves the numbers is written down as failed; the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from thermopolis.errors import SimulationError
from thermopolis.runs.plan import Point
from thermopolis.runs.progress import Progress

if TYPE_CHECKING:
    import xarray as xr

    from thermopolis.runs.store import Store

Watch = Callable[[Progress], None]


@dataclass
class Outcome:
    """What an execution did."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Messages by point id."""


def attempts(
    points: Sequence[Point], engine: str, progress: Watch | None
) -> Iterator[tuple[Point, xr.Dataset | SimulationError]]:
    """Every point with its dataset, or with what went wrong."""
    from thermopolis.runs.simulate import simulate

    left = list(points)
    while left:
        finished = set()
        try:
            for number, dataset in simulate([p.experiment for p in left], engine=engine, progress=progress):
                finished.add(number)
                yield left[number], dataset
            return
        except SimulationError as error:
            guilty = getattr(error, "point", None)
            if guilty is None and len(left) > 1:
                for point in (p for i, p in enumerate(left) if i not in finished):
                    yield from attempts([point], engine, progress)
                return
            guilty = 0 if guilty is None else guilty
            yield left[guilty], error
            left = [p for i, p in enumerate(left) if i not in finished and i != guilty]


def in_process(store: Store, engine: str = "auto", progress: Watch | None = None) -> Outcome:
    """Simulates what a store lacks, here."""
    from thermopolis.runs.store import pack

    outcome = Outcome()
    started = time.monotonic()
    for point, result in attempts(store.pending(), engine, progress):
        if isinstance(result, SimulationError):
            store.fail(point, str(result))
            outcome.failed[point.id] = str(result)
        else:
            now = time.monotonic()
            store.put(point, pack(result, now - started))
            started = now
            outcome.done.append(point.id)
    return outcome
