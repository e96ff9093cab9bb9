"""Diagnostics on chains with known autocorrelation, and schedules that go where they should."""

from __future__ import annotations

import numpy as np
import pytest

from thermopolis.errors import ModelError
from thermopolis.keys import make_key
from thermopolis.thermo import (
    Adaptive,
    Geometric,
    Gibbs,
    Ising,
    Linear,
    autocorrelation_time,
    effective_sample_size,
    sample,
    split_rhat,
)


def autoregressive(rho: float, samples: int, chains: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(samples, chains)) * np.sqrt(1 - rho**2)
    trace = np.empty_like(noise)
    trace[0] = rng.normal(size=chains)
    for t in range(1, samples):
        trace[t] = rho * trace[t - 1] + noise[t]
    return trace


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.4])
def test_autocorrelation_time_of_an_autoregression(rho: float) -> None:
    """τ = (1 + ρ)/(1 − ρ), to 8 %."""
    trace = autoregressive(rho, 20000, 8, 1)
    assert autocorrelation_time(trace) == pytest.approx((1 + rho) / (1 - rho), rel=0.08)
    assert effective_sample_size(trace) == pytest.approx(trace.size * (1 - rho) / (1 + rho), rel=0.08)


def test_effective_samples_predict_the_error_of_the_mean() -> None:
    means = [autoregressive(0.8, 2000, 1, seed).mean() for seed in range(400)]
    ess = effective_sample_size(autoregressive(0.8, 2000, 20, 999)) / 20
    assert np.var(means) == pytest.approx(1 / ess, rel=0.25)


def test_split_rhat_tells_agreement_from_disagreement() -> None:
    trace = autoregressive(0.5, 2000, 4, 2)
    assert split_rhat(trace) < 1.01
    assert split_rhat(trace + 2 * np.arange(4)) > 1.5
    assert split_rhat(trace + np.linspace(0, 4, 2000)[:, None]) > 1.3


def test_constant_and_short_traces() -> None:
    assert np.isnan(autocorrelation_time(np.ones((50, 2))))
    assert np.isnan(split_rhat(np.ones((50, 2))))
    with pytest.raises(ModelError, match="at least 4 samples"):
        autocorrelation_time([1.0, 2.0])


@pytest.mark.parametrize("schedule", [Linear(4.0, 0.5), Geometric(4.0, 0.5), Adaptive(4.0, 0.5, speed=0.2)])
def test_annealing_reaches_the_ground_state(schedule: object) -> None:
    energy = Ising.lattice((8, 8))
    drawn = sample(make_key(0), energy, Gibbs(), schedule, chains=32, samples=600, burn_in=0)
    assert drawn.temperatures[0, 0] > 3.5
    assert np.allclose(drawn.temperatures[-1], 0.5, atol=0.01)
    assert (np.diff(drawn.temperatures, axis=0) <= 1e-6).all()
    assert np.median(drawn.energies[-1]) == -128


@pytest.mark.parametrize("schedule", [Linear(3.0, 1.0), Adaptive(3.0, 1.0)])
def test_first_law_along_a_schedule(schedule: object) -> None:
    """Δ(E/T) = work − heat, in units of k_B T_device, to 1e-5 of the throughput."""
    energy = Ising.lattice((6, 5), 0.7, 0.1)
    drawn = sample(make_key(0), energy, Gibbs(), schedule, chains=16, samples=200, burn_in=0)
    start = sample(make_key(0), energy, Gibbs(), schedule, chains=16, samples=1, burn_in=0)
    thermal = 1.380649e-23 * 300
    change = drawn.energies[-1] / drawn.temperatures[-1] - start.energies[0] / start.temperatures[0]
    rest = (drawn.ledger.work - drawn.ledger.heat - (start.ledger.work - start.ledger.heat)) / thermal
    throughput = np.abs(drawn.ledger.heat / thermal).max() + np.abs(drawn.energies).max()
    assert np.abs(change - rest).max() < 1e-5 * throughput


@pytest.mark.parametrize(
    "make",
    [
        lambda: Linear(0.0, 1.0),
        lambda: Geometric(1.0, -1.0),
        lambda: Adaptive(1.0, 2.0),
        lambda: Linear(np.nan, 1),
    ],
)
def test_bad_schedules_are_refused(make: object) -> None:
    with pytest.raises(ModelError, match="schedule"):
        make()  # type: ignore[operator]
