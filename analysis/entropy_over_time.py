"""The entropies agents report of their own beliefs and policies, over time."""

from __future__ import annotations

import xarray as xr

from thermopolis.analysis.series import group_series


def belief_entropy(ds: xr.Dataset, bins: int | None = None) -> xr.DataArray:
    """Shannon entropy of the belief over states, ``(…, replicate, step, group)``, in nats."""
    return group_series(ds, "belief_entropy", bins).assign_attrs(long_name="belief entropy", units="nat")


def policy_entropy(ds: xr.Dataset, bins: int | None = None) -> xr.DataArray:
    """Shannon entropy of the exact q(π), ``(…, replicate, step, group)``, in nats."""
    return group_series(ds, "policy_entropy", bins).assign_attrs(long_name="policy entropy", units="nat")
