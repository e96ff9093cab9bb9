"""How points are cut into batches: those that share a program together, as many as memory holds.

A batch is what a worker is given at once. Points that differ in numbers alone share one compiled program, and the
cells of several small points fill one block; so a batch holds at least a block's worth of such points, and, where
there are several workers, few enough that none waits long for another.

Sizes are estimates: recorded bytes a decision times the copies alive at once (a block's output, the point's
arrays, the dataset, its file).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from thermopolis.errors import ExperimentError, StoreError
from thermopolis.runs.identity import digest
from thermopolis.runs.plan import Point
from thermopolis.runs.schema import ActiveInference, Experiment, MatrixGame, Pair

LANES = 1024
"""Lanes of a block of the compiled engine."""
COPIES = 4
"""How often a point's recorded values are in memory at once, at worst."""
MOST_POINTS = 2048
"""Points of a batch: what is lost at most when its worker dies."""

Batch = list[Point]


def structure(experiment: Experiment) -> str:
    """Equal where two points differ at most in fractional numbers, which a compiled program takes as arguments."""

    def without_numbers(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_numbers(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [without_numbers(inner) for inner in value]
        return "number" if isinstance(value, float) else value

    return digest(without_numbers(experiment.model_dump(mode="json", exclude={"name", "sweep", "seed"})))


def recorded_bytes(experiment: Experiment) -> int:
    """About how many bytes a point's results hold, uncompressed."""
    frames = -(-experiment.steps // experiment.record.every)
    per_decision = 0
    for group in experiment.agents:
        bytes_of_group = 11
        if isinstance(group, ActiveInference):
            core = "core" in (group.perception.kind, group.policy.kind)
            bytes_of_group += 52 + 68 * core
        per_decision = max(per_decision, bytes_of_group)
    if experiment.record.variables != "all":
        per_decision = min(
            per_decision,
            sum({"core_joules": 20, "belief": 64}.get(n, 8) for n in experiment.record.variables),
        )
    players = sum(experiment.group_counts())
    if (summary := experiment.record.summary) is not None:
        players = min(
            players, summary.sample
        )  # what the quantiles are taken from; moments are small beside it
    return experiment.replicates * frames * players * per_decision


@dataclass(frozen=True)
class Budget:
    """What a run may use."""

    workers: int = 1
    memory: int = 0
    """Bytes of one worker; 0: half of what is available, shared out."""

    def bytes_per_worker(self) -> int:
        return self.memory or max(available_memory() // 2 // self.workers, 2**28)


def available_memory() -> int:
    """Bytes of memory free to use, by the system's account and the limits of a container."""
    free = 2**33
    try:
        with open("/proc/meminfo") as file:
            free = next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                free = min(free, int(file.read()))
        except (OSError, ValueError):
            continue
    return free


def read_bytes(text: str) -> int:
    """``"4GiB"``, ``"500MB"`` or a plain number as bytes.

    Raises
    ------
    ExperimentError : it is none of these.
    """
    units = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
    units |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "k": 2**10, "m": 2**20, "g": 2**30}
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*", text)
    if found is None or found.group(2).lower() not in units or float(found.group(1)) <= 0:
        raise ExperimentError(f"--memory: expected a size such as 4GiB, got {text!r}")
    return int(float(found.group(1)) * units[found.group(2).lower()])


def in_words(size: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def batches(points: Sequence[Point], budget: Budget) -> list[Batch]:
    """Points cut into batches, in their order within each structure.

    Raises
    ------
    StoreError : a single point needs more memory than there is.
    """
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(structure(point.experiment), []).append(point)
    cut = []
    for group in groups.values():
        size = _points_per_batch(group, budget)
        cut += [group[i : i + size] for i in range(0, len(group), size)]
    return cut


def _points_per_batch(group: Sequence[Point], budget: Budget) -> int:
    largest = max((point.experiment for point in group), key=recorded_bytes)
    needed, allowed = COPIES * recorded_bytes(largest), budget.bytes_per_worker()
    if needed > allowed:
        raise StoreError(
            f"one point needs about {in_words(needed)} of memory, {in_words(allowed)} are allowed; record less "
            "(record.every, record.variables, record.summary), use fewer replicates, or allow more (--memory)"
        )
    fits = allowed // max(needed, 1)
    cells = largest.replicates
    slots = sum(largest.group_counts())
    if isinstance(largest.environment, MatrixGame) and isinstance(largest.environment.topology, Pair):
        cells, slots = cells * slots // 2, 2
    fills_a_block = max(1, LANES // max(slots, 1) // max(cells, 1))
    fair = MOST_POINTS if budget.workers == 1 else math.ceil(len(group) / (4 * budget.workers))
    # fewer points than fill a block cost a whole block each, unless that would leave a worker idle
    wanted = max(fair, min(fills_a_block, math.ceil(len(group) / budget.workers)))
    return int(max(1, min(wanted, fits, MOST_POINTS)))
