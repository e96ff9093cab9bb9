"""Arithmetic over lanes against NumPy in double precision."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.agents import lanes as ln


def test_logarithms_are_exact_to_an_ulp():
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [
            np.exp(rng.uniform(-36.0, 80.0, 300_000)),
            1.0 + 1e-3 * rng.normal(size=50_000),  # ln x is small: its relative error counts
            np.geomspace(0.5, 2.0, 50_001),
        ]
    ).astype(np.float32)
    x = x[x != 1.0]
    exact = np.log(x.astype(np.float64))
    error = np.abs(np.asarray(jax.jit(ln.log)(x)) - exact) / np.abs(exact)
    assert error.max() < 1.5 * 2.0**-23


def test_logarithms_keep_what_is_no_number():
    found = np.asarray(jax.jit(ln.log)(jnp.array([jnp.nan, jnp.inf, 1.0])))
    assert not np.isfinite(found[:2]).any()
    assert found[2] == 0.0


def test_certain_states_have_no_entropy():
    p = jnp.array([[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]])
    np.testing.assert_allclose(ln.entropy(p), [0.0, np.log(2.0), 0.0], atol=1e-7)
    floor = np.log(ln.TINY)
    np.testing.assert_allclose(ln.xlogy(p[0], jnp.zeros(3)), [0.0, 0.5 * floor, floor], rtol=1e-6)


@pytest.mark.parametrize("entries", [33, 200])
def test_a_loop_over_many_entries_is_the_chain_over_few(
    entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many policies are drawn from by a loop, so that a program doesn't grow with them; the draws are the same."""
    generator = np.random.default_rng(entries)
    weights = jnp.asarray(
        generator.gamma(0.3, size=(entries, 500)) * (generator.random((entries, 500)) > 0.2)
    )
    uniform = jnp.asarray(generator.random(500))
    weights, uniform = weights.astype(jnp.float32), uniform.astype(jnp.float32)
    looped = [ln.draw(weights, uniform), ln.argmax(weights)]
    monkeypatch.setattr(ln, "UNROLL", entries)
    for one, other in zip(looped, [ln.draw(weights, uniform), ln.argmax(weights)], strict=True):
        np.testing.assert_array_equal(one, other)
