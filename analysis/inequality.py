"""Who gets how much: Gini's index and shares.

G = Σ_i (2i − n − 1) x_(i) / (n Σ x): 0 for equal shares, (n − 1)/n when one has all; times n/(n − 1) it is 1 there,
and an unbiased estimate for a sample of a large population.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.series import (
    bin_centres,
    bin_edges,
    bin_sum,
    by_bin,
    group_labels,
    group_names,
    in_pieces,
    standard,
)
from thermopolis.errors import StoreError


def gini_of(values: np.ndarray) -> np.ndarray:
    """Gini's index over the last axis, scaled to [0, 1]; NaN below two finite values, a negative, or a sum of 0."""
    x = np.sort(np.asarray(values, np.float64), axis=-1)  # NaN go last
    if x.shape[-1] > 1 and np.isfinite(x[..., 0]).all() and np.isfinite(x[..., -1]).all():  # then all are
        size = x.shape[-1]
        whole = x.sum(-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            plain = x @ (2.0 * np.arange(1, size + 1) - size - 1) / ((size - 1) * whole)
        return np.where((whole > 0) & (x[..., 0] >= 0), plain, np.nan)
    n = np.isfinite(x).sum(-1)
    rank = np.arange(1, x.shape[-1] + 1)
    weights = np.where(np.isfinite(x), 2 * rank - n[..., None] - 1, 0)
    total = np.where(np.isfinite(x), x, 0).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = (weights * np.where(np.isfinite(x), x, 0)).sum(-1) / (n * total) * n / (n - 1)
    negative = np.where(np.isfinite(x), x, 0).min(-1) < 0
    return np.where((n > 1) & (total > 0) & ~negative, index, np.nan)


def gini(
    ds: xr.Dataset, name: str = "reward", cumulative: bool | None = None, bins: int | None = None
) -> xr.DataArray:
    """Gini's index of a quantity over agents, (…, replicate, step), in [0, 1].

    Parameters
    ----------
    name : str
        A flow such as ``reward`` or a stock such as ``store``.
    cumulative : bool, optional
        Whether to add up from the start first; by default for ``reward``.
    bins : int, optional
        At most so many bins of steps: the index of what was added up by the end of each, else its mean over each.
    """
    stored = f"gini_{name}"
    if stored in ds.data_vars:
        return ds[stored]
    ds = standard(ds)
    if name not in ds.data_vars or "agent" not in ds[name].dims:
        raise StoreError(f"{name!r} wasn't recorded by agent, so its inequality isn't known")
    array = ds[name].transpose(..., "step", "agent")
    values, coords = array.values, {k: v for k, v in array.coords.variables.items() if "agent" not in v.dims}
    if (name == "reward") if cumulative is None else cumulative:
        starts = bin_edges(array.sizes["step"], bins or array.sizes["step"])
        values = _added_up(values, starts)
        coords = {k: v for k, v in coords.items() if "step" not in v.dims} | {
            "step": ("step", bin_centres(array, starts))
        }
    attrs = {"long_name": f"Gini index of {name}", "units": "1"}
    index = xr.DataArray(
        in_pieces(gini_of, values), dims=array.dims[:-1], coords=coords, attrs=attrs, name=stored
    )
    return index if bins is None else by_bin(index, bins)


def _added_up(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sums from the first step to the end of every bin, (…, bin, agent); what isn't known adds nothing."""
    axis = values.ndim - 2
    if len(starts) == values.shape[axis]:
        return np.cumsum(np.where(np.isfinite(values), values, 0), axis, np.float64)
    sums = bin_sum(values, starts, axis)
    if not np.isfinite(sums).all():
        sums = bin_sum(np.where(np.isfinite(values), values, 0), starts, axis)
    for k in range(1, sums.shape[axis]):
        sums[..., k, :] += sums[..., k - 1, :]
    return sums


def player_share(ds: xr.Dataset, name: str = "power", most: int = 8) -> xr.DataArray:
    """Share of each player in a quantity summed over them, (…, replicate, step, agent), where they are few."""
    ds = standard(ds)
    if name not in ds.data_vars or "agent" not in ds[name].dims or not 1 < ds.sizes["agent"] <= most:
        raise StoreError(f"{name!r} wasn't recorded by agent, or not by 2 to {most} of them")
    total = ds[name].sum("agent")
    share = (ds[name] / total.where(total != 0)).drop_vars(["kind", "agent"], errors="ignore")
    return share.rename(f"{name}_by_player").assign_attrs(long_name=f"share of {name}", units="1")


def energy_share(ds: xr.Dataset, name: str = "power") -> xr.DataArray:
    """Share of each group in a quantity summed over agents, (…, replicate, step, group); NaN where the sum is 0."""
    stored = f"{name}_share"
    if stored in ds.data_vars:
        return ds[stored]
    ds = standard(ds)
    if name not in ds.data_vars or "agent" not in ds[name].dims:
        raise StoreError(f"{name!r} wasn't recorded by agent, so it has no shares")
    labels, groups = group_labels(ds), group_names(ds)
    parts = [ds[name].where(labels == g).sum("agent") for g in groups]
    together = xr.concat(parts, dim="group").assign_coords(group=groups)
    total = together.sum("group")
    share = together / total.where(total != 0)
    dims = [*(d for d in ds[name].dims if d != "agent"), "group"]
    return share.transpose(*dims).rename(stored).assign_attrs(long_name=f"share of {name}", units="1")
