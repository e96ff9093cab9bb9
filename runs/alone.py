"""A core alone: no players, an energy relaxes by itself (``environment: {kind: core, …}``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from thermopolis.errors import SimulationError
from thermopolis.keys import make_keys
from thermopolis.runs.schema import Experiment
from thermopolis.runs.streams import world_seeds


def specification(experiment: Experiment) -> dict[str, Any]:
    """The mapping that :func:`thermopolis.thermo.alone.relax` reads; an unset device is the experiment's core's."""
    spec = experiment.environment.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
    return {"device": experiment.core.device, **spec}


def simulate_alone(
    points: Sequence[Experiment], on_steps: Callable[[int], None]
) -> Iterator[tuple[int, xr.Dataset | SimulationError]]:
    """Relax every point; yields (index, dataset) with dimensions (replicate, step, chain, …)."""
    from thermopolis.thermo.alone import relax

    for index, experiment in enumerate(points):
        seeds = world_seeds(experiment)
        try:
            relaxed = relax(specification(experiment), make_keys(seeds, experiment.random), experiment.steps)
        except SimulationError as error:
            yield index, error
            continue
        wanted = experiment.record.variables
        # "temperature" is what a sweep of it calls its dimension
        named = {
            {"temperature": "core_temperature"}.get(name, name): v for name, v in relaxed.variables.items()
        }
        variables = {name: value for name, value in named.items() if wanted == "all" or name in wanted}
        dataset = xr.Dataset(variables, dict(relaxed.coordinates))
        dataset = dataset.assign_coords(
            replicate=np.arange(experiment.replicates),
            step=np.arange(experiment.steps),
            world_seed=("replicate", np.array(seeds, np.int64)),
        )
        yield index, dataset.isel(step=slice(None, None, experiment.record.every))
        on_steps(experiment.replicates * experiment.steps)
