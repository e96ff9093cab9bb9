"""One basin or several? A mean over two basins is no state, so distributions over replicates are tested.

The dip (Hartigan & Hartigan 1985, *Annals of Statistics* 13, 70) is the least sup-distance d between the empirical
distribution and a unimodal one: convex up to the mode and concave after it. With the mode at x_m,

    d_m = ½ max{ max_{i≤m} [i/n − GCM((j−1)/n)(x_i)],  max_{i≥m} [LCM(j/n)(x_i) − (i−1)/n] },   dip = min_m d_m,

GCM and LCM the greatest convex minorant and least concave majorant of those points. Its null law is that of a
uniform sample, the least favourable unimodal one in practice, simulated for each n.
"""

from __future__ import annotations

import functools

import numpy as np
import xarray as xr

_SIMULATIONS = 1000


def _convex_minorant(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Greatest convex minorant of points at ascending x, at those x."""
    hull: list[int] = []
    for i in range(len(x)):
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            if (y[b] - y[a]) * (x[i] - x[a]) < (y[i] - y[a]) * (x[b] - x[a]):
                break
            hull.pop()
        hull.append(i)
    return np.interp(x, x[hull], y[hull])


def dip(values: np.ndarray) -> float:
    """The dip of a sample, in [1/(2n), ¼]."""
    x = np.sort(np.asarray(values, np.float64))
    n = len(x)
    if n < 4 or x[0] == x[-1]:
        return 0.5 / max(n, 1)
    upper, lower = np.arange(1, n + 1) / n, np.arange(n) / n

    def left(m: int) -> float:
        part = slice(0, m + 1)
        return float(np.max(upper[part] - _convex_minorant(x[part], lower[part]))) / 2

    def right(m: int) -> float:
        flipped = _convex_minorant(-x[m:][::-1], -upper[m:][::-1])[::-1]
        return float(np.max(-flipped - lower[m:])) / 2

    low, high = 0, n - 1  # left() rises with m and right() falls, so they cross once
    while high - low > 1:
        middle = (low + high) // 2
        if left(middle) < right(middle):
            low = middle
        else:
            high = middle
    return min(max(left(m), right(m)) for m in (low, high))


@functools.lru_cache(maxsize=64)
def _null(n: int) -> np.ndarray:
    generator = np.random.default_rng(1985 + n)
    return np.sort([dip(generator.random(n)) for _ in range(_SIMULATIONS)])


def dip_test(values: np.ndarray) -> float:
    """P-value of one mode (never below 1/1001); NaN below eight finite values."""
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    if len(x) < 8:
        return float("nan")
    if np.ptp(x) <= 1e-9 * max(1.0, float(np.abs(x).max())):
        return 1.0
    # replicates that agree to the last digit are one state, not many: ties are spread over the data's own grid
    distinct = np.unique(x)
    if len(distinct) < len(x):
        generator = np.random.default_rng(len(x))
        grain = float(np.min(np.diff(distinct))) if len(distinct) > 2 else 0.2 * float(np.ptp(x))
        x = x + generator.uniform(-0.5, 0.5, len(x)) * min(grain, 0.2 * float(np.ptp(x)))
    null = _null(len(x))
    exceeding = len(null) - np.searchsorted(null, dip(x) - 1e-12)
    return float((exceeding + 1) / (len(null) + 1))


def several_basins(array: xr.DataArray, level: float = 0.01) -> xr.DataArray:
    """Where replicates fall into several basins: booleans without ``replicate``, from a per-replicate quantity.

    Parameters
    ----------
    array : DataArray with ``replicate``
    level : float
        P-value of the dip below which a distribution is flagged.
    """
    values = array.transpose(..., "replicate")
    flat = values.values.reshape(-1, values.shape[-1])
    flags = np.array([bool(dip_test(row) < level) for row in flat]).reshape(values.shape[:-1])
    coords = {k: v for k, v in values.coords.variables.items() if "replicate" not in v.dims}
    return xr.DataArray(flags, dims=values.dims[:-1], coords=coords, name="several_basins")
