"""How long a chain stays on one side of a barrier, from traces of its order parameter.

A stay that the end of the record cuts is censored: the share that stays longer than t is Kaplan & Meier's (1958,
*JASA* 53, 457), and the mean is that of a constant rate of leaving, (time observed)/(stays that ended). The stay at
the start, whose beginning wasn't seen, is left out.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.series import standard
from thermopolis.errors import StoreError


def dwell_times(ds: xr.Dataset, name: str = "magnetisation", threshold: float = 0.0) -> xr.Dataset:
    """Stays of a core's chains above and below a threshold, by place of the sweep.

    Returns
    -------
    Dataset
        ``survival`` (…, dwell): the share of stays longer than ``dwell`` recorded steps; ``mean_dwell`` (…) in recorded
        steps, infinite where none ended; ``stays`` (…) that ended.

    Raises
    ------
    StoreError
        There is no such trace by chain.
    """
    if "dwell_survival" in ds.data_vars:
        names = {"dwell_survival": "survival", "mean_dwell": "mean_dwell", "dwell_stays": "stays"}
        return ds[list(names)].rename(names)
    ds = standard(ds)
    if name not in ds.data_vars or "agent" not in ds[name].dims:
        raise StoreError(f"{name} was not recorded by chain")
    array = ds[name].transpose(..., "replicate", "agent", "step")
    steps = array.sizes["step"]
    grid = np.unique(np.geomspace(1, max(steps, 2), 60).astype(int))
    lead = array.shape[:-3]
    survival, mean, number = np.full((*lead, len(grid)), np.nan), np.full(lead, np.nan), np.zeros(lead)
    for place in np.ndindex(*lead):
        lengths, ended = stays(np.asarray(array.values[place]).reshape(-1, steps) > threshold)
        number[place] = ended.sum()
        if len(lengths):
            survival[place] = kaplan_meier(lengths, ended, grid)
            mean[place] = lengths.sum() / ended.sum() if ended.any() else np.inf
    dims = array.dims[:-3]
    coords = {k: v for k, v in array.coords.variables.items() if set(v.dims) <= set(dims)}
    data = {"survival": ((*dims, "dwell"), survival), "mean_dwell": (dims, mean), "stays": (dims, number)}
    return xr.Dataset(data, coords=coords).assign_coords(dwell=grid)


def stays(above: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of runs of equal booleans in rows (series, step), without each row's first, and whether they ended."""
    change = above[:, 1:] != above[:, :-1]
    row, at = np.nonzero(change)
    following = np.append(at[1:], -1)
    same = np.append(row[1:] == row[:-1], False)
    lengths = np.where(same, following - at, above.shape[1] - 1 - at)
    return lengths, same


def kaplan_meier(lengths: np.ndarray, ended: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Share of stays longer than each of ``at``, with those cut by the end of the record censored."""
    times = np.unique(lengths[ended]) if ended.any() else np.zeros(0, int)
    risk = len(lengths) - np.searchsorted(np.sort(lengths), times, side="left")
    events = (
        np.bincount(np.searchsorted(times, lengths[ended]), minlength=len(times))
        if len(times)
        else np.zeros(0)
    )
    curve = np.cumprod(1.0 - events / np.maximum(risk, 1))
    index = np.searchsorted(times, at, side="right") - 1
    longest = lengths.max() if len(lengths) else 0
    value = np.where(index >= 0, curve[np.maximum(index, 0)] if len(curve) else 1.0, 1.0)
    return np.where(np.asarray(at) <= longest, value, np.nan)
