"""What a worker does: a batch of points in, packed results out. Nothing here knows which executor it runs in."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from thermopolis.errors import SimulationError
from thermopolis.runs.store import Parcel, pack


def simulate_batch(
    points: list[dict[str, Any]], engine: str, threads: int, checkpoints: str | None = None
) -> list[Parcel | str]:
    """Every point of a batch as a packed dataset, or as a message of what went wrong.

    Parameters
    ----------
    points : resolved experiments as plain data.
    threads : blocks simulated side by side.
    checkpoints : a folder that this worker and its parent both see, or None.
    """
    from thermopolis.runs.cache import enable
    from thermopolis.runs.schema import Experiment
    from thermopolis.runs.simulate import simulate_each

    enable()
    experiments = [Experiment.model_validate(point) for point in points]
    results: list[Parcel | str] = [""] * len(points)
    started = time.monotonic()
    folder = None if checkpoints is None else Path(checkpoints)
    for number, result in simulate_each(experiments, engine=engine, threads=threads, checkpoints=folder):
        now = time.monotonic()
        results[number] = str(result) if isinstance(result, SimulationError) else pack(result, now - started)
        started = now
    return results


def prepare_worker() -> None:
    """For a spawned process: leaves Ctrl-C to its parent, and ends when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
