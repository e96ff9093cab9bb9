"""Free energies: elimination against enumeration, estimators against the exact value, moments as derivatives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.errors import ModelError
from thermopolis.thermo.bar import bennett, jarzynski
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.double_well import DoubleWell
from thermopolis.thermo.elimination import factor_marginals, thermodynamics
from thermopolis.thermo.exact import enumerate_states
from thermopolis.thermo.free_energy import log_partition
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.mean_fields import mean_field, mean_field_gap
from thermopolis.thermo.mixed import Mixed
from thermopolis.thermo.potential import Potential
from thermopolis.thermo.quadratic import Quadratic

RNG = np.random.default_rng(2)
TABLES = [
    ((0, 1), RNG.normal(size=(2, 3))),
    ((1, 2, 3), RNG.normal(size=(3, 2, 4))),
    ((3,), RNG.normal(size=4)),
]
GRAPH = Categorical((2, 3, 2, 4), TABLES)
LATTICE = Ising.lattice((3, 3), 0.4, biases=0.1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_elimination_is_enumeration(temperature: float) -> None:
    for energy in (GRAPH, LATTICE):
        exact = enumerate_states(energy, temperature)
        assert log_partition(energy, temperature) == pytest.approx(exact.log_partition, abs=1e-9)


def test_forbidden_states_do_not_count() -> None:
    tables = [((0, 1), [[0.0, np.inf], [0.2, 0.5]]), ((1, 2), [[0.1, 0.3], [0.0, np.inf]])]
    energy = Categorical((2, 2, 2), tables)
    assert log_partition(energy, 0.7) == pytest.approx(enumerate_states(energy, 0.7).log_partition, abs=1e-9)
    p = np.asarray(factor_marginals(energy, 0.7).tables[0])
    assert float(p[0, 1]) == 0.0 and float(p.sum()) == pytest.approx(1.0)


def test_chain_has_the_transfer_matrix_closed_form() -> None:
    n, j, h, t = 50, 0.8, 0.3, 1.7
    ring = Ising.lattice((n,), j, biases=h)
    root = np.sqrt(np.exp(2 * j / t) * np.sinh(h / t) ** 2 + np.exp(-2 * j / t))
    plus, minus = (np.exp(j / t) * np.cosh(h / t) + s * root for s in (1, -1))
    expected = n * np.log(plus) + np.log1p((minus / plus) ** n)
    assert log_partition(ring, t) == pytest.approx(expected, abs=1e-5)  # couplings are kept in float32
    open_chain = Ising.lattice((40,), j, periodic=False)
    assert log_partition(open_chain, t) == pytest.approx(
        40 * np.log(2) + 39 * np.log(np.cosh(j / t)), abs=1e-5
    )


def test_strip_has_kaufmans_closed_form() -> None:
    """The 2-D Ising model on a torus of 4 × 6 (Kaufman 1949)."""
    n, m, k = 4, 6, 0.44
    r = np.arange(2 * n)
    gamma = np.arccosh(np.cosh(2 * k) / np.tanh(2 * k) - np.cos(np.pi * r / n))
    gamma[0] = 2 * k + np.log(np.tanh(k))
    parts = [
        np.prod(2 * np.cosh(m * gamma[1::2] / 2)),
        np.prod(2 * np.sinh(m * gamma[1::2] / 2)),
        np.prod(2 * np.cosh(m * gamma[0::2] / 2)),
        np.prod(2 * np.sinh(m * gamma[0::2] / 2)),
    ]
    z = 0.5 * (2 * np.sinh(2 * k)) ** (n * m / 2) * sum(parts)
    assert log_partition(Ising.lattice((n, m), k), 1.0) == pytest.approx(np.log(z), abs=1e-5)


def test_moments_are_derivatives() -> None:
    exact = enumerate_states(GRAPH, 0.8)
    joint = exact.probabilities.reshape(GRAPH.sizes)
    found = factor_marginals(GRAPH, 0.8).tables
    np.testing.assert_allclose(found[0], joint.sum((2, 3)), atol=1e-9)
    np.testing.assert_allclose(found[1], joint.sum(0), atol=1e-9)
    spins = Ising([(0, 1), (1, 2)], np.array([0.5, -0.7]), np.array([0.1, 0.2, -0.3]))
    law = enumerate_states(spins, 0.8)
    moments = factor_marginals(spins, 0.8)
    np.testing.assert_allclose(moments.biases, law.states @ law.probabilities, atol=1e-9)
    pairs = (law.states[0] * law.states[1]) @ law.probabilities
    assert float(moments.couplings[0]) == pytest.approx(pairs, abs=1e-9)
    state = thermodynamics(GRAPH, 0.8)
    assert state.energy == pytest.approx(exact.mean_energy, abs=1e-9)
    assert state.entropy == pytest.approx(exact.entropy, abs=1e-9)
    variance = exact.probabilities @ exact.energies**2 - exact.mean_energy**2
    assert state.heat_capacity == pytest.approx(variance / 0.8**2, abs=1e-7)


def test_continuous_closed_forms() -> None:
    A, b, t = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([0.3, -0.2]), 0.7
    gaussian = log_partition(Quadratic(A, b), t)
    expected = np.log(2 * np.pi * t) - 0.5 * np.log(np.linalg.det(A)) + b @ np.linalg.solve(A, b) / (2 * t)
    assert gaussian == pytest.approx(expected, abs=1e-12)
    same = Potential(lambda x: x[0] ** 2 + 0.5 * x[0] * x[1] + x[1] ** 2 / 2 - 0.3 * x[0] + 0.2 * x[1], 2)
    assert log_partition(same, t) == pytest.approx(expected, abs=1e-9)
    # a double well is even in its tilt, and its slope in the tilt is the mean position
    up, down = (log_partition(DoubleWell(1.5, 1.2, h), 0.8) for h in (0.3, -0.3))
    assert up == pytest.approx(float(down), abs=1e-12)
    mixed = Mixed((2,), 1, lambda k, x: k[0] * 0.5 + x[0] ** 2)
    assert log_partition(mixed, 1.0) == pytest.approx(np.log(np.sqrt(np.pi) * (1 + np.exp(-0.5))), abs=1e-10)


@pytest.mark.parametrize("position", [1e-3, 1e3])
def test_a_double_wells_size_is_a_factor(position: float) -> None:
    one, other = (log_partition(DoubleWell(4.0, place, 0.3), 0.8) for place in (1.0, position))
    assert other - one == pytest.approx(np.log(position), abs=1e-9)


@pytest.mark.parametrize(
    ("stiffness", "middle"), [(1e4, 100.0), (1e8, 3.0), (1.0, 1000.0), (1e-6, 0.0)], ids=str
)
def test_laws_that_the_points_miss_are_refused(stiffness: float, middle: float) -> None:
    """Too narrow where it stands, beyond the last point, or wider than all points."""
    energy = Potential(lambda x, k, c: k / 2 * (x[0] - c) ** 2, 1, (stiffness, middle))
    with pytest.raises(ModelError, match="doesn't resolve"):
        log_partition(energy, 1.0)


def test_cold_laws_of_two_units_are_exact_or_refused() -> None:
    energy = Potential(lambda x: (x[0] ** 2 + x[1] ** 2 + 1.6 * x[0] * x[1]) / 2, 2)
    expected = np.log(2 * np.pi * 1e-3) - np.log(1 - 0.8**2) / 2
    assert log_partition(energy, 1e-3) == pytest.approx(expected, abs=1e-9)
    with pytest.raises(ModelError, match="doesn't resolve"):
        log_partition(energy, 1e-4)


@pytest.mark.parametrize("method", ["integration", "annealed", "bar"])
@pytest.mark.parametrize("name", ["lattice", "well"])
def test_estimators_agree_with_the_exact_value(method: str, name: str) -> None:
    energy, t = {"lattice": (LATTICE, 1.3), "well": (DoubleWell(1.5, 1.2, 0.3), 0.8)}[name]
    exact = log_partition(energy, t)
    found = log_partition(energy, t, method, chains=400, points=12, samples=30, burn_in=20)
    assert exact.standard_error == 0 and 0 < found.standard_error < 0.1
    assert abs(found - exact) < 4 * found.standard_error


def test_bennett_on_gaussian_works_and_against_pymbar() -> None:
    """Works of a Gaussian process obey Crooks: means ΔF + s²/2T and −ΔF + s²/2T."""
    df, s, t, n = 1.3, 1.5, 0.8, 20_000
    forward = RNG.normal(df + s**2 / (2 * t), s, n)
    reverse = RNG.normal(-df + s**2 / (2 * t), s, 2 * n)
    found = bennett(forward, reverse, t)
    assert abs(found - df) < 4 * found.standard_error < 0.1
    average = jarzynski(forward, t)
    assert abs(average - df) < 4 * average.standard_error and average.standard_error > found.standard_error
    other = pytest.importorskip("pymbar.other_estimators", reason="oracle of the extra 'peers'")
    oracle = other.bar(forward / t, reverse / t)
    assert found / t == pytest.approx(oracle["Delta_f"], abs=1e-6)
    assert found.standard_error / t == pytest.approx(oracle["dDelta_f"], rel=0.02)


def test_mean_field_bounds_the_free_energy() -> None:
    for energy, t in ((GRAPH, 1.0), (LATTICE, 1.3)):
        found = mean_field(energy, t)
        assert np.all(np.diff(found.trace) <= 1e-9)
        assert found.free_energy == pytest.approx(found.energy - t * found.entropy)
        law = enumerate_states(energy, t)
        q = found.marginals[0]
        for p in found.marginals[1:]:
            q = np.multiply.outer(q, p)
        divergence = (q.ravel() * np.log(q.ravel() / law.probabilities)).sum()
        assert mean_field_gap(energy, t) == pytest.approx(t * divergence, abs=1e-8) and divergence > 0


def test_mean_field_of_independent_units_is_exact_and_weiss_is_solved() -> None:
    alone = Categorical((3, 2), [((0,), [0.0, 1.0, 0.5]), ((1,), [0.2, 0.0])])
    assert mean_field_gap(alone, 0.7) == pytest.approx(0.0, abs=1e-12)
    t, j = 2.5, 1.0  # below the mean-field transition at 4 J
    found = mean_field(Ising.lattice((3, 3), j), t)
    m = abs(found.marginals[0][1] - found.marginals[0][0])
    assert m == pytest.approx(np.tanh(4 * j * m / t), abs=1e-6) and m > 0.5


def test_gradient_of_log_partition_is_traced() -> None:
    from thermopolis.thermo.elimination import discrete_log_partition

    pair = Ising([(0, 1)], 0.0)
    slope = jax.jit(
        jax.grad(
            lambda j: discrete_log_partition(jax.tree.unflatten(jax.tree.structure(pair), [j, 0.0]), 1.0)
        )
    )(jnp.float32(0.4))
    assert float(slope) == pytest.approx(np.tanh(0.4), abs=1e-5)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: log_partition(GRAPH, 0.0), "temperature"),
        (lambda: log_partition(GRAPH, 1.0, "guess"), "method"),
        (lambda: log_partition(GRAPH, 1.0, "bar", chains=0), "chains"),
        (lambda: log_partition(GRAPH, 1.0, "annealed", samples=0), "samples"),
        (lambda: log_partition(Ising.lattice((40, 40)), 1.0), "exact summation"),
        (lambda: log_partition(Potential(lambda x: x[0] + x[1] + x[2], 3), 1.0), "dimensions"),
        (lambda: log_partition(DoubleWell(1.0), 1.0, "bar", width=0.0), "width"),
        (lambda: log_partition(Categorical((2,), [((0,), [0.0, np.inf])]), 1.0, "bar"), "forbidden"),
        (lambda: jarzynski([1.0, np.nan]), "work"),
        (lambda: jarzynski([1.0]), "work"),
        (lambda: mean_field(Quadratic([[1.0]])), "energy"),
    ],
)
def test_bad_input_is_refused_by_name(call, name: str) -> None:
    with pytest.raises(ModelError, match=name):
        call()
