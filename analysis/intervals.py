"""Intervals over replicates: expanded-percentile bootstrap, BCa, and Wilson for proportions.

Replicates are the independent repetitions of a world, so they are what is resampled; steps and agents of one
world depend on each other and never are.

- Percentile bootstrap with the quantiles widened as Student's t asks at small n
  (Hesterberg 2015, *The American Statistician* 69, 371: α' = Φ(√(n/(n−1)) t_{α, n−1})).
- Student's t below eight values, where resampling says too little.
- Bias-corrected and accelerated (Efron 1987, *JASA* 82, 171).
- Wilson score (Wilson 1927, *JASA* 22, 209): (p̂ + z²/2n ± z√(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from scipy.special import ndtr, ndtri, stdtrit

_RESAMPLES = 1000
_SEED = 20230615
_BLOCK = 4_000
FEW = 8


def _weights(n: int, resamples: int, seed: int) -> np.ndarray:
    """Rows of resampling weights, (resamples, n), each summing to one."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(n, np.full(n, 1.0 / n), size=resamples) / n


def _dense_columns(flat: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Columns with equally many (m ≥ 2) finite entries: m, their places, the entries (m, columns)."""
    finite = np.isfinite(flat)
    counts = finite.sum(0)
    for m in np.unique(counts[counts >= 2]):
        columns = np.flatnonzero(counts == m)
        dense = flat[:, columns]
        if m < len(flat):  # the finite entries of each column moved to the top
            order = np.argsort(~finite[:, columns], axis=0, kind="stable")
            dense = np.take_along_axis(dense, order, axis=0)[:m]
        for start in range(0, len(columns), _BLOCK):
            yield int(m), columns[start : start + _BLOCK], dense[:, start : start + _BLOCK]


def _widened(m: int, level: float) -> np.ndarray:
    """Normal quantiles of both tails, widened as Student's t and the bootstrap's √((n−1)/n) ask."""
    upper = np.sqrt(m / (m - 1)) * stdtrit(m - 1, (1.0 + level) / 2.0)
    return np.array([-upper, upper])


def bootstrap_interval(
    values: np.ndarray, level: float = 0.95, resamples: int = _RESAMPLES, seed: int = _SEED
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the mean over the first axis by the expanded-percentile bootstrap.

    Parameters
    ----------
    values : (n, …) float
        Replicates first. A column with a NaN uses its finite replicates alone.
    level : float
        Nominal coverage in (0, 1).

    Returns
    -------
    low, high : (…) float64
        NaN where fewer than two replicates are finite. Below eight it is too narrow (91 % for 95 at five):
        :func:`mean_interval` takes :func:`student_interval` there.
    """
    values = np.asarray(values, np.float64)
    flat = values.reshape(values.shape[0], -1)
    low = np.full(flat.shape[1], np.nan)
    high = low.copy()
    for m, columns, dense in _dense_columns(flat):
        means = np.ascontiguousarray(dense.T) @ _weights(m, resamples, seed).T
        for share, out in zip(ndtr(_widened(m, level)), (low, high), strict=True):
            place = share * (resamples - 1)
            under = int(place)
            means.partition((under, min(under + 1, resamples - 1)), axis=1)
            above = means[:, min(under + 1, resamples - 1)]
            out[columns] = means[:, under] + (place - under) * (above - means[:, under])
    return low.reshape(values.shape[1:]), high.reshape(values.shape[1:])


def bca_interval(
    values: np.ndarray, level: float = 0.95, resamples: int = _RESAMPLES, seed: int = _SEED
) -> tuple[np.ndarray, np.ndarray]:
    """Bias-corrected and accelerated bootstrap interval of the mean over the first axis; shapes as above."""
    values = np.asarray(values, np.float64)
    flat = values.reshape(values.shape[0], -1)
    low = np.full(flat.shape[1], np.nan)
    high = low.copy()
    for m, columns, dense in _dense_columns(flat):
        mean = dense.mean(0)
        means = np.sort(_weights(m, resamples, seed) @ dense, axis=0)
        below = (means < mean).mean(0) + 0.5 * (means == mean).mean(0)
        bias = ndtri(np.clip(below, 1.0 / resamples, 1.0 - 1.0 / resamples))
        centred = dense - mean  # the jackknife influence of a mean is its centred values
        spread = np.sum(centred**2, axis=0) ** 1.5
        skew = np.sum(centred**3, axis=0)
        acceleration = np.divide(skew, 6.0 * spread, out=np.zeros_like(skew), where=spread > 0)
        for z, out in zip(_widened(m, level), (low, high), strict=True):
            share = ndtr(bias + (bias + z) / (1.0 - acceleration * (bias + z)))
            place = np.clip(share * (resamples - 1), 0, resamples - 1)
            under = np.floor(place).astype(int)
            over = np.minimum(under + 1, resamples - 1)
            across = np.arange(len(columns))
            out[columns] = means[under, across] + (place - under) * (
                means[over, across] - means[under, across]
            )
    return low.reshape(values.shape[1:]), high.reshape(values.shape[1:])


def student_interval(values: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Student's interval of the mean over the first axis (1908, *Biometrika* 6, 1), NaN left out; shapes as above.

    Exact for Gaussian values at any n ≥ 2, where the bootstrap of a few is too narrow.
    """
    x = np.asarray(values, np.float64)
    finite = np.isfinite(x)
    n = finite.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(finite, x, 0.0).sum(0) / n
        spread = np.sqrt(np.where(finite, (x - mean) ** 2, 0.0).sum(0) / (n - 1) / n)
        half = stdtrit(np.maximum(n - 1, 1), (1.0 + level) / 2.0) * spread
    known = n >= 2
    return np.where(known, mean - half, np.nan), np.where(known, mean + half, np.nan)


def wilson_interval(
    successes: np.ndarray, trials: np.ndarray, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Wilson score interval of a proportion; NaN where there were no trials."""
    k, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    z = ndtri((1.0 + level) / 2.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = k / n
        centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low = np.where(n > 0, np.where(k > 0, np.maximum(centre - half, 0.0), 0.0), np.nan)
    high = np.where(n > 0, np.where(k < n, np.minimum(centre + half, 1.0), 1.0), np.nan)
    return low, high


def mean_interval(
    array: xr.DataArray,
    level: float = 0.95,
    *,
    rate: bool = False,
    within: tuple[float, float] = (-np.inf, np.inf),
    resamples: int = _RESAMPLES,
) -> xr.Dataset:
    """Mean over ``replicate`` with its interval: variables ``mean``, ``low``, ``high`` and ``n``.

    By the bootstrap, and by Student's t below eight replicates.

    Parameters
    ----------
    array : DataArray with a ``replicate`` dimension
    rate : bool
        The values are proportions, and their interval stays within [0, 1]. Where fewer than five replicates' worth
        of either outcome was seen the mean's law is skewed and the plain bootstrap too narrow: BCa is used there, and
        Wilson's interval at n = replicates where every replicate says 0 or 1, or all say the same.
    within : (low, high)
        A range that no mean can leave, such as (0, ∞) of an entropy. Ends beyond it are put on its edge: what is cut off
        held no possible mean, so the interval covers as often as before.
    """
    values = array.transpose("replicate", ...)
    x = np.asarray(values.values, np.float64)
    finite = np.isfinite(x)
    n = finite.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, np.where(finite, x, 0.0).sum(0) / n, np.nan)
    low, high = bootstrap_interval(x, level, resamples)
    few = (n >= 2) & (n < FEW)
    if few.any():
        low[few], high[few] = student_interval(x[:, few], level)
    if rate:
        scarce = (n >= 2) & (np.minimum(mean, 1.0 - mean) * n < 5.0)
        binary = np.where(finite, (x == 0.0) | (x == 1.0) | (x == mean), True).all(0)
        skewed, certain = scarce & ~binary, scarce & binary
        if skewed.any():
            low[skewed], high[skewed] = bca_interval(x[:, skewed], level, resamples)
        if certain.any():
            low[certain], high[certain] = wilson_interval(mean[certain] * n[certain], n[certain], level)
        within = (0.0, 1.0)
    # a mean that rounding has put beyond the range stays in its interval
    low, high = np.maximum(low, np.minimum(within[0], mean)), np.minimum(high, np.maximum(within[1], mean))
    dims = values.dims[1:]
    coords = {k: v for k, v in values.coords.variables.items() if "replicate" not in v.dims}
    data = {"mean": (dims, mean), "low": (dims, low), "high": (dims, high), "n": (dims, n)}
    return xr.Dataset(data, coords=coords, attrs={**array.attrs, "level": level})
