"""Rate–distortion, tempered free energy and the complexity–accuracy frontier against closed forms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.errors import ModelError
from thermopolis.thermo.frontiers import (
    complexity_accuracy,
    rate_distortion,
    tempered_free_energy,
    tempered_posterior,
)

BETA = np.array([0.3, 1.0, 2.5, 6.0])


def h(d: np.ndarray) -> np.ndarray:
    return -d * np.log(d) - (1 - d) * np.log(1 - d)


def test_binary_symmetric_source() -> None:
    with jax.enable_x64(True):
        curve = jax.tree.map(np.asarray, rate_distortion([0.5, 0.5], 1 - np.eye(2), BETA))
    d = np.exp(-BETA) / (1 + np.exp(-BETA))
    np.testing.assert_allclose(-curve.accuracy, d, atol=1e-10)
    np.testing.assert_allclose(curve.complexity, np.log(2) - h(d), atol=1e-10)
    assert curve.gap.max() < 1e-10


def test_biased_binary_source() -> None:
    p, beta = 0.2, np.array([2.0, 3.0, 5.0])  # D < p: R = h(p) − h(D)
    with jax.enable_x64(True):
        curve = jax.tree.map(np.asarray, rate_distortion([p, 1 - p], 1 - np.eye(2), beta))
    d = np.exp(-beta) / (1 + np.exp(-beta))
    np.testing.assert_allclose(-curve.accuracy, d, atol=1e-8)
    np.testing.assert_allclose(curve.complexity, h(np.array(p)) - h(d), atol=1e-8)


def test_curve_has_slope_minus_beta_and_is_convex() -> None:
    rng = np.random.default_rng(0)
    beta = np.linspace(0.5, 4, 60)
    with jax.enable_x64(True):
        curve = jax.tree.map(
            np.asarray, rate_distortion(rng.dirichlet(np.ones(4)), rng.random((4, 5)), beta, 4_000)
        )
    rate, distortion = curve.complexity, -curve.accuracy
    moving = np.diff(distortion) < -1e-7
    slope = np.diff(rate)[moving] / np.diff(distortion)[moving]
    middle = ((beta[1:] + beta[:-1]) / 2)[moving]
    np.testing.assert_allclose(-slope, middle, rtol=0.05)
    assert np.all(np.diff(rate) >= -1e-9)


def test_tempered_posterior_minimizes_its_free_energy() -> None:
    losses = np.array([0.3, 1.2, 0.0, 2.0])
    with jax.enable_x64(True):
        q = np.asarray(tempered_posterior(losses, BETA))
        least = np.asarray(tempered_free_energy(q, losses, BETA))
        np.testing.assert_allclose(least, -np.log(np.exp(-np.outer(losses, BETA)).sum(0)) / BETA, atol=1e-12)
        for other in np.random.default_rng(0).dirichlet(np.ones(4), 20):
            value = np.asarray(tempered_free_energy(np.repeat(other[:, None], 4, 1), losses, BETA))
            divergence = (other[:, None] * np.log(other[:, None] / q)).sum(0)
            np.testing.assert_allclose(value - least, divergence / BETA, atol=1e-12)


def test_frontier_is_bayes_at_one_and_is_not_the_rate_distortion_curve() -> None:
    A = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.2], [0.1, 0.3, 0.7]])
    prior = np.array([0.5, 0.3, 0.2])
    beta = np.array([0.2, 1.0, 3.0])
    with jax.enable_x64(True):
        frontier = jax.tree.map(np.asarray, complexity_accuracy(A, prior, beta))
        curve = jax.tree.map(np.asarray, rate_distortion(A @ prior, -np.log(A), beta))
    bayes = A.T * prior[:, None]
    np.testing.assert_allclose(frontier.law[:, :, 1], bayes / bayes.sum(0), atol=1e-12)
    evidence = A @ prior
    free_energy = frontier.complexity[1] - frontier.accuracy[1]
    assert free_energy == pytest.approx(-(evidence * np.log(evidence)).sum())
    assert np.all(np.diff(frontier.complexity) > 0) and np.all(np.diff(frontier.accuracy) > 0)
    # with the prior left free the same objective is lower: the curves touch at β = 1 alone
    ours = frontier.complexity / beta - frontier.accuracy
    free = curve.complexity / beta - curve.accuracy
    assert np.all(free[[0, 2]] < ours[[0, 2]] - 1e-3) and free[1] == pytest.approx(ours[1], abs=1e-9)


def test_frontier_is_traced() -> None:
    A, prior = jnp.asarray([[0.9, 0.2], [0.1, 0.8]]), jnp.asarray([0.5, 0.5])
    slope = jax.jit(jax.grad(lambda b: complexity_accuracy(A, prior, b[None]).accuracy[0]))(jnp.float32(1.0))
    assert float(slope) > 0


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: rate_distortion([0.5, 0.6], np.eye(2), BETA), "source"),
        (lambda: rate_distortion([0.5, 0.5], np.eye(3), BETA), "distortion"),
        (lambda: rate_distortion([0.5, 0.5], np.eye(2), [0.0]), "beta"),
        (lambda: complexity_accuracy(np.eye(2), [0.2, 0.2], BETA), "prior"),
        (lambda: complexity_accuracy(np.ones((2, 2)), [0.5, 0.5], BETA), "likelihood"),
    ],
)
def test_bad_input_is_refused_by_name(call, name: str) -> None:
    with pytest.raises(ModelError, match=name):
        call()
