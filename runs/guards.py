"""Guards: a value that isn't finite where it should be stops a point, with its place."""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.errors import SimulationError
from thermopolis.runs.schema import Experiment

#: NaN here says that there was nothing to observe (free energy) or that a device's figure is unknown (joules).
MAY_BE_NAN = ("free_energy", "complexity", "accuracy", "core_joules")
#: -inf is the rating of a civilization without power.
MAY_BE_INFINITE = ("kardashev",)


def check(dataset: xr.Dataset, experiment: Experiment) -> None:
    """Raise ``SimulationError`` at the first value that left the numbers.

    After the end of a game NaN is right; an infinite free energy says that an agent's model holds what it saw
    impossible.
    """
    if experiment.record.summary is not None:
        _check_summary(dataset)
        return
    over = dataset["action"].values < 0 if "action" in dataset and "agent" in dataset["action"].dims else None
    kinds = dataset["kind"].values if "kind" in dataset else np.array(["core"])
    for name, variable in dataset.data_vars.items():
        values = variable.values
        if values.dtype.kind != "f" or name in MAY_BE_INFINITE:
            continue
        bad = np.isinf(values)
        if name not in MAY_BE_NAN and over is not None and values.shape[:3] == over.shape:
            reports = ~np.isnan(values).all(axis=(0, 1)) if values.ndim == 3 else None
            if reports is not None:
                bad |= np.isnan(values) & ~over & reports
        if bad.any():
            place = np.argwhere(bad)[np.argwhere(bad)[:, 1].argmin()]
            replicate, step, agent = (int(i) for i in place[:3])
            kind = kinds[min(agent, len(kinds) - 1)] if kinds.ndim == 1 else kinds[replicate, agent]
            why = ""
            if name in ("free_energy", "complexity") and np.isinf(values[tuple(place)]):
                why = ": it saw an outcome that its model holds impossible"
            raise SimulationError(
                f"{name} is {values[tuple(place)]} at step {int(dataset['step'][step])}, replicate "
                f"{replicate}, agent {agent} ({kind}){why}"
            )


def _check_summary(dataset: xr.Dataset) -> None:
    for name, variable in dataset.data_vars.items():
        if str(name).rpartition("_")[0] in MAY_BE_INFINITE or not np.isinf(variable.values).any():
            continue
        place = np.argwhere(np.isinf(variable.values))
        replicate, step = place[place[:, 1].argmin()][:2]
        raise SimulationError(
            f"{name} is infinite at step {int(dataset['step'][step])}, replicate {replicate}"
        )
