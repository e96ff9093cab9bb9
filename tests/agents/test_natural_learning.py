"""Learning by counting and by natural gradients: equal to first order, bounded in KL, and slow to forget."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis import thermo
from thermopolis.agents import Learning, learning
from thermopolis.agents import natural_learning as nl
from thermopolis.errors import ModelError

from .playing import lane_keys

LANES = 400
YES = jnp.ones(LANES, bool)


def laws(seed: int, rows: int = 4) -> Any:
    p = np.random.default_rng(seed).gamma(0.5, size=(rows, LANES)) + 1e-4
    return jnp.asarray(p / p.sum(axis=0), jnp.float32)


def kl(p: Any, q: Any) -> np.ndarray:
    p, q = np.asarray(p, float), np.asarray(q, float)
    return np.sum(p * np.log(p / q), axis=0)


def step(p: Any, row: int, rate: float, bound: float = 1.0, relaxation: Any = None) -> Any:
    evidence = jnp.zeros_like(p).at[row].set(1.0)
    wide = lambda x: jnp.full(LANES, x)
    return nl.step(p, p, evidence, wide(rate), wide(bound), None, YES, relaxation)


def test_counting_is_the_natural_gradient_with_a_rate_that_falls_with_the_counts() -> None:
    """p' - p = rate/(N + rate) (e - p)."""
    p, total, rate = laws(0), 3.0, 0.4
    evidence = jnp.zeros_like(p).at[1].set(1.0)
    counts = learning.count(total * p, total * p, evidence, jnp.full(LANES, rate), None, YES)
    direction = thermo.natural_gradient(
        np.diag(1 / np.asarray(p[:, 0])), np.asarray(evidence / p - 1.0)[:, 0]
    )
    np.testing.assert_allclose(direction, (evidence - p)[:, 0], atol=2e-5)
    moved = p + rate / (total + rate) * (evidence - p)
    np.testing.assert_allclose(counts / counts.sum(axis=0), moved, atol=1e-6)
    np.testing.assert_allclose(step(p, 1, 0.001), p + 0.001 * (evidence - p), atol=1e-6)


@pytest.mark.parametrize("bound", [0.5, 0.05, 0.001])
def test_no_event_moves_a_column_further_than_the_bound(bound: float) -> None:
    p = laws(1)
    relaxation = (jnp.full(LANES, 0.5), jnp.full(LANES, 0.1), lane_keys(0, LANES))
    for moved in (step(p, 2, 1.0, bound), step(p, 2, 1.0, bound, relaxation)):
        assert (np.asarray(moved) > 0).all()
        np.testing.assert_allclose(np.asarray(moved).sum(axis=0), 1.0, atol=1e-5)
        assert (kl(moved, p) <= bound * (1 + 1e-3) + 1e-5).all()
    assert (np.asarray(step(p, 2, 1.0, bound))[2] > np.asarray(p)[2]).all()


def test_the_relaxing_system_has_the_law_of_thermo() -> None:
    """Mean (I - e^{-Ft})F⁻¹g and covariance T(I - e^{-2Ft})F⁻¹ with F = diag(1/p), at three times."""
    p = jnp.asarray([0.2, 0.5, 0.3])
    evidence = jnp.asarray([0.0, 1.0, 0.0])
    fisher, slope = np.diag(1 / np.asarray(p)), np.asarray(evidence / p - 1.0)
    lanes, temperature = 20_000, 0.01
    wide = lambda x: jnp.broadcast_to(jnp.asarray(x, jnp.float32)[:, None], (3, lanes))
    for time in (0.01, 0.2, 50.0):
        expected = thermo.thermodynamic_natural_gradient(lane_keys(0, 1), fisher, slope[:, None], time)[:, 0]
        args = (wide(p), wide(evidence - p), jnp.full(lanes, time))
        cold = nl.relaxed(*args, jnp.zeros(lanes), lane_keys(1, lanes))
        np.testing.assert_allclose(cold[:, 0], expected, atol=1e-5)
        hot = np.asarray(nl.relaxed(*args, jnp.full(lanes, temperature), lane_keys(1, lanes)), float)
        variance = temperature * np.asarray(p) * -np.expm1(-2 * time / np.asarray(p))
        z = (hot.mean(axis=1) - np.asarray(cold[:, 0])) / np.sqrt(variance / lanes)
        assert (np.abs(z) < 4).all()
        np.testing.assert_allclose(hot.var(axis=1), variance, rtol=4 * np.sqrt(2 / lanes))


def test_old_opponents_are_not_forgotten() -> None:
    """After a partner of 19 in 20 cooperations, three defections: what was learned of it survives the bounded step,
    not the unbounded one of the same rate; and the bounded learner does learn a partner who goes on defecting."""
    old = jnp.broadcast_to(jnp.asarray([0.95, 0.05])[:, None], (2, LANES))
    plain = bounded = old
    for _ in range(3):
        plain, bounded = step(plain, 1, 0.5), step(bounded, 1, 0.5, 0.01)
    lost = lambda p: float(kl(old, p)[0])
    assert lost(bounded) < 0.25 * lost(plain)
    assert float(bounded[0, 0]) > 0.5 > float(plain[0, 0])
    for _ in range(60):
        bounded = step(bounded, 1, 0.5, 0.01)
    assert float(bounded[1, 0]) > 0.95


@pytest.mark.long
def test_all_tables_are_learned_and_only_where_allowed() -> None:
    from thermopolis.agents import ActiveInference

    from .models import lanes_of, random_model

    model = random_model(4, (3,), (3,), 2, counts=True)
    assert model.pB is not None
    model.pB[0][0, 1, :] = 0.0  # a transition that can't be
    names = ("A", "B", "D", "E")
    rng = np.random.default_rng(0)
    seen = jnp.asarray(rng.integers(3, size=(12, 8)), jnp.int32)
    for method in ("dirichlet", "natural_gradient"):
        player = ActiveInference(model, learning=Learning(0.5, of=names, method=method))
        keys, settings = lanes_of(player, 8)
        advance = jax.jit(player.step)
        before = state = player.init(keys, settings)
        for outcome in seen:
            state, _, _ = advance(keys, state, settings, outcome)
        grown = {n: float(jnp.sum(state.counts[n] - before.counts[n])) / 8 for n in before.counts}
        assert set(grown) == {"A_0", "B_0", "D_0", "E"}
        per_event = 0.5 if method == "dirichlet" else 0.0  # gradient methods keep a column's sum
        times = {"A_0": 12, "B_0": 11, "D_0": 1, "E": 12}
        for name, events in times.items():
            at_most = per_event * events
            assert (
                grown[name] == pytest.approx(at_most, abs=2e-3)
                if name != "B_0"
                else grown[name] <= at_most + 2e-3
            )
            assert bool((state.counts[name] != before.counts[name]).any())
        assert bool((state.counts["B_0"][0, 1] == 0).all())


@pytest.mark.parametrize(
    "wrong",
    [{"method": "hebb"}, {"kl_bound": 0.0}, {"relaxation_time": 0.0}, {"relaxation_temperature": -1.0}],
)
def test_wrong_settings_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=next(iter(wrong))):
        Learning(**wrong)
