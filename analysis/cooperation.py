"""How often the players cooperated."""

from __future__ import annotations

import xarray as xr

from thermopolis.analysis.series import group_series


def cooperation_rate(ds: xr.Dataset, bins: int | None = None) -> xr.DataArray:
    """Share of realised moves that are cooperation, ``(…, replicate, step, group)``, in [0, 1]."""
    out = group_series(ds, "cooperation", bins).rename("cooperation")
    return out.assign_attrs(long_name="cooperation rate", units="1")
