"""Exact Ornstein–Uhlenbeck: transitions against SciPy, moments of samples against closed forms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, make_key
from thermopolis.thermo.ledger import BOLTZMANN
from thermopolis.thermo.linear_process import LinearProcess, noise_root, stationary_covariance, transition
from thermopolis.thermo.noise import lane_keys
from thermopolis.thermo.ornstein_uhlenbeck import OrnsteinUhlenbeck
from thermopolis.thermo.quadratic import Quadratic
from thermopolis.thermo.sampling import sample
from thermopolis.thermo.schedules import Geometric

_Q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(2, 2)))
CASES = {
    "symmetric": ([[2.0, 0.5], [0.5, 1.0]], np.eye(2), 0.7),
    "rotating": ([[1.0, -4.0], [4.0, 1.0]], np.eye(2), 0.7),
    "non-normal": ([[1.0, 25.0], [0.0, 1.1]], np.eye(2), 2.0),
    "correlated noise": ([[1.0, 0.3], [0.0, 2.0]], [[1.0, 0.9], [0.9, 1.0]], 1.3),
    "singular noise": ([[1.0, 0.3], [0.5, 2.0]], [[1.0, 1.0], [1.0, 1.0]], 0.4),
    "underdamped": ([[0.0, -1.0], [1.5, 0.4]], [[0.0, 0.0], [0.0, 0.8]], 0.05),
    "underdamped, long": ([[0.0, -1.0], [1.5, 0.4]], [[0.0, 0.0], [0.0, 0.8]], 50.0),
    "stiff": (_Q @ np.diag([0.01, 1.0]) @ _Q.T, np.eye(2), 30.0),
    "stiff, oblique": (
        np.array([[1, 0.9], [0, 1]]) @ np.diag([0.01, 1.0]) @ np.linalg.inv([[1, 0.9], [0, 1]]),
        np.eye(2),
        30.0,
    ),
    "very stiff": (np.diag([1e-3, 1e3]), np.eye(2), 30.0),
}


@pytest.mark.parametrize("name", CASES)
def test_covariance_is_exact(name: str) -> None:
    A, D, dt = (np.asarray(v, float) for v in CASES[name])
    phi, q = (np.asarray(m) for m in transition(A, D, float(dt)))
    sigma = stationary_covariance(A, D)
    expected_phi = scipy.linalg.expm(-A * dt)
    np.testing.assert_allclose(phi, expected_phi, atol=1e-11)
    expected = sigma - expected_phi @ sigma @ expected_phi.T  # what a start at a point has become
    np.testing.assert_allclose(q, expected, atol=1e-9 * np.abs(sigma).max(), rtol=1e-9)
    np.testing.assert_allclose(A @ sigma + sigma @ A.T, D, atol=1e-9)
    root = np.asarray(noise_root(q))
    np.testing.assert_allclose(root @ root.T, q, atol=1e-12 * np.abs(q).max())


def test_steps_compose() -> None:
    A, D, _ = (np.asarray(v, float) for v in CASES["non-normal"])
    (phi1, q1), (phi2, q2), (phi, q) = (map(np.asarray, transition(A, D, t)) for t in (0.3, 1.1, 1.4))
    np.testing.assert_allclose(phi2 @ phi1, phi, atol=1e-12)
    np.testing.assert_allclose(phi2 @ q1 @ phi2.T + q2, q, rtol=1e-10, atol=1e-12)


def chains(sampler: OrnsteinUhlenbeck, energy, temperature, steps: int, lanes: int, x=None):
    key = make_key(11)
    keys = lane_keys(key, lanes)
    state = sampler.init(keys, energy, temperature, x)

    @jax.jit
    def run(state, energy, temperature):
        def body(state, t):
            state, info = sampler.step(fold_in(keys, t), state, energy, temperature)
            return state, info.delta_energy

        return jax.lax.scan(body, state, jnp.arange(steps))

    return run(state, energy, temperature)


@pytest.mark.parametrize("friction", [None, 0.7])
def test_stationary_moments_of_a_quadratic(friction: float | None) -> None:
    A, b, temperature, lanes = np.array([[2.0, 0.6], [0.6, 0.8]]), np.array([0.5, -1.0]), 0.7, 20_000
    sampler = OrnsteinUhlenbeck(dt=40.0, friction=friction)  # each step is an independent sample
    state, _ = chains(sampler, Quadratic(A, b), temperature, 3, lanes)
    x = np.asarray(sampler.values(state), float)
    sigma = temperature * np.linalg.inv(A)
    error = np.sqrt(np.diag(sigma) / lanes)
    assert np.all(np.abs(x.mean(1) - np.linalg.solve(A, b)) < 4 * error)
    spread = np.sqrt((np.outer(np.diag(sigma), np.diag(sigma)) + sigma**2) / lanes)
    assert np.all(np.abs(np.cov(x) - sigma) < 4 * spread)
    if friction is not None:
        v = np.asarray(state.v, float)
        assert np.all(np.abs(v.var(1) - temperature) < 4 * temperature * np.sqrt(2 / lanes))


def test_heat_of_relaxation_is_the_energy_lost() -> None:
    energy = Quadratic(np.eye(2) * 3.0)
    start = jnp.full((2, 5000), 2.0)
    state, changes = chains(OrnsteinUhlenbeck(dt=0.1), energy, 0.5, 60, 5000, start)
    total = np.asarray(changes, np.float64).sum(0)
    np.testing.assert_allclose(total, np.asarray(energy(state.x) - energy(start)), atol=1e-4)
    assert abs(total.mean() - (0.5 - 12.0)) < 4 * 0.5 / np.sqrt(5000)  # d/2·T left of E = 12, Var E = T²d/2


def test_cooling_books_the_work_done_on_moving_parts_too() -> None:
    """E/T gains what the schedule does to it less what the bath takes: kinetic energy included."""
    energy, chains = Quadratic(np.eye(2)), 2_000
    sampler, schedule = OrnsteinUhlenbeck(dt=1.0, friction=1.0), Geometric(4.0, 1.0)
    drawn = sample(make_key(2), energy, sampler, schedule, chains=chains, samples=50, burn_in=0)
    thermal = BOLTZMANN * 300
    gained = (np.asarray(drawn.ledger.work, float) - np.asarray(drawn.ledger.heat, float)) / thermal
    # from x = 0 with Maxwell velocities (d/2 = 1) to nearly the full law (d = 2, the bath a step ahead)
    assert abs(gained.mean() - 1.0) < 0.1 + 4 * gained.std() / np.sqrt(chains)


def test_a_process_out_of_equilibrium_has_its_quasipotential() -> None:
    A = CASES["rotating"][0]
    process = LinearProcess(A, np.diag([1.0, 3.0]), mean=[1.0, 0.0])
    lanes = 20_000
    state, _ = chains(OrnsteinUhlenbeck(dt=9.0), process, 0.5, 2, lanes)
    energy = np.asarray(process(state.x), float)  # ½ χ² of 2 degrees at T: exponential of mean T
    assert abs(energy.mean() - 0.5) < 4 * 0.5 / np.sqrt(lanes)
    assert abs(np.asarray(state.x)[0].mean() - 1.0) < 4 * np.sqrt(
        0.5 * np.linalg.inv(process.stiffness)[0, 0] / lanes
    )


@pytest.mark.long
def test_thermox_agrees_where_it_is_exact() -> None:
    thermox = pytest.importorskip("thermox", reason="oracle of the extra 'peers'")
    A, D, dt = np.array([[1.0, -2.0], [2.0, 1.0]]), np.eye(2) * 0.7, 0.8  # D^-½ A D^½ is normal
    lanes = 4000
    with jax.enable_x64(True):
        drift, diffusion = jnp.asarray(A), jnp.asarray(D)
        ends = jax.vmap(
            lambda key: thermox.sample(
                key, jnp.array([0.0, dt]), jnp.array([2.0, -1.0]), drift, jnp.zeros(2), diffusion
            )[-1]
        )(jax.random.split(jax.random.key(0), lanes))
    phi, q = (np.asarray(m) for m in transition(A, D, dt))
    mean = phi @ np.array([2.0, -1.0])
    assert np.all(np.abs(np.asarray(ends).mean(0) - mean) < 4 * np.sqrt(np.diag(q) / lanes))
    assert np.all(np.abs(np.cov(np.asarray(ends).T) - q) < 4 * np.sqrt(2 / lanes) * np.diag(q).max())


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: transition([[-1.0]], [[1.0]], 1.0), "drift.*stable"),
        (lambda: transition([[1.0, 0.0]], [[1.0]], 1.0), "drift.*square"),
        (lambda: transition([[np.nan]], [[1.0]], 1.0), "drift.*finite"),
        (lambda: transition(np.eye(2), [[1.0, 2.0], [2.0, 1.0]], 1.0), "diffusion.*semi-definite"),
        (lambda: transition(np.eye(2), [[1.0, 0.5], [0.0, 1.0]], 1.0), "diffusion.*symmetric"),
        (lambda: transition(np.eye(1), np.eye(1), 0.0), "dt"),
        (lambda: Quadratic([[1.0, 0.2], [0.3, 1.0]]), "couplings.*symmetric"),
        (lambda: Quadratic([[1.0, 2.0], [2.0, 1.0]]), "couplings.*positive definite"),
        (lambda: Quadratic(np.eye(2), [1.0, np.nan]), "b"),
        (lambda: Quadratic(np.eye(2), np.ones(3)), "b"),
        (lambda: LinearProcess(np.eye(2), np.diag([1.0, 0.0])), "every direction"),
        (lambda: OrnsteinUhlenbeck(dt=-1.0), "dt"),
        (lambda: OrnsteinUhlenbeck(friction=0.0), "friction"),
        (
            lambda: OrnsteinUhlenbeck().init(lane_keys(make_key(0), 1), Quadratic(np.eye(1)), -1.0),
            "temperature",
        ),
    ],
)
def test_bad_input_is_refused_by_name(call, name: str) -> None:
    with pytest.raises(ModelError, match=name):
        call()
