"""Sequences of moves and joint outcomes, and the counts that estimators of dynamics start from.

Moves are realised actions (cooperate 0, defect 1). A *context* is the outcome CC, CD, DC, DD of the round before,
own move first, as the player observed it; a pair's *outcome* is that of one round, the even player's move first.
Counts are of the last ``fraction`` of the steps, so that learning at the start isn't averaged with where it led.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.series import group_labels, group_names
from thermopolis.errors import StoreError

OUTCOMES = ("CC", "CD", "DC", "DD")
FRACTION = 0.5


def moves(ds: xr.Dataset) -> xr.DataArray:
    """Realised binary moves, (…, replicate, step, agent or link), int8; −1 where there was none.

    Raises
    ------
    StoreError
        No moves were recorded, or there are more than two kinds of them.
    """
    if "action" in ds.data_vars:
        array = ds["action"]
        if array.dtype.kind == "f":
            array = array.fillna(-1)
        if array.size and int(array.max()) > 1:
            raise StoreError("these games have more than two actions, so cooperation isn't defined in them")
        return array.astype(np.int8)
    if "cooperation" in ds.data_vars:
        values = ds["cooperation"].values
        rounded = np.where(np.isfinite(values), np.round(1.0 - values), -1).astype(np.int8)
        if not np.allclose(np.where(rounded < 0, 0, 1 - values), np.where(rounded < 0, 0, rounded)):
            raise StoreError("only mean cooperation over links was recorded, not moves")
        return ds["cooperation"].copy(data=rounded)
    raise StoreError("neither action nor cooperation was recorded")


def late(array: xr.DataArray, fraction: float = FRACTION) -> xr.DataArray:
    """The last ``fraction`` of the steps."""
    n = array.sizes["step"]
    return array.isel(step=slice(min(n - 1, round(n * (1.0 - fraction))), None))


def _bincount(codes: np.ndarray, bins: int) -> np.ndarray:
    """Counts of codes along the last axis, (…, bins); negative codes aren't counted."""
    lead = codes.shape[:-1]
    flat = codes.reshape(int(np.prod(lead)), codes.shape[-1]).astype(np.int64)
    row = np.arange(len(flat))[:, None] * (bins + 1)
    shifted = row + np.where(flat < 0, bins, flat)
    table = np.bincount(shifted.ravel(), minlength=len(flat) * (bins + 1)).reshape(-1, bins + 1)
    return table[:, :bins].reshape(*lead, bins)


def context_counts(ds: xr.Dataset, fraction: float = FRACTION) -> xr.DataArray:
    """How often each move followed each context: (…, replicate, group, context, move).

    Raises
    ------
    StoreError
        Observations aren't the four outcomes of a pair, or weren't recorded.
    """
    if "context_count" in ds.data_vars:
        return ds["context_count"]
    if "observation" not in ds.data_vars:
        raise StoreError("observation was not recorded, so no move can be put beside what came before it")
    move, seen = late(moves(ds), fraction), late(ds["observation"], fraction)
    if move.dims != seen.dims or int(seen.max()) > 3:
        raise StoreError("observations aren't the four outcomes of a game between two")
    own = str(move.dims[-1])
    code = np.where((seen.values >= 0) & (move.values >= 0), 2 * seen.values + move.values, -1)
    table = _bincount(np.moveaxis(code, move.dims.index("step"), -1), 8)  # (…, replicate, own, 8)
    labels, names = group_labels(ds), group_names(ds)
    if own == "link":
        labels = _link_labels(ds, labels)
    parts = []
    for name in names:
        mask = (labels == name).values
        mask = (
            mask[..., None]
            if mask.ndim == 1
            else mask.reshape((1,) * (table.ndim - 1 - mask.ndim) + (*mask.shape, 1))
        )
        parts.append((table * mask).sum(-2))
    dims = [d for d in move.dims if d not in ("step", own)]
    values = np.stack(parts, -2).reshape(*table.shape[:-2], len(names), 4, 2)
    coords = {k: v for k, v in move.coords.items() if not {"step", own} & set(v.dims) and k != "group"}
    out = xr.DataArray(values, dims=(*dims, "group", "context", "move"), coords=coords, name="context_count")
    return out.assign_coords(group=names, context=list(OUTCOMES), move=["C", "D"])


def _link_labels(ds: xr.Dataset, labels: xr.DataArray) -> xr.DataArray:
    """The group of every link's own player."""
    source = ds["source"]
    if labels.ndim == 1:
        return xr.DataArray(labels.values[source.values.astype(int)], dims=source.dims)
    spread = np.broadcast_to(source.values.astype(int), (labels.shape[0], ds.sizes["link"]))
    return xr.DataArray(np.take_along_axis(labels.values, spread, axis=1), dims=("replicate", "link"))


def pair_moves(ds: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Moves of the even and the odd player of every pair, each (…, replicate, step, pair).

    Raises
    ------
    StoreError
        Players 2k and 2k+1 don't play each other alone.
    """
    move = moves(ds)
    if move.dims[-1] != "agent" or move.sizes["agent"] % 2:
        raise StoreError("players don't meet in fixed pairs here, so there is no joint outcome of two")
    even, odd = (
        move.isel(agent=slice(k, None, 2)).rename(agent="pair").drop_vars("kind", errors="ignore")
        for k in (0, 1)
    )
    if "pair" in even.coords:
        even, odd = even.drop_vars("pair"), odd.drop_vars("pair")
    if move.sizes["agent"] > 2:
        if "observation" not in ds.data_vars:
            raise StoreError("observation was not recorded, so it can't be told who played whom")
        seen = ds["observation"].isel(agent=slice(0, None, 2)).values
        axis = even.dims.index("step")
        before = [np.take(m.values, np.arange(move.sizes["step"] - 1), axis) for m in (even, odd)]
        after = np.take(seen, np.arange(1, move.sizes["step"]), axis)
        known = (after >= 0) & (before[0] >= 0) & (before[1] >= 0)
        if not np.array_equal(np.where(known, 2 * before[0] + before[1], 0), np.where(known, after, 0)):
            raise StoreError("players don't meet in fixed pairs here, so there is no joint outcome of two")
    return even, odd


def joint_outcomes(ds: xr.Dataset) -> xr.DataArray:
    """The outcome 0…3 (CC, CD, DC, DD) of every pair and step; −1 where there was none."""
    even, odd = pair_moves(ds)
    return xr.where((even >= 0) & (odd >= 0), 2 * even + odd, -1).astype(np.int8)


def transition_counts(ds: xr.Dataset, fraction: float = FRACTION) -> xr.DataArray:
    """Counts of joint outcomes followed by joint outcomes: (…, replicate, outcome, next_outcome)."""
    if "transition_count" in ds.data_vars:
        return ds["transition_count"]
    outcome = late(joint_outcomes(ds), fraction)
    axis = outcome.dims.index("step")
    x = np.moveaxis(outcome.values, axis, -1)  # (…, replicate, pair, step)
    code = np.where((x[..., :-1] >= 0) & (x[..., 1:] >= 0), 4 * x[..., :-1] + x[..., 1:], -1)
    table = _bincount(code.reshape(*code.shape[:-2], code.shape[-2] * code.shape[-1]), 16)
    dims = [d for d in outcome.dims if d not in ("step", "pair")]
    coords = {k: v for k, v in outcome.coords.items() if not {"step", "pair"} & set(v.dims)}
    out = xr.DataArray(
        table.reshape(*table.shape[:-1], 4, 4), dims=(*dims, "outcome", "next_outcome"), coords=coords
    )
    return out.assign_coords(outcome=list(OUTCOMES), next_outcome=list(OUTCOMES)).rename("transition_count")
