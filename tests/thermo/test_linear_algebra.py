"""Linear algebra by relaxation: right within its own error, which falls with time and samples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from thermopolis.errors import ModelError
from thermopolis.keys import make_key
from thermopolis.thermo.linear_algebra import expm, inv, logdet, solve

A = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 1.5]])
B = np.array([1.0, -0.5, 2.0])
KEY = make_key(8)


def within(found, exact: np.ndarray) -> bool:
    return bool(np.all(np.abs(found.value - exact) < 4 * found.standard_error))


def test_solve() -> None:
    found = solve(KEY, A, B)
    assert within(found, np.linalg.solve(A, B)) and found.standard_error.max() < 0.05
    colder = solve(KEY, A, B, temperature=0.01)
    assert within(colder, np.linalg.solve(A, B))
    np.testing.assert_allclose(colder.standard_error / found.standard_error, 0.1, rtol=1e-6)


def test_solve_takes_any_stable_matrix() -> None:
    turning = np.array([[1.0, -3.0], [3.0, 1.0]])
    found = solve(KEY, turning, [1.0, 2.0])
    assert within(found, np.linalg.solve(turning, [1.0, 2.0]))


def test_error_falls_as_the_root_of_time() -> None:
    """Var of a time average over t ≫ 1/k: 2T/(k² t) per chain, of chain averages independent over chains."""
    for time in (100.0, 1600.0):
        found = solve(KEY, [[2.0]], [1.0], time=time, samples=int(5 * time), chains=64)
        law = np.sqrt(2 / 4 / time / 64)
        assert found.standard_error[0] == pytest.approx(law, rel=4 * np.sqrt(1 / (2 * 63)))
        assert within(found, np.array([0.5]))
    errors = np.abs(found.trace[:, 0] - 0.5)
    assert np.sqrt((errors[:200] ** 2).mean()) > 2 * np.sqrt((errors[-200:] ** 2).mean())
    assert found.times[-1] == pytest.approx(1600 + 5)


def test_bias_of_the_start_decays_exponentially() -> None:
    found = solve(KEY, [[1.0]], [1.0], time=0.01, samples=1, chains=4000, burn_in=0.7, temperature=0.01)
    assert within(found, np.array([1 - np.exp(-0.71)]))


def test_inverse() -> None:
    found = inv(KEY, A, samples=2000)
    assert within(found, np.linalg.inv(A))
    np.testing.assert_allclose(found.value, found.value.T)


def test_log_determinant() -> None:
    found = logdet(KEY, A)
    assert abs(found - np.linalg.slogdet(A)[1]) < 4 * found.standard_error < 0.2


@pytest.mark.parametrize("name", ["symmetric", "rotation", "growing"])
def test_exponential(name: str) -> None:
    M = {
        "symmetric": -A,
        "rotation": np.array([[0.0, 2.0], [-2.0, 0.0]]),
        "growing": np.array([[0.4, 1.0], [0.0, -0.2]]),
    }[name]
    found = expm(KEY, M, time=0.6)
    assert within(found, scipy.linalg.expm(0.6 * M)) and found.standard_error.max() < 0.1


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: solve(KEY, -A, B), "drift"),
        (lambda: solve(KEY, A, B[:2]), "b"),
        (lambda: solve(KEY, A, B, samples=0), "samples"),
        (lambda: solve(KEY, A, B, chains=1), "chains"),
        (lambda: solve(KEY, A, B, time=-1.0), "time"),
        (lambda: solve(KEY, A, B, temperature=0.0), "temperature"),
        (lambda: inv(KEY, A + np.triu(A, 1)), "couplings.*symmetric"),
        (lambda: logdet(KEY, -A), "couplings.*positive definite"),
        (lambda: expm(KEY, np.ones((2, 3))), "M"),
        (lambda: expm(KEY, A, time=0.0), "time"),
    ],
)
def test_bad_input_is_refused_by_name(call, name: str) -> None:
    with pytest.raises(ModelError, match=name):
        call()
