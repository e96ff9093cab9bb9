"""Natural gradients: the relaxation law, invariance, and steps that keep their KL bound."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from thermopolis.errors import ModelError
from thermopolis.keys import make_key
from thermopolis.thermo.natural_gradients import (
    categorical_natural_step,
    kl_bounded_step,
    natural_gradient,
    thermodynamic_natural_gradient,
)
from thermopolis.thermo.noise import lane_keys

FISHER, GRADIENT = np.array([[2.0, 0.6], [0.6, 0.5]]), np.array([1.0, -0.4])


def test_natural_gradient_solves_the_linear_system() -> None:
    np.testing.assert_allclose(
        natural_gradient(FISHER, GRADIENT), np.linalg.solve(FISHER, GRADIENT), rtol=1e-5
    )
    damped = natural_gradient(np.ones((2, 2)), GRADIENT, damping=0.1)
    np.testing.assert_allclose(
        damped, np.linalg.solve(np.ones((2, 2)) + 0.1 * np.eye(2), GRADIENT), rtol=1e-4
    )


@pytest.mark.parametrize("time", [0.01, 0.8, 60.0])
def test_relaxation_goes_from_plain_to_natural_gradient(time: float) -> None:
    key = make_key(0)
    mean = thermodynamic_natural_gradient(key, FISHER, GRADIENT, time)
    law = (np.eye(2) - scipy.linalg.expm(-FISHER * time)) @ np.linalg.solve(FISHER, GRADIENT)
    np.testing.assert_allclose(mean, law, rtol=1e-4, atol=1e-6)
    if time < 0.1:
        np.testing.assert_allclose(mean / time, GRADIENT, rtol=0.03)
    if time > 10:
        np.testing.assert_allclose(mean, natural_gradient(FISHER, GRADIENT), rtol=1e-4)


def test_noise_of_the_relaxation_has_its_closed_covariance() -> None:
    lanes, time, temperature = 20_000, 0.8, 0.3
    keys = lane_keys(make_key(1), lanes)
    columns = jnp.broadcast_to(jnp.asarray(GRADIENT)[:, None], (2, lanes))
    x = np.asarray(thermodynamic_natural_gradient(keys, FISHER, columns, time, temperature), float)
    law = (np.eye(2) - scipy.linalg.expm(-2 * FISHER * time)) @ np.linalg.inv(FISHER) * temperature
    error = np.sqrt((np.outer(np.diag(law), np.diag(law)) + law**2) / lanes)
    assert np.all(np.abs(np.cov(x) - law) < 4 * error)


def test_steps_keep_their_bound() -> None:
    direction = natural_gradient(FISHER, GRADIENT)
    step = np.asarray(kl_bounded_step(direction, FISHER, rate=100.0, bound=0.01))
    assert step @ FISHER @ step / 2 == pytest.approx(0.01, rel=1e-4)
    np.testing.assert_allclose(
        kl_bounded_step(direction, FISHER, 1e-3, 0.01), -1e-3 * np.asarray(direction), rtol=1e-5
    )


def test_categorical_step_is_the_natural_gradient_of_logits_and_keeps_its_bound() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 9).T.astype(np.float32)
    cost = rng.normal(size=(4, 9)).astype(np.float32)
    q = np.asarray(jax.jit(categorical_natural_step)(p, cost, 5.0, 0.05), float)
    divergence = (q * np.log(q / p)).sum(0)
    assert np.all(divergence < 0.05 * 1.001) and divergence.max() > 0.0495
    np.testing.assert_allclose(q.sum(0), 1, atol=1e-5)
    assert np.all((q * cost).sum(0) < (p * cost).sum(0))
    # to first order: logits move by −η F⁻¹ ∂L/∂logits, F = diag(p) − ppᵀ
    small = np.asarray(categorical_natural_step(p, cost, 1e-3, 1.0), float)
    first = p[:, 0].astype(float)
    fisher = np.diag(first) - np.outer(first, first)
    natural = np.linalg.pinv(fisher, rcond=1e-12) @ (fisher @ cost[:, 0])
    moved = np.log(small[:, 0] / p[:, 0])
    np.testing.assert_allclose(moved - moved.mean(), -1e-3 * (natural - natural.mean()), atol=2e-6)


def test_prior_knowledge_is_preserved_under_a_tight_bound() -> None:
    p = jnp.asarray([0.9, 0.05, 0.05])
    cost = jnp.asarray([100.0, 0.0, 0.0])
    q = np.asarray(categorical_natural_step(p, cost, 1.0, 1e-3), float)
    assert (q * np.log(q / np.asarray(p))).sum() == pytest.approx(1e-3, rel=0.02)
    forbidden = categorical_natural_step(jnp.asarray([0.5, 0.5, 0.0]), cost, 1.0, 0.1)
    assert float(forbidden[2]) == 0.0 and bool(jnp.all(jnp.isfinite(forbidden)))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: natural_gradient([[1.0, 0.5], [0.1, 1.0]], GRADIENT), "fisher.*symmetric"),
        (lambda: natural_gradient(np.ones((2, 2)), GRADIENT), "fisher.*positive definite"),
        (lambda: natural_gradient(np.eye(3), GRADIENT), "fisher"),
        (lambda: natural_gradient(FISHER, GRADIENT, -1.0), "damping"),
        (lambda: thermodynamic_natural_gradient(make_key(0), FISHER, GRADIENT, 0.0), "time"),
        (lambda: kl_bounded_step(GRADIENT, FISHER, 0.1, 0.0), "bound"),
        (lambda: categorical_natural_step([0.5, 0.5], [0.0, 1.0], -1.0, 0.1), "rate"),
    ],
)
def test_bad_input_is_refused_by_name(call, name: str) -> None:
    with pytest.raises(ModelError, match=name):
        call()
