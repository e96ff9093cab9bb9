"""The way of parallel tempering's replicas through the temperatures.

``replica[t, k]`` is recorded: which replica is at the k-th temperature after step t. Its inverse, the rung each replica
stands on, is what one follows: a round trip is a way from the coldest rung to the hottest and back.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.series import standard
from thermopolis.errors import StoreError

SHOWN = 200  # steps of a path that are kept


def replica_paths(ds: xr.Dataset, most: int = SHOWN) -> xr.DataArray:
    """Rung of each replica of the first chain of the first replicate, 0 the coldest, (…, step, replica).

    Parameters
    ----------
    ds : Dataset
        With ``replica`` (…, replicate, step, agent, rung), as parallel tempering records it.
    most : int
        The last steps of the record, at most so many. NaN for replicas that a place of the sweep doesn't have.

    Raises
    ------
    StoreError
        No replicas were recorded.
    """
    if "replica" not in ds.data_vars:
        raise StoreError("replica was not recorded: no parallel tempering")
    held = standard(ds)["replica"].isel(replicate=0, agent=0, step=slice(-most, None))
    held = held.transpose(..., "step", "rung").astype(np.float64)
    values = np.where(held.values < 0, np.nan, held.values)
    rung = np.argsort(values, axis=-1).astype(np.float64)  # NaN last
    rung[np.isnan(np.sort(values, axis=-1))] = np.nan
    coords = {
        name: c for name, c in held.coords.items() if c.dims and set(c.dims) <= set(held.dims) - {"rung"}
    }
    dims = [*held.dims[:-1], "replica"]
    return xr.DataArray(rung, dims=dims, coords=coords)
