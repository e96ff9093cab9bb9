"""How good is a chain? Effective sample size, autocorrelation time, split R̂.

τ = 1 + 2 Σ_t ρ_t by Geyer's initial monotone sequence over pairs of lags (Geyer 1992), with ρ combined over
chains as in Vehtari et al. (2021, arXiv 1903.08008); ESS = samples/τ. Split R̂ compares halves of chains.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from thermopolis.errors import ModelError


def _chains(trace: Any) -> np.ndarray:
    array = np.asarray(trace, np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[0] < 4:
        raise ModelError(f"diagnostics: expected at least 4 samples as (samples, chains), got {array.shape}")
    return array


def autocovariance(trace: Any) -> np.ndarray:
    """Biased autocovariance of each chain at every lag, shape (samples, chains), by FFT."""
    array = _chains(trace)
    count = array.shape[0]
    centred = array - array.mean(axis=0)
    spectrum = np.fft.rfft(centred, n=2 * count, axis=0)
    return np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[:count] / count


def autocorrelation_time(trace: Any) -> float:
    """Integrated autocorrelation time τ in samples; 1 for independent draws, NaN for a constant trace.

    Parameters
    ----------
    trace : array
        (samples,) or (samples, chains); chains are taken as draws of one law.
    """
    array = _chains(trace)
    count, chains = array.shape
    covariance = autocovariance(array)
    within = covariance[0].mean() * count / (count - 1)
    total = within * (count - 1) / count
    if chains > 1:
        total += array.mean(axis=0).var(ddof=1)
    if total <= 0:
        return float("nan")
    rho = 1.0 - (within - covariance.mean(axis=1) * count / (count - 1)) / total
    rho[0] = 1.0
    pairs = rho[: count // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    pairs = np.minimum.accumulate(pairs[: ends[0]] if len(ends) else pairs)
    return float(max(-1.0 + 2.0 * pairs.sum(), 1.0 / np.log10(max(count * chains, 10))))


def effective_sample_size(trace: Any) -> float:
    """Independent draws that would give the mean the same error: samples · chains / τ."""
    array = _chains(trace)
    return array.size / autocorrelation_time(array)


def split_rhat(trace: Any) -> float:
    """√(pooled variance / within variance) over half chains; near 1 once they agree, NaN if constant."""
    array = _chains(trace)
    half = array.shape[0] // 2
    halves = np.concatenate([array[:half], array[-half:]], axis=1)
    within = halves.var(axis=0, ddof=1).mean()
    if within <= 0:
        return float("nan")
    between = halves.mean(axis=0).var(ddof=1)
    return float(np.sqrt((half - 1) / half + between / within))


def standard_error(trace: Any) -> float:
    """Standard error of the mean over all samples and chains."""
    array = _chains(trace)
    return float(array.std(ddof=1) / np.sqrt(effective_sample_size(array)))
