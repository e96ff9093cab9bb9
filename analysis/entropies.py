"""The entropies of agents: of their beliefs and policies as they report them, of their moves as they are counted."""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.counting import FRACTION, action_counts
from thermopolis.analysis.information import entropy
from thermopolis.analysis.series import group_series


def belief_entropy(ds: xr.Dataset, bins: int | None = None) -> xr.DataArray:
    """Shannon entropy of the belief over states, ``(…, replicate, step, group)``, in nats."""
    return group_series(ds, "belief_entropy", bins).assign_attrs(long_name="belief entropy", units="nat")


def policy_entropy(ds: xr.Dataset, bins: int | None = None) -> xr.DataArray:
    """Shannon entropy of the exact q(π), ``(…, replicate, step, group)``, in nats."""
    return group_series(ds, "policy_entropy", bins).assign_attrs(long_name="policy entropy", units="nat")


def policy_varentropy(ds: xr.Dataset, bins: int | None = None) -> xr.DataArray:
    """Variance of −ln q(π) under q(π), ``(…, replicate, step, group)``, in nats²."""
    return group_series(ds, "policy_varentropy", bins).assign_attrs(
        long_name="policy varentropy", units="nat²"
    )


def action_entropy(ds: xr.Dataset, fraction: float = FRACTION) -> xr.DataArray:
    """Entropy of a group's actions, ``(…, replicate, group)``, in nats, Miller–Madow corrected.

    At most ln of the number of actions: as many as are named, or as were taken in the dataset (two at least).
    """
    counts = action_counts(ds, fraction).transpose(..., "action")
    value = np.minimum(entropy(counts.values), np.log(counts.sizes["action"]))
    out = counts.isel(action=0, drop=True).copy(data=value).rename("action_entropy")
    return out.assign_attrs(long_name="entropy of actions", units="nat")
