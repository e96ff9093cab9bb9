"""``run`` and ``sweep``: a plan executed into a results directory."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermopolis.errors import SimulationError
from thermopolis.runs.batches import read_bytes
from thermopolis.runs.cli.display import MODES, Display, display
from thermopolis.runs.cli.guard import CallError
from thermopolis.runs.execute import Outcome, carry_out
from thermopolis.runs.executors import team
from thermopolis.runs.faults import did_you_mean, shown
from thermopolis.runs.loading import load_plan
from thermopolis.runs.plan import Plan, needs_python
from thermopolis.runs.store import Store, directory_for

QUIET_TRACKER = "ignore:resource_tracker"
ENGINES = ("auto", "compiled", "pettingzoo")


@dataclass(frozen=True)
class How:
    """The options of a run."""

    engine: str = "auto"
    executor: str | None = None
    workers: int | None = None
    memory: str | None = None
    progress: str = "auto"
    quiet: bool = False

    def check(self) -> None:
        """Refuses what makes no sense, before anything is written.

        Raises
        ------
        CallError, ExperimentError : an option that is none, or that belongs to another.
        """
        for given, known, option in (
            (self.engine, ENGINES, "--engine"),
            (self.progress, MODES, "--progress"),
        ):
            if given not in known:
                near = did_you_mean(given, list(known))
                raise CallError(f"{option}: expected one of {', '.join(known)}, got {given!r}{near}")
        if self.quiet and self.progress not in ("auto", "none"):
            raise CallError(f"--quiet: shows no progress; leave it out, or --progress {self.progress}")
        if self.memory is not None:
            read_bytes(self.memory)
        if self.executor is not None:
            team(self.executor, self.workers)
        elif self.workers is not None:
            raise CallError("--workers: belongs to an executor, such as --executor local")


def describe(plan: Plan) -> str:
    """``24 points (temperature 24), 32 replicates, 500 steps, 2 players``"""
    experiment = plan.experiment
    sizes = " × ".join(f"{dimension.name} {len(dimension)}" for dimension in plan.dimensions)
    counted = [(len(plan.points), "point"), (experiment.replicates, "replicate"), (experiment.steps, "step")]
    players = sum(experiment.group_counts())
    if players:
        counted.append((players, "player"))
    words = [f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counted]
    if sizes:
        words[0] += f" ({sizes})"
    return ", ".join(words)


def execute(
    file: str, changes: list[str], over: list[str], out: Path | None, how: How, swept: bool = False
) -> None:
    """Runs a file's plan and says where the results are."""
    how.check()
    plan = load_plan(file, changes, over)
    if swept and not plan.dimensions:
        raise CallError(f"{file}: nothing is swept; give --over PATH=SPEC or a sweep: section")
    if how.engine == "compiled":
        what = next((what for point in plan.points if (what := needs_python(point.experiment))), None)
        if what is not None:
            raise CallError(f"--engine: {what} can't be compiled; expected auto or pettingzoo")
    store = Store(out if out is not None else directory_for(plan.experiment), plan)
    with store.opened(), display("none" if how.quiet else how.progress) as show, stopping(store, show):
        left = store.pending()
        show.begin(
            f"{plan.experiment.name}: {describe(plan)}", len(plan.points), len(plan.points) - len(left)
        )
        for key in store.damaged():
            show.say(f"point {key} was damaged on disk: it is done again")
        for name in store.run["unlisted"]:
            show.say(f"{store.points / name} is no point of this experiment: it is left alone")
        outcome = carry_out(store, how.engine, show.update, how.executor, how.workers, how.memory)
    if outcome.failed:
        _say_what_failed(plan, outcome, show)
    show.end(str(store.root))
    if outcome.failed:
        raise SimulationError(f"{len(outcome.failed)} of {len(plan.points)} points failed")


@contextlib.contextmanager
def stopping(store: Store, show: Display) -> Iterator[None]:
    """Ctrl-C ends the process at once: what is on disk is whole at every moment, and what still computes is not
    waited for."""

    def stop(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for child in multiprocessing.active_children():
            child.kill()
        store.look_again()
        store.run["interrupted"] = True
        with contextlib.suppress(Exception):
            store.write_manifest()
        show.close()
        finished = sum(state["status"] == "done" for state in store.status.values())
        print(
            f"interrupted: {finished} of {len(store.plan.points)} points are kept in {store.root}; "
            "the same command goes on from there",
            file=sys.stderr,
        )
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)

    # workers' semaphores are freed by a tracker of Python's, which would say so after our last word
    sys.warnoptions.append(QUIET_TRACKER)
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        sys.warnoptions.remove(QUIET_TRACKER)


def _say_what_failed(plan: Plan, outcome: Outcome, show: Display) -> None:
    rows = []
    for point in plan.points:
        if point.id in outcome.failed:
            swept = ", ".join(f"{path} = {shown(value)}" for path, value in point.swept.items())
            rows.append((point.id, swept or "-", outcome.failed[point.id]))
    sys.stdout.flush()
    show.table(("point", "settings", "what happened"), rows)
