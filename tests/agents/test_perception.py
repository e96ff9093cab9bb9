"""Ten random models under every kind of perception, against enumeration in float64 and pymdp's own iteration."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.agents import ActiveInference, Core, GenerativeModel
from thermopolis.agents.belief import outer
from thermopolis.agents.fixed_point import log_likelihoods
from thermopolis.agents.free_energy import of_joint
from thermopolis.agents.mean_field import gradient, sweep
from thermopolis.agents.perception import evidence

from .models import lanes_of, random_model

SHAPES = [((4,), (3,)), ((3,), (2, 4)), ((2, 3), (4,)), ((3, 2, 2), (3, 2)), ((2, 2, 3, 2), (3, 2, 2))]
CASES = [(seed, *SHAPES[seed % len(SHAPES)]) for seed in range(10)]


def every_outcome(outcomes: tuple[int, ...]) -> np.ndarray:
    """All joint outcomes, one a lane."""
    return np.arange(np.prod(outcomes))


def truth(model: GenerativeModel, outcomes: tuple[int, ...]) -> tuple[np.ndarray, list[np.ndarray]]:
    """-ln p(o) and posterior marginals by enumeration, lanes last."""
    surprise, marginals = [], []
    for seen in itertools.product(*(range(n) for n in outcomes)):
        joint = np.ones(())
        for q in model.D:
            joint = np.multiply.outer(joint, q)
        for m, o in enumerate(seen):
            joint = joint * model.A[m][o]
        surprise.append(-np.log(joint.sum()))
        axes = range(len(model.D))
        marginals.append([joint.sum(axis=tuple(g for g in axes if g != f)) / joint.sum() for f in axes])
    return np.array(surprise), [np.stack(x, axis=-1) for x in zip(*marginals, strict=True)]


def perceive(model: GenerativeModel, outcomes: tuple[int, ...], **options: Any) -> tuple[Any, Any]:
    player = ActiveInference(model, **options)
    seen = every_outcome(outcomes)
    keys, settings = lanes_of(player, len(seen))
    state, _, trace = jax.jit(player.step)(
        keys, player.init(keys, settings), settings, jnp.asarray(seen, jnp.int32)
    )
    return state.qs, trace


@pytest.mark.parametrize(("seed", "states", "outcomes"), CASES)
def test_every_kind_against_enumeration(
    seed: int, states: tuple[int, ...], outcomes: tuple[int, ...]
) -> None:
    model = random_model(seed, states, outcomes, 2)
    surprise, posterior = truth(model, outcomes)
    qs, trace = perceive(model, outcomes)
    np.testing.assert_allclose(trace["free_energy"], surprise, rtol=1e-6, atol=1e-6)
    for q, p in zip(qs, posterior, strict=True):
        np.testing.assert_allclose(q, p, atol=1e-6)
    for kind in ("fixed_point", "mean_field"):
        qs, trace = perceive(model, outcomes, perception=kind)
        assert (np.asarray(trace["free_energy"]) >= surprise - 1e-5).all()
        np.testing.assert_allclose(trace["complexity"] - trace["accuracy"], trace["free_energy"], atol=1e-5)
        if len(states) == 1:
            np.testing.assert_allclose(trace["free_energy"], surprise, rtol=1e-5, atol=1e-5)
            assert (np.asarray(trace["perception_converged"]) == 1).all()
    assert (np.asarray(trace["perception_converged"]) == 1).all()


@pytest.mark.parametrize(("seed", "states", "outcomes"), CASES)
def test_fixed_point_is_pymdps_iteration(
    seed: int, states: tuple[int, ...], outcomes: tuple[int, ...]
) -> None:
    from pymdp.algos import run_factorized_fpi

    model = random_model(seed, states, outcomes, 2)
    qs, _ = perceive(model, outcomes, perception="fixed_point")
    everyone = [list(range(len(states)))] * len(outcomes)
    arrays = [jnp.asarray(a, jnp.float32) for a in model.A]
    prior = [jnp.asarray(d, jnp.float32) for d in model.D]
    shown = [
        jnp.eye(n)[i]
        for n, i in zip(outcomes, np.unravel_index(every_outcome(outcomes), outcomes), strict=True)
    ]
    run = jax.jit(jax.vmap(lambda o: run_factorized_fpi(arrays, o, prior, everyone, num_iter=16)))
    for q, theirs in zip(qs, run(shown), strict=True):
        np.testing.assert_allclose(q, np.asarray(theirs).T, atol=1e-5)


def test_a_fixed_point_that_is_not_reached_is_told() -> None:
    """Two spins that must differ, seen through one outcome, flip for ever in parallel and settle one by one."""
    unequal = np.array([[0.01, 0.99], [0.99, 0.01]])
    model = GenerativeModel(
        [np.stack([unequal, 1 - unequal])], [np.eye(2)[:, :, None]] * 2, D=[np.array([0.6, 0.4])] * 2
    )
    _, trace = perceive(model, (2,), perception="fixed_point")
    assert float(trace["perception_converged"][0]) == 0.0
    _, trace = perceive(model, (2,), perception="mean_field")
    assert (np.asarray(trace["perception_converged"]) == 1.0).all()


@pytest.mark.parametrize(("seed", "states", "outcomes"), [case for case in CASES if len(case[1]) > 1][:4])
def test_mean_field_never_raises_free_energy(
    seed: int, states: tuple[int, ...], outcomes: tuple[int, ...]
) -> None:
    model = random_model(seed, states, outcomes, 2)
    seen = np.unravel_index(every_outcome(outcomes), outcomes)
    lanes = len(seen[0])
    tables = [jnp.asarray(a.reshape(a.shape[0], -1, 1), jnp.float32) for a in model.A]
    scopes = [tuple(range(len(states)))] * len(outcomes)
    prior = [jnp.broadcast_to(jnp.asarray(d, jnp.float32)[:, None], (len(d), lanes)) for d in model.D]
    given = evidence(tables, scopes, prior, [jnp.asarray(o) for o in seen])
    messages = log_likelihoods(tables, scopes, [jnp.asarray(o) for o in seen])
    log_prior = [jnp.log(q) for q in prior]
    move = jax.jit(lambda qs: sweep(log_prior, messages, qs))
    energy = lambda qs: np.asarray(of_joint(outer(qs), given.prior, given.likelihood).free_energy)
    qs, last = prior, energy(prior)
    for _ in range(30):
        qs = move(qs)
        now = energy(qs)
        assert (now <= last + 2e-6 * np.maximum(1.0, np.abs(last))).all()
        last = now
    final, _ = perceive(model, outcomes, perception="mean_field")
    assert (np.asarray(gradient(log_prior, messages, final)) < 1e-5).all()


@pytest.mark.parametrize(("seed", "states", "outcomes"), CASES[:4])
def test_core_within_four_standard_errors(
    seed: int, states: tuple[int, ...], outcomes: tuple[int, ...]
) -> None:
    """One unit is drawn independently; coupled ones are correlated between sweeps, hence the autocorrelation factor."""
    model = random_model(seed, states, outcomes, 2)
    surprise, posterior = truth(model, outcomes)
    samples = 4096
    qs, trace = perceive(
        model, outcomes, perception="core", core=Core("landauer", samples=samples, burn_in=64)
    )
    assert (np.asarray(trace["free_energy"]) >= surprise - 1e-5).all()
    correlated = (
        1.0 if len(states) == 1 else 4.0
    )  # at most: integrated autocorrelation of these dense couplings
    for q, p in zip(qs, posterior, strict=True):
        error = np.sqrt(correlated * p * (1 - p) / samples) + 1.0 / samples
        assert (np.abs(np.asarray(q) - p) < 4 * error).all()
