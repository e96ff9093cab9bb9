"""Random factor graphs and the statistics that compare samples with exact laws."""

from __future__ import annotations

import numpy as np

from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.diagnostics import autocorrelation_time
from thermopolis.thermo.exact import enumerate_states


def random_graph(seed: int, zeros: bool = True, blocks: str = "auto") -> Categorical:
    """Up to 12 units of 2 or 4 states (at most 2**12 joint states), factors of arity 1 to 3, with zeros."""
    rng = np.random.default_rng(seed)
    sizes: list[int] = []
    target = int(rng.integers(4, 13))
    while len(sizes) < target and np.prod(sizes, initial=1.0) <= 2**10:
        sizes.append(int(rng.choice([2, 2, 4])))
    units = len(sizes)
    factors = {(unit,): rng.normal(size=sizes[unit]) for unit in range(units)}
    for unit in range(1, units):
        other = int(rng.integers(unit))
        factors[(other, unit)] = rng.normal(size=(sizes[other], sizes[unit]))
    for _ in range(units // 3):
        scope = tuple(int(u) for u in rng.choice(units, 3, replace=False))
        factors[scope] = rng.normal(size=[sizes[u] for u in scope])
    if zeros:
        scope = list(factors)[units]
        table = factors[scope]
        table.flat[int(rng.integers(table.size))] = np.inf
    return Categorical(sizes, factors, blocks=blocks)


def joint_counts(energy: object, states: np.ndarray) -> np.ndarray:
    """Histogram over joint states of samples (samples, units, lanes)."""
    sizes = getattr(energy, "sizes", None) or (2,) * energy.units  # type: ignore[attr-defined]
    rows = np.moveaxis(np.asarray(states), 1, 0).reshape(len(sizes), -1).astype(np.int64)
    if rows.min() < 0:
        rows = (rows + 1) // 2
    return np.bincount(np.ravel_multi_index(tuple(rows), sizes), minlength=int(np.prod(sizes)))


def total_variation_excess(energy: object, temperature: float, states: np.ndarray, seed: int = 0) -> float:
    """Standard deviations by which the total variation exceeds what a multinomial draw would show.

    The multinomial has the effective sample size of the slowest of the energy and the units.
    """
    exact = enumerate_states(energy, temperature)
    counts = joint_counts(energy, states)
    assert counts[exact.probabilities == 0].sum() == 0, "a forbidden state was drawn"
    traces = [states[:, unit] for unit in range(states.shape[1])]
    slowest = max(1.0, *(np.nan_to_num(autocorrelation_time(trace), nan=1.0) for trace in traces))
    effective = int(counts.sum() / slowest)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(effective, exact.probabilities, size=200) / effective
    expected = np.abs(drawn - exact.probabilities).sum(axis=1) / 2
    seen = np.abs(counts / counts.sum() - exact.probabilities).sum() / 2
    return float((seen - expected.mean()) / expected.std())
