"""What thinking cost: joules by kind of operation, per decision."""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.series import group_series


def joules_by_kind(ds: xr.Dataset, bins: int | None = None) -> xr.DataArray:
    """Joules of one decision by kind of operation, ``(…, replicate, step, group, operation)``."""
    out = group_series(ds, "core_joules", bins).assign_attrs(long_name="energy of a decision", units="J")
    return out


def joules_per_decision(ds: xr.Dataset, bins: int | None = None) -> xr.DataArray:
    """Joules of one decision, all kinds added, ``(…, replicate, step, group)``; NaN where none was taken."""
    kinds = joules_by_kind(ds, bins)
    if "operation" not in kinds.dims:
        return kinds
    total = kinds.sum("operation", skipna=False)
    return total.where(np.isfinite(total)).assign_attrs(long_name="energy of a decision", units="J")
