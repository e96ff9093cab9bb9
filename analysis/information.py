"""Entropies and informations of discrete variables from counts, in nats, with their bias.

Plug-in H = −Σ p̂ ln p̂ is too low by (K − 1)/2n to first order; Miller & Madow (1955) add (K̂ − 1)/2n with K̂ the
values seen. Mutual informations are sums of such entropies, each corrected. What no sample can tell is NaN.
"""

from __future__ import annotations

import numpy as np


def entropy(counts: np.ndarray, corrected: bool = True, axis: int | tuple[int, ...] = -1) -> np.ndarray:
    """Shannon entropy of counts over ``axis``, in nats, by Miller–Madow or plug-in; NaN where nothing was counted."""
    counts = np.asarray(counts, np.float64)
    n = counts.sum(axis=axis, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = counts / n
        plain = -np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0), axis=axis)
        total = n.reshape(plain.shape)
        seen = (counts > 0).sum(axis=axis)
        value = plain + (seen - 1) / (2.0 * total) if corrected else plain
    return np.where(total > 0, value, np.nan)


def varentropy(counts: np.ndarray) -> np.ndarray:
    """Var(−ln p) under p over the last axis, in nats²; plug-in. NaN where nothing was counted."""
    counts = np.asarray(counts, np.float64)
    n = counts.sum(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = counts / n
        surprise = -np.log(np.where(p > 0, p, 1.0))
        value = (p * surprise**2).sum(-1) - (p * surprise).sum(-1) ** 2
    return np.where(n[..., 0] > 0, np.maximum(value, 0.0), np.nan)


def mutual_information(joint: np.ndarray, corrected: bool = True) -> np.ndarray:
    """I(X; Y) = H(X) + H(Y) − H(X, Y) from counts (…, x, y), in nats; a corrected one may fall below 0."""
    joint = np.asarray(joint, np.float64)
    return (
        entropy(joint.sum(-1), corrected)
        + entropy(joint.sum(-2), corrected)
        - entropy(joint, corrected, axis=(-2, -1))
    )


def conditional_mutual_information(joint: np.ndarray, corrected: bool = True) -> np.ndarray:
    """I(X; Y | Z) = H(X, Z) + H(Y, Z) − H(X, Y, Z) − H(Z) from counts (…, x, y, z), in nats."""
    joint = np.asarray(joint, np.float64)
    return (
        entropy(joint.sum(-2), corrected, axis=(-2, -1))
        + entropy(joint.sum(-3), corrected, axis=(-2, -1))
        - entropy(joint, corrected, axis=(-3, -2, -1))
        - entropy(joint.sum((-3, -2)), corrected)
    )


def jensen_shannon(probabilities: np.ndarray, axis: int = -2) -> np.ndarray:
    """Generalised Jensen–Shannon divergence H(mean) − mean H of distributions (…, members, values), in nats.

    It lies between 0 (all the same) and ln of the smaller of the number of members and of values.
    """
    p = np.asarray(probabilities, np.float64)
    return entropy(p.mean(axis), corrected=False) - entropy(np.moveaxis(p, axis, -2), corrected=False).mean(
        -1
    )


def relabelled(codes: np.ndarray, values: int, most: int = 64) -> tuple[np.ndarray, int]:
    """Codes numbered anew without those that never occur, and how many are left; as they are where ``values`` is small.

    Entropies don't depend on it, and their tables then have a column for what occurs and not for what might.
    """
    if values <= most:
        return codes, values
    seen = np.unique(codes[codes >= 0])
    return np.where(codes >= 0, np.searchsorted(seen, codes), -1), max(1, len(seen))


def counts_of(codes: np.ndarray, values: int) -> np.ndarray:
    """How often each of 0…values−1 occurs along the last axis; negative codes aren't counted."""
    from thermopolis.analysis.counting import _bincount

    return _bincount(np.asarray(codes), values)
