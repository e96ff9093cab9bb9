"""The physical p-bit against the logical one, and its escape against the first-passage integral."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, make_key
from thermopolis.thermo.exact import enumerate_states
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.noise import lane_keys
from thermopolis.thermo.overdamped import Overdamped
from thermopolis.thermo.pbit import (
    PBit,
    circuit,
    dwell_fraction,
    escape_times,
    first_passage_time,
    kramers_time,
)
from thermopolis.thermo.potential import Potential
from thermopolis.thermo.quadratic import Quadratic


def test_calibration_inverts_the_dwell_probability() -> None:
    bit = PBit(barrier=3.0, position=1.3, temperature=0.8)
    inputs = np.array([-1.0, -0.2, 0.0, 0.5, 1.5])
    tilts = bit.tilt(inputs)
    logical = 1 / (1 + np.exp(-2 * inputs / 0.8))
    np.testing.assert_allclose([bit.probability(h) for h in tilts], logical, atol=1e-9)
    assert tilts[2] == pytest.approx(0.0, abs=1e-9)
    uncalibrated = np.array([bit.probability(h) for h in inputs])
    assert np.abs(uncalibrated - logical).max() > 5e-3  # calibration is needed


@pytest.mark.parametrize(("barrier", "temperature"), [(0.01, 1.0), (1.0, 100.0), (40.0, 1.0)])
def test_wide_laws_are_integrated_to_their_ends(barrier: float, temperature: float) -> None:
    bit, tilt = PBit(barrier, temperature=temperature), 0.7 * temperature
    x = np.linspace(-20, 20, 400_001)
    weights = np.exp(-(barrier * (x**2 - 1) ** 2 - tilt * x) / temperature)
    share = (weights[x > 0].sum() + weights[x == 0].sum() / 2) / weights.sum()
    assert bit.probability(tilt) == pytest.approx(share, abs=1e-7)


def test_calibration_is_odd_however_sure_the_bit() -> None:
    tilts = PBit(barrier=3.0).tilt([-30.0, -20.0, -15.0, 15.0, 20.0, 30.0])
    np.testing.assert_allclose(tilts, -tilts[::-1], rtol=1e-12)
    assert (np.diff(tilts) > 0).all()


def test_dwell_fraction_is_the_logical_sigmoid() -> None:
    bit, inputs = PBit(barrier=1.5), np.array([-0.8, -0.2, 0.0, 0.4, 1.0])
    fraction, error = dwell_fraction(make_key(3), bit, inputs, time=40.0, dt=0.05, chains=128, burn_in=15.0)
    logical = 1 / (1 + np.exp(-2 * inputs))
    assert np.all(np.abs(fraction - logical) < 4 * error) and error.max() < 0.02


def test_first_passage_integral_closed_form() -> None:
    """Down a slope of drift 1 it is the distance; in a harmonic well a single integral."""
    downhill = Potential(lambda x: -x[0] + jnp.where(x[0] < -20, (x[0] + 20) ** 2, 0.0), 1)
    assert first_passage_time(downhill, 1.0, 0.0, 3.0, reach=6.0) == pytest.approx(3.0, abs=1e-4)
    # Ornstein–Uhlenbeck from 0 to its own standard deviation: √(π/2) ∫₀¹ e^{y²/2}(1 + erf(y/√2)) dy
    from scipy.integrate import quad
    from scipy.special import erf

    law = quad(lambda y: np.sqrt(np.pi / 2) * np.exp(y**2 / 2) * (1 + erf(y / np.sqrt(2))), 0, 1)[0]
    assert first_passage_time(Quadratic([[1.0]]), 1.0, 0.0, 1.0, reach=12) == pytest.approx(law, rel=1e-7)


def test_kramers_is_eleven_percent_off_at_five_temperatures() -> None:
    bit = PBit(barrier=5.0)
    exact = first_passage_time(bit.well(), 1.0, -1.0, 1.0)
    assert kramers_time(bit) / exact == pytest.approx(1 / 1.11, abs=0.03)
    far = PBit(barrier=40.0)
    assert kramers_time(far) == pytest.approx(first_passage_time(far.well(), 1.0, -1.0, 1.0), rel=0.02)


def test_escape_times_follow_the_first_passage_integral() -> None:
    bit = PBit(barrier=2.0)
    times = escape_times(make_key(4), bit, chains=2_000, dt=0.004)
    exact = first_passage_time(bit.well(), 1.0, -1.0, 1.0)
    error = times.std(ddof=1) / np.sqrt(times.size)
    assert abs(times.mean() - exact) < 4 * error
    assert abs(times.mean() - kramers_time(bit)) > 4 * error  # and not Kramers' estimate


def test_circuit_is_the_spins_law_for_high_barriers() -> None:
    spins = Ising([(0, 1)], 0.5, np.array([0.3, -0.1]))
    p = enumerate_states(spins, 1.0).probabilities.reshape(2, 2)
    x = np.linspace(-2, 2, 401)
    grid = jnp.asarray(np.stack([np.repeat(x, 401), np.tile(x, 401)]), jnp.float32)
    gaps = []
    for barrier in (5.0, 20.0):
        u = np.asarray(circuit(spins, barrier)(grid), np.float64)
        w = np.exp(-(u - u.min())).reshape(401, 401)
        physical = np.array([[w[a][:, b].sum() for b in (x < 0, x > 0)] for a in (x < 0, x > 0)]) / w.sum()
        gaps.append(np.abs(physical / physical.sum() - p).max())
    assert gaps[1] < 0.01 and gaps[1] < gaps[0] / 2


def test_circuit_is_sampled_by_langevin() -> None:
    import jax

    spins = Ising([(0, 1)], 0.5, np.array([0.3, -0.1]))
    energy, lanes = circuit(spins, 1.5), 4_000
    keys = lane_keys(make_key(6), lanes)
    sampler = Overdamped(0.08, adjusted=True)
    start = jnp.where(jnp.arange(2 * lanes).reshape(2, lanes) % 2 == 0, 1.0, -1.0)
    step = lambda t, x: sampler.step(fold_in(keys, t), x, energy, 1.0)[0]
    end = np.sign(np.asarray(jax.jit(lambda x: jax.lax.fori_loop(0, 300, step, x))(start)))
    x = np.linspace(-3, 3, 601)
    grid = jnp.asarray(np.stack([np.repeat(x, 601), np.tile(x, 601)]), jnp.float32)
    w = np.exp(-np.asarray(energy(grid), np.float64)).reshape(601, 601)
    s = np.sign(x)
    expected = s @ w @ s / w.sum()
    assert abs((end[0] * end[1]).mean() - expected) < 4 * np.sqrt((1 - expected**2) / lanes)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: PBit(barrier=-1.0), "barrier"),
        (lambda: PBit(temperature=0.0), "temperature"),
        (lambda: PBit().tilt([np.nan]), "inputs"),
        (lambda: dwell_fraction(make_key(0), PBit(), [0.0], dt=0.0), "dt"),
        (lambda: first_passage_time(PBit().well(), 1.0, 1.0, -1.0), "end"),
        (lambda: escape_times(make_key(0), PBit(barrier=20.0), chains=4, dt=0.01, limit=1.0), "limit"),
        (lambda: circuit(Ising([(0, 1)]), 0.0), "barrier"),
    ],
)
def test_bad_input_is_refused_by_name(call, name: str) -> None:
    with pytest.raises(ModelError, match=name):
        call()
