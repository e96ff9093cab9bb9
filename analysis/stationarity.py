"""Has a run settled? Burn-in, effective sample size, change points, and drift across replicates.

- Burn-in: MSER (White 1997, *Simulation* 69, 323): drop the d first values that minimise
  Var(x_d…)/(n − d)², d at most half the run.
- Effective sample size: n/(1 + 2Σρ_k), the sum over Geyer's initial monotone sequence of positive pairs
  (Geyer 1992, *Statistical Science* 7, 473).
- Change points of the mean: binary segmentation, a split kept where it lowers the Schwarz criterion
  (n ln σ̂² + (2k+1) ln n, σ̂ from the mean square of first differences so that the shifts don't inflate it).
- Drift: paired t over replicates between the third and the last quarter of the steps.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import stdtr

from thermopolis.analysis.series import group_series, nanmean


def burn_in(values: np.ndarray) -> int:
    """How many of the first values of a series to drop, by MSER; at most half. NaN counts as absent.

    Parameters
    ----------
    values : (n,) float
    """
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    n = len(x)
    if n < 4:
        return 0
    kept = np.arange(n, 0, -1, dtype=np.float64)
    first = np.cumsum(x[::-1])[::-1]
    second = np.cumsum((x * x)[::-1])[::-1]
    spread = np.maximum(second - first**2 / kept, 0.0) / kept**2
    return int(np.argmin(spread[: n // 2 + 1]))


def effective_sample_size(values: np.ndarray) -> float:
    """Independent samples that a correlated series is worth; n for a constant one.

    Parameters
    ----------
    values : (n,) float
    """
    x = np.asarray(values, np.float64)
    n = len(x)
    x = x - x.mean()
    if n < 4 or not np.any(x):
        return float(n)
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(x, size)
    covariance = np.fft.irfft(spectrum * np.conj(spectrum), size)[:n] / n
    rho = covariance / covariance[0]
    pairs = rho[0 : n - n % 2 : 2] + rho[1::2][: n // 2]
    negative = np.flatnonzero(pairs < 0)
    pairs = np.minimum.accumulate(pairs[: negative[0] if len(negative) else len(pairs)])
    time = max(2.0 * pairs.sum() - 1.0, 1.0 / n)
    return float(n / time)


def change_points(values: np.ndarray, least: int = 5) -> list[int]:
    """Where the mean of a series jumps: first indices of the new stretches, ascending.

    Parameters
    ----------
    values : (n,) float
    least : int
        Shortest stretch.
    """
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    n = len(x)
    if n < 2 * least:
        return []
    # successive differences see the noise alone; exact plateaus have none, so a floor keeps the test defined
    steps = np.diff(x)
    noise = float(np.mean(steps**2) / 2.0)
    robust = float((np.median(np.abs(steps)) / 0.9539) ** 2)
    variance = max(min(noise, robust) if robust > 0 else noise, 1e-12 * float(np.ptp(x)) ** 2, 1e-300)
    total, found = np.concatenate([[0.0], np.cumsum(x)]), []
    waiting = [(0, n)]
    while waiting:
        start, stop = waiting.pop()
        if stop - start < 2 * least:
            continue
        cut = np.arange(start + least, stop - least + 1)
        left = (total[cut] - total[start]) / (cut - start)
        right = (total[stop] - total[cut]) / (stop - cut)
        gain = (cut - start) * (stop - cut) / (stop - start) * (left - right) ** 2 / variance
        best = int(np.argmax(gain))
        if gain[best] > 4.0 * np.log(n):
            found.append(int(cut[best]))
            waiting += [(start, int(cut[best])), (int(cut[best]), stop)]
    return sorted(found)


def drift(ds: xr.Dataset, name: str) -> xr.Dataset:
    """Whether a quantity still moves: third against last quarter of the steps, paired over replicates.

    Returns
    -------
    Dataset
        ``change`` (…, group): mean of the last minus the third quarter; ``p``: of Student's paired t, NaN below
        three replicates and 1 where nothing changes in any replicate.
    """
    series = group_series(ds, name)
    n = series.sizes["step"]
    axis = series.dims.index("step")
    values = np.asarray(series.values, np.float64)
    quarters = [
        nanmean(np.take(values, np.arange(a, b), axis), axis)
        for a, b in ((n // 2, max(n // 2 + 1, 3 * n // 4)), (3 * n // 4, n))
    ]
    dims = [d for d in series.dims if d != "step"]
    change = np.moveaxis(quarters[1] - quarters[0], dims.index("replicate"), 0)
    m = np.isfinite(change).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(m > 0, np.nansum(change, 0) / m, np.nan)
        spread = np.sqrt(np.nansum((change - mean) ** 2, 0) / (m - 1) / m)
        t = np.where(spread > 0, mean / spread, np.where(mean == 0, 0.0, np.inf))
        p = np.where(m >= 3, 2 * stdtr(np.maximum(m - 1, 1), -np.abs(t)), np.nan)
    rest = [d for d in dims if d != "replicate"]
    coords = {k: v for k, v in series.coords.variables.items() if not {"step", "replicate"} & set(v.dims)}
    return xr.Dataset({"change": (rest, mean), "p": (rest, p)}, coords=coords)
