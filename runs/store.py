"""A results directory: ``experiment.yaml``, ``manifest.json``, ``points/<id>.nc`` and ``points/<id>.json``.

A point's netCDF file is written to a temporary file, flushed and renamed; its small ``.json`` beside it,
written just before, holds the file's SHA-256, so that a file cut short, flipped or foreign is found and done
again. The manifest sums these up. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from thermopolis import __version__
from thermopolis.errors import StoreError
from thermopolis.runs.batches import in_words, recorded_bytes
from thermopolis.runs.files import locked, refusals, replace_file, replace_json, replace_text
from thermopolis.runs.identity import experiment_hash
from thermopolis.runs.plan import Plan, Point, label
from thermopolis.runs.provenance import provenance
from thermopolis.runs.schema import Experiment

if TYPE_CHECKING:
    from thermopolis.runs.table import Table

FORMAT = 1
MANIFEST_EVERY_SECONDS = 2.0


def directory_for(experiment: Experiment, results: str | Path = "results") -> Path:
    """Where an experiment's results go: ``results/<name>-<hash8>``."""
    return Path(results) / f"{experiment.name}-{experiment_hash(experiment)}"


def written(experiment: Experiment) -> str:
    """An experiment as YAML, with every default filled in."""
    data = experiment.model_dump(mode="json", exclude={"sweep"})
    if experiment.sweep is not None:
        data["sweep"] = experiment.sweep.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


@dataclass(frozen=True)
class Parcel:
    """A finished point, ready to be kept: the bytes of its netCDF-4 file, and what is said of it."""

    raw: bytes
    about: dict[str, Any]
    seconds: float


def pack(table: Table, seconds: float) -> Parcel:
    """A point's table as a parcel."""
    from thermopolis.runs.layout import layout
    from thermopolis.runs.netcdf import image

    return Parcel(image(table), layout(table), seconds)


@dataclass
class Store:
    """One results directory, open for writing."""

    root: Path
    plan: Plan
    run: dict[str, Any] = field(default_factory=dict)
    """What the manifest says about this run besides its points."""
    status: dict[str, dict[str, Any]] = field(default_factory=dict)
    _manifest_written: float = 0.0

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
        expected: set[str] = set()
        for point in self.plan.points:
            expected.update((f"{point.id}.nc", f"{point.id}.json"))
            self.status[point.id] = self._found(point)
        strangers = sorted(
            entry.name
            for entry in self.points.iterdir()
            if entry.suffix == ".nc" and entry.name not in expected
        )
        self.run["unlisted"] = strangers

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
                self.status[point.id] = self._found(point)

    def _found(self, point: Point) -> dict[str, Any]:
        note, data = self.points / f"{point.id}.json", self.points / f"{point.id}.nc"
        if not data.exists():
            return {"status": "pending"}
        try:
            recorded = json.loads(note.read_text())
            with open(data, "rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
            if recorded["sha256"] == actual:
                return dict(recorded)
        except (OSError, ValueError, KeyError, TypeError):
            pass
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

    def put(self, point: Point, parcel: Parcel) -> None:
        """Keeps a finished point."""
        raw = parcel.raw
        state = {
            "status": "done",
            "seconds": round(parcel.seconds, 3),
            "bytes": len(raw),
            "sha256": hashlib.sha256(raw).hexdigest(),
            **parcel.about,
        }
        replace_json(self.points / f"{point.id}.json", state)
        replace_file(self.points / f"{point.id}.nc", lambda temporary: _write(temporary, raw))
        self.status[point.id] = state
        self.note()

    def fail(self, point: Point, message: str) -> None:
        """Writes down that a point left the numbers."""
        self.status[point.id] = {"status": "failed", "error": message}
        self.note()

    def note(self) -> None:
        """Writes the manifest, if it hasn't been for a while."""
        if time.monotonic() - self._manifest_written > MANIFEST_EVERY_SECONDS:
            self.write_manifest()

    def write_manifest(self) -> None:
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


def _write(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
