"""How points are cut into batches: those that share a program together, as many as memory holds.

A batch is what a worker is given at once. Points that differ in numbers alone share one compiled program, and the
cells of several small points fill one block; so a batch holds at least a block's worth of such points, and, where
there are several workers, few enough that none waits long for another.

Sizes are estimates: recorded bytes a decision times the copies alive at once (a block's output, the point's
arrays, the dataset, its file).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thermopolis.errors import ExperimentError, StoreError
from thermopolis.runs.identity import digest
from thermopolis.runs.machine import available_memory
from thermopolis.runs.plan import Point
from thermopolis.runs.schema import ActiveInference, Experiment, MatrixGame, Pair
from thermopolis.runs.schema.environment import CoreAlone
from thermopolis.runs.schema.topology import Complete, Edges, Lattice, Ring, ScaleFree, SmallWorld
from thermopolis.runs.variables import OPERATIONS, describe

LANES = 1024
"""Lanes of a block of the compiled engine."""
COPIES = 4
"""How often a point's recorded values are in memory at once, at worst."""
LARGE_BYTES = 1 << 26
"""Points that hold so many bytes wait on disk until they are finished, where there is one."""
STREAMED_BYTES = 1 << 28
"""What such a point needs of memory, whatever its length."""
REPORTED, REPORTED_BY_CORE = 60, 68
"""Bytes an active inference player reports in a frame, and those of its core."""
OF_WORLD = {"civilization": 184, "commons": 80}
"""Bytes of a world's own variables, a player and frame."""
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


def _bytes_of_variables(experiment: Experiment) -> tuple[int, int]:
    """About how many bytes a player records in a frame, and how many each of its links, if it has several."""

    def size(name: str) -> int:
        several = {"core_joules": len(OPERATIONS), "belief": 16}  # of states, a guess
        return np.dtype(describe(name).dtype).itemsize * several.get(name, 1)

    by_link = size("action") + size("observation")
    chosen = experiment.record.variables
    if chosen != "all":
        links = sum(size(name) for name in chosen if name in ("action", "observation"))
        return sum(map(size, chosen)) - links, links
    most = 0
    for group in experiment.agents:
        if isinstance(group, ActiveInference):
            core = "core" in (group.perception.kind, group.policy.kind)
            most = max(most, REPORTED + core * REPORTED_BY_CORE)
    return most + size("reward") + OF_WORLD.get(experiment.environment.kind, size("cooperation")), by_link


def _bytes_of_core(core: CoreAlone) -> int:
    """About how many bytes a core alone gives a step: its chains' figures, and their units where these are recorded."""
    from thermopolis.thermo.alone import plan

    made = plan(core.model_dump(mode="json", exclude={"kind"}, exclude_none=True))
    return int(core.chains) * (80 + (4 * made.energy.units if made.states else 0))


def links(experiment: Experiment) -> int:
    """Decisions a round: as many as players, or, where each decides for every neighbour, as many as links."""
    world, players = experiment.environment, sum(experiment.group_counts())
    if not isinstance(world, MatrixGame) or world.action == "broadcast":
        return players
    match world.topology:
        case Complete(n=n):
            return n * (n - 1)
        case Ring(n=n, k=k) | SmallWorld(n=n, k=k):
            return n * k
        case Lattice(neighbourhood=kind):
            return players * (8 if kind == "moore" else 4)
        case ScaleFree(n=n, m=m):
            return 2 * m * (n - m)
        case Edges(edges=edges):
            return 2 * len(edges)
    return players


def decisions(experiment: Experiment) -> int:
    """Agent-steps of a point, over all lives."""
    lives = 1
    if experiment.selection is not None:
        lives = experiment.selection.generations * experiment.selection.societies()
    return experiment.replicates * experiment.steps * lives * max(1, sum(experiment.group_counts()))


def recorded_bytes(experiment: Experiment) -> int:
    """About how many bytes a point's results hold, uncompressed."""
    if experiment.selection is not None:
        return _bytes_of_generations(experiment)
    frames = -(-experiment.steps // experiment.record.every)
    if isinstance(experiment.environment, CoreAlone):
        return experiment.replicates * frames * _bytes_of_core(experiment.environment)
    player, link = _bytes_of_variables(experiment)
    players, decisions = sum(experiment.group_counts()), links(experiment)
    if (summary := experiment.record.summary) is not None:
        numbers = player // 4  # each with a mean, a variance and quantiles
        return experiment.replicates * frames * numbers * 8 * (2 + len(summary.quantiles))
    return experiment.replicates * frames * (players * player + decisions * link)


def _bytes_of_generations(experiment: Experiment) -> int:
    """About how many bytes generations hold."""
    evolution = experiment.selection
    assert evolution is not None
    frames = -(-evolution.generations // experiment.record.every)
    player = 26 + 16 * len(evolution.traits) + sum(_bytes_of_variables(experiment))
    return experiment.replicates * evolution.societies() * frames * sum(experiment.group_counts()) * player


def held_bytes(experiment: Experiment) -> int:
    """About how many bytes of a point wait until it is finished: everything by link, or the sample of a summary;
    of generations, all of them and one life."""
    if experiment.selection is not None:
        societies = experiment.replicates * experiment.selection.societies()
        life = societies * experiment.steps * links(experiment) * sum(_bytes_of_variables(experiment))
        return _bytes_of_generations(experiment) + life
    frames = -(-experiment.steps // experiment.record.every)
    if isinstance(experiment.environment, CoreAlone):
        return experiment.replicates * frames * _bytes_of_core(experiment.environment)
    decisions = links(experiment)
    if (summary := experiment.record.summary) is not None:
        decisions = min(decisions, summary.sample)
    return experiment.replicates * frames * decisions * sum(_bytes_of_variables(experiment))


@dataclass(frozen=True)
class Budget:
    """What a run may use."""

    workers: int = 1
    memory: int = 0
    """Bytes of one worker; 0: half of what is available, shared out."""
    streams: bool = False
    """Whether large points may wait on disk."""

    def bytes_per_worker(self) -> int:
        return self.memory or max(available_memory() // 2 // self.workers, 2**28)


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
    largest = max((point.experiment for point in group), key=held_bytes)
    needed, allowed = COPIES * held_bytes(largest), budget.bytes_per_worker()
    if budget.streams and largest.record.summary is None:
        needed = min(needed, STREAMED_BYTES)
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
