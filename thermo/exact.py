"""Exact laws of small discrete energies by enumeration: p(x) = exp(−E(x)/T)/Z, ln Z, marginals, entropy.

float64 throughout. States are numbered with the last unit fastest. These are references for tests and small
models; the number of joint states is bounded.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from thermopolis.errors import ModelError
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.ising import Ising

BUDGET = 1 << 22


class Enumeration(NamedTuple):
    """An exact law.

    Attributes
    ----------
    states : np.ndarray
        Int, (units, states); ±1 for spins.
    energies, probabilities : np.ndarray
        Float64, (states,); forbidden states have energy +inf and probability 0.
    log_partition : float
        ln Z at the temperature asked for.
    temperature : float
    sizes : tuple of int
    """

    states: np.ndarray
    energies: np.ndarray
    probabilities: np.ndarray
    log_partition: float
    temperature: float
    sizes: tuple[int, ...]

    @property
    def marginals(self) -> list[np.ndarray]:
        """Each unit's law."""
        joint = self.probabilities.reshape(self.sizes)
        axes = range(len(self.sizes))
        return [joint.sum(axis=tuple(a for a in axes if a != unit)) for unit in axes]

    @property
    def entropy(self) -> float:
        """−Σ p ln p in nats."""
        p = self.probabilities[self.probabilities > 0]
        return float(-(p * np.log(p)).sum())

    @property
    def mean_energy(self) -> float:
        """⟨E⟩."""
        seen = self.probabilities > 0
        return float((self.probabilities[seen] * self.energies[seen]).sum())

    @property
    def free_energy(self) -> float:
        """F = −T ln Z = ⟨E⟩ − T·entropy."""
        return -self.temperature * self.log_partition


def enumerate_states(energy: Any, temperature: float = 1.0, lane: int = 0) -> Enumeration:
    """The exact law of a ``Categorical`` or ``Ising`` energy, of one lane where tables are per lane.

    Raises
    ------
    ModelError
        More joint states than can be listed, a temperature that isn't positive, an empty support.
    """
    if not temperature > 0:
        raise ModelError(f"enumeration: temperature must be > 0, got {temperature}")
    sizes = energy.sizes if isinstance(energy, Categorical) else (2,) * energy.units
    total = math.prod(sizes)
    if total > BUDGET:
        raise ModelError(f"enumeration: {total} joint states, at most {BUDGET} are listed")
    states = np.stack(np.unravel_index(np.arange(total), sizes))
    if isinstance(energy, Ising):
        states = 2 * states - 1
        energies = _spin_energies(energy, states, lane)
    else:
        energies = _table_energies(energy, states, lane)
    if not np.isfinite(energies).any():
        raise ModelError("enumeration: every joint state is forbidden")
    lowest = energies.min()
    weights = np.exp(-(energies - lowest) / temperature)
    partition = weights.sum()
    log_partition = float(np.log(partition) - lowest / temperature)
    return Enumeration(states, energies, weights / partition, log_partition, float(temperature), tuple(sizes))


def _table_energies(energy: Categorical, states: np.ndarray, lane: int) -> np.ndarray:
    total = np.zeros(states.shape[1])
    for scope, table in zip(energy.scopes, energy.tables, strict=True):
        values = np.asarray(table, np.float64)
        if values.ndim > len(scope):
            values = values[..., lane if values.shape[-1] > 1 else 0]
        total = total + values[tuple(states[unit] for unit in scope)]
    return total


def _spin_energies(energy: Ising, states: np.ndarray, lane: int) -> np.ndarray:
    couplings, biases = (np.asarray(a, np.float64) for a in (energy.couplings, energy.biases))
    if couplings.ndim == 2:
        couplings = couplings[:, lane if couplings.shape[1] > 1 else 0]
    if biases.ndim == 2:
        biases = biases[:, lane if biases.shape[1] > 1 else 0]
    left, right = energy.edges[:, 0], energy.edges[:, 1]
    couplings = np.broadcast_to(couplings, (len(left),))
    biases = np.broadcast_to(biases, (energy.units,))
    return -(couplings[:, None] * states[left] * states[right]).sum(axis=0) - (biases[:, None] * states).sum(
        axis=0
    )
