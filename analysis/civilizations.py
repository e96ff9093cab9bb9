"""Civilizations on Kardashev's scale: trajectories, milestones, collapse.

K = (log10 P − 6)/10, P in watts (Sagan's interpolation): 10⁶ W is 0, 10¹⁶ W Type I, 10²⁶ W Type II.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from thermopolis.analysis.series import standard
from thermopolis.errors import StoreError

TYPES = (("Type I", 1.0), ("Type II", 2.0), ("Type III", 3.0))
HUMANITY = (
    ("humanity 1800", 0.5809),
    ("humanity 1900", 0.6141),
    ("humanity 1950", 0.6512),
    ("humanity 2018", 0.7291),
)


def kardashev_of(power_watts: np.ndarray) -> np.ndarray:
    """K of a power; −inf at 0, NaN below and where the power is NaN."""
    power = np.asarray(power_watts, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (np.log10(power) - 6.0) / 10.0


def kardashev(ds: xr.Dataset) -> xr.DataArray:
    """K of every civilization, (…, replicate, step, agent), recorded or from its power."""
    ds = standard(ds)
    if "kardashev" in ds.data_vars:
        return ds["kardashev"]
    if "power" not in ds.data_vars:
        raise StoreError("neither kardashev nor power was recorded")
    return ds["power"].copy(data=kardashev_of(ds["power"].values)).rename("kardashev").assign_attrs(units="1")


def kardashev_total(ds: xr.Dataset) -> xr.DataArray:
    """K of all civilizations of a world together, (…, replicate, step); dead ones count as 0 W."""
    if "world_kardashev" in ds.data_vars:
        return ds["world_kardashev"]
    ds = standard(ds)
    if "kardashev_total" in ds.data_vars:
        return ds["kardashev_total"].max("agent").rename("world_kardashev")
    if "power" in ds.data_vars:
        power = ds["power"]
    elif "kardashev" in ds.data_vars:
        power = 10.0 ** (10.0 * ds["kardashev"] + 6.0)
    else:
        raise StoreError("neither power nor kardashev was recorded")
    whole = power.fillna(0.0).sum("agent") if "agent" in power.dims else power
    out = whole.copy(data=kardashev_of(whole.values)).rename("world_kardashev")
    return out.assign_attrs(long_name="Kardashev number of the whole", units="1")


def collapses(ds: xr.Dataset) -> xr.DataArray:
    """Step at which each civilization ended, (…, replicate, agent); NaN where it lasted.

    A civilization has ended where its population (else its power) is 0 or NaN from some step on.
    """
    if "collapse" in ds.data_vars:
        return ds["collapse"]
    ds = standard(ds)
    name = next((n for n in ("population", "power") if n in ds.data_vars), None)
    if name is None:
        raise StoreError("neither population nor power was recorded, so collapse can't be told")
    array = ds[name]
    axis = array.dims.index("step")
    alive = np.moveaxis(np.nan_to_num(np.asarray(array.values)) > 0, axis, -1)
    n = alive.shape[-1]
    last = n - 1 - np.argmax(alive[..., ::-1], axis=-1)
    steps = np.asarray(array["step"].values if "step" in array.coords else np.arange(n), float)
    ended = alive.any(-1) & (last < n - 1)
    values = np.where(ended, steps[np.minimum(last + 1, n - 1)], np.nan)
    dims = [d for d in array.dims if d != "step"]
    coords = {k: v for k, v in array.coords.variables.items() if "step" not in v.dims}
    return xr.DataArray(
        values, dims=dims, coords=coords, name="collapse", attrs={"long_name": "collapse", "units": "step"}
    )


def milestones(ds: xr.Dataset) -> list[dict[str, Any]]:
    """When the whole first reached each mark, and how often: one row per mark and place of the sweep.

    Rows hold ``milestone``, ``kardashev``, ``reached`` (replicates), ``replicates``, ``step`` (median over those that
    reached it) and the sweep's coordinates.
    """
    total = kardashev_total(ds)
    values = total.transpose(..., "replicate", "step")
    steps = np.asarray(
        values["step"].values if "step" in values.coords else np.arange(values.sizes["step"]), float
    )
    outer = [d for d in values.dims if d not in ("replicate", "step")]
    rows: list[dict[str, Any]] = []
    for place in np.ndindex(*[values.sizes[d] for d in outer]):
        where = {str(d): values[d].values[i] for d, i in zip(outer, place, strict=True)}
        k = values.values[place]
        start = np.nan_to_num(k[:, 0], nan=-np.inf, neginf=-np.inf)
        for name, mark in (*HUMANITY, *TYPES):
            over = k >= mark
            if (start >= mark).all():
                continue  # there from the beginning: no event of this run
            reached = over.any(-1)
            first = steps[np.argmax(over, -1)][reached]
            median = float(np.median(first)) if reached.any() else np.nan
            rows.append(
                {**where, "milestone": name, "kardashev": mark, "reached": int(reached.sum())}
                | {"replicates": len(k), "step": median}
            )
    return rows
