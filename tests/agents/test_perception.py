"""Ten random models under every kind of perception, against enumeration in float64 and pymdp's own iteration.

Models of one shape, and all outcomes of each, are lanes of one call.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.agents import ActiveInference, Core, GenerativeModel
from thermopolis.agents import lanes as ln
from thermopolis.agents.belief import outer
from thermopolis.agents.core_in_loop import perceive_on_core
from thermopolis.agents.cycle import init as start
from thermopolis.agents.fixed_point import fixed_point, log_likelihoods
from thermopolis.agents.free_energy import of_joint
from thermopolis.agents.mean_field import TOLERANCE, gradient, mean_field, sweep
from thermopolis.agents.perception import evidence, exact, tempered

from .models import lanes_of, random_model

#: states, outcomes, number of models: ten in all
SHAPES = [((4,), (3,), 3), ((2, 3), (4,), 3), ((3, 2, 2), (3, 2), 4)]


class Case(NamedTuple):
    models: list[GenerativeModel]
    A: list[Any]
    scopes: list[tuple[int, ...]]
    prior: list[Any]
    outcomes: list[Any]
    surprise: np.ndarray
    posterior: list[np.ndarray]


@cache
def case(number: int) -> Case:
    """All models and outcomes of a shape as lanes, with -ln p(o) and posterior marginals by enumeration."""
    states, outcomes, count = SHAPES[number]
    models = [random_model(10 * number + i, states, outcomes, 2) for i in range(count)]
    each = int(np.prod(outcomes))
    wide = lambda arrays: jnp.asarray(np.repeat(np.stack(arrays, axis=-1), each, axis=-1), jnp.float32)
    seen = [np.tile(o, count) for o in np.unravel_index(np.arange(each), outcomes)]
    surprise, marginals = [], []
    for lane in range(count * each):
        model = models[lane // each]
        joint = np.ones(())
        for q in model.D:
            joint = np.multiply.outer(joint, q)
        for m, o in enumerate(seen):
            joint = joint * model.A[m][o[lane]]
        surprise.append(-np.log(joint.sum()))
        axes = range(len(states))
        marginals.append([joint.sum(axis=tuple(g for g in axes if g != f)) / joint.sum() for f in axes])
    return Case(
        models,
        [wide([m.A[i].reshape(n, -1) for m in models]) for i, n in enumerate(outcomes)],
        [tuple(range(len(states)))] * len(outcomes),
        [wide([m.D[f] for m in models]) for f in range(len(states))],
        [jnp.asarray(o, jnp.int32) for o in seen],
        np.array(surprise),
        [np.stack(x, axis=-1) for x in zip(*marginals, strict=True)],
    )


@cache
def perceived(number: int, kind: str) -> Any:
    c = case(number)
    states = SHAPES[number][0]

    def run(A: Any, prior: Any, outcomes: Any) -> Any:
        given = evidence(A, c.scopes, prior, outcomes)
        if kind == "exact":
            return exact(given, states)
        return {"fixed_point": fixed_point, "mean_field": mean_field}[kind](
            given, A, c.scopes, prior, outcomes
        )

    return jax.device_get(jax.jit(run)(c.A, c.prior, c.outcomes))


@pytest.mark.parametrize("number", range(3))
def test_every_kind_against_enumeration(number: int) -> None:
    c = case(number)
    found = perceived(number, "exact")
    np.testing.assert_allclose(found.free_energy.free_energy, c.surprise, rtol=1e-6, atol=1e-6)
    for q, p in zip(found.qs, c.posterior, strict=True):
        np.testing.assert_allclose(q, p, atol=1e-6)
    for kind in ("fixed_point", "mean_field"):
        found = perceived(number, kind)
        cost = found.free_energy
        assert (cost.free_energy >= c.surprise - 1e-5).all()
        np.testing.assert_allclose(cost.complexity - cost.accuracy, cost.free_energy, atol=1e-5)
        if len(c.prior) == 1:
            np.testing.assert_allclose(cost.free_energy, c.surprise, rtol=1e-5, atol=1e-5)
            assert found.converged.all()


@pytest.mark.parametrize("number", range(3))
def test_fixed_point_is_pymdps_iteration(number: int) -> None:
    from pymdp.algos import run_factorized_fpi

    states, outcomes, _ = SHAPES[number]
    c = case(number)
    arrays = [jnp.moveaxis(a, -1, 0).reshape(-1, n, *states) for a, n in zip(c.A, outcomes, strict=True)]
    shown = [jnp.eye(n)[o] for n, o in zip(outcomes, c.outcomes, strict=True)]
    scopes = [list(s) for s in c.scopes]
    run = lambda A, o, d: run_factorized_fpi(A, o, d, scopes, num_iter=16)
    theirs = jax.jit(jax.vmap(run))(arrays, shown, [d.T for d in c.prior])
    for q, p in zip(perceived(number, "fixed_point").qs, theirs, strict=True):
        np.testing.assert_allclose(q, np.asarray(p).T, atol=1e-5)


@pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.long)])
def test_mean_field_never_raises_free_energy(number: int) -> None:
    c = case(number)
    given = evidence(c.A, c.scopes, c.prior, c.outcomes)
    messages = log_likelihoods(c.A, c.scopes, c.outcomes)
    log_prior = [jnp.log(q) for q in c.prior]
    energy = lambda qs: of_joint(outer(qs), given.prior, given.likelihood).free_energy
    move = jax.jit(lambda qs: (lambda new: (new, energy(new)))(sweep(log_prior, messages, qs)))
    qs, last = c.prior, np.asarray(energy(c.prior))
    took = np.full(last.shape, 21)
    for turn in range(1, 21):
        qs, now = move(qs)
        assert (now <= last + 2e-6 * np.maximum(1.0, np.abs(last))).all()
        last = np.asarray(now)
        flat = np.asarray(gradient(log_prior, messages, qs)) < TOLERANCE
        took = np.where(flat, np.minimum(took, turn), took)
    found = perceived(number, "mean_field")
    assert found.converged.all()
    assert (np.abs(np.minimum(found.sweeps, 21) - took) <= 1).all() and len(set(took)) > 1
    assert (np.asarray(gradient(log_prior, messages, found.qs)) < 1e-5).all()


def test_tempered_perception_is_the_frontier() -> None:
    """q minimizes KL[q ‖ prior]/β - accuracy: no perturbation lowers it; at β = 1 it is Bayes."""
    c = case(0)
    given = evidence(c.A, c.scopes, c.prior, c.outcomes)
    lanes = c.outcomes[0].shape[0]
    bayes = tempered(given, (4,), jnp.ones(lanes))
    np.testing.assert_allclose(bayes.qs[0], c.posterior[0], atol=1e-6)
    np.testing.assert_allclose(bayes.free_energy.free_energy, c.surprise, rtol=1e-5, atol=1e-5)
    rng = np.random.default_rng(0)
    for beta in (0.3, 3.0):
        found = tempered(given, (4,), jnp.full(lanes, beta))
        loss = lambda f, beta=beta: np.asarray(f.complexity / beta - f.accuracy)
        best = loss(found.free_energy)
        for _ in range(5):
            other = np.asarray(found.qs[0]) * np.exp(0.1 * rng.normal(size=found.qs[0].shape))
            cost = of_joint(jnp.asarray(other / other.sum(axis=0)), given.prior, given.likelihood)
            assert (loss(cost) >= best - 1e-5).all()


def test_a_fixed_point_that_is_not_reached_is_told() -> None:
    """Two spins that must differ flip for ever when updated in parallel, and settle one by one."""
    equal = jnp.asarray([0.01, 0.99, 0.99, 0.01])[:, None]
    A = [jnp.stack([equal, 1 - equal])]
    prior = [jnp.asarray([[0.6], [0.4]])] * 2
    outcomes = [jnp.zeros(1, jnp.int32)]
    given = evidence(A, [(0, 1)], prior, outcomes)
    assert not fixed_point(given, A, [(0, 1)], prior, outcomes).converged.any()
    assert mean_field(given, A, [(0, 1)], prior, outcomes).converged.all()


@pytest.mark.parametrize("number", [0, 1, pytest.param(2, marks=pytest.mark.long)])
def test_core_within_four_standard_errors(number: int) -> None:
    """Frequencies of coupled units are correlated between sweeps: their error is allowed twice the independent one."""
    c = case(number)
    states, _, _ = SHAPES[number]
    lanes, samples = c.outcomes[0].shape[0], 4096
    core = Core("landauer", samples=samples, burn_in=64)
    player = ActiveInference(c.models[0], perception="core", core=core)
    keys, settings = lanes_of(player, lanes)
    held = start(player.structure, keys, settings).core

    def run(keys: Any, A: Any, prior: Any, outcomes: Any) -> Any:
        given = evidence(A, c.scopes, prior, outcomes)
        everyone = jnp.ones(lanes, bool)
        return perceive_on_core(core, held, keys, given, A, c.scopes, prior, outcomes, everyone)[0]

    found = jax.device_get(jax.jit(run)(keys, c.A, c.prior, c.outcomes))
    assert (found.free_energy.free_energy >= c.surprise - 1e-5).all()
    for q, p in zip(found.qs, c.posterior, strict=True):
        error = np.sqrt(p * (1 - p) / samples) * (1.0 if len(states) == 1 else 2.0) + 1.0 / samples
        assert (np.abs(q - p) < 4 * error).all()


def test_players_take_any_kind_and_say_whether_it_converged() -> None:
    model = random_model(3, (2, 3), (4,), 2)
    player = ActiveInference(model, perception="fixed_point")
    keys, settings = lanes_of(player, 4)
    seen = jnp.asarray([0, 1, 2, -1])
    state, _, trace = jax.jit(player.step)(keys, player.init(keys, settings), settings, seen)
    told = np.asarray(trace["perception_converged"])
    assert told[3] == 1.0 and set(told) <= {0.0, 1.0}
    np.testing.assert_allclose(ln.total(state.qs[0]), 1.0, rtol=1e-5)
