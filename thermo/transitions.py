"""One-step transition matrices P[x', x] of the discrete samplers on small systems, exactly.

Chromatic Gibbs and Metropolis sweeps are products over colours of products over units; the step of a jump
process is exp(W·interval). States are numbered as in ``enumerate_states``. These are what detailed balance and
stationarity are checked on: P π = π.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.linalg import expm

from thermopolis.errors import ModelError
from thermopolis.thermo.exact import enumerate_states
from thermopolis.thermo.gibbs import Gibbs
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.jump import Jump, as_categorical
from thermopolis.thermo.master import rate_matrix
from thermopolis.thermo.metropolis import Metropolis, swappable

_BUDGET = 2048


def transition_matrix(sampler: Any, energy: Any, temperature: float) -> np.ndarray:
    """P of one ``step`` of ``Gibbs``, ``Metropolis`` or ``Jump``; columns sum to one.

    Columns of forbidden states hold what the sampler would do there only where that is defined; they are left
    as the identity.
    """
    if isinstance(sampler, Jump):
        return expm(rate_matrix(energy, temperature, sampler.rates) * sampler.interval)
    merged = as_categorical(energy).merged()
    total = math.prod(merged.sizes)
    if total > _BUDGET:
        raise ModelError(f"transition matrix: {total} joint states, at most {_BUDGET}")
    energies = enumerate_states(merged, temperature).energies
    if isinstance(sampler, Metropolis) and sampler.move == "swap":
        return np.linalg.matrix_power(_swap_matrix(energy, energies, temperature), energy.units)
    if isinstance(energy, Ising):
        colours = [tuple(int(u) for u in units) for units, _, _ in energy.graph.groups]
    else:
        colours = list(merged.colours)
    matrix = np.eye(total)
    for group in colours:
        for unit in group:  # units of a colour don't see each other: their moves commute
            rows, targets = _single(merged.sizes, unit, energies)
            if isinstance(sampler, Gibbs):
                chances = _conditional(rows, temperature)
            else:
                chances = _flip(rows, energies, targets, temperature)
            move = np.zeros((total, total))
            for k in range(len(rows)):
                np.add.at(move, (targets[k], np.arange(total)), chances[k])
            forbidden = ~np.isfinite(energies)
            move[:, forbidden] = np.eye(total)[:, forbidden]
            matrix = move @ matrix
    return matrix


def _single(sizes: tuple[int, ...], unit: int, energies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies and numbers of the states with ``unit`` put to each of its values, (states of unit, joint)."""
    total = math.prod(sizes)
    stride = math.prod(sizes[unit + 1 :])
    own = np.arange(total) // stride % sizes[unit]
    targets = np.arange(total)[None] + (np.arange(sizes[unit])[:, None] - own) * stride
    return energies[targets], targets


def _conditional(rows: np.ndarray, temperature: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        weights = np.exp(-(rows - rows.min(axis=0)) / temperature)
        return np.nan_to_num(weights / weights.sum(axis=0))


def _flip(rows: np.ndarray, energies: np.ndarray, targets: np.ndarray, temperature: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        accept = np.nan_to_num(np.exp(-np.maximum(rows - energies, 0.0) / temperature)) / len(rows)
    own = targets == np.arange(rows.shape[1])
    accept[own] = 0.0
    accept[own] = 1.0 - accept.sum(axis=0)[np.argwhere(own)[:, 1]]
    return accept


def _swap_matrix(energy: Any, energies: np.ndarray, temperature: float) -> np.ndarray:
    sizes = as_categorical(energy).sizes
    states = np.stack(np.unravel_index(np.arange(len(energies)), sizes))
    pairs = swappable(energy)
    matrix = np.zeros((len(energies), len(energies)))
    here = np.arange(len(energies))
    for i, j in pairs:
        swapped = states.copy()
        swapped[[i, j]] = swapped[[j, i]]
        there = np.ravel_multi_index(tuple(swapped), sizes)
        with np.errstate(invalid="ignore"):
            accept = np.nan_to_num(np.exp(-np.maximum(energies[there] - energies, 0.0) / temperature)) / len(
                pairs
            )
        np.add.at(matrix, (there, here), accept)
        np.add.at(matrix, (here, here), 1.0 / len(pairs) - accept)
    return matrix
