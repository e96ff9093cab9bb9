"""Points of a plan, simulated and kept: each as soon as it is finished, none twice.

Points are handed out in batches; a batch is simulated here, or by a worker of a team. A point that leaves the
numbers is written down as failed; the others go on. A batch whose worker died is given out again, in halves.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermopolis.errors import ExperimentError, SimulationError
from thermopolis.runs.batches import Batch, Budget, batches, read_bytes
from thermopolis.runs.executors import Team, team
from thermopolis.runs.plan import Point
from thermopolis.runs.progress import Progress
from thermopolis.runs.store import Parcel, pack
from thermopolis.runs.work import simulate_batch

if TYPE_CHECKING:
    from thermopolis.runs.store import Store
    from thermopolis.runs.table import Table

Watch = Callable[[Progress], None]

SUSPECT = 3
"""After so many lost workers a point is simulated with nothing beside it, so that it is known who is to blame."""
GIVEN_UP = SUSPECT + 2
"""After so many it is written down as failed."""


@dataclass
class Outcome:
    """What an execution did."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Messages by point id."""

    def take(self, store: Store, point: Point, result: Parcel | str) -> None:
        """Keeps a point's result, or writes down what went wrong."""
        if isinstance(result, str):
            store.fail(point, result)
            self.failed[point.id] = result
        else:
            store.put(point, result)
            self.done.append(point.id)


def attempts(
    points: Sequence[Point],
    engine: str,
    progress: Watch | None,
    memory: int = 0,
    checkpoints: Path | None = None,
) -> Iterator[tuple[Point, Table | SimulationError]]:
    """Every point with its table, or with what went wrong, simulated here."""
    from thermopolis.runs.cache import enable
    from thermopolis.runs.simulate import simulate_each

    enable()
    tally = Tally(points, progress)
    for batch in batches(points, Budget(1, memory)):
        experiments = [point.experiment for point in batch]
        for number, result in simulate_each(
            experiments, engine=engine, progress=tally.within, checkpoints=checkpoints
        ):
            yield batch[number], result
        tally.finish(batch)


def carry_out(
    store: Store,
    engine: str = "auto",
    progress: Watch | None = None,
    executor: str | None = None,
    workers: int | None = None,
    memory: str | None = None,
) -> Outcome:
    """Simulates what a store lacks: here, or by an executor's workers.

    Raises
    ------
    ExperimentError : no such executor, or sizes that are none.
    StoreError : the results won't fit on the disk, or a point in memory.
    """
    allowed = read_bytes(memory) if memory else 0
    if executor is None:
        if workers is not None:
            raise ExperimentError("--workers: belongs to an executor, such as --executor local")
        store.check_room()
        return in_process(store, engine, progress, allowed)
    crew = team(executor, workers)
    store.check_room()
    return spread_out(store, crew, engine, progress, allowed)


def in_process(store: Store, engine: str = "auto", progress: Watch | None = None, memory: int = 0) -> Outcome:
    """Simulates what a store lacks, here."""
    outcome = Outcome()
    started = time.monotonic()
    for point, result in attempts(store.pending(), engine, progress, memory, store.checkpoints):
        now = time.monotonic()
        packed = str(result) if isinstance(result, SimulationError) else pack(result, now - started)
        outcome.take(store, point, packed)
        started = now
    return outcome


def spread_out(
    store: Store, crew: Team, engine: str = "auto", progress: Watch | None = None, memory: int = 0
) -> Outcome:
    """Simulates what a store lacks, by a team of workers."""
    outcome = Outcome()
    points = store.pending()
    tally = Tally(points, progress)
    deaths: Counter[str] = Counter()
    with crew:
        todo = deque(batches(points, Budget(crew.workers, memory)))
        running: dict[Future[Any], Batch] = {}
        while todo or running:
            broken = False
            try:
                while todo and len(running) < _room(todo[0], running, deaths, crew):
                    running[crew.submit(simulate_batch, *_task(todo[0], engine, crew, store))] = todo[0]
                    todo.popleft()
            except Exception as error:
                if not crew.lost_worker(error):
                    raise
                broken = True
            for future in wait(running, timeout=1.0, return_when=FIRST_COMPLETED).done:
                batch = running.pop(future)
                fault = None if future.cancelled() else future.exception()
                if future.cancelled() or (fault is not None and crew.lost_worker(fault)):
                    broken = True
                    todo.extendleft(reversed(_after_a_death(batch, deaths, outcome, store)))
                    continue
                for point, result in zip(batch, future.result(), strict=True):
                    outcome.take(store, point, result)
                tally.finish(batch)
            if broken:
                todo.extend(running.values())
                running.clear()
                crew.restart()
    return outcome


def _room(batch: Batch, running: dict[Future[Any], Batch], deaths: Counter[str], crew: Team) -> int:
    """How many batches may run, this one included: a suspect runs alone."""
    suspected = any(len(one) == 1 and deaths[one[0].id] >= SUSPECT for one in (batch, *running.values()))
    return 1 if suspected else 2 * crew.workers


def _task(batch: Batch, engine: str, crew: Team, store: Store) -> tuple[Any, ...]:
    plain = [point.experiment.model_dump(mode="json", exclude_unset=True) for point in batch]
    return plain, engine, crew.threads, str(store.checkpoints.resolve()) if crew.sees_our_files else None


def _after_a_death(batch: Batch, deaths: Counter[str], outcome: Outcome, store: Store) -> list[Batch]:
    """What to give out again when a batch's worker died: halves, so that a deadly point is soon alone."""
    if len(batch) > 1:
        return [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
    (point,) = batch
    deaths[point.id] += 1
    if deaths[point.id] < GIVEN_UP:
        return [batch]
    outcome.take(store, point, "its workers died again and again (out of memory? try fewer --workers)")
    return []


class Tally:
    """Adds up the progress of batches."""

    def __init__(self, points: Sequence[Point], progress: Watch | None):
        self.progress = progress
        self.points = len(points)
        self.total = sum(map(_decisions, points))
        self.done = self.finished = 0
        self.started = time.monotonic()

    def within(self, progress: Progress) -> None:
        """Progress inside of a batch."""
        self._tell(self.done + progress.done, self.finished + progress.points_done)

    def finish(self, batch: Batch) -> None:
        """A batch is through."""
        self.done += sum(map(_decisions, batch))
        self.finished += len(batch)
        self._tell(self.done, self.finished)

    def _tell(self, done: int, finished: int) -> None:
        if self.progress is not None:
            seconds = time.monotonic() - self.started
            self.progress(Progress(done, self.total, finished, self.points, seconds))


def _decisions(point: Point) -> int:
    experiment = point.experiment
    return experiment.replicates * experiment.steps * max(1, sum(experiment.group_counts()))
