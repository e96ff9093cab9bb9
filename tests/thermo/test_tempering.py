"""Parallel tempering: its law, its swap rate, and a barrier that single-temperature Gibbs doesn't cross."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from graphs import random_graph, total_variation_excess

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, make_key
from thermopolis.thermo import (
    Constant,
    Geometric,
    Gibbs,
    Ising,
    Langevin,
    Metropolis,
    OrnsteinUhlenbeck,
    Quadratic,
    Tempering,
    enumerate_states,
    sample,
)
from thermopolis.thermo.schedules import metered_step


def run(
    sampler: Any, energy: Any, temperature: float, lanes: int, steps: int, seed: int = 0
) -> tuple[Any, np.ndarray]:
    """Last state and the trace of values (steps, units, lanes)."""
    keys = fold_in(jnp.broadcast_to(make_key(seed), (lanes,)), jnp.arange(lanes))

    @jax.jit
    def go(keys: jax.Array) -> Any:
        def one(state: Any, number: jax.Array) -> Any:
            state, _ = sampler.step(fold_in(keys, number), state, energy, temperature)
            return state, sampler.values(state)

        return jax.lax.scan(one, sampler.init(fold_in(keys, 1 << 30), energy, temperature), jnp.arange(steps))

    state, trace = go(keys)
    return state, np.asarray(trace)


def barrier() -> Ising:
    """Two groups of six spins, strongly tied within: two deep wells, up and down, with a small bias."""
    edges = [(i, j) for i in range(12) for j in range(i)]
    return Ising(edges, 0.5, 0.02)


@pytest.mark.parametrize(
    "inner",
    [
        Langevin(0.3, friction=0.1),
        pytest.param(OrnsteinUhlenbeck(0.3, friction=0.1), marks=pytest.mark.long),
    ],
)
def test_velocities_swap_with_their_kinetic_energy(inner: Any) -> None:
    """Of a cold replica ⟨x²⟩ = T/k within 4 standard errors; with the potential alone in the swap it is 9 % above."""
    tempering = Tempering([1.0, 2.0, 4.0], inner)
    drawn = sample(
        make_key(1), Quadratic([[1.0]]), tempering, chains=2000, samples=20, burn_in=100, thin=5
    ).values
    squares = (drawn[:, 0] ** 2).mean(axis=0)
    assert abs(squares.mean() - 1.0) < 4 * squares.std() / np.sqrt(squares.size)


@pytest.mark.parametrize(
    "schedule", [pytest.param(Constant(1.3), marks=pytest.mark.long), Geometric(3.0, 0.7)], ids=str
)
def test_first_law_over_all_replicas(schedule: Any) -> None:
    """Σ E/T of the replicas changes by work less heat at every step, swaps and changes of temperature included."""
    energy, tempering = random_graph(5), Tempering([1.0, 1.7, 2.9])
    keys = fold_in(jnp.broadcast_to(make_key(4), (32,)), jnp.arange(32))
    plan = schedule.init(32)
    state = tempering.init(keys, energy, plan.temperature)

    def one(carry: Any, number: jax.Array) -> Any:
        state, plan = carry
        before = tempering.total_energy(state, energy) / plan.temperature
        state, plan, _, heat, work = metered_step(
            fold_in(keys, number), state, plan, tempering, energy, energy, schedule, (number + 1) / 20
        )
        after = tempering.total_energy(state, energy) / plan.temperature
        return (state, plan), (after - before - (work - heat), jnp.abs(work) + jnp.abs(heat), state.swap_work)

    run = jax.jit(lambda carry: jax.lax.scan(one, carry, jnp.arange(20)))
    residual, through, swapped = run((state, plan))[1]
    assert float(jnp.abs(residual).max()) < 1e-5 * float(through.max()) and bool((swapped != 0).any())


@pytest.mark.long
def test_cold_replica_has_the_law() -> None:
    energy = random_graph(3)
    drawn = sample(
        make_key(3), energy, Tempering([0.6, 1.2, 2.4]), chains=64, samples=600, burn_in=50, device="landauer"
    )
    assert total_variation_excess(energy, 0.6, drawn.values) < 4


@pytest.mark.long
def test_over_metropolis_and_per_lane_scale() -> None:
    energy = random_graph(4)
    drawn = sample(
        make_key(3),
        energy,
        Tempering([0.5, 1.0], Metropolis()),
        temperature=2.0,
        chains=64,
        samples=800,
        burn_in=50,
    )
    assert total_variation_excess(energy, 1.0, drawn.values) < 4


def test_crosses_a_barrier_that_gibbs_does_not() -> None:
    """Wells up and down of 12 spins tied all to all: sign changes and round trips of both."""
    energy, temperature = barrier(), 1.0
    tempering = Tempering(np.geomspace(temperature, 8.0, 8))
    state, trace = run(tempering, energy, temperature / temperature, 32, 1500)
    sign = np.sign(trace.sum(axis=1))
    _, single = run(Gibbs(), energy, temperature, 32, 1500)
    alone = np.sign(single.sum(axis=1))
    crossings = (np.diff(sign[sign.all(axis=1)], axis=0) != 0).sum()
    stuck = (np.diff(alone[alone.all(axis=1)], axis=0) != 0).sum()
    trips = int(state.round_trips.sum())
    print(f"round trips {trips}; crossings with tempering {crossings}, by Gibbs alone {stuck}")
    assert stuck <= 2
    assert trips > 300 and crossings > 100
    exact = enumerate_states(energy, temperature)
    up = float(exact.probabilities[exact.states.sum(axis=0) > 0].sum())
    share = (trace[200:].sum(axis=1) > 0).mean(axis=0)
    assert abs(share.mean() - up) < 4 * share.std(ddof=1) / np.sqrt(32)


def test_swap_rate_matches_theory() -> None:
    """⟨min(1, e^{Δβ ΔE})⟩ over two exact laws, within 4 standard errors over lanes."""
    energy = random_graph(5)
    cold, hot = 0.7, 1.4
    state, _ = run(Tempering([cold, hot]), energy, 1.0, 256, 600)
    a, b = enumerate_states(energy, cold), enumerate_states(energy, hot)
    seen_a, seen_b = a.probabilities > 0, b.probabilities > 0
    exponent = (1 / cold - 1 / hot) * np.subtract.outer(a.energies[seen_a], b.energies[seen_b])
    chance = np.minimum(1.0, np.exp(np.minimum(exponent, 0.0)))
    theory = a.probabilities[seen_a] @ chance @ b.probabilities[seen_b]
    rates = np.asarray(state.accepted / state.attempted)[0]
    assert abs(rates.mean() - theory) < 4 * rates.std(ddof=1) / np.sqrt(256) + 2e-3


def test_replicas_are_permuted_never_lost() -> None:
    energy = random_graph(6)
    state, _ = run(Tempering([0.5, 0.8, 1.3, 2.0]), energy, 1.0, 8, 50)
    assert (np.sort(state.replica, axis=0) == np.arange(4)[:, None]).all()


@pytest.mark.parametrize(
    ("temperatures", "message"),
    [([1.0], "at least 2"), ([2.0, 1.0], "must rise"), ([0.0, 1.0], "> 0"), ([1.0, np.nan], "> 0")],
)
def test_bad_temperatures_are_refused(temperatures: list[float], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Tempering(temperatures)


def test_replicas_need_cells() -> None:
    with pytest.raises(ModelError, match="4 are missing"):
        sample(make_key(0), Ising([(0, 1), (2, 3)]), Tempering([1.0, 2.0, 3.0]), device="rlc_stochastic_unit")
