"""Jump processes: waiting times, master equation, entropy production, the thermodynamic uncertainty relation."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from graphs import random_graph, total_variation_excess
from scipy.stats import kstest

from thermopolis.errors import ModelError
from thermopolis.keys import draws, fold_in, make_key
from thermopolis.thermo import Categorical, Ising, Jump, enumerate_states, sample
from thermopolis.thermo.batches import Prepared
from thermopolis.thermo.jump import flips, jump
from thermopolis.thermo.master import (
    currents,
    entropy_production_rate,
    propagate,
    rate_matrix,
    stationary,
    trajectories,
)


def lane_keys(seed: int, lanes: int) -> jax.Array:
    return fold_in(jnp.broadcast_to(make_key(seed), (lanes,)), jnp.arange(lanes))


def driven_cycle(forward: float, backward: float) -> np.ndarray:
    rates = np.zeros((3, 3))
    for i in range(3):
        rates[(i + 1) % 3, i], rates[i, (i + 1) % 3] = forward, backward
    return rates


@pytest.mark.long
def test_law_of_a_long_run() -> None:
    energy = random_graph(7)
    drawn = sample(make_key(1), energy, Jump(1.0), 0.9, chains=64, samples=400, burn_in=20)
    assert total_variation_excess(energy, 0.9, drawn.values) < 4


@pytest.mark.parametrize("rates", ["heat_bath", "metropolis", "arrhenius"])
def test_waiting_times_are_exponential(rates: str) -> None:
    energy = random_graph(8)
    matrix = rate_matrix(energy, 1.0, rates)  # type: ignore[arg-type]
    exact = enumerate_states(energy, 1.0)
    lanes, number = 4000, int(np.argmax(exact.probabilities))
    state = jnp.asarray(np.repeat(exact.states[:, [number]], lanes, axis=1), jnp.int32)
    uniform = draws(lane_keys(2, lanes), np.arange(2))
    once = jax.jit(lambda uniform, state: jump(uniform, state, Prepared(energy), 1.0, rates))  # type: ignore[arg-type]
    _, waited, _ = once(uniform, state)
    assert kstest(np.asarray(waited) * -matrix[number, number], "expon").pvalue > 1e-4


def test_relaxation_follows_the_master_equation() -> None:
    """Occupations after a time t from one state against exp(W t), within 4.5 standard errors."""
    energy = Categorical((2, 3), {(0, 1): [[0.0, 1.0, 2.0], [1.5, 0.2, 0.7]]})
    rates = rate_matrix(energy, 1.0)
    law = propagate(rates, np.eye(6)[0], 0.6)
    lanes = 20000
    new, _ = Jump(0.6).step(lane_keys(3, lanes), jnp.zeros((2, lanes), jnp.int32), energy, 1.0)
    seen = np.bincount(np.asarray(new[0] * 3 + new[1]), minlength=6) / lanes
    assert (np.abs(seen - law) < 4.5 * np.sqrt(law * (1 - law) / lanes)).all()
    assert np.allclose(stationary(rates), enumerate_states(energy, 1.0).probabilities, atol=1e-12)
    assert entropy_production_rate(rates, stationary(rates)) == pytest.approx(0, abs=1e-12)


def test_entropy_production_of_a_driven_cycle() -> None:
    rates = driven_cycle(3.0, 1.0)
    assert entropy_production_rate(rates, stationary(rates)) == pytest.approx(2 * np.log(3), abs=1e-9)
    assert currents(rates, stationary(rates))[1, 0] == pytest.approx(2 / 3)
    one_way = driven_cycle(1.0, 0.0)
    assert entropy_production_rate(one_way, stationary(one_way)) == np.inf


def test_uncertainty_relation_and_entropy_of_trajectories() -> None:
    """Var(J)/⟨J⟩² ≥ 2/Σ on simulated currents; dwell times and Σ agree with the master equation."""
    rates, duration, lanes = driven_cycle(3.0, 1.0), 20.0, 4000
    path = trajectories(lane_keys(4, lanes), rates, np.arange(lanes) % 3, duration)
    made = np.asarray(path.transitions, np.float64)
    turns = sum(made[(i + 1) % 3, i] - made[i, (i + 1) % 3] for i in range(3)) / 3
    mean, variance = turns.mean(), turns.var(ddof=1)
    error = np.sqrt(variance / lanes)
    assert abs(mean - 2 / 3 * duration) < 4 * error
    produced = 3 * mean * np.log(3)
    relation = variance / mean**2 * produced
    spread = relation * np.sqrt(2 / lanes + 4 * error**2 / mean**2)
    assert relation > 2 - 4 * spread
    # the cycle's own value: coth of half the affinity per step times it, 2.197 for rates 3 and 1
    assert abs(relation - np.log(3) * 4 / 2) < 5 * spread
    dwell = np.asarray(path.dwell).mean(axis=1) / duration
    assert np.allclose(dwell, 1 / 3, atol=0.005)


def test_arrhenius_rates_beyond_float32_go_downhill() -> None:
    """ΔE/2T up to 120: rates of e^120 leave only moves that lower the energy."""
    energy = Ising.lattice((4, 4), 3.0, 0.3)
    keys = lane_keys(7, 64)
    start = Jump().init(keys, energy)
    new, info = jax.jit(Jump(1.0, "arrhenius").step)(keys, start, energy, 0.1)
    assert bool((info.delta_energy <= 0).all()) and float(energy(new).max()) < float(energy(start).min())
    np.testing.assert_allclose(info.delta_energy, energy(new) - energy(start), atol=1e-3)


@pytest.mark.parametrize("rates", ["heat_bath", "metropolis", "arrhenius"])
def test_spins_of_a_large_lattice(rates: Any) -> None:
    """Single flips: rates as of the same spins as two-state units, energy changes as counted anew."""
    energy, lanes = Ising.lattice((16, 16), 0.7), 3
    sampler = Jump(0.5, rates)
    state = sampler.init(lane_keys(5, lanes), energy)
    new, info = jax.jit(lambda keys, state: sampler.step(keys, state, energy, 1.7))(
        lane_keys(6, lanes), state
    )
    assert (new != state).any(axis=0).all()
    np.testing.assert_allclose(info.delta_energy, energy(new) - energy(state), atol=1e-3)
    small = Ising([(0, 1), (1, 2), (0, 2)], [0.5, -1.0, 0.8], [0.2, 0.0, -0.4])
    exact = enumerate_states(small, 0.9)
    spins = jnp.asarray(exact.states, jnp.int8)
    moves = flips(spins, small, 0.9, rates)
    assert np.asarray(moves.rate * jnp.exp(moves.faster)).sum(axis=0) == pytest.approx(
        -np.diag(rate_matrix(small, 0.9, rates)), rel=1e-5
    )


def test_forbidden_states_are_never_entered() -> None:
    energy = Categorical((3, 2), {(0,): [0.0, np.inf, 0.5], (0, 1): np.zeros((3, 2))})
    new, info = Jump(5.0).step(lane_keys(3, 500), jnp.zeros((2, 500), jnp.int32), energy, 1.0)
    assert (new[0] != 1).all() and bool(jnp.isfinite(info.delta_energy).all())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Jump(0.0), "interval"),
        (lambda: Jump(1.0, "fast"), "rates"),
        (lambda: stationary([[0.0, -1.0], [1.0, 0.0]]), "rates are finite"),
        (lambda: stationary([[0.0, 1.0]]), "square"),
        (lambda: rate_matrix(random_graph(0), 0.0), "temperature"),
    ],
)
def test_bad_input_is_refused(make: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make()  # type: ignore[operator]
