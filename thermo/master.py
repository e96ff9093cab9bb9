"""The master equation of a jump process: dp/dt = W p, with W[x', x] the rate of x → x' and columns summing to 0.

Exact references for small systems (float64, NumPy and SciPy): propagation by the matrix exponential, stationary
law, entropy production σ = ½ Σ (W_ij p_j − W_ji p_i) ln(W_ij p_j / W_ji p_i) (Schnakenberg 1976), currents, and
single trajectories on any rate matrix, driven ones included (Gillespie 1977).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Key
from scipy.linalg import expm

from thermopolis.errors import ModelError
from thermopolis.keys import draws
from thermopolis.thermo.checks import numeric, refuse_unless
from thermopolis.thermo.exact import enumerate_states
from thermopolis.thermo.jump import RATES, Rates, as_categorical

_BUDGET = 4096


def checked(rates: Any) -> np.ndarray:
    """A rate matrix with its diagonal made the negative sum of its column.

    Raises
    ------
    ModelError
        Not square, negative or non-finite rates off the diagonal.
    """
    matrix = np.array(numeric(rates, "master equation: rates"), np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ModelError(f"master equation: expected a square matrix of rates, got shape {matrix.shape}")
    np.fill_diagonal(matrix, 0.0)
    if not np.isfinite(matrix).all() or (matrix < 0).any():
        i, j = np.argwhere(~np.isfinite(matrix) | (matrix < 0))[0]
        raise ModelError(f"master equation: the rate {j} → {i} is {matrix[i, j]}; rates are finite and ≥ 0")
    np.fill_diagonal(matrix, -matrix.sum(axis=0))
    return matrix


def rate_matrix(energy: Any, temperature: float, rates: Rates = "heat_bath") -> np.ndarray:
    """W of ``Jump`` on a small discrete energy; states numbered as in ``enumerate_states``."""
    if rates not in RATES:
        raise ModelError(f"master equation: rates: expected one of {RATES}, got {rates!r}")
    merged = as_categorical(energy).merged()
    sizes = merged.sizes
    total = math.prod(sizes)
    if total > _BUDGET:
        raise ModelError(f"master equation: {total} joint states, at most {_BUDGET}")
    energies = enumerate_states(merged, temperature).energies
    states = np.stack(np.unravel_index(np.arange(total), sizes))
    matrix = np.zeros((total, total))
    for unit, size in enumerate(sizes):
        stride = math.prod(sizes[unit + 1 :])
        targets = np.arange(total)[None] + (np.arange(size)[:, None] - states[unit]) * stride
        rows = energies[targets]
        lowest = rows.min(axis=0)
        with np.errstate(invalid="ignore"):
            if rates == "heat_bath":
                weights = np.exp(-(rows - lowest) / temperature)
                weights = weights / weights.sum(axis=0)
            elif rates == "metropolis":
                weights = np.exp(-np.maximum(rows - energies, 0.0) / temperature)
            else:
                weights = np.exp(-(rows - energies) / (2 * temperature))
        for k in range(size):
            here = (states[unit] != k) & np.isfinite(energies)
            matrix[targets[k][here], np.flatnonzero(here)] = weights[k][here]
    return checked(matrix)


def propagate(rates: Any, start: Any, time: float) -> np.ndarray:
    """p(t) = exp(W t) p(0)."""
    return expm(checked(rates) * time) @ np.asarray(start, np.float64)


def stationary(rates: Any) -> np.ndarray:
    """The law with W p = 0; unique where every state can be reached from every other."""
    matrix = checked(rates)
    extended = np.vstack([matrix, np.ones(len(matrix))])
    solution = np.linalg.lstsq(extended, np.append(np.zeros(len(matrix)), 1.0), rcond=None)[0]
    return np.clip(solution, 0.0, None) / np.clip(solution, 0.0, None).sum()


def currents(rates: Any, law: Any) -> np.ndarray:
    """Net probability current i ← j: W_ij p_j − W_ji p_i."""
    flow = checked(rates) * np.asarray(law, np.float64)
    np.fill_diagonal(flow, 0.0)
    return flow - flow.T


def entropy_production_rate(rates: Any, law: Any) -> float:
    """Schnakenberg's σ ≥ 0 in nats per unit time; +inf where a transition has no way back."""
    flow = checked(rates) * np.asarray(law, np.float64)
    np.fill_diagonal(flow, 0.0)
    there, back = flow[flow + flow.T > 0], flow.T[flow + flow.T > 0]
    if ((there > 0) != (back > 0)).any():
        return math.inf
    return float(0.5 * ((there - back) * np.log(there / back)).sum())


class Path(NamedTuple):
    """Trajectories: last state, transitions made (states, states, lanes) [to, from], time spent (states, lanes)."""

    state: Int32[Array, " lanes"]
    transitions: Float[Array, "states states lanes"]
    dwell: Float[Array, "states lanes"]


def trajectories(keys: Key[Array, " lanes"], rates: Any, start: Any, duration: float) -> Path:
    """Simulate the process on any rate matrix for a time, one lane a key.

    Parameters
    ----------
    keys : Key[Array, "lanes"]
    rates : Float[states, states]
        Off the diagonal; need not obey detailed balance.
    start : Int32[Array, "lanes"]
    duration : float
    """
    refuse_unless(duration, lambda t: (t > 0) & np.isfinite(t), "duration", "positive")
    matrix = checked(rates)
    leaving = jnp.asarray(-np.diag(matrix), jnp.float32)
    np.fill_diagonal(matrix, 0.0)
    shares = np.cumsum(matrix, axis=0) / np.maximum(matrix.sum(axis=0), 1e-300)
    cumulative = jnp.asarray(shares, jnp.float32)
    count, lanes = len(matrix), keys.shape[0]
    every = jnp.arange(count)

    def unfinished(carry: Any) -> Any:
        return (carry[3] > 0).any()

    def event(carry: Any) -> Any:
        state, made, dwell, left, number = carry
        uniform = draws(keys, 2 * number + np.arange(2))
        rate = leaving[state]
        waited = jnp.where(rate > 0, -jnp.log1p(-uniform[0]) / jnp.maximum(rate, 1e-30), jnp.inf)
        new = jnp.minimum((uniform[1] >= cumulative[:, state]).sum(axis=0), count - 1).astype(jnp.int32)
        inside = waited < left
        here = every[:, None] == state
        dwell = dwell + here * jnp.minimum(waited, left)
        made = made + (every[:, None, None] == new) * here[None] * inside
        left = jnp.where(inside, left - waited, 0.0)
        return jnp.where(inside, new, state), made, dwell, left, number + 1

    start = jnp.broadcast_to(jnp.asarray(start, jnp.int32), (lanes,))
    carry = (
        start,
        jnp.zeros((count, count, lanes), jnp.float32),
        jnp.zeros((count, lanes), jnp.float32),
        jnp.full(lanes, duration, jnp.float32),
        jnp.int32(0),
    )
    state, made, dwell, _, _ = jax.lax.while_loop(unfinished, event, carry)
    return Path(state, made, dwell)
