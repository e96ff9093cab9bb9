"""Points of a plan, simulated and kept: each as soon as it is finished, none twice.

Points are handed out in batches; a batch is simulated here, or by a worker of a team. A point that leaves the
numbers is written down as failed; the others go on. A batch whose worker died is given out again, in halves.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermopolis.errors import ExperimentError, SimulationError
from thermopolis.runs.batches import Batch, Budget, batches, decisions, read_bytes
from thermopolis.runs.executors import Team, team
from thermopolis.runs.files import refusals
from thermopolis.runs.keeping import Parcel, keep, unpack
from thermopolis.runs.plan import Point
from thermopolis.runs.progress import Progress
from thermopolis.runs.work import Done, Place, Result, simulate_batch

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

    def take(self, store: Store, point: Point, result: Result) -> None:
        """Keeps a point's result, or writes down what went wrong."""
        if isinstance(result, str):
            store.fail(point, result)
            self.failed[point.id] = result
            return
        store.put(point, unpack(store.points, point.id, result) if isinstance(result, Parcel) else result)
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
    for batch in batches(points, Budget(1, memory, checkpoints is not None)):
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
        if isinstance(result, SimulationError):
            outcome.take(store, point, str(result))
        else:
            outcome.take(store, point, keep(store.points, point.id, result, now - started))
        started = now
    if outcome.done:
        from thermopolis.runs.provenance import device

        store.run["device"] = device()
    return outcome


def spread_out(
    store: Store, crew: Team, engine: str = "auto", progress: Watch | None = None, memory: int = 0
) -> Outcome:
    """Simulates what a store lacks, by a team of workers."""
    outcome = Outcome()
    points = store.pending()
    tally = Tally(points, progress)
    deaths: Counter[str] = Counter()
    store.run |= {"workers": crew.workers, "threads": crew.threads}
    if not crew.on_this_host:
        store.unmeter()
    with crew, _place(store) as place:
        todo = deque(batches(points, Budget(crew.workers, memory, streams=True)))
        running: dict[Future[Any], Batch] = {}
        while todo or running:
            broken = False
            try:
                while todo and len(running) < _room(todo[0], running, deaths, crew):
                    running[crew.submit(simulate_batch, *_task(todo[0], engine, crew, place))] = todo[0]
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
                done: Done = future.result()
                for point, result in zip(batch, done.results, strict=True):
                    outcome.take(store, point, result)
                store.run["device"] = done.device
                tally.finish(batch, done.figures)
            if broken:
                todo.extend(running.values())
                running.clear()
                crew.restart()
    return outcome


def _room(batch: Batch, running: dict[Future[Any], Batch], deaths: Counter[str], crew: Team) -> int:
    """How many batches may run, this one included: a suspect runs alone."""
    suspected = any(len(one) == 1 and deaths[one[0].id] >= SUSPECT for one in (batch, *running.values()))
    return 1 if suspected else 2 * crew.workers


@contextmanager
def _place(store: Store) -> Iterator[Place]:
    """Where workers find the results' directory, if they see it."""
    place = Place(str(store.points.resolve()), str(store.checkpoints.resolve()), secrets.token_hex(16))
    with refusals(store.checkpoints):
        store.checkpoints.mkdir(exist_ok=True)
        Path(place.checkpoints, "token").write_text(place.token)
    yield place


def _task(batch: Batch, engine: str, crew: Team, place: Place) -> tuple[Any, ...]:
    plain = [(point.id, point.experiment.model_dump(mode="json", exclude_unset=True)) for point in batch]
    return plain, engine, crew.threads, place


def _after_a_death(batch: Batch, deaths: Counter[str], outcome: Outcome, store: Store) -> list[Batch]:
    """What to give out again when a batch's worker died: what it hadn't finished, in halves, so that a deadly point
    is soon alone."""
    for point in batch:
        if (state := store.found(point))["status"] == "done":
            outcome.take(store, point, state)
    batch = [point for point in batch if store.status[point.id]["status"] != "done"]
    if not batch:
        return []
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
        self.total = sum(decisions(point.experiment) for point in points)
        self.done = self.finished = 0
        self.figures: dict[str, float] = {}
        self.started = time.monotonic()

    def within(self, progress: Progress) -> None:
        """Progress inside of a batch."""
        self.figures = progress.figures or self.figures
        self._tell(self.done + progress.done, self.finished + progress.points_done)

    def finish(self, batch: Batch, figures: dict[str, float] | None = None) -> None:
        """A batch is through."""
        self.figures = figures or self.figures
        self.done += sum(decisions(point.experiment) for point in batch)
        self.finished += len(batch)
        self._tell(self.done, self.finished)

    def _tell(self, done: int, finished: int) -> None:
        if self.progress is not None:
            seconds = time.monotonic() - self.started
            self.progress(Progress(done, self.total, finished, self.points, seconds, self.figures))
