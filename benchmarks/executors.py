"""Who does the work: one process on one core, two local workers, a Dask cluster of two on this machine.

The same sweep from a file to files; start-up of workers, planning and writing included. The first row should be near the
number of cores, the second near one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import yaml
from timing import Row, report

POINTS, REPLICATES, ROUNDS = 48, 512, 20_000

EXPERIMENT = {
    "name": "bench-executors",
    "seed": 1,
    "replicates": REPLICATES,
    "steps": ROUNDS,
    "environment": {"kind": "matrix_game", "game": "prisoners_dilemma", "topology": {"kind": "pair"}},
    "agents": [{"kind": "active_inference", "count": 2, "horizon": 3, "learning": {"rate": 0.1}}],
    "record": {"variables": ["cooperation"], "every": 50},
    "sweep": {"agents.0.temperature": {"geomspace": [0.05, 5.0, POINTS]}},
}


def seconds(*options: str, held: bool = False) -> float:
    """Wall seconds of the command on a fresh results directory; ``held`` to one core."""

    def hold() -> None:
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.yaml"
        file.write_text(yaml.safe_dump(EXPERIMENT))
        command = [
            sys.executable,
            "-m",
            "thermopolis",
            "sweep",
            str(file),
            "--out",
            str(Path(folder) / "out"),
        ]
        begun = time.perf_counter()
        subprocess.run(
            [*command, *options], check=True, capture_output=True, preexec_fn=hold if held else None
        )
        return time.perf_counter() - begun


def rows() -> Iterator[Row]:
    """Two local workers against one process on one core; Dask against two local workers."""
    work = f"{POINTS} points × {REPLICATES} games × {ROUNDS:,} rounds, horizon 3"
    seconds()  # programs are compiled once and kept
    alone = seconds(held=True)
    local = seconds("--executor", "local", "--workers", "2")
    yield Row(work, "one process on one core", alone, local, 1.7, "ours: --executor local, 2 workers")
    if find_spec("distributed") is not None:
        dask = seconds("--executor", "dask", "--workers", "2")
        yield Row(work, "--executor local, 2 workers", local, dask, 0.8, "ours: --executor dask, 2 workers")


if __name__ == "__main__":
    report(rows())
