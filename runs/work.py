"""What a worker does: a batch of points in, finished points out. Nothing here knows which executor it runs in."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thermopolis.errors import SimulationError
from thermopolis.runs.keeping import Parcel, keep, pack
from thermopolis.runs.machine import hold_to
from thermopolis.runs.progress import Progress

Result = dict[str, Any] | Parcel | str
"""What is said of a point that is written already; the point itself; or a message of what went wrong."""


@dataclass(frozen=True)
class Place:
    """Where results go, as the parent names it: a worker that doesn't see the token there sends points back."""

    points: str
    checkpoints: str
    token: str

    def is_here(self) -> bool:
        """Whether this process sees the parent's directory."""
        try:
            return Path(self.checkpoints, "token").read_text() == self.token
        except (OSError, ValueError):
            return False


@dataclass
class Done:
    """A batch that is through: a result for every point, the last figures, and what simulated it."""

    results: list[Result] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    device: str = ""


def simulate_batch(points: list[tuple[str, dict[str, Any]]], engine: str, threads: int, place: Place) -> Done:
    """Every point of a batch, written where the parent keeps them or sent back.

    Parameters
    ----------
    points : ids, and resolved experiments as plain data.
    threads : blocks simulated side by side.
    """
    from thermopolis.runs.cache import enable
    from thermopolis.runs.provenance import device
    from thermopolis.runs.schema import Experiment
    from thermopolis.runs.simulate import simulate_each

    enable()
    done = Done(results=[""] * len(points))
    started = time.monotonic()
    here = place.is_here()

    def watch(progress: Progress) -> None:
        done.figures = progress.figures

    with tempfile.TemporaryDirectory(prefix="thermopolis-") as scratch:
        for number, result in simulate_each(
            [Experiment.model_validate(settings) for _, settings in points],
            engine=engine,
            progress=watch,
            threads=threads,
            checkpoints=Path(place.checkpoints if here else scratch),
        ):
            now = time.monotonic()
            if isinstance(result, SimulationError):
                done.results[number] = str(result)
            elif here:
                done.results[number] = keep(Path(place.points), points[number][0], result, now - started)
            else:
                done.results[number] = pack(result, now - started)
            started = now
    done.device = device()
    return done


def prepare_worker(cores: list[list[int]]) -> None:
    """For a spawned process: its share of the cores; leaves Ctrl-C to its parent, and ends when the parent does."""
    hold_to(cores[int(multiprocessing.current_process().name.rpartition("-")[2]) % len(cores)])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
