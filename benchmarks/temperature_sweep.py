"""A whole experiment: 64 temperatures × 32 seeds × 1,000 rounds of two learning agents, from a file to files.

Ours is the command line on a YAML file, start-up, compilation and writing included. The peer is pymdp stepped from Python
(a jitted round, as in its tutorials), one game at a time or all 2,048 games as one batch, timed on a part and scaled; its
imports and compilation are counted once.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml
from timing import Row, best, report

TEMPERATURES, SEEDS, ROUNDS = 64, 32, 1000

EXPERIMENT = {
    "name": "bench-sweep",
    "seed": 1,
    "replicates": SEEDS,
    "steps": ROUNDS,
    "environment": {"kind": "matrix_game", "game": "prisoners_dilemma", "topology": {"kind": "pair"}},
    "agents": [
        {
            "kind": "active_inference",
            "count": 2,
            "first_observation": "CC",
            "learning": {"rate": 0.1},
        }
    ],
    "record": {"variables": ["action"]},
    "sweep": {"agents.0.temperature": {"geomspace": [0.05, 5.0, TEMPERATURES]}},
}


def whole_run() -> float:
    """Wall seconds of the command on a fresh results directory."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.yaml"
        file.write_text(yaml.safe_dump(EXPERIMENT))
        command = [sys.executable, "-m", "thermopolis", "run", str(file), "--out", str(Path(folder) / "out")]
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - begun


def rows() -> Iterator[Row]:
    """Against one game at a time, and against one batch."""
    mine = min(whole_run() for _ in range(2))
    begun = time.perf_counter()
    from pymdp_peer import stepped

    imports = time.perf_counter() - begun
    games = TEMPERATURES * SEEDS
    temperatures = np.repeat(np.geomspace(0.05, 5.0, TEMPERATURES), 2 * SEEDS)
    for label, batch, rounds, goal in (("one game at a time", 1, 200, 60.0), ("one batch", games, 50, 2.0)):
        temperature = temperatures if batch == games else 1.0
        play = stepped(batch, rounds, temperature)
        begun = time.perf_counter()
        play()
        first = time.perf_counter() - begun
        again = best(play, 2, warm=False)
        peer = imports + (first - again) + again * (ROUNDS / rounds) * (games / batch)
        yield Row(
            f"{TEMPERATURES} temperatures × {SEEDS} seeds × {ROUNDS:,} rounds, whole run",
            f"pymdp stepped, {label}",
            peer,
            mine,
            goal,
            f"peer timed on {rounds} rounds of {batch:,} games, scaled",
        )


if __name__ == "__main__":
    report(rows())
