"""A disorder index in [0, 1] whose parts stay visible, over windows of steps.

Each part is an entropy over its own maximum at that sample size; the index is the mean of the parts that are
defined (a part that can't be told is NaN and left out, never 0):

- ``action``: entropy of all n moves in the window over ln min(K, n), K the number of actions (one more than the
  highest seen, two at least). 0 when all do the same; 1 when moves are even.
- ``policy``: generalised Jensen–Shannon divergence of the agents' own move distributions over the most that so many
  agents can have (ln K where K divides their number). 0 for clones; 1 when certain agents split as evenly as they can.
- ``energy``: entropy of the agents' shares of energy (store, power, else reward) over ln agents. 0 when one has all;
  1 when all have the same.
- ``belief``: mean entropy of beliefs over its maximum ln(states). 0 for certainty; 1 for no idea.
- ``spatial``: H(own move | neighbour's move)/H(move) over links. 0 when a neighbour tells all (clusters, a checkerboard
  too: that is order); 1 when neighbours tell nothing. NaN when all do the same: there is no pattern to speak of.

Entropies of counts are Miller–Madow corrected and clipped to what is attainable.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.counting import actions, number_of_actions
from thermopolis.analysis.information import counts_of, entropy, relabelled
from thermopolis.analysis.series import bin_edges, bin_mean, nanmean, standard
from thermopolis.errors import StoreError

PARTS = ("action", "policy", "energy", "belief", "spatial")


def action_mix(counts: np.ndarray, values: int | None = None) -> np.ndarray:
    """Normalised entropy of pooled counts (…, agent, value); ``values`` there are, if not all have a column."""
    pooled = np.asarray(counts, np.float64).sum(-2)
    n = pooled.sum(-1)
    most = np.log(np.clip(n, 1, values or pooled.shape[-1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 1, np.clip(entropy(pooled) / np.where(most > 0, most, np.nan), 0.0, 1.0), np.nan)


def evenest(members: np.ndarray, values: int) -> np.ndarray:
    """Entropy of ``members`` split over ``values`` as evenly as whole members can be, in nats."""
    n = np.maximum(np.asarray(members, np.float64), 1.0)
    share, rest = np.floor(n / values), n % values
    parts = [(rest, (share + 1) / n), (values - rest, share / n)]
    return np.asarray(-sum(number * p * np.log(np.where(p > 0, p, 1.0)) for number, p in parts))


def policy_disagreement(counts: np.ndarray, values: int | None = None) -> np.ndarray:
    """Normalised Jensen–Shannon divergence between agents' own counts (…, agent, value); NaN for one agent.

    ``values`` is how many there are, if not all have a column.
    """
    counts = np.asarray(counts, np.float64)
    acting = counts.sum(-1) > 0
    agents = acting.sum(-1)
    own = np.where(acting, entropy(counts), 0.0).sum(-1) / np.where(agents > 0, agents, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(acting[..., None], counts / counts.sum(-1, keepdims=True), 0.0)
        mean = shares.sum(-2) / agents[..., None]
        plain = -np.sum(np.where(mean > 0, mean * np.log(np.where(mean > 0, mean, 1.0)), 0.0), -1)
        whole = plain + ((mean > 0).sum(-1) - 1) / (2.0 * counts.sum((-2, -1)))
        most = evenest(agents, values or counts.shape[-1])
        return np.where(
            agents > 1, np.clip((whole - own) / np.where(most > 0, most, np.nan), 0.0, 1.0), np.nan
        )


def evenness(values: np.ndarray) -> np.ndarray:
    """Entropy of shares over the last axis over its maximum; NaN for one holder, a negative value or a sum of 0."""
    x = np.asarray(values, np.float64)
    known = np.isfinite(x)
    total = np.where(known, x, 0.0).sum(-1)
    holders = known.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(known, x, 0.0) / total[..., None]
        value = -np.sum(np.where(share > 0, share * np.log(np.where(share > 0, share, 1.0)), 0.0), -1)
        value = value / np.log(np.where(holders > 1, holders, np.nan))
    fine = (holders > 1) & (total > 0) & (np.where(known, x, 0.0).min(-1) >= 0)
    return np.where(fine, np.clip(value, 0.0, 1.0), np.nan)


def spatial_disorder(own: np.ndarray, neighbour: np.ndarray, values: int = 2) -> np.ndarray:
    """H(own | neighbour)/H(own) of moves over links and steps, (…, samples); NaN where all do the same."""
    known = (own >= 0) & (neighbour >= 0)
    both = np.where(known, values * own.astype(np.int64) + neighbour, -1)
    joint = counts_of(*relabelled(both, values**2))
    mine, theirs = (counts_of(np.where(known, x, -1), values) for x in (own, neighbour))
    alone = entropy(mine, corrected=False)
    given = entropy(joint, corrected=False) - entropy(theirs, corrected=False)
    # chance dependence adds (K̂ − 1)²/2n to H(own) − H(own|neighbour), K̂ the moves seen
    total = joint.sum(-1)
    chance = ((mine > 0).sum(-1) - 1) ** 2 / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        several = (mine > 0).sum(-1) > 1
        share = (given + chance / total) / np.where(alone > 0, alone, np.nan)
        return np.where(several, np.clip(share, 0.0, 1.0), np.nan)


def disorder(ds: xr.Dataset, windows: int = 20, belief_maximum: float | None = None) -> xr.DataArray:
    """The index and its parts over time, (…, replicate, step, part), the part ``index`` last.

    Parameters
    ----------
    windows : int
        Windows of steps; a window holds whole steps.
    belief_maximum : float, optional
        ln(number of states), in nats. Without it, the greatest belief entropy recorded when that is the entropy
        of a uniform belief (the start's ln K for a whole K), else the part is NaN.
    """
    if "disorder" in ds.data_vars:
        return (
            ds["disorder"]
            .rename(window="step")
            .assign_coords(step=np.nanmean(_leading(ds["window_step"]), 0))
        )
    if windows < 1:
        raise StoreError(f"at least one window of steps is needed, got {windows}")
    ds = standard(ds)
    move = actions(ds)
    most = number_of_actions(move)
    axis = move.dims.index("step")
    own = str(move.dims[-1])
    starts = bin_edges(move.sizes["step"], windows)
    ends = np.append(starts[1:], move.sizes["step"])
    x, taken = relabelled(np.moveaxis(move.values, axis, -2), most)  # (…, replicate, step, own)
    lead = x.shape[:-2]
    parts = np.full((*lead, len(starts), len(PARTS) + 1), np.nan)
    links = _ends(ds, own)
    windows_of = [x[..., start:stop, :] for start, stop in zip(starts, ends, strict=True)]
    for w, window in enumerate(windows_of):
        table = counts_of(np.swapaxes(window, -1, -2), taken)
        parts[..., w, 0], parts[..., w, 1] = action_mix(table, most), policy_disagreement(table, most)
    if links is not None:
        for w, window in enumerate(windows_of):
            mine, theirs = (_picked(window, end).reshape(*lead, -1) for end in links)
            parts[..., w, 4] = spatial_disorder(mine, theirs, taken)
    parts[..., 2] = _energy(ds, starts, lead)
    parts[..., 3] = _belief(ds, starts, lead, belief_maximum)
    known = np.isfinite(parts[..., :5])
    with np.errstate(invalid="ignore", divide="ignore"):
        parts[..., 5] = np.where(known, parts[..., :5], 0.0).sum(-1) / known.sum(-1)
    steps = np.asarray(move["step"].values if "step" in move.coords else np.arange(move.sizes["step"]), float)
    dims = [d for d in move.dims if d not in ("step", own)]
    coords = {k: v for k, v in move.coords.variables.items() if not {"step", own} & set(v.dims)}
    out = xr.DataArray(parts, dims=(*dims, "step", "part"), coords=coords, name="disorder")
    centres = np.add.reduceat(steps, starts) / (ends - starts)
    return out.assign_coords(step=centres, part=[*PARTS, "index"]).assign_attrs(
        long_name="disorder", units="1"
    )


def _leading(array: xr.DataArray) -> np.ndarray:
    """Any sweep dimensions of a coordinate flattened into one."""
    return np.asarray(array.values, float).reshape(-1, array.shape[-1])


def _by_player(ds: xr.Dataset, name: str, lead: tuple[int, ...]) -> bool:
    """Whether one number was recorded for every step and player."""
    return name in ds.data_vars and {"step", "agent"} <= set(ds[name].dims) and ds[name].ndim == len(lead) + 2


def _energy(ds: xr.Dataset, starts: np.ndarray, lead: tuple[int, ...]) -> np.ndarray:
    for name in ("store", "power", "reward"):
        if _by_player(ds, name, lead):
            array = ds[name].transpose(..., "step", "agent")
            return evenness(bin_mean(array.values, starts, array.ndim - 2))
    return np.full((*lead, len(starts)), np.nan)


def _belief(ds: xr.Dataset, starts: np.ndarray, lead: tuple[int, ...], most: float | None) -> np.ndarray:
    if not _by_player(ds, "belief_entropy", lead):
        return np.full((*lead, len(starts)), np.nan)
    array = ds["belief_entropy"].transpose(..., "step", "agent")
    if most is None:
        seen = float(np.fmax.reduce(array.values, axis=None))
        states = np.round(np.exp(seen)) if np.isfinite(seen) else np.nan
        most = float(np.log(states)) if states > 1 and abs(seen - np.log(states)) < 1e-3 else np.nan
    mean = nanmean(array.values, array.ndim - 1)
    return np.asarray(np.clip(bin_mean(mean, starts, mean.ndim - 1) / most, 0.0, 1.0))


def _ends(ds: xr.Dataset, own: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Whose moves to compare along every link, (link) or (replicate, link); −1 without an answer; None without links."""
    if "source" not in ds.coords or "target" not in ds.coords:
        return None
    if not set(ds["source"].dims) <= {"replicate", "link"}:
        return None
    source, target = (ds[c].values.astype(int) for c in ("source", "target"))
    if own != "link":
        return source, target
    rows = []
    for s, t in zip(np.atleast_2d(source), np.atleast_2d(target), strict=True):
        back = {ends: i for i, ends in enumerate(zip(s.tolist(), t.tolist(), strict=True)) if ends[0] >= 0}
        rows.append([back.get(ends, -1) for ends in zip(t.tolist(), s.tolist(), strict=True)])
    theirs = np.array(rows).reshape(source.shape)
    return np.broadcast_to(np.arange(source.shape[-1]), source.shape), theirs


def _picked(window: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Moves (…, replicate, step, player or link) of those an index names; −1 for −1."""
    if index.ndim == 1:
        return np.where(index >= 0, window[..., index], -1)
    spread = np.broadcast_to(index[:, None, :], (*window.shape[:-1], index.shape[-1]))
    return np.where(spread >= 0, np.take_along_axis(window, np.maximum(spread, 0), -1), -1)
