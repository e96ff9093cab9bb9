"""Choice rules against their closed forms, their variational definition and numerical derivatives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from thermopolis.errors import ModelError
from thermopolis.thermo.choice import adaptive_temperature, entropy, min_p, softmax_T, varentropy
from thermopolis.thermo.sparse_choice import entmax, entropy_varentropy_alpha

RNG = np.random.default_rng(0)
ALPHAS = [1.0, 1.001, 1.2, 1.5, 1.7, 2.0, 2.5, 4.0]


def entmax_by_optimizer(z: np.ndarray, alpha: float) -> np.ndarray:
    """argmax p·z + (1 − Σp^α)/(α(α−1)) on the simplex, by SLSQP."""
    n = len(z)
    result = minimize(
        lambda p: -(p @ z) + np.sum(p**alpha) / (alpha * (alpha - 1)),
        np.full(n, 1 / n),
        jac=lambda p: -z + p ** (alpha - 1) / (alpha - 1),
        bounds=[(1e-12, 1)] * n,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1, "jac": lambda p: np.ones(n)},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return result.x


@pytest.mark.parametrize("alpha", [1.3, 1.5, 1.8, 2.0, 3.0])
@pytest.mark.parametrize("n", [2, 5, 16])
def test_entmax_maximizes_value_plus_tsallis_entropy(alpha: float, n: int) -> None:
    z = RNG.normal(size=n)
    np.testing.assert_allclose(entmax(z, alpha), entmax_by_optimizer(z, alpha), atol=2e-4)


def test_sparsemax_of_two_is_a_clipped_line() -> None:
    delta = jnp.linspace(-2, 2, 41)
    p = entmax(jnp.stack([delta, jnp.zeros_like(delta)]), 2.0)
    np.testing.assert_allclose(p[0], jnp.clip((1 + delta) / 2, 0, 1), atol=1e-6)


def test_entmax_one_is_softmax() -> None:
    z = RNG.normal(size=(7, 30)).astype(np.float32) * 3
    expected = np.exp(z) / np.exp(z).sum(0)
    np.testing.assert_allclose(entmax(z, 1.0), expected, atol=1e-6)
    np.testing.assert_allclose(softmax_T(z * 2, 2.0), expected, atol=1e-6)


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("n", [1, 3, 40])
def test_traced_alpha_gives_the_closed_forms(alpha: float, n: int) -> None:
    z = RNG.normal(size=(n, 50)).astype(np.float32) * 2
    traced = jax.jit(entmax)(z, jnp.full(50, alpha))
    np.testing.assert_allclose(traced, jax.jit(lambda z: entmax(z, alpha))(z), atol=5e-7)
    nearby = jax.jit(entmax)(z, jnp.full(50, alpha + (1e-6 if alpha < 2 else -1e-6)))
    np.testing.assert_allclose(nearby, traced, atol=3e-6)  # the bisection agrees with the closed form


def test_entmax_is_a_distribution_for_any_alpha_and_forbidden_actions_stay_out() -> None:
    z = jnp.asarray(RNG.normal(size=(5, 8)) * 10, jnp.float32).at[2].set(-jnp.inf)
    p = entmax(z, jnp.asarray(ALPHAS))
    assert np.all(p >= 0) and np.all(p[2] == 0)
    np.testing.assert_allclose(p.sum(0), 1, atol=1e-6)
    same = entmax(jnp.repeat(z[:, :1], 8, axis=1), jnp.asarray(ALPHAS))
    assert np.all(np.diff((same > 0).sum(0)) <= 0)  # the larger α, the sparser


def test_axis_and_vmap_agree() -> None:
    z = jnp.asarray(RNG.normal(size=(4, 6)), jnp.float32)
    np.testing.assert_allclose(entmax(z.T, 1.4, axis=-1), entmax(z, 1.4).T, atol=1e-6)
    np.testing.assert_allclose(
        jax.vmap(lambda c: entmax(c, 1.4), in_axes=1, out_axes=1)(z), entmax(z, 1.4), atol=1e-6
    )


def test_entmax_derivatives_are_those_of_finite_differences() -> None:
    z = np.array([0.3, -0.2, 0.55, -1.9])
    direction, weight, step = np.array([0.2, -0.7, 0.4, 0.1]), np.array([1.0, -2.0, 0.5, 3.0]), 1e-5
    with jax.enable_x64(True):

        @jax.jit
        def score(z, alpha):
            return jnp.asarray(weight) @ entmax(z, alpha)

        slopes = jax.jit(jax.grad(score, argnums=(0, 1)))
        for alpha in ALPHAS:
            by_z, by_alpha = (np.asarray(g) for g in slopes(z, alpha))
            numeric = (score(z + step * direction, alpha) - score(z - step * direction, alpha)) / (2 * step)
            assert by_z @ direction == pytest.approx(float(numeric), abs=1e-4)
            low = max(alpha - 1e-4, 1.0)
            numeric = (score(z, alpha + 1e-4) - score(z, low)) / (alpha + 1e-4 - low)
            assert float(by_alpha) == pytest.approx(float(numeric), abs=2e-3)
        closed = jax.grad(lambda z: jnp.asarray(weight) @ entmax(z, 1.5))(jnp.asarray(z))
        np.testing.assert_allclose(closed, slopes(z, 1.5)[0], atol=1e-10)


def test_gradients_are_finite_at_ties_and_corners() -> None:
    gradient = jax.jit(jax.grad(lambda z, a: entmax(z, a)[1].sum(), argnums=(0, 1)))
    corners = jnp.asarray([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0], [-jnp.inf, 0.0, 1.0]]).T
    for alpha in (1.0, 1.5, 1.8, 2.0):
        assert all(np.all(np.isfinite(g)) for g in gradient(corners, jnp.full(3, alpha)))


def test_varentropy_is_the_heat_capacity() -> None:
    with jax.enable_x64(True):
        energies, beta = jnp.asarray([0.0, 0.3, 1.1, 2.0]), 1.7
        p = softmax_T(-energies * beta)
        variance = p @ energies**2 - (p @ energies) ** 2
        assert float(varentropy(p)) == pytest.approx(float(beta**2 * variance), abs=1e-10)
        slope = jax.grad(lambda b: entropy(softmax_T(-energies * b)))(beta)
        assert float(slope) == pytest.approx(float(-beta * variance), abs=1e-10)


def test_alpha_falls_with_entropy_and_with_varentropy() -> None:
    values = jnp.asarray([1.0, 0.4, 0.1, 0.0])[:, None]
    p = softmax_T(values, jnp.geomspace(0.01, 100, 30))
    alpha = np.asarray(entropy_varentropy_alpha(p))
    assert alpha[0] == pytest.approx(2, abs=1e-3) and alpha[-1] == pytest.approx(1, abs=1e-3)
    assert np.all((alpha >= 1) & (alpha <= 2))
    h = np.asarray(entropy(p))
    sureness = 1 - h / np.log(4)
    np.testing.assert_allclose(alpha, 1 + sureness / (1 + np.asarray(varentropy(p))), atol=1e-5)
    # two laws of equal entropy: the one of higher varentropy gets the lower α
    flat = jnp.asarray([0.5, 0.5, 0.0, 0.0])
    ramp = jnp.linspace(0.6, 0.95, 4000)
    skewed = jnp.stack([ramp, (1 - ramp) / 3, (1 - ramp) / 3, (1 - ramp) / 3])
    twin = skewed[:, int(jnp.argmin(jnp.abs(entropy(skewed) - entropy(flat))))]
    assert float(varentropy(twin)) > float(varentropy(flat))
    assert float(entropy_varentropy_alpha(twin)) < float(entropy_varentropy_alpha(flat)) - 0.05


def test_min_p_keeps_what_is_near_the_best() -> None:
    p = jnp.asarray([0.5, 0.3, 0.15, 0.05])
    np.testing.assert_allclose(min_p(p, 0.2), np.array([0.5, 0.3, 0.15, 0]) / 0.95, atol=1e-6)
    np.testing.assert_allclose(min_p(p, 0.0), p, atol=1e-7)
    np.testing.assert_allclose(min_p(p, 1.0), [1, 0, 0, 0])


def test_adaptive_temperature_is_the_published_fit() -> None:
    with jax.enable_x64(True):
        p = np.array([0.7, 0.1, 0.1, 0.05, 0.05])
        h = -(p * np.log(p)).sum()
        inverse = np.polyval([-0.037, 0.481, -2.3, 4.917, -1.791], h)
        assert float(adaptive_temperature(np.log(p))) == pytest.approx(1 / inverse, abs=1e-9)
    assert float(adaptive_temperature(jnp.asarray([10.0, 0.0]))) == 1.0  # a sure policy is left alone
    wide = adaptive_temperature(jnp.zeros(5000))  # beyond the fit's reach: that of 5 nats
    assert float(wide) == pytest.approx(1 / np.polyval([-0.037, 0.481, -2.3, 4.917, -1.791], 5.0), rel=1e-5)
    assert np.isfinite(jax.grad(lambda z: adaptive_temperature(z))(jnp.asarray([0.1, 0.2, 0.0]))).all()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: softmax_T(jnp.zeros(2), 0.0), "temperature"),
        (lambda: softmax_T(jnp.zeros(2), jnp.nan), "temperature"),
        (lambda: entmax(jnp.zeros(2), 0.9), "alpha"),
        (lambda: min_p(jnp.ones(2) / 2, 1.1), "p_min"),
        (lambda: entropy_varentropy_alpha(jnp.ones(2) / 2, varentropy_scale=0.0), "varentropy_scale"),
    ],
)
def test_bad_settings_are_refused_by_name(call, name: str) -> None:
    with pytest.raises(ModelError, match=name):
        call()
