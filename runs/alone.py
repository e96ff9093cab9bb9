"""A core alone: no players, an energy relaxes by itself (``environment: {kind: core, …}``).

It is relaxed stretch by stretch, so that memory is flat in time: what is recorded goes to a shelf, in memory or on disk,
and a table reads from it. Between stretches a long one is kept, to go on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from thermopolis.errors import SimulationError
from thermopolis.keys import make_keys
from thermopolis.runs.batches import LARGE_BYTES, held_bytes
from thermopolis.runs.checkpoints import Arrays, Checkpoints, carry_from, leaves_of
from thermopolis.runs.identity import digest, point_id
from thermopolis.runs.schema import Experiment
from thermopolis.runs.spool import AS_IT_IS, Memory, Spool
from thermopolis.runs.streams import world_seeds
from thermopolis.runs.table import Column, Table, column
from thermopolis.thermo.alone import plan
from thermopolis.thermo.alone_results import Seen, View, coordinates, views
from thermopolis.thermo.relaxation import Relaxation

STRETCH_BYTES = 1 << 26
"""Of a stretch's record."""
STRETCH_UPDATES = 4e9
"""Of units, in a stretch: some ten seconds' work."""

Shelf = Memory | Spool


def specification(experiment: Experiment) -> dict[str, Any]:
    """The mapping that :func:`thermopolis.thermo.alone.plan` reads; an unset device is the experiment's core's."""
    spec = experiment.environment.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
    return {"device": experiment.core.device, **spec}


def simulate_alone(
    points: Sequence[Experiment], on_steps: Callable[..., None], checkpoints: Checkpoints | None = None
) -> Iterator[tuple[int, Table | SimulationError]]:
    """Relax every point; yields (index, table) with dimensions (replicate, step, chain, …), or what went wrong."""
    for index, experiment in enumerate(points):
        seeds = world_seeds(experiment)
        keys = make_keys(seeds, experiment.random)
        relaxation = Relaxation(plan(specification(experiment)), keys, experiment.steps)
        seen = Seen(relaxation.made, experiment.replicates, experiment.steps)
        frames = -(-experiment.steps // experiment.record.every)
        lanes = experiment.replicates * relaxation.made.chains
        folder = spool_of(experiment, checkpoints)
        shelf = Memory(frames, lanes) if folder is None else Spool(folder, frames, lanes)
        try:
            _relax(index, experiment, relaxation, seen, shelf, on_steps, checkpoints)
            yield index, _table(experiment, seeds, relaxation.made, seen, shelf)
        except SimulationError as error:
            yield index, error
        shelf.forget()
        if checkpoints is not None:
            checkpoints.finished(index)


def spool_of(experiment: Experiment, checkpoints: Checkpoints | None) -> Path | None:
    """Where what a large point recorded waits; None for memory."""
    if checkpoints is None or held_bytes(experiment) < LARGE_BYTES:
        return None
    return checkpoints.folder / f"{point_id(experiment)}.spool"


def stretch_of(relaxation: Relaxation) -> int:
    """Steps taken at once, from the point's shape alone."""
    made, lanes = relaxation.made, len(relaxation.keys) * relaxation.made.chains
    record = lanes * (32 + made.states * 4 * made.energy.units)
    updates = lanes * made.energy.units * made.sweeps * getattr(made.sampler, "copies", 1)
    most = max(1, min(STRETCH_BYTES // record, int(STRETCH_UPDATES // updates)))
    return -(-relaxation.steps // -(-relaxation.steps // most))


def _relax(
    index: int,
    experiment: Experiment,
    relaxation: Relaxation,
    seen: Seen,
    shelf: Shelf,
    on_steps: Callable[..., None],
    checkpoints: Checkpoints | None,
) -> None:
    """Takes a relaxation to its end, from where it was cut if that is known."""
    from thermopolis import __version__

    every, stretch = experiment.record.every, stretch_of(relaxation)
    key = digest([__version__, jax.__version__, "alone", stretch, point_id(experiment)])[:24]
    if checkpoints is not None and (saved := checkpoints.load(key, {index})) is not None:
        try:
            _resume(relaxation, saved, seen, shelf)
        except (KeyError, ValueError):  # of another version, or gone: from the start
            relaxation.done, relaxation.carry = 0, None
        on_steps(relaxation.done * experiment.replicates)
    while relaxation.done < relaxation.steps:
        first = relaxation.done
        record = relaxation.advance(min(stretch, relaxation.steps - first))
        seen.take(record)
        skipped = -first % every
        shelf.put(
            0,
            -(-first // every),
            {f"{AS_IT_IS}{name}": value[skipped::every] for name, value in record.items()},
        )
        on_steps((relaxation.done - first) * experiment.replicates)
        if checkpoints is not None and relaxation.done < relaxation.steps and checkpoints.due(key):
            arrays = {"steps": np.array(relaxation.done), **leaves_of(relaxation.carry)}
            arrays |= {"seen:temperatures": seen.temperatures, "seen:alike": np.array(seen.alike)}
            arrays |= {} if seen.counts is None else {"seen:counts": seen.counts}
            frames, lanes = -(-relaxation.done // every), experiment.replicates * relaxation.made.chains
            arrays |= {f"record:{name}": value for name, value in shelf.kept(0, lanes, frames).items()}
            checkpoints.save(key, arrays, {index})


def _resume(relaxation: Relaxation, saved: Arrays, seen: Seen, shelf: Shelf) -> None:
    """Goes to where a relaxation was kept.

    Raises
    ------
    KeyError, ValueError : that can't be.
    """
    carry, steps = carry_from(saved, relaxation.like()), int(saved["steps"])
    temperatures, alike = saved["seen:temperatures"], bool(saved["seen:alike"])
    counts = None if seen.counts is None else saved["seen:counts"]
    lanes = len(relaxation.keys) * relaxation.made.chains
    kept = {
        name.removeprefix("record:"): value for name, value in saved.items() if name.startswith("record:")
    }
    shelf.restore(0, lanes, kept)
    seen.temperatures, seen.alike, seen.counts, seen.done = temperatures, alike, counts, steps
    relaxation.carry, relaxation.done = carry, steps


def _table(experiment: Experiment, seeds: Sequence[int], made: Any, seen: Seen, shelf: Shelf) -> Table:
    wanted = experiment.record.variables
    steps = np.arange(0, experiment.steps, experiment.record.every)
    found = {
        name: _column(view, shelf, steps)
        for name, view in views(made, experiment.replicates, experiment.steps, seen).items()
    }
    found |= {name: column(dims, values, attrs) for name, (dims, values, attrs) in seen.distances().items()}
    # "temperature" is what a sweep of it calls its dimension
    named = {{"temperature": "core_temperature"}.get(name, name): one for name, one in found.items()}
    labels = {name: column(name, values) for name, values in coordinates(made).items()}
    labels |= {
        "replicate": column("replicate", np.arange(experiment.replicates)),
        "step": column("step", steps),
        "world_seed": column("replicate", np.array(seeds, np.int64)),
    }
    return Table({name: one for name, one in named.items() if wanted == "all" or name in wanted}, labels)


def _column(view: View, shelf: Shelf, steps: np.ndarray) -> Column:
    """A variable that is made of what the shelf holds when it is asked for."""

    def read(stretch: slice) -> np.ndarray:
        return view.read(shelf.read(f"{AS_IT_IS}{view.made_of}", stretch), steps[stretch])

    one = read(slice(0, 1))
    place = view.dims.index("step")
    shape = (*one.shape[:place], len(steps), *one.shape[place + 1 :])
    return Column(view.dims, shape, one.dtype, view.attributes, read)
