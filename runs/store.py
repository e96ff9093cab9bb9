"""A results directory: ``experiment.yaml``, ``manifest.json``, ``points/<id>.nc`` and ``points/<id>.json``.

Points are files of their own (:mod:`thermopolis.runs.keeping`), whole or absent; what is damaged among them is found and
done again. The manifest sums them up. Nothing is pickled.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from thermopolis import __version__
from thermopolis.errors import StoreError
from thermopolis.runs.batches import in_words, recorded_bytes
from thermopolis.runs.files import locked, refusals, replace_json, replace_text
from thermopolis.runs.identity import experiment_hash
from thermopolis.runs.keeping import sound
from thermopolis.runs.machine import HostJoules, cores
from thermopolis.runs.plan import Plan, Point, label
from thermopolis.runs.provenance import provenance
from thermopolis.runs.schema import Experiment

FORMAT = 1
MANIFEST_EVERY_SECONDS = 2.0
MANIFEST_SHARE = 0.05
"""Of the time, at most, that writing it takes."""


def directory_for(experiment: Experiment, results: str | Path = "results") -> Path:
    """Where an experiment's results go: ``results/<name>-<hash8>``."""
    return Path(results) / f"{experiment.name}-{experiment_hash(experiment)}"


def written(experiment: Experiment) -> str:
    """An experiment as YAML, with every default filled in."""
    data = experiment.model_dump(mode="json", exclude={"sweep"})
    if experiment.sweep is not None:
        data["sweep"] = experiment.sweep.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


@dataclass
class Store:
    """One results directory, open for writing."""

    root: Path
    plan: Plan
    run: dict[str, Any] = field(default_factory=dict)
    """What the manifest says about this run besides its points."""
    status: dict[str, dict[str, Any]] = field(default_factory=dict)
    _manifest_written: float = 0.0
    _manifest_every: float = 0.0
    _joules: HostJoules | None = None

    @property
    def points(self) -> Path:
        return self.root / "points"

    @property
    def checkpoints(self) -> Path:
        """Where long runs keep what they have got to."""
        return self.root / ".checkpoints"

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """Creates the directory, locks it, and takes stock of finished points."""
        with refusals(self.root):
            self.points.mkdir(parents=True, exist_ok=True)
        with locked(self.root / ".lock", f"process {os.getpid()} on {socket.gethostname()}"):
            self._check_owner()
            for leftover in self.points.glob(".*.tmp"):
                with refusals(leftover):
                    leftover.unlink(missing_ok=True)
            self.run = {"format": FORMAT, "started": _now(), **provenance()}
            self._joules = HostJoules()
            self.take_stock()
            replace_text(self.root / "experiment.yaml", written(self.plan.experiment))
            self.write_manifest()
            try:
                yield self
            finally:
                self.run["ended"] = _now()
                if all(state["status"] != "pending" for state in self.status.values()):
                    shutil.rmtree(self.checkpoints, ignore_errors=True)
                self.write_manifest()

    def _check_owner(self) -> None:
        """Refuses a directory that belongs to another experiment."""
        path = self.root / "manifest.json"
        if not path.exists():
            return
        try:
            other = json.loads(path.read_text())["hash"]
        except (OSError, ValueError, KeyError, TypeError):
            return  # damaged: it is written anew, the points speak for themselves
        if other != experiment_hash(self.plan.experiment):
            raise StoreError(
                f"{self.root}: holds results of another experiment (hash {other}); choose another --out"
            )

    def take_stock(self) -> None:
        """Sets the status of every point from what is on disk."""
        with refusals(self.points):
            there = {entry.name for entry in self.points.iterdir()}
        points = {point.id: point for point in self.plan.points}
        written = [point for key, point in points.items() if f"{key}.nc" in there]
        self.status = {key: {"status": "pending"} for key in points}
        with ThreadPoolExecutor(cores()) as pool:  # digests are taken side by side
            for point, state in zip(written, pool.map(self.found, written), strict=True):
                self.status[point.id] = state
        self.run["unlisted"] = sorted(
            name for name in there if name.endswith(".nc") and name.removesuffix(".nc") not in points
        )

    def check_room(self) -> None:
        """Refuses what the disk surely can't hold.

        Raises
        ------
        StoreError : the results, uncompressed, are larger than the space that is free.
        """
        needed = sum(recorded_bytes(point.experiment) for point in self.pending())
        with refusals(self.root):
            free = shutil.disk_usage(self.root).free
        if needed > free:
            raise StoreError(
                f"{self.root}: the results need about {in_words(needed)}, {in_words(free)} are free; record less "
                "(record.every, record.variables, record.summary) or choose another --out"
            )

    def look_again(self) -> None:
        """Takes stock of points not known to be finished: an interrupt may have come just after a rename."""
        for point in self.plan.points:
            if self.status[point.id]["status"] == "pending":
                self.status[point.id] = self.found(point)

    def found(self, point: Point) -> dict[str, Any]:
        """What is on disk of a point."""
        try:
            return sound(self.points, point.id) or {"status": "pending", "damaged": True}
        except FileNotFoundError:
            return {"status": "pending"}
        except OSError:
            return {"status": "pending", "damaged": True}

    def pending(self) -> list[Point]:
        """Points still to do, each id once."""
        seen: dict[str, Point] = {}
        for point in self.plan.points:
            if self.status[point.id]["status"] != "done":
                seen.setdefault(point.id, point)
        return list(seen.values())

    def damaged(self) -> list[str]:
        """Ids of points whose files were there but not as written."""
        return [key for key, state in self.status.items() if state.get("damaged")]

    def put(self, point: Point, state: dict[str, Any]) -> None:
        """Notes that a point's files are written."""
        self.status[point.id] = state
        self.note()

    def fail(self, point: Point, message: str) -> None:
        """Writes down that a point left the numbers."""
        self.status[point.id] = {"status": "failed", "error": message}
        self.note()

    def note(self) -> None:
        """Writes the manifest, if it hasn't been for a while; a long one more seldom."""
        if time.monotonic() - self._manifest_written > self._manifest_every:
            self.write_manifest()

    def unmeter(self) -> None:
        """The work is done elsewhere: this machine's joules say nothing of it."""
        self._joules = None

    def write_manifest(self) -> None:
        started = time.monotonic()
        experiment = self.plan.experiment
        counts: dict[str, int] = {}
        for state in self.status.values():
            counts[state["status"]] = counts.get(state["status"], 0) + 1
        replace_json(
            self.root / "manifest.json",
            {
                "name": experiment.name,
                "hash": experiment_hash(experiment),
                "version": __version__,
                "seed": experiment.seed,
                "replicates": experiment.replicates,
                "dimensions": [
                    {
                        "name": dimension.name,
                        "paths": list(dimension.paths),
                        "names": list(dimension.names),
                        "values": [[label(value) for value in values] for values in dimension.values],
                    }
                    for dimension in self.plan.dimensions
                ],
                "counts": counts,
                "host_joules": None if self._joules is None else self._joules.read(),
                "points": [
                    {
                        "id": point.id,
                        "index": list(point.index),
                        "swept": point.swept,
                        **self.status[point.id],
                    }
                    for point in self.plan.points
                ],
                **self.run,
            },
        )
        self._manifest_written = time.monotonic()
        self._manifest_every = max(
            MANIFEST_EVERY_SECONDS, (self._manifest_written - started) / MANIFEST_SHARE
        )


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
