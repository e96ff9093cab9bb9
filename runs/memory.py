"""Datasets of a sweep's points put together in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from thermopolis import __version__
from thermopolis.runs.combine import coordinate, fill_value
from thermopolis.runs.layout import layout
from thermopolis.runs.plan import label
from thermopolis.runs.store import written
from thermopolis.runs.table import table_of

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
    coords: dict[str, xr.Variable] = {}
    variables: dict[str, xr.Variable] = {}
    notes = [layout(table_of(dataset))["labels"] for dataset in datasets.values()]
    for name in dict.fromkeys(str(name) for dataset in datasets.values() for name in dataset.variables):
        having = {number: ds.variables[name] for number, ds in datasets.items() if name in ds.variables}
        if name in next(iter(having.values())).dims:
            coords[name] = max(having.values(), key=lambda variable: variable.size)
        elif any(name in note for note in notes):
            same = len({note.get(name) for note in notes}) == 1
            coords[name] = next(iter(having.values())) if same else _filled(plan, having)
        else:
            variables[name] = _filled(plan, having)
    for dimension in plan.dimensions:
        for name, path, values in zip(dimension.names, dimension.paths, dimension.values, strict=True):
            array = coordinate([label(value) for value in values])
            coords[name] = xr.Variable([dimension.name], array, {"path": path})
    return xr.Dataset(variables, coords, {**next(iter(datasets.values())).attrs, **attrs})


def _filled(plan: Plan, having: Mapping[int, xr.Variable]) -> xr.Variable:
    """One variable over all points, each in the corner of the largest."""
    first = next(iter(having.values()))
    inner = [max(lengths) for lengths in zip(*(variable.shape for variable in having.values()), strict=True)]
    dtype = np.result_type(*_types(having.values()))
    values = np.full([*plan.shape, *inner], fill_value(dtype), dtype)
    for number, variable in having.items():
        place: Any = (*plan.points[number].index, *(slice(0, size) for size in variable.shape))
        values[place] = variable.values
    return xr.Variable([*(dimension.name for dimension in plan.dimensions), *first.dims], values, first.attrs)


def _types(variables: Iterable[xr.Variable]) -> set[np.dtype]:
    return {np.dtype(object) if variable.dtype.kind in "UOT" else variable.dtype for variable in variables}
