"""Langevin and Metropolis samplers against their own discrete-time laws and against quadrature."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, make_key
from thermopolis.thermo.double_well import DoubleWell
from thermopolis.thermo.gaussian_metropolis import GaussianMetropolis
from thermopolis.thermo.mixed import Mixed
from thermopolis.thermo.noise import lane_keys
from thermopolis.thermo.overdamped import Overdamped
from thermopolis.thermo.potential import Potential
from thermopolis.thermo.quadratic import Quadratic
from thermopolis.thermo.underdamped import Langevin, Underdamped

WELL = DoubleWell(barrier=1.5, position=1.2, tilt=0.3)


def relax(sampler, energy, temperature, steps: int, lanes: int, x=None, dtype=jnp.float32):
    """The state after ``steps`` steps and the sums of what each step reported; lanes are independent."""
    keys = lane_keys(make_key(5), lanes)

    @jax.jit
    def run(energy, temperature):
        start = sampler.init(keys, energy, temperature, x, dtype)

        def body(carry, t):
            state, change, accepted = carry
            state, info = sampler.step(fold_in(keys, t + 1), state, energy, temperature)
            return (state, change + info.delta_energy, accepted + info.accepted), getattr(
                state, "shadow_work", 0
            )

        nothing = jnp.zeros(lanes, dtype)
        carry, shadow = jax.lax.scan(body, (start, nothing, nothing), jnp.arange(steps))
        return start, *carry, jnp.sum(shadow, axis=0)

    return run(energy, temperature)


def quadrature_moments(energy, temperature: float) -> tuple[float, float, float]:
    """P(x > 0), mean and second moment of exp(−E/T) on a fine grid."""
    grid = np.linspace(-6, 6, 200_001)
    with jax.enable_x64(True):
        e = np.asarray(energy(jnp.asarray(grid)[None]))
    w = np.exp(-(e - e.min()) / temperature)
    w /= w.sum()
    return float(w[grid > 0].sum()), float(w @ grid), float(w @ grid**2)


def check_well(x: np.ndarray, temperature: float) -> None:
    right, mean, square = quadrature_moments(WELL, temperature)
    n = x.size
    assert abs((x > 0).mean() - right) < 4 * np.sqrt(right * (1 - right) / n)
    assert abs(x.mean() - mean) < 4 * x.std() / np.sqrt(n)
    assert abs((x**2).mean() - square) < 4 * (x**2).std() / np.sqrt(n)


def test_euler_maruyama_has_its_own_stationary_variance() -> None:
    k, dt, temperature, lanes = 2.0, 0.4, 0.7, 20_000
    _, x, *_ = relax(Overdamped(dt), Quadratic([[k]]), temperature, 30, lanes)
    variance = float(np.var(np.asarray(x, float)))
    own = temperature / k / (1 - k * dt / 2)
    assert abs(variance - own) < 4 * own * np.sqrt(2 / lanes)
    assert abs(variance - temperature / k) > 10 * own * np.sqrt(2 / lanes)  # and not that of continuous time


def test_adjusted_steps_sample_the_well_exactly() -> None:
    _, x, _, accepted, _ = relax(Overdamped(0.25, adjusted=True), WELL, 0.8, 150, 8_000)
    check_well(np.asarray(x[0], float), 0.8)
    assert 0.3 < float(accepted.mean()) / 150 < 0.98


def test_gaussian_metropolis_samples_the_well_exactly() -> None:
    _, x, change, accepted, _ = relax(GaussianMetropolis(1.5), WELL, 0.8, 120, 8_000)
    check_well(np.asarray(x[0], float), 0.8)
    start = WELL.start(8_000)
    np.testing.assert_allclose(change, WELL(x) - WELL(start), atol=2e-4)
    assert 0.1 < float(accepted.mean()) / 120 < 0.9


@pytest.mark.parametrize("friction", [0.5, 5.0])
def test_baoab_positions_are_exact_in_a_harmonic_well(friction: float) -> None:
    k, dt, temperature, lanes = 2.0, 0.5, 0.7, 20_000
    _, state, *_ = relax(Underdamped(dt, friction, mass=1.5), Quadratic([[k]]), temperature, 120, lanes)
    error = 4 * np.sqrt(2 / lanes)
    assert abs(np.var(np.asarray(state.x, float)) * k / temperature - 1) < error
    # the velocities' own law: m⟨v²⟩ = T (1 − k dt²/4m)
    assert abs(np.var(np.asarray(state.v, float)) * 1.5 / temperature / (1 - k * dt**2 / 6) - 1) < error


def test_baoab_heat_and_shadow_work_make_up_the_energy() -> None:
    with jax.enable_x64(True):
        sampler = Underdamped(0.1, friction=1.0)
        start, state, change, _, shadow = relax(sampler, WELL, 0.8, 300, 3_000, dtype=jnp.float64)
        total = lambda s: WELL(s.x) + sampler.kinetic(s.v)
        np.testing.assert_allclose(change + shadow, total(state) - total(start), atol=1e-11)
    check_well(np.asarray(state.x[0], float), 0.8)  # error of order dt⁴, far below the sampling error
    assert abs(np.asarray(shadow)).mean() < 0.1 * np.abs(np.asarray(change)).mean()


def test_mixed_units_against_their_closed_form() -> None:
    centers, costs = np.array([-1.0, 0.5, 2.0]), np.array([0.0, 0.4, -0.3])

    def fn(k, x, centers, costs):
        return costs[k[0]] + (x[0] - centers[k[0]]) ** 2

    energy = Mixed((3,), 1, fn, (jnp.asarray(centers, jnp.float32), jnp.asarray(costs, jnp.float32)))
    temperature, lanes = 1.3, 8_000
    _, state, *_ = relax(GaussianMetropolis(1.0), energy, temperature, 60, lanes)
    k, x = np.asarray(state[0]).astype(int), np.asarray(state[1], float)
    p = np.exp(-costs / temperature)
    p /= p.sum()
    counts = np.bincount(k, minlength=3) / lanes
    assert np.all(np.abs(counts - p) < 4 * np.sqrt(p * (1 - p) / lanes))
    variance = temperature / 2 + p @ centers**2 - (p @ centers) ** 2
    assert abs(x.mean() - p @ centers) < 4 * np.sqrt(variance / lanes)
    residual = x - centers[k]
    assert abs(residual.var() - temperature / 2) < 4 * temperature / 2 * np.sqrt(2 / lanes)


def test_lanes_have_their_own_parameters_and_temperatures() -> None:
    lanes = 9_000
    stiffness, temperature = np.repeat([1.0, 2.0, 4.0], 3_000), np.tile([0.5, 1.0, 2.0], 3_000)
    energy = Quadratic(stiffness.reshape(1, 1, -1))
    _, x, *_ = relax(Overdamped(0.1, adjusted=True), energy, jnp.asarray(temperature, jnp.float32), 80, lanes)
    z = np.asarray(x[0], float) * np.sqrt(stiffness / temperature)
    for value in (1.0, 2.0, 4.0):
        assert abs(z[stiffness == value].var() - 1) < 4 * np.sqrt(2 / 3_000)


def test_gradients_are_those_of_the_energies() -> None:
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 7)), jnp.float32)
    A = [[2.0, 0.3], [0.3, 1.0]]
    for energy in (Quadratic(A, [0.2, -0.4]), DoubleWell(2.0, 0.8, 0.1, dim=2)):
        same = Potential(lambda x, e=energy: e(x), 2)
        both = jax.jit(lambda x, e=energy, s=same: (e.gradient(x), s.gradient(x), e(x), s(x)))(x)
        np.testing.assert_allclose(both[0], both[1], atol=2e-4)
        np.testing.assert_allclose(both[2], both[3], atol=1e-5)


def test_langevin_is_overdamped_without_friction() -> None:
    assert isinstance(Langevin(0.1), Overdamped) and isinstance(Langevin(0.1, friction=2.0), Underdamped)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: DoubleWell(barrier=0.0), "barrier"),
        (lambda: DoubleWell(1.0, tilt=np.nan), "tilt"),
        (lambda: Potential(lambda x: x, 2), "fn"),
        (lambda: Potential(lambda x: x[0], 0), "dim"),
        (lambda: Mixed((1,), 1, lambda k, x: x[0]), "sizes"),
        (lambda: Langevin(0.0), "dt"),
        (lambda: Langevin(0.1, friction=-1.0), "friction"),
        (lambda: GaussianMetropolis(0.0), "scale"),
        (lambda: Overdamped(0.1).init(lane_keys(make_key(5), 2), WELL, 0.0), "temperature"),
        (lambda: Overdamped(0.1).init(lane_keys(make_key(5), 2), WELL, np.nan), "temperature"),
    ],
)
def test_bad_input_is_refused_by_name(call, name: str) -> None:
    with pytest.raises(ModelError, match=name):
        call()
