"""Every discrete sampler's transition matrix leaves exp(−E/T)/Z unchanged, and the sampler moves as it says."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.keys import fold_in, make_key
from thermopolis.thermo import (
    Categorical,
    Gibbs,
    Ising,
    Jump,
    Metropolis,
    enumerate_states,
    transition_matrix,
)
from thermopolis.thermo.master import rate_matrix

SAMPLERS: list[Any] = [
    Gibbs(),
    Metropolis("flip"),
    Metropolis("swap"),
    Jump(0.7),
    Jump(0.7, "metropolis"),
    Jump(0.7, "arrhenius"),
]


def energies() -> list[Any]:
    rng = np.random.default_rng(5)
    table = rng.normal(size=(3, 2))
    table[0, 1] = np.inf
    return [
        Categorical((3, 2, 2), {(0, 1): table, (1, 2): rng.normal(size=(2, 2)), (0,): rng.normal(size=3)}),
        Ising([(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)], rng.normal(size=5), rng.normal(size=4)),
    ]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_stationary(sampler: Any, which: int) -> None:
    energy = energies()[which]
    law = enumerate_states(energy, 0.8).probabilities
    matrix = transition_matrix(sampler, energy, 0.8)
    assert np.allclose(matrix.sum(axis=0), 1)
    assert np.abs(matrix @ law - law).max() < 1e-12


@pytest.mark.parametrize("rates", ["heat_bath", "metropolis", "arrhenius"])
def test_jump_rates_balance_in_detail(rates: Any) -> None:
    for energy in energies():
        law = enumerate_states(energy, 0.8).probabilities
        flow = rate_matrix(energy, 0.8, rates) * law
        assert np.abs(flow - flow.T).max() < 1e-14


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_steps_follow_the_matrix(sampler: Any, which: int) -> None:
    """From every allowed state 4000 lanes take a step: Pearson's χ² within its 1e-5 tail (family of 12)."""
    from scipy.stats import chi2

    energy = energies()[which]
    exact = enumerate_states(energy, 0.8)
    matrix = transition_matrix(sampler, energy, 0.8)
    allowed = np.flatnonzero(np.isfinite(exact.energies))
    lanes = 4000
    starts = np.repeat(allowed, lanes)
    state = jnp.asarray(exact.states[:, starts], jnp.int8 if which else jnp.int32)
    keys = fold_in(jnp.broadcast_to(make_key(3), starts.shape), jnp.arange(len(starts)))
    new, info = jax.jit(lambda keys, state: sampler.step(keys, state, energy, 0.8))(keys, state)
    rows = np.asarray(new).astype(int)
    if which:
        rows = (rows + 1) // 2
    seen = np.zeros_like(matrix)
    np.add.at(seen, (np.ravel_multi_index(tuple(rows), exact.sizes), starts), 1)
    expected = matrix * lanes
    expected[:, ~np.isfinite(exact.energies)] = 0
    assert (seen[expected < 1e-9] == 0).all()
    some = expected > 5
    rare_seen, rare_expected = seen[~some].sum(), expected[~some].sum()
    statistic = ((seen[some] - expected[some]) ** 2 / expected[some]).sum()
    freedom = int(some.sum()) - len(allowed)
    assert statistic < chi2.isf(1e-5, freedom)
    assert abs(rare_seen - rare_expected) < 5 * np.sqrt(rare_expected + 1)
    assert np.allclose(info.delta_energy, energy(new) - energy(state), atol=1e-4)
