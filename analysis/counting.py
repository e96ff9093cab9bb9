"""Sequences of moves and joint outcomes, and the counts that estimators of dynamics start from.

Moves are realised actions (cooperate 0, defect 1). A *context* is the outcome CC, CD, DC, DD of the round before,
own move first, as the player observed it; a pair's *outcome* is that of one round, the even player's move first.
Counts are of the last ``fraction`` of the steps, so that learning at the start isn't averaged with where it led.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.series import group_labels, group_names, standard
from thermopolis.errors import StoreError

OUTCOMES = ("CC", "CD", "DC", "DD")
FRACTION = 0.5
FEW_KINDS = 64
MOST_COUNTS = 1 << 24
"""Entries of a table of counts, at most, where there are more than ``FEW_KINDS`` to be counted."""


def actions(ds: xr.Dataset) -> xr.DataArray:
    """Realised actions 0, 1, …, (…, replicate, step, agent or link), integers; −1 where there was none.

    Raises
    ------
    StoreError
        Neither actions nor each player's own cooperation were recorded.
    """
    ds = standard(ds)
    if "action" in ds.data_vars:
        array = ds["action"]
        return array.fillna(-1).astype(np.int32) if array.dtype.kind == "f" else array
    if "cooperation" not in ds.data_vars:
        raise StoreError("neither action nor cooperation was recorded")
    values = ds["cooperation"].values
    rounded = np.where(np.isfinite(values), np.round(1.0 - values), -1).astype(np.int8)
    if not np.allclose(np.where(rounded < 0, 0, 1 - values), np.where(rounded < 0, 0, rounded)):
        raise StoreError("only means of cooperation (over links or players) were recorded, not moves")
    return ds["cooperation"].copy(data=rounded)


def moves(ds: xr.Dataset) -> xr.DataArray:
    """Realised binary moves, (…, replicate, step, agent or link), int8; −1 where there was none.

    Raises
    ------
    StoreError
        No moves were recorded, or there are more than two kinds of them.
    """
    array = actions(ds)
    if array.size and int(array.values.max()) > 1:
        raise StoreError("these games have more than two actions, so cooperation isn't defined in them")
    return array.astype(np.int8, copy=False)


def number_of_actions(taken: xr.DataArray) -> int:
    """How many actions there are: as many as are named, or as were taken in the whole run; two at least."""
    named = len(str(taken.attrs.get("flag_meanings", "")).split())
    return max(named, int(taken.max()) + 1, 2)


def late(array: xr.DataArray, fraction: float = FRACTION) -> xr.DataArray:
    """The last ``fraction`` of the steps."""
    n = array.sizes["step"]
    return array.isel(step=slice(min(n - 1, round(n * (1.0 - fraction))), None))


def _bincount(codes: np.ndarray, bins: int) -> np.ndarray:
    """Counts of codes along the last axis, (…, bins); negative codes aren't counted.

    Raises
    ------
    StoreError
        A table of many kinds would have more than ``MOST_COUNTS`` entries.
    """
    rows = int(np.prod(codes.shape[:-1]))
    if bins > FEW_KINDS and rows * bins > MOST_COUNTS:
        raise StoreError(
            f"{bins:,} kinds of action or outcome counted in {rows:,} places are more than {MOST_COUNTS:,} counts: "
            "select fewer places, or fewer windows"
        )
    if bins <= 8:  # few values: comparing small integers beats widening them to index a table
        return np.stack([np.count_nonzero(codes == k, axis=-1) for k in range(bins)], -1)
    lead = codes.shape[:-1]
    flat = codes.reshape(rows, codes.shape[-1]).astype(np.int64)
    row = np.arange(len(flat))[:, None] * (bins + 1)
    shifted = row + np.where(flat < 0, bins, flat)
    table = np.bincount(shifted.ravel(), minlength=len(flat) * (bins + 1)).reshape(-1, bins + 1)
    return table[:, :bins].reshape(*lead, bins)


def action_counts(ds: xr.Dataset, fraction: float = FRACTION) -> xr.DataArray:
    """How often each action was taken, (…, replicate, group, action)."""
    if "action_count" in ds.data_vars:
        return ds["action_count"]
    ds = standard(ds)
    every = actions(ds)
    most, taken = number_of_actions(every), late(every, fraction)
    table = _bincount(np.moveaxis(taken.values, taken.dims.index("step"), -1), most)
    return _by_group(ds, taken, table, "action").rename("action_count")


def context_counts(ds: xr.Dataset, fraction: float = FRACTION) -> xr.DataArray:
    """How often each move followed each context: (…, replicate, group, context, move).

    Raises
    ------
    StoreError
        Observations aren't the four outcomes of a pair, or weren't recorded.
    """
    if "context_count" in ds.data_vars:
        return ds["context_count"]
    ds = standard(ds)
    seen = ds["observation"] if "observation" in ds.data_vars else _last_outcome(ds)
    move, seen = late(moves(ds), fraction), late(seen, fraction)
    if seen.dtype.kind == "f":
        seen = seen.fillna(-1).astype(np.int16)
    if move.dims != seen.dims or int(seen.max()) > 3:
        raise StoreError("observations aren't the four outcomes of a game between two")
    code = np.where((seen.values >= 0) & (move.values >= 0), 2 * seen.values + move.values, -1)
    table = _bincount(np.moveaxis(code, move.dims.index("step"), -1), 8)
    counts = _by_group(ds, move, table, "code")
    values = counts.values.reshape(*counts.shape[:-1], 4, 2)
    dims = (*counts.dims[:-1], "context", "move")
    out = xr.DataArray(values, dims=dims, coords=counts.coords, name="context_count")
    return out.assign_coords(context=list(OUTCOMES), move=["C", "D"])


def _by_group(ds: xr.Dataset, taken: xr.DataArray, table: np.ndarray, dim: str) -> xr.DataArray:
    """Counts (…, replicate, player or link, dim) added up over every group's players: (…, replicate, group, dim)."""
    own = "link" if "link" in taken.dims else "agent"
    labels, names = group_labels(ds), group_names(ds)
    if own == "link":
        labels = _link_labels(ds, labels)
    dims = [d for d in taken.dims if d != "step"]
    coords = {
        k: v for k, v in taken.coords.variables.items() if not {"step", own} & set(v.dims) and k != "group"
    }
    axis = dims.index(own)
    ordered = labels.transpose(*(d for d in dims if d in labels.dims)).values
    ordered = ordered.reshape([n if d in labels.dims else 1 for d, n in taken.sizes.items() if d != "step"])
    parts = [np.where((ordered == name)[..., None], table, 0).sum(axis) for name in names]
    lead = [d for d in dims if d != own]
    return xr.DataArray(np.stack(parts, -2), dims=(*lead, "group", dim), coords=coords).assign_coords(
        group=names
    )


def _link_labels(ds: xr.Dataset, labels: xr.DataArray) -> xr.DataArray:
    """The group of every link's own player."""
    if "source" not in ds.coords:
        if len(np.unique(labels.values)) == 1:
            return xr.DataArray(np.full(ds.sizes["link"], labels.values.flat[0]), dims="link")
        raise StoreError("the links' source was not recorded, so it can't be told whose moves these are")
    source = ds["source"].astype(int).clip(min=0)
    plain = xr.DataArray(source.values, dims=source.dims)
    return xr.DataArray(labels.values, dims=labels.dims).isel(agent=plain)


def _last_outcome(ds: xr.Dataset) -> xr.DataArray:
    """What two players saw before each move, from their moves themselves; −1 at the start."""
    move = moves(ds)
    if move.dims[-1] != "agent" or move.sizes["agent"] != 2:
        raise StoreError("observation was not recorded, so no move can be put beside what came before it")
    x = move.values.astype(np.int16)
    other = x[..., ::-1]
    outcome = np.where((x >= 0) & (other >= 0), 2 * x + other, -1)
    return move.copy(data=np.concatenate([np.full_like(x[..., :1, :], -1), outcome[..., :-1, :]], -2))


def pair_moves(ds: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Moves of the first and the second player of every pair, each (…, replicate, step, pair).

    Pairs are players 2k and 2k+1, or the two ends of every link of a graph (the player of lower number first).

    Raises
    ------
    StoreError
        Players don't play each other two by two.
    """
    ds = standard(ds)
    move = moves(ds)
    if move.dims[-1] == "link":
        return _ends_of_links(ds, move)
    if move.dims[-1] != "agent" or move.sizes["agent"] % 2:
        raise StoreError("players don't meet in fixed pairs here, so there is no joint outcome of two")
    if move.sizes["agent"] > 2 and "observation" not in ds.data_vars:
        raise StoreError("observation was not recorded, so it can't be told who played whom")
    even, odd = (
        move.isel(agent=slice(k, None, 2)).rename(agent="pair").drop_vars("kind", errors="ignore")
        for k in (0, 1)
    )
    if "pair" in even.coords:
        even, odd = even.drop_vars("pair"), odd.drop_vars("pair")
    if move.sizes["agent"] > 2:
        seen = ds["observation"].isel(agent=slice(0, None, 2)).fillna(-1).values
        axis = even.dims.index("step")
        before = [np.take(m.values, np.arange(move.sizes["step"] - 1), axis) for m in (even, odd)]
        after = np.take(seen, np.arange(1, move.sizes["step"]), axis)
        known = (after >= 0) & (before[0] >= 0) & (before[1] >= 0)
        if not np.array_equal(np.where(known, 2 * before[0] + before[1], 0), np.where(known, after, 0)):
            raise StoreError("players don't meet in fixed pairs here, so there is no joint outcome of two")
    return even, odd


def _ends_of_links(ds: xr.Dataset, move: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Both moves on every link that goes both ways, padded with −1 where replicates have fewer of them."""
    if "source" not in ds.coords or "target" not in ds.coords:
        raise StoreError(
            "the links' source and target were not recorded, so it can't be told who played whom"
        )
    if not set(ds["source"].dims) <= {"replicate", "link"}:
        raise StoreError("links differ along the sweep: select one place of it first")
    replicates = move.sizes["replicate"]
    rows = [
        np.broadcast_to(ds[c].values.astype(int), (replicates, ds.sizes["link"]))
        for c in ("source", "target")
    ]
    shared = ds["source"].ndim == 1
    found = []
    for source, target in zip(*(row[: 1 if shared else None] for row in rows), strict=True):
        place = {(s, t): i for i, (s, t) in enumerate(zip(source, target, strict=True)) if s >= 0}
        found.append([(i, place[t, s]) for (s, t), i in place.items() if s < t and (t, s) in place])
    most = max(map(len, found))
    if not most:
        raise StoreError("no link goes both ways, so there is no joint outcome of two")
    index = np.full((len(found), most, 2), -1)
    for row, pairs in zip(index, found, strict=True):
        row[: len(pairs)] = pairs
    at = xr.DataArray(
        index[0] if shared else index, dims=("pair", "end") if shared else ("replicate", "pair", "end")
    )
    plain = move.drop_vars([c for c in move.coords if "link" in move[c].dims])
    order = [*(d for d in move.dims if d != "link"), "pair"]
    ends = (plain.isel(link=at.isel(end=k)).where(at.isel(end=k) >= 0, -1).transpose(*order) for k in (0, 1))
    first, second = ends
    return first, second


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
    coords = {k: v for k, v in outcome.coords.variables.items() if not {"step", "pair"} & set(v.dims)}
    out = xr.DataArray(
        table.reshape(*table.shape[:-1], 4, 4), dims=(*dims, "outcome", "next_outcome"), coords=coords
    )
    return out.assign_coords(outcome=list(OUTCOMES), next_outcome=list(OUTCOMES)).rename("transition_count")
