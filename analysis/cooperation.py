"""Cooperation: how often, after what, how soon, and for whom it pays."""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.counting import FRACTION, context_counts, joint_outcomes, moves, transition_counts
from thermopolis.analysis.intervals import wilson_interval
from thermopolis.analysis.series import group_series, standard
from thermopolis.errors import StoreError


def cooperation_rate(ds: xr.Dataset, bins: int | None = None) -> xr.DataArray:
    """Share of realised moves that are cooperation, ``(…, replicate, step, group)``, in [0, 1]."""
    ds = standard(ds)
    if "cooperation" not in ds.data_vars and "action" in ds.data_vars and "agent" in ds["action"].dims:
        move = moves(ds)
        ds = ds.assign(cooperation=(move == 0).where(move >= 0))
    out = group_series(ds, "cooperation", bins).rename("cooperation")
    return out.assign_attrs(long_name="cooperation rate", units="1")


def conditional_cooperation(
    ds: xr.Dataset, fraction: float = FRACTION, level: float = 0.95, pooled: bool = True
) -> xr.Dataset:
    """Memory-one estimate p_CC, p_CD, p_DC, p_DD of every group, own move first, with Wilson intervals.

    Parameters
    ----------
    fraction : float
        Of the steps, from the end.
    pooled : bool
        Count over all replicates; otherwise one estimate per replicate.

    Returns
    -------
    Dataset
        ``estimate``, ``low``, ``high``, ``trials`` over (…, group, context); NaN where a context never came.
        The interval takes moves in a context as independent given it, which they are for memory-one players.
    """
    counts = context_counts(ds, fraction)
    if pooled:
        counts = counts.sum("replicate")
    trials, hits = counts.sum("move"), counts.sel(move="C", drop=True)
    low, high = wilson_interval(hits.values, trials.values, level)
    estimate = (hits / trials.where(trials > 0)).assign_attrs(long_name="probability to cooperate", units="1")
    return xr.Dataset(
        {"estimate": estimate, "low": (trials.dims, low), "high": (trials.dims, high), "trials": trials},
        attrs={"level": level},
    )


def transitions(ds: xr.Dataset, fraction: float = FRACTION, pooled: bool = True) -> xr.DataArray:
    """Probabilities of the next joint outcome, (…, outcome, next_outcome), rows summing to one or NaN."""
    counts = transition_counts(ds, fraction)
    if pooled:
        counts = counts.sum("replicate")
    total = counts.sum("next_outcome")
    out = counts / total.where(total > 0)
    return out.rename("transitions").assign_attrs(long_name="transition probability", units="1")


def mutual_defection(ds: xr.Dataset) -> xr.DataArray:
    """Share of pairs in which both defect, (…, replicate, step)."""
    if "pair_defection" in ds.data_vars:
        return ds["pair_defection"]
    outcome = joint_outcomes(ds)
    played = (outcome >= 0).sum("pair")
    out = (outcome == 3).sum("pair") / played.where(played > 0)
    return out.rename("pair_defection").assign_attrs(long_name="probability of mutual defection", units="1")


def time_to_cooperation(ds: xr.Dataset, hold: int = 10, share: float = 1.0) -> xr.DataArray:
    """First step from which at least ``share`` of the players cooperate for ``hold`` recorded steps on end.

    Returns
    -------
    DataArray
        (…, replicate), in steps; NaN where it never came about, so count those before taking a mean.
    """
    if "time_to_cooperation" in ds.data_vars:
        return ds["time_to_cooperation"]
    ds = standard(ds)
    move = moves(ds)
    own, axis = str(move.dims[-1]), move.dims.index("step")
    n = move.sizes["step"]
    if hold > n:
        raise StoreError(f"cooperation can't be held for {hold} steps: only {n} were recorded")
    played, kind = ((move.values >= 0).sum(-1, np.uint32), (move.values == 0).sum(-1, np.uint32))
    enough = (kind >= share * played) & (played > 0)
    run = np.cumsum(np.moveaxis(enough, axis, -1), axis=-1, dtype=np.int64)
    held = run[..., hold - 1 :] - np.concatenate([np.zeros((*run.shape[:-1], 1), int), run[..., :-hold]], -1)
    first = np.argmax(held == hold, axis=-1)
    steps = move["step"].values if "step" in move.coords else np.arange(n)
    values = np.where((held == hold).any(-1), steps[first].astype(float), np.nan)
    dims = [d for d in move.dims if d not in ("step", own)]
    coords = {k: v for k, v in move.coords.variables.items() if not {"step", own} & set(v.dims)}
    attrs = {"long_name": "time to cooperation", "units": "step"}
    return xr.DataArray(values, dims=dims, coords=coords, attrs=attrs, name="time_to_cooperation")
