"""Traces as series: means over the agents of a group and over bins of steps, and tails of runs.

Everything here takes a dataset or its digest (:mod:`thermopolis.analysis.digests`), where that was done before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from thermopolis.errors import StoreError

_INNER = (
    "replicate", "step", "agent", "link", "chain", "group", "operation", "outcome", "next_outcome", "context", "move",
    "part", "window", "quantile", "moment", "direction", "unit", "pair", "state", "action", "dwell",
    "rung", "replica", "path_step", "type", "trait", "players_of_first",
)  # fmt: skip
_TRACE = ("step", "agent", "link", "chain")
_CACHED = 1 << 18  # numbers of an array that a core's cache holds, with what is made of them
_WIDE = 16  # numbers side by side from which on adding whole rows pays
EVERYBODY, CHAINS = "all players", "chains of the core"


def is_digest(ds: xr.Dataset) -> bool:
    """Whether ``ds`` has been through :func:`thermopolis.analysis.digest`."""
    return bool(ds.attrs.get("digest", 0))


def check(ds: xr.Dataset) -> xr.Dataset:
    """``ds`` itself, or a :class:`StoreError` saying in what way it is no thermopolis dataset."""
    if not isinstance(ds, xr.Dataset):
        raise StoreError(f"expected an xarray Dataset of recorded variables, got {type(ds).__name__}")
    missing = [d for d in ("replicate", "step") if d not in ds.dims]
    if missing:
        raise StoreError(
            f"this dataset has no dimension {' or '.join(map(repr, missing))} "
            f"(it has {sorted(map(str, ds.dims))}): it was not written by thermopolis"
        )
    empty = [str(d) for d, n in ds.sizes.items() if n == 0]
    if empty or not ds.data_vars:
        raise StoreError(
            f"this dataset is empty ({'no variables' if not empty else f'dimension {empty[0]} has length 0'})"
        )
    text = [str(n) for n, v in ds.data_vars.items() if v.dtype.kind in "OSU" and "step" in v.dims]
    if text:
        raise StoreError(
            f"{text[0]!r} of this dataset holds text, not numbers: it was not written by thermopolis"
        )
    if "step" in ds.coords:
        steps = ds["step"]
        if steps.dtype.kind not in "iuf" or not np.isfinite(steps.values).all():
            raise StoreError("the steps of this dataset aren't numbers: it was not written by thermopolis")
    return ds


def standard(ds: xr.Dataset) -> xr.Dataset:
    """``ds`` as observables expect it: checked, and dims ordered (…, replicate, step, agent or link, …).

    A single world may come without ``replicate``, a single player without ``agent``; chains of a core alone take the
    place of agents; ``X_mean`` of an on-line summary stands for X. A digest is given back as it is.
    """
    if not isinstance(ds, xr.Dataset) or is_digest(ds):
        return check(ds)
    if "step" in ds.dims and "replicate" not in ds.dims:
        ds = ds.expand_dims("replicate")
    check(ds)
    if "chain" in ds.dims and "agent" not in ds.dims:
        ds = ds.rename(chain="agent").assign_coords(kind=("agent", [CHAINS] * ds.sizes["chain"]))
    means = {
        f"{n[:-5]}": n for n in map(str, ds.data_vars) if n.endswith("_mean") and n[:-5] not in ds.data_vars
    }
    if means:
        ds = ds.assign({n: _of_everybody(ds[mean], n) for n, mean in means.items()})
        if "kind" not in ds.coords:
            ds = ds.assign_coords(kind=("agent", [EVERYBODY]))
    elif "agent" not in ds.dims:
        series = [
            n
            for n, v in ds.data_vars.items()
            if {"replicate", "step"} <= set(v.dims) and "link" not in v.dims
        ]
        ds = ds.assign({n: ds[n].expand_dims("agent", -1) for n in series})
    order = [d for d in ("replicate", "step", "agent", "link") if d in ds.dims]
    tidy = {}
    for name, variable in ds.data_vars.items():
        inner = [d for d in order if d in variable.dims]
        before = sweep_dims(variable)
        after = [d for d in variable.dims if d not in inner and d not in before]
        dims = (*before, *inner, *after)
        if dims != variable.dims:
            tidy[name] = variable.transpose(*dims)
    return ds.assign(tidy) if tidy else ds


def _of_everybody(mean: xr.DataArray, name: str) -> xr.DataArray:
    """A mean over players as if it were one player's."""
    words = str(mean.attrs.get("long_name", name.replace("_", " "))).removeprefix("mean over players: ")
    out = mean.expand_dims("agent", mean.dims.index("step") + 1).rename(name)
    return out.assign_attrs(long_name=words, units=mean.attrs.get("units", "1"))


def sweep_dims(ds: xr.Dataset | xr.DataArray) -> list[str]:
    """Dimensions a sweep added, in order: those before ``replicate``, and any that results don't have by themselves."""
    arrays = [ds] if isinstance(ds, xr.DataArray) else list(ds.data_vars.values())
    seen: dict[str, None] = {}
    for array in sorted(arrays, key=lambda v: -v.ndim):
        dims = [str(d) for d in array.dims]
        cut = dims.index("replicate") if "replicate" in dims else 0
        swept = [d for i, d in enumerate(dims) if d not in _INNER or (i < cut and d not in _TRACE)]
        seen.update(dict.fromkeys(swept))
    return list(seen)


def group_labels(ds: xr.Dataset) -> xr.DataArray:
    """The group of every agent: coordinate ``group`` or ``kind`` on ``agent`` (and maybe ``replicate``).

    Where a sweep is over kinds, and all players of a place are of one, the place says who they are: one group.
    """
    for name in ("group", "kind"):
        if name in ds.coords and "agent" in ds[name].dims:
            labels = ds[name].astype(str)
            inner = [d for d in labels.dims if d in ("replicate", "agent")]
            if len(inner) < labels.ndim and bool((labels == labels.isel(dict.fromkeys(inner, 0))).all()):
                return xr.full_like(labels, EVERYBODY, dtype=f"<U{len(EVERYBODY)}")
            return labels
    return xr.DataArray(np.full(ds.sizes.get("agent", 1), "all"), dims="agent")


def group_names(ds: xr.Dataset) -> list[str]:
    """Group labels in order of first appearance."""
    if is_digest(ds):
        return [str(g) for g in ds["group"].values] if "group" in ds.coords else []
    return list(dict.fromkeys(str(label) for label in group_labels(ds).values.ravel()))


def bin_edges(steps: int, bins: int) -> np.ndarray:
    """Starts of at most ``bins`` near-equal bins of ``steps`` steps."""
    return np.unique(np.linspace(0, steps, min(bins, steps), endpoint=False).astype(int))


def in_pieces(function: Callable[[np.ndarray], np.ndarray], values: np.ndarray) -> np.ndarray:
    """``function`` of an array, some indices of its first axis after others where it is large.

    What a function needs in between then stays in a core's cache, which is several times faster than making whole
    arrays of it; the numbers are the same, for the function must keep the first axis and not mix its indices.
    """
    if values.size <= _CACHED:
        return function(values)
    count = max(1, _CACHED * len(values) // values.size)
    return np.concatenate([function(values[k : k + count]) for k in range(0, len(values), count)])


def nanmean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over finite entries, float64, NaN where there are none, silent about it."""
    axis %= values.ndim
    if axis == 0:
        return _nanmean(values, 0)
    before, after = values.shape[:axis], values.shape[axis + 1 :]
    rows = values.reshape(-1, *values.shape[axis:])
    return in_pieces(lambda part: _nanmean(part, 1), rows).reshape(*before, *after)


def _nanmean(values: np.ndarray, axis: int) -> np.ndarray:
    total = values.sum(axis=axis, dtype=np.float64)
    if np.isfinite(total).all():
        return np.asarray(total / values.shape[axis])
    finite = np.isfinite(values)
    if not finite.any():
        return np.full_like(total, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            np.where(finite, values, 0).sum(axis=axis, dtype=np.float64)
            / finite.sum(axis=axis, dtype=np.uint32)
        )


def bin_sum(values: np.ndarray, starts: np.ndarray, axis: int) -> np.ndarray:
    """Sum over consecutive bins along ``axis`` (``starts`` are the bins' first indices), float64."""
    if int(np.prod(values.shape[axis + 1 :])) < _WIDE:
        return np.add.reduceat(np.asarray(values, np.float64), starts, axis=axis)
    before = (slice(None),) * axis  # rows are added as rows: reduceat goes down every column by itself
    ends = (*starts[1:].tolist(), values.shape[axis])
    rows = [
        values[(*before, slice(start, stop))].sum(axis, np.float64)
        for start, stop in zip(starts.tolist(), ends, strict=True)
    ]
    return np.stack(rows, axis)


def bin_mean(values: np.ndarray, starts: np.ndarray, axis: int) -> np.ndarray:
    """Mean of finite entries in consecutive bins along ``axis`` (``starts`` are the bins' first indices), float64."""
    if len(starts) == values.shape[axis]:
        return np.asarray(values, np.float64)
    total = bin_sum(values, starts, axis)
    if np.isfinite(total).all():
        widths = np.diff(np.append(starts, values.shape[axis]))
        return np.asarray(total / widths.reshape([-1, *[1] * (values.ndim - axis - 1)]))
    finite = np.isfinite(values)
    total = bin_sum(np.where(finite, values, 0), starts, axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / bin_sum(finite, starts, axis))


def by_group(variable: xr.DataArray, labels: xr.DataArray, names: list[str]) -> xr.DataArray:
    """``agent`` averaged into ``group``, placed last but for extra dimensions."""
    if "agent" not in variable.dims:
        return variable
    axis = variable.dims.index("agent")
    values = np.asarray(variable.values)
    parts = []
    for name in names:
        chosen = labels == name
        if labels.ndim == 1:
            index = np.flatnonzero(chosen.values)
            if len(index) == values.shape[axis]:
                picked = values
            elif len(index) == 0:
                shape = tuple(n for i, n in enumerate(values.shape) if i != axis)
                parts.append(np.full(shape, np.nan))
                continue
            else:
                whole = len(index) == index[-1] - index[0] + 1
                where = slice(index[0], index[-1] + 1) if whole else index
                picked = values[(slice(None),) * axis + (where,)]
        else:
            picked = variable.where(chosen).transpose(*variable.dims).values
        parts.append(nanmean(picked, axis))
    dims = tuple("group" if d == "agent" else d for d in variable.dims)
    coords: dict[Any, Any] = {
        k: v for k, v in variable.coords.variables.items() if "agent" not in v.dims and k != "group"
    }
    coords["group"] = ("group", names)
    return xr.DataArray(
        np.stack(parts, axis=axis), dims=dims, coords=coords, attrs=variable.attrs, name=variable.name
    )


def time_label(ds: xr.Dataset | xr.DataArray) -> str:
    """What a step is, by the long name of its coordinate (round, year, generation); ``step`` where it has none."""
    return str(ds["step"].attrs.get("long_name", "step")) if "step" in ds.coords else "step"


def by_bin(array: xr.DataArray, bins: int) -> xr.DataArray:
    """``step`` averaged into at most ``bins`` bins, each at its mean step."""
    if "step" not in array.dims:
        return array
    axis = array.dims.index("step")
    starts = bin_edges(array.shape[axis], bins)
    values = bin_mean(np.asarray(array.values), starts, axis)
    coords: dict[Any, Any] = {k: v for k, v in array.coords.variables.items() if "step" not in v.dims}
    attrs = array["step"].attrs if "step" in array.coords else {}
    coords["step"] = ("step", bin_centres(array, starts), attrs)
    return xr.DataArray(values, dims=array.dims, coords=coords, attrs=array.attrs, name=array.name)


def bin_centres(array: xr.DataArray, starts: np.ndarray) -> np.ndarray:
    """Mean step of every bin."""
    steps = array["step"].values if "step" in array.coords else np.arange(array.sizes["step"])
    return np.add.reduceat(np.asarray(steps, np.float64), starts) / np.diff(np.append(starts, len(steps)))


def group_series(ds: xr.Dataset, name: str, bins: int | None = None) -> xr.DataArray:
    """One variable as ``(…, replicate, step, group)``: the mean over a group's agents.

    Raises
    ------
    StoreError
        The variable wasn't recorded; the message names those that were.
    """
    ds = standard(ds)
    if name not in ds.data_vars:
        there = ", ".join(sorted(map(str, ds.data_vars))) or "none"
        raise StoreError(f"variable {name!r} was not recorded (there are: {there})")
    variable = ds[name]
    if not is_digest(ds):
        variable = by_group(variable, group_labels(ds), group_names(ds))
    return variable if bins is None else by_bin(variable, bins)


def tail(ds: xr.Dataset, name: str, fraction: float = 0.5) -> xr.DataArray:
    """Mean over the last ``fraction`` of the steps, per replicate: ``(…, replicate, group)``."""
    if not 0.0 < fraction <= 1.0:
        raise StoreError(f"the fraction of steps kept must lie in (0, 1], got {fraction}")
    series = group_series(ds, name)
    steps = series.sizes["step"]
    first = min(steps - 1, round(steps * (1.0 - fraction)))
    part = series.isel(step=slice(first, None))
    axis = part.dims.index("step")
    dims = tuple(d for d in part.dims if d != "step")
    coords = {k: v for k, v in part.coords.variables.items() if "step" not in v.dims}
    values = nanmean(np.asarray(part.values, np.float64), axis)
    return xr.DataArray(values, dims=dims, coords=coords, attrs=part.attrs, name=name)
