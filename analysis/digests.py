"""A point's traces brought down to what figures and tables need.

A dataset of 10⁸ agent-steps is read once, a point at a time, into its *digest*: the same variables with ``agent``
averaged into ``group`` and ``step`` into at most ``bins`` equal bins (each step counts once), plus what can't be had
from means: counts of moves and joint outcomes, inequality, shares, disorder, collapses, quantiles of work. Every
observable and figure takes a dataset or its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import numpy as np
import xarray as xr

from thermopolis.analysis.civilizations import collapses, kardashev_total
from thermopolis.analysis.cooperation import mutual_defection, time_to_cooperation
from thermopolis.analysis.cores import protocol_work, state_entropy
from thermopolis.analysis.counting import (
    action_counts,
    actions,
    context_counts,
    late,
    number_of_actions,
    transition_counts,
)
from thermopolis.analysis.disorder_index import disorder
from thermopolis.analysis.dwelling import dwell_times
from thermopolis.analysis.generations import (
    composition,
    composition_law,
    deme_swaps,
    kept_variance,
    price_course,
    trait_course,
    trait_predicted,
)
from thermopolis.analysis.inequality import energy_share, gini, player_share
from thermopolis.analysis.replicas import replica_paths
from thermopolis.analysis.selection import fixation, fixation_expected
from thermopolis.analysis.series import (
    CHAINS,
    by_bin,
    by_group,
    group_labels,
    group_names,
    is_digest,
    standard,
)
from thermopolis.errors import StoreError

BINS = 400
_SKIPPED = {
    "observation",
    "action",
    "replica",
    "parent",
    "other_parent",
    "genotype",
    "origin",
    "swapped",
    "on_trial",
}  # labels, not quantities: a mean says nothing
_HOLD = 10
_MOST_AGENTS = 64
_MOST_CHAINS = 4096
_MOST_ACTIONS = 16
QUANTILES = np.linspace(0.0, 1.0, 101)

_BINNED: dict[str, Callable[[xr.Dataset, int], xr.DataArray]] = {
    "pair_defection": lambda ds, bins: mutual_defection(ds),
    "gini_reward": lambda ds, bins: gini(ds, "reward", bins=bins),
    "gini_store": lambda ds, bins: gini(ds, "store"),
    "power_share": lambda ds, bins: energy_share(ds, "power"),
    "store_share": lambda ds, bins: energy_share(ds, "store"),
    "power_by_player": lambda ds, bins: player_share(ds, "power"),
    "store_by_player": lambda ds, bins: player_share(ds, "store"),
    "world_kardashev": lambda ds, bins: kardashev_total(ds),
    "action_share": lambda ds, bins: action_share(ds),
    "trait_mean": lambda ds, bins: trait_course(ds, "mean"),
    "trait_variance": lambda ds, bins: trait_course(ds, "variance"),
    "trait_predicted": lambda ds, bins: trait_predicted(ds),
    "price_selection": lambda ds, bins: price_course(ds, "selection"),
    "price_transmission": lambda ds, bins: price_course(ds, "transmission"),
}
_WHOLE: dict[str, Callable[[xr.Dataset], xr.DataArray]] = {
    "context_count": context_counts,
    "transition_count": transition_counts,
    "time_to_cooperation": lambda ds: time_to_cooperation(ds, min(_HOLD, ds.sizes["step"])),
    "collapse": lambda ds: collapses(ds).isel(agent=slice(0, _MOST_AGENTS)).reset_coords(drop=True),
    "order_moments": lambda ds: order_moments(ds),
    "work_quantile": lambda ds: quantiles(ds, "core_work"),
    "protocol_work": lambda ds: protocol_work(ds).isel(agent=slice(0, _MOST_CHAINS)).reset_coords(drop=True),
    "state_entropy": state_entropy,
    "replica_path": lambda ds: replica_paths(ds).rename(step="path_step"),
    "action_count": action_counts,
    "fixation": fixation,
    "fixation_expected": fixation_expected,
    "composition": composition,
    "composition_law": composition_law,
    "deme_swaps": deme_swaps,
    "kept_variance": kept_variance,
}


def quantiles(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Percentiles of a quantity over replicates, steps and agents, (…, quantile)."""
    if name not in ds.data_vars:
        raise StoreError(f"variable {name!r} was not recorded")
    array = ds[name].transpose(..., "replicate", "step", "agent")
    values = np.asarray(array.values, np.float64).reshape(*array.shape[:-3], -1)
    with np.errstate(invalid="ignore"):
        table = np.full((*values.shape[:-1], len(QUANTILES)), np.nan)
        for place in np.ndindex(values.shape[:-1]):
            row = values[place][np.isfinite(values[place])]
            if row.size:
                table[place] = np.quantile(row, QUANTILES)
    return xr.DataArray(
        table, dims=(*array.dims[:-3], "quantile"), name=f"{name}_quantile", attrs=ds[name].attrs
    )


def action_share(ds: xr.Dataset) -> xr.DataArray:
    """Share of each action, (…, replicate, step, group, action), where there are more than two and at most sixteen."""
    taken = actions(ds)
    count = number_of_actions(taken)
    if not 2 < count <= _MOST_ACTIONS or "agent" not in taken.dims:
        raise StoreError("there are no more than two actions")
    labels, groups = group_labels(ds), group_names(ds)
    parts = [by_group((taken == k).where(taken >= 0), labels, groups) for k in range(count)]
    return (
        xr.concat(parts, dim="action")
        .transpose(..., "action")
        .rename("action_share")
        .assign_attrs(taken.attrs)
    )


def order_moments(ds: xr.Dataset) -> xr.DataArray:
    """⟨|m|⟩, ⟨m²⟩, ⟨m⁴⟩ of the magnetisation, last half of the steps, (…, replicate, agent, moment)."""
    if "magnetisation" not in ds.data_vars or "agent" not in ds["magnetisation"].dims:
        raise StoreError("magnetisation was not recorded by chain")
    m = late(ds["magnetisation"].astype(np.float64))
    moments = [abs(m).mean("step"), (m**2).mean("step"), (m**4).mean("step")]
    out = xr.concat(moments, dim="moment").transpose(..., "replicate", "agent", "moment")
    return out.reset_coords(drop=True).drop_vars(["agent"], errors="ignore")


def digest(ds: xr.Dataset, bins: int = BINS, names: Iterable[str] | None = None) -> xr.Dataset:
    """Every recorded quantity by group and bin of steps, and what observables need besides.

    Parameters
    ----------
    ds : Dataset
        A point or a whole sweep; dims ``(…, replicate, step, agent)``.
    bins : int
        Most steps kept.
    names : iterable of str, optional
        Recorded variables wanted, and nothing besides; all by default.
    """
    ds = standard(ds)
    if is_digest(ds):
        return ds
    wanted = [str(n) for n in (ds.data_vars if names is None else names) if n in ds.data_vars]
    labels, groups = group_labels(ds), group_names(ds)
    data: dict[str, xr.DataArray] = {}
    for name in wanted:
        variable = ds[name]
        keep = name not in _SKIPPED and variable.dtype.kind in "fiub"
        if keep and {"replicate", "step"} <= set(variable.dims) and "link" not in variable.dims:
            data[name] = by_bin(by_group(variable, labels, groups), bins)
    if names is None:
        data |= _besides(ds, bins)
    out = xr.Dataset(data, attrs={**ds.attrs, "digest": 1, "steps": _span(ds)})
    for dim in ("replicate", "step"):  # kept even where no variable is
        if dim not in out.dims:
            out = out.assign_coords({dim: ds[dim].values if dim in ds.coords else np.arange(ds.sizes[dim])})
    if groups == [CHAINS]:
        out.attrs["alone"] = 1
    out.attrs["agents"] = int(ds.sizes.get("agent", 1))
    if "world_seed" in ds.coords and "world_seed" not in out.coords:
        out = out.assign_coords(world_seed=ds["world_seed"])
    return out


def _span(ds: xr.Dataset) -> int:
    """Steps simulated: recorded ones times the stretch each stands for."""
    n = int(ds.sizes["step"])
    if n < 2 or "step" not in ds.coords:
        return n
    return round(float(ds["step"][-1] + ds["step"][1] - 2 * ds["step"][0]))


def _besides(ds: xr.Dataset, bins: int) -> dict[str, xr.DataArray]:
    data: dict[str, xr.DataArray] = {}
    for name, whole in _WHOLE.items():
        try:
            data[name] = whole(ds)
        except (StoreError, KeyError):
            continue  # this world has no such thing
    for name, binned in _BINNED.items():
        try:
            data[name] = by_bin(binned(ds, bins), bins)
        except (StoreError, KeyError):
            continue
    if "protocol_work" not in data:  # a landscape that moves has no sides to dwell on
        with suppress(StoreError):
            found = dwell_times(ds).rename(survival="dwell_survival", stays="dwell_stays")
            data |= {str(name): found[name] for name in found.data_vars}
    try:
        parts = disorder(ds)
        data["disorder"] = parts.rename(step="window").drop_vars("window")
        data["window_step"] = parts["step"].rename(step="window").drop_vars("window")
    except (StoreError, KeyError):
        pass
    return data
