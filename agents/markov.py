"""Long-run play of two memory-one strategies, exactly, from their Markov chain.

Outcomes are (CC, CD, DC, DD) from the first player's side. With p and q the probabilities of cooperating
after each outcome (q from its own side, so with CD and DC swapped) the rows of the chain are
[pq, p(1−q), (1−p)q, (1−p)(1−q)] (Press & Dyson 2012); moves flipped with probability ε turn p into p(1−2ε)+ε.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_SWAP = (0, 2, 1, 3)


def _rows(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.stack([p * q, p * (1 - q), (1 - p) * q, (1 - p) * (1 - q)], axis=-1)


def _noisy(p: np.ndarray, noise: float) -> np.ndarray:
    return p * (1 - 2 * noise) + noise


def transition_matrix(p: Sequence[float], q: Sequence[float], noise: float = 0.0) -> np.ndarray:
    """(4, 4) probabilities of the next outcome (columns) given the last one (rows).

    Parameters
    ----------
    p, q : (4,) sequences
        Each player's probability of cooperating after (CC, CD, DC, DD) seen from its own side.
    noise : float
        Probability that a chosen move is flipped.
    """
    own = _noisy(np.asarray(p, float), noise)
    partner = _noisy(np.asarray(q, float), noise)[list(_SWAP)]
    return _rows(own, partner)


def limit(matrix: np.ndarray) -> np.ndarray:
    """The Cesàro limit lim (1/n) Σ Pᵏ of a stochastic matrix: the projector onto its eigenvalue 1.

    It exists for every chain, periodic and reducible ones included, because that eigenvalue is semisimple.
    """
    gap = np.eye(len(matrix)) - matrix
    u, singular, vt = np.linalg.svd(gap)
    null = singular < 1e-12 * len(matrix)
    right, left = vt[null].T, u[:, null].T
    return right @ np.linalg.solve(left @ right, left)


def stationary(
    p: Sequence[float],
    q: Sequence[float],
    noise: float = 0.0,
    opening: tuple[float, float] = (1.0, 1.0),
) -> np.ndarray:
    """(4,) long-run frequencies of CC, CD, DC, DD from the first player's side.

    Where the chain has several closed classes the frequencies depend on how it starts: ``opening`` gives each
    player's probability of cooperating in the first round (before noise).
    """
    first = [_noisy(np.asarray(x, float), noise) for x in opening]
    frequencies: np.ndarray = _rows(first[0], first[1]) @ limit(transition_matrix(p, q, noise))
    return frequencies


def long_run_payoffs(
    p: Sequence[float],
    q: Sequence[float],
    payoffs: Sequence[Sequence[float]] = ((3.0, 0.0), (5.0, 1.0)),
    noise: float = 0.0,
    opening: tuple[float, float] = (1.0, 1.0),
) -> tuple[float, float]:
    """Mean payoff per round of each player in a symmetric game with the row player's ``payoffs`` (2, 2)."""
    table = np.asarray(payoffs, float)
    frequencies = stationary(p, q, noise, opening)
    return float(frequencies @ table.reshape(-1)), float(frequencies @ table.T.reshape(-1))
