"""Mean field of a discrete energy: the product law q = Π q_i of least F(q) = ⟨E⟩_q − T Σ H(q_i) ≥ −T ln Z.

Each q_i ∝ exp(−⟨E⟩_{others}/T) in turn lowers F, to a fixed point (Wainwright & Jordan 2008, ch. 5; for spins
m_i = tanh((Σ_j J_ij m_j + h_i)/T), Weiss 1907). The gap F − (−T ln Z) = T·KL[q‖p] is what the sampled answer has
and the mean field has not.
"""

from __future__ import annotations

import math
import string
from typing import Any, NamedTuple

import numpy as np

from thermopolis.thermo.categorical import FORBIDDEN
from thermopolis.thermo.checks import whole
from thermopolis.thermo.elimination import factors_of
from thermopolis.thermo.free_energy import log_partition
from thermopolis.thermo.noise import positive_temperature


class MeanField(NamedTuple):
    """The best product law found.

    Attributes
    ----------
    marginals : list of np.ndarray
        q_i of each unit (of a spin: of −1, then +1).
    free_energy : float
        F(q), in the unit of the energy.
    energy, entropy : float
        ⟨E⟩_q and Σ H(q_i) in nats.
    trace : np.ndarray
        F after each sweep of the start it came from; it never rises.
    """

    marginals: list[np.ndarray]
    free_energy: float
    energy: float
    entropy: float
    trace: np.ndarray


def mean_field(
    energy: Any, temperature: float = 1.0, *, starts: int = 8, sweeps: int = 500, tolerance: float = 1e-12
) -> MeanField:
    """Coordinate ascent from several random starts; the lowest F wins.

    Parameters
    ----------
    energy : ``Categorical`` or ``Ising``, one for all lanes.
    temperature : positive.
    starts : starts tried (ordered phases have several fixed points).
    sweeps, tolerance : a start ends when F falls by less than ``tolerance·T``, or after ``sweeps``.

    Raises
    ------
    ModelError
        Another kind of energy, a temperature that is not positive.
    """
    positive_temperature(temperature)
    whole(starts, "starts")
    whole(sweeps, "sweeps")
    sizes, pairs = factors_of(energy)
    factors = [(scope, np.asarray(table, np.float64)) for scope, table in pairs]
    rng = np.random.default_rng(0)
    best: MeanField | None = None
    for start in range(starts):
        q = [np.full(k, 1 / k) if start == 0 else rng.dirichlet(np.ones(k)) for k in sizes]
        trace = [math.inf]
        for _ in range(sweeps):
            for unit, size in enumerate(sizes):
                touching = [(s, t) for s, t in factors if unit in s]
                local = sum((_expected(s, t, q, unit) for s, t in touching), np.zeros(size))
                weights = np.exp(-(local - local.min()) / temperature)
                q[unit] = weights / weights.sum()
            mean, entropy = _energy(factors, q), sum(_entropy(p) for p in q)
            trace.append(mean - temperature * entropy)
            if trace[-2] - trace[-1] < tolerance * temperature:
                break
        found = MeanField(q, trace[-1], mean, entropy, np.array(trace[1:]))
        if best is None or found.free_energy < best.free_energy:
            best = found
    assert best is not None
    return best


def mean_field_gap(energy: Any, temperature: float = 1.0, **options: Any) -> float:
    """F_mean field + T ln Z = T·KL[q‖p] ≥ 0; zero where units are independent. Options as ``mean_field``."""
    found = mean_field(energy, temperature, **options)
    return found.free_energy + temperature * log_partition(energy, temperature)


def _entropy(p: np.ndarray) -> float:
    kept = p[p > 0]
    return float(-(kept * np.log(kept)).sum())


def _expected(scope: tuple[int, ...], table: np.ndarray, q: list[np.ndarray], unit: int | None) -> Any:
    """⟨table⟩ over the units of the scope but ``unit``; forbidden states of probability zero cost nothing."""
    letters = string.ascii_letters[: len(scope)]
    others = [(letter, u) for letter, u in zip(letters, scope, strict=True) if u != unit]
    kept = "".join(letter for letter, u in zip(letters, scope, strict=True) if u == unit)
    spec = ",".join([letters, *(letter for letter, _ in others)]) + "->" + kept
    weights = [q[u] for _, u in others]
    finite = np.where(table < 0.5 * FORBIDDEN, table, 0.0)
    barred = np.einsum(spec, np.where(table < 0.5 * FORBIDDEN, 0.0, 1.0), *weights)
    return np.einsum(spec, finite, *weights) + np.where(barred > 0, FORBIDDEN * barred, 0.0)


def _energy(factors: list[tuple[tuple[int, ...], np.ndarray]], q: list[np.ndarray]) -> float:
    return float(sum(_expected(scope, table, q, None) for scope, table in factors))
