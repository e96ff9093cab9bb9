"""Datasets of a sweep's points put together in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from thermopolis import __version__
from thermopolis.runs.combine import coordinate, fill_value
from thermopolis.runs.plan import label
from thermopolis.runs.store import written

if TYPE_CHECKING:
    from thermopolis.runs.plan import Plan


def stack(plan: Plan, datasets: Mapping[int, xr.Dataset]) -> xr.Dataset:
    """One dataset of all points, with the sweep's dimensions first.

    Parameters
    ----------
    datasets : by the point's place in ``plan.points``; absent ones become NaN (−1 in whole numbers).
    """
    experiment = plan.experiment
    attrs = {
        "name": experiment.name,
        "experiment": written(experiment),
        "version": __version__,
        "seed": experiment.seed,
    }
    if not plan.dimensions:
        return datasets[0].assign_attrs(attrs)
    outer = [dimension.name for dimension in plan.dimensions]
    coords: dict[str, xr.Variable] = {}
    sizes: dict[str, int] = {}
    for dataset in datasets.values():
        for name in dataset.coords:
            if str(name) not in coords or coords[str(name)].size < dataset[name].size:
                coords[str(name)] = dataset[name].variable
        for dim, size in dataset.sizes.items():
            sizes[str(dim)] = max(size, sizes.get(str(dim), 0))
    variables: dict[str, xr.Variable] = {}
    for number, dataset in datasets.items():
        for name, variable in dataset.data_vars.items():
            if str(name) not in variables:
                shape = [*plan.shape, *(sizes[str(dim)] for dim in variable.dims)]
                values = np.full(shape, fill_value(variable.dtype), variable.dtype)
                variables[str(name)] = xr.Variable([*outer, *variable.dims], values, variable.attrs)
            corner = tuple(slice(0, size) for size in variable.shape)
            variables[str(name)].values[(*plan.points[number].index, *corner)] = variable.values
    for dimension in plan.dimensions:
        for name, path, values in zip(dimension.names, dimension.paths, dimension.values, strict=True):
            array = coordinate([label(value) for value in values])
            coords[name] = xr.Variable([dimension.name], array, {"path": path})
    return xr.Dataset(variables, coords, {**next(iter(datasets.values())).attrs, **attrs})
