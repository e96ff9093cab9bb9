"""What is known exactly of the laws a core is told to follow, step by step: −ln Z, entropy, distance of what was seen.

With φ = −ln Z(E, T) the free energy of a core at T_device is k_B T_device φ (energies count in units of the temperature
they are sampled at: ``ledger``). From equilibrium ⟨W⟩ ≥ ΔF, and what is above it becomes entropy of the bath once the
core has relaxed: k_B(⟨w⟩ − Δφ). The entropy is H = d(T ln Z)/dT, by a central difference of relative step 1e-4.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from thermopolis.errors import ModelError
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.double_well import DoubleWell
from thermopolis.thermo.elimination import discrete_log_partition
from thermopolis.thermo.exact import enumerate_states
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.mixed import Mixed
from thermopolis.thermo.potential import Potential
from thermopolis.thermo.quadratic import Quadratic
from thermopolis.thermo.quadrature import checked_log_partition

_MOST_UNITS = 24  # of a discrete energy that is summed at every step
_MOST_STATES = 4096  # joint states whose frequencies are compared with the law
_STEP = 1e-4


def reduced_laws(energies: Any, temperatures: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """φ = −ln Z and the entropy (nats) of the law at each step; None where they aren't known exactly.

    Parameters
    ----------
    energies : sequence of energies, one per temperature.
    temperatures : Float[np.ndarray, "steps"]
    """
    rows = []
    for energy, temperature in zip(energies, temperatures, strict=True):
        if not _summable(energy):
            return None
        up, down = temperature * (1 + _STEP), temperature * (1 - _STEP)
        try:
            high, low = _log_partition(energy, up), _log_partition(energy, down)
        except ModelError:
            return None
        rows.append((-(high + low) / 2, (up * high - down * low) / (up - down)))
    table = np.asarray(rows)
    return (table[:, 0], table[:, 1]) if np.isfinite(table).all() else None


def _summable(energy: Any) -> bool:
    if isinstance(energy, Categorical | Ising):
        return energy.units <= _MOST_UNITS
    if isinstance(energy, Quadratic | DoubleWell):
        return True
    return isinstance(energy, Potential | Mixed) and energy.units - len(getattr(energy, "sizes", ())) == 1


def _log_partition(energy: Any, temperature: float) -> float:
    if isinstance(energy, Categorical | Ising):
        return float(discrete_log_partition(energy, temperature))
    if isinstance(energy, Quadratic):
        A, b = np.asarray(energy.A, float), np.asarray(energy.b, float)
        sign, log_determinant = np.linalg.slogdet(A)
        if sign <= 0:
            return math.nan
        gaussian = energy.units * math.log(2 * math.pi * temperature) - log_determinant
        return float(gaussian / 2 + (b @ np.linalg.solve(A, b) / 2 - np.asarray(energy.offset)) / temperature)
    return checked_log_partition(energy, temperature)


def number_of_states(energy: Any) -> int | None:
    """Joint states of a discrete energy; None where there are too many to count, or none."""
    if not isinstance(energy, Categorical | Ising):
        return None
    number = math.prod(_sizes(energy))
    return number if number <= _MOST_STATES else None


def _sizes(energy: Any) -> tuple[int, ...]:
    return tuple(energy.sizes) if isinstance(energy, Categorical) else (2,) * energy.units


def state_counts(energy: Any, states: np.ndarray) -> np.ndarray:
    """How often each replicate showed each joint state: (replicates, states).

    Parameters
    ----------
    energy : discrete, of few states
    states : (replicates, samples, units)
    """
    sizes = _sizes(energy)
    result = []
    for seen in states:
        rows = seen.T.astype(np.int64)
        rows = (rows + 1) // 2 if isinstance(energy, Ising) else rows
        result.append(np.bincount(np.ravel_multi_index(tuple(rows), sizes), minlength=math.prod(sizes)))
    return np.asarray(result)


def distance_from_law(energy: Any, temperature: float, counts: np.ndarray) -> np.ndarray:
    """Total variation between the states each replicate showed and exp(−E/T)/Z.

    Parameters
    ----------
    energy : discrete, of few states
    temperature : of all samples
    counts : (replicates, states), of :func:`state_counts`
    """
    exact = enumerate_states(energy, temperature).probabilities
    return np.asarray([np.abs(one / one.sum() - exact).sum() / 2 for one in counts])
