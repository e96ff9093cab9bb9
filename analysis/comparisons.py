"""Comparisons of groups or settings, with the error of the whole family held.

Permutation of replicates' labels gives a p-value without a law assumed; Holm (1979, *Scand. J. Statist.* 6, 65)
holds the family-wise error, Benjamini & Hochberg (1995, *J. R. Statist. Soc. B* 57, 289) the false discovery rate.
"""

from __future__ import annotations

import functools
from itertools import combinations
from typing import Any

import numpy as np
import xarray as xr

from thermopolis.errors import StoreError

STRETCH = 1 << 22
"""Entries of permuted labels in memory at once, which the next comparison of samples as large finds again."""


def holm(p_values: np.ndarray) -> np.ndarray:
    """P-values adjusted by Holm's step-down method; NaN stays NaN and isn't counted."""
    p = np.asarray(p_values, np.float64)
    flat, out = p.ravel(), np.full(p.size, np.nan)
    known = np.flatnonzero(np.isfinite(flat))
    order = known[np.argsort(flat[known], kind="stable")]
    steps = np.arange(len(order), 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(flat[order] * steps), 1.0)
    return out.reshape(p.shape)


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """P-values adjusted to the false discovery rate; NaN stays NaN and isn't counted."""
    p = np.asarray(p_values, np.float64)
    flat, out = p.ravel(), np.full(p.size, np.nan)
    known = np.flatnonzero(np.isfinite(flat))
    order = known[np.argsort(flat[known], kind="stable")][::-1]
    ranks = np.arange(len(order), 0, -1)
    out[order] = np.minimum.accumulate(np.minimum(flat[order] * len(order) / ranks, 1.0))
    return out.reshape(p.shape)


@functools.lru_cache(maxsize=1)
def _contrasts(first: int, second: int, resamples: int, *seed: int) -> np.ndarray:
    """Rows that give the difference of the means of two samples with their labels permuted."""
    whole = first + second
    generator = np.random.default_rng(seed)
    order = generator.permuted(np.broadcast_to(np.arange(whole), (resamples, whole)), axis=1)
    return np.where(order < first, 1.0 / first, -1.0 / second)


def permutation_test(first: np.ndarray, second: np.ndarray, resamples: int = 4999, seed: int = 7) -> float:
    """Two-sided p-value that two samples of replicates have the same mean; NaN below two of either."""
    a, b = (np.asarray(x, np.float64) for x in (first, second))
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if min(len(a), len(b)) < 2:
        return float("nan")
    gap, both = abs(a.mean() - b.mean()), np.concatenate([a, b])
    stretch = max(1, STRETCH // len(both))
    as_large = 0
    for number, start in enumerate(range(0, resamples, stretch)):
        count = min(stretch, resamples - start)
        gaps = np.abs(_contrasts(len(a), len(b), count, seed, *([number] if number else [])) @ both)
        as_large += int(np.sum(gaps >= gap - 1e-12 * max(1.0, gap)))
    return (as_large + 1) / (resamples + 1)


def compare(array: xr.DataArray, dim: str, most: int = 400) -> list[dict[str, Any]]:
    """All pairs of values of ``dim`` compared by permutation, adjusted by Holm over the whole family.

    Parameters
    ----------
    array : DataArray (…, replicate)
        A per-replicate quantity such as :func:`thermopolis.analysis.tail` gives.

    Returns
    -------
    list of dict
        ``first``, ``second``, ``difference``, ``p``, ``p_adjusted`` and the other coordinates of each pair.
    """
    if dim not in array.dims:
        raise StoreError(f"there is no dimension {dim!r} to compare along (there are {list(array.dims)})")
    others = [d for d in array.dims if d not in (dim, "replicate")]
    values = array.transpose(*others, dim, "replicate")
    names = array[dim].values if dim in array.coords else np.arange(array.sizes[dim])
    rows: list[dict[str, Any]] = []
    for place in np.ndindex(*[array.sizes[d] for d in others]):
        where = {str(d): _label(array, str(d), i) for d, i in zip(others, place, strict=True)}
        for i, j in combinations(range(len(names)), 2):
            a, b = values.values[(*place, i)], values.values[(*place, j)]
            gap = (
                float(np.nanmean(b) - np.nanmean(a))
                if np.isfinite(a).any() and np.isfinite(b).any()
                else np.nan
            )
            rows.append(
                {
                    **where,
                    "first": names[i],
                    "second": names[j],
                    "difference": gap,
                    "p": permutation_test(a, b),
                }
            )
            if len(rows) > most:
                raise StoreError(f"more than {most} comparisons: choose fewer values of {dim!r} first")
    for row, adjusted in zip(rows, holm(np.array([r["p"] for r in rows])), strict=True):
        row["p_adjusted"] = float(adjusted)
    return rows


def _label(array: xr.DataArray, dim: str, i: int) -> Any:
    return array[dim].values[i] if dim in array.coords else i
