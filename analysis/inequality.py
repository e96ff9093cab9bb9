"""Who gets how much: Gini's index and shares.

G = Σ_i (2i − n − 1) x_(i) / (n Σ x): 0 for equal shares, (n − 1)/n when one has all; times n/(n − 1) it is 1 there,
and an unbiased estimate for a sample of a large population.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.series import group_labels, group_names, standard
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


def gini(ds: xr.Dataset, name: str = "reward", cumulative: bool | None = None) -> xr.DataArray:
    """Gini's index of a quantity over agents, (…, replicate, step), in [0, 1].

    Parameters
    ----------
    name : str
        A flow such as ``reward`` or a stock such as ``store``.
    cumulative : bool, optional
        Whether to add up from the start first; by default for ``reward``.
    """
    stored = f"gini_{name}"
    if stored in ds.data_vars:
        return ds[stored]
    ds = standard(ds)
    if name not in ds.data_vars or "agent" not in ds[name].dims:
        raise StoreError(f"{name!r} wasn't recorded by agent, so its inequality isn't known")
    array = ds[name]
    values = np.asarray(array.values, np.float64)
    if (name == "reward") if cumulative is None else cumulative:
        values = np.cumsum(np.where(np.isfinite(values), values, 0.0), axis=array.dims.index("step"))
    index = gini_of(np.moveaxis(values, array.dims.index("agent"), -1))
    dims = [d for d in array.dims if d != "agent"]
    coords = {k: v for k, v in array.coords.items() if "agent" not in v.dims}
    return xr.DataArray(
        index,
        dims=dims,
        coords=coords,
        name=stored,
        attrs={"long_name": f"Gini index of {name}", "units": "1"},
    )


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
