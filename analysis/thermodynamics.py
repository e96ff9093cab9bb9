"""What thinking cost: joules by kind, per decision, accuracy bought with them, and the second law kept apart by scale.

The core with its bath obeys ⟨ΔS + Q/T⟩ ≥ 0 as a mean over replicates; a planet with its surroundings obeys ΔS ≥ 0.
Each has its own row: a sum over scales forty powers of ten apart would hold whatever the smaller one did.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from thermopolis.analysis.digests import digest
from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.series import group_series, is_digest, nanmean, sweep_dims, tail
from thermopolis.errors import StoreError

BOLTZMANN = 1.380649e-23
LAWS = (
    ("core_entropy_production", "core and its bath", "J/K"),
    ("entropy_production", "planet and surroundings", "J/K"),
)


def joules_by_kind(ds: xr.Dataset, bins: int | None = None) -> xr.DataArray:
    """Joules of one decision by kind of operation, ``(…, replicate, step, group, operation)``."""
    return group_series(ds, "core_joules", bins).assign_attrs(long_name="energy of a decision", units="J")


def joules_per_decision(ds: xr.Dataset, bins: int | None = None) -> xr.DataArray:
    """Joules of one decision, all kinds added, ``(…, replicate, step, group)``; NaN where none was taken."""
    kinds = joules_by_kind(ds, bins)
    if "operation" not in kinds.dims:
        return kinds
    total = kinds.sum("operation", skipna=False)
    return total.assign_attrs(long_name="energy of a decision", units="J")


def frontier(cost: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Which of the points (cost, value) no other point beats in both: booleans, for least cost and most value."""
    cost, value = np.asarray(cost, float), np.asarray(value, float)
    keep = np.zeros(len(cost), bool)
    best = -np.inf
    for i in sorted(range(len(cost)), key=lambda i: (cost[i], -value[i])):
        if np.isfinite(cost[i]) and value[i] > best:
            keep[i], best = True, value[i]
    return keep


def accuracy_per_joule(ds: xr.Dataset, value: str = "accuracy") -> list[dict[str, Any]]:
    """Accuracy (or reward, …) against joules per decision: one row per place of the sweep and group.

    Rows hold ``joules``, ``value``, ``value_low``, ``value_high``, ``per_joule`` (the value gained over the worst
    row, per joule) and ``frontier``: whether no other setting is both cheaper and better.
    """
    joules = joules_per_decision(ds)
    small = xr.Dataset({"joules": joules}, attrs={**ds.attrs, "digest": 1})
    cost, gain = tail(small, "joules"), tail(ds, value)
    interval = mean_interval(gain)
    dims = sweep_dims(cost)
    rows: list[dict[str, Any]] = []
    for place in np.ndindex(*[cost.sizes[d] for d in dims]):
        at = dict(zip(dims, place, strict=True))
        for g in cost["group"].values:
            spent = float(cost.isel(at).sel(group=g).mean())
            where = interval.isel(at).sel(group=g)
            row = {d: (cost[d].values[i] if d in cost.coords else i) for d, i in at.items()}
            row |= {"group": str(g), "joules": spent, "value": float(where["mean"])}
            rows.append(row | {"value_low": float(where["low"]), "value_high": float(where["high"])})
    rows = [r for r in rows if np.isfinite(r["joules"]) and r["joules"] > 0 and np.isfinite(r["value"])]
    if not rows:
        raise StoreError(f"no setting has both joules and {value}")
    worst = min(r["value"] for r in rows)
    best = frontier(np.array([r["joules"] for r in rows]), np.array([r["value"] for r in rows]))
    for row, kept in zip(rows, best, strict=True):
        row |= {"per_joule": (row["value"] - worst) / row["joules"], "frontier": bool(kept)}
    return rows


def second_law(ds: xr.Dataset) -> list[dict[str, Any]]:
    """Entropy produced by each part, with its own verdict; one row per part and place of the sweep.

    Rows hold ``part``, ``mean`` (J/K per step, over replicates, steps and agents), ``low``, ``high``, ``holds``:
    True where the interval isn't wholly below zero (a single history of a small system may go backwards, an
    ensemble mean may not), and ``in_k`` (units of Boltzmann's constant). Beliefs have no heat bath: the entropy they
    lose is bought by the core's, so they are no row of their own but the bound ``landauer`` beside the core's heat.
    """
    small = ds if is_digest(ds) else digest(ds)
    rows: list[dict[str, Any]] = []
    for name, part, units in LAWS:
        if name not in small.data_vars:
            continue
        rows += _law_rows(tail(small, name, 1.0), part, units)
    if "core_heat" in small.data_vars and "landauer_bound" in small.data_vars:
        surplus = xr.Dataset({"x": small["core_heat"] - small["landauer_bound"]}, attrs=small.attrs)
        rows += _law_rows(tail(surplus, "x", 1.0), "heat above Landauer's bound", "J")
    return rows


def _law_rows(array: xr.DataArray, part: str, units: str) -> list[dict[str, Any]]:
    own = [d for d in array.dims if d not in ("replicate", *sweep_dims(array))]
    values = np.asarray(array.transpose(..., *own).values, np.float64)
    for _ in own:
        values = nanmean(values, values.ndim - 1)
    flat = xr.DataArray(values, dims=[d for d in array.dims if d not in own])
    interval = mean_interval(flat)
    dims = sweep_dims(array)
    rows = []
    for place in np.ndindex(*[array.sizes[d] for d in dims]):
        at = interval.isel(dict(zip(dims, place, strict=True)))
        mean, low, high = (float(at[k]) for k in ("mean", "low", "high"))
        if not np.isfinite(mean):
            continue
        reach = high if np.isfinite(high) else mean
        row = {d: (array[d].values[i] if d in array.coords else i) for d, i in zip(dims, place, strict=True)}
        row |= {"part": part, "mean": mean, "low": low, "high": high, "units": units, "holds": reach >= 0.0}
        rows.append(row | {"in_k": mean / BOLTZMANN if units == "J/K" else np.nan})
    return rows
