"""Sophisticated plans against pymdp's tree search, unpruned, and against the recursion written out in float64."""

from __future__ import annotations

from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.agents import ActiveInference, GenerativeModel
from thermopolis.agents.planning import Likelihood, Transition
from thermopolis.agents.sophisticated import sophisticated
from thermopolis.errors import ModelError

from .models import random_model

T = 0.7


def planned(model: GenerativeModel, horizon: int) -> np.ndarray:
    """G of every first action."""
    narrow = lambda x: jnp.asarray(x, jnp.float32)[..., None]
    log_c = [c - np.log(np.exp(c).sum()) for c in model.C]
    likelihoods = [
        Likelihood(narrow(a.reshape(a.shape[0], -1)), scope, narrow(c), bool((a == np.eye(a.shape[0])).all()))
        if a.ndim == 2 and a.shape[0] == a.shape[1]
        else Likelihood(narrow(a.reshape(a.shape[0], -1)), scope, narrow(c), False)
        for a, c, scope in zip(model.A, log_c, model.A_dependencies, strict=True)
    ]
    transitions = [
        Transition(narrow(b.reshape(b.shape[0], -1, b.shape[-1])), None, scope)
        for b, scope in zip(model.B, model.B_dependencies, strict=True)
    ]
    actions = [tuple(int(u) for u in row) for row in model.actions]
    run = lambda qs: sophisticated(
        likelihoods, transitions, qs, actions, horizon, True, False, jnp.asarray([T])
    )
    return np.asarray(jax.jit(run)([narrow(d) for d in model.D]).expected_free_energy[:, 0], float)


def written_out(model: GenerativeModel, qs: list[np.ndarray], horizon: int) -> np.ndarray:
    """The same by the recursion, one belief at a time."""
    values = []
    for controls in model.actions:
        then = [b[:, :, u] @ q for b, q, u in zip(model.B, qs, controls, strict=True)]
        joint = np.ones(())
        for q in then:
            joint = np.multiply.outer(joint, q)
        value = 0.0
        for a, c in zip(model.A, model.C, strict=True):
            seen = np.tensordot(a, joint, joint.ndim)
            noise = -(a * np.log(a)).sum(axis=0)
            value += seen @ (c - np.log(np.exp(c).sum())) - seen @ np.log(seen) - (joint * noise).sum()
        if horizon > 1:
            for outcome in product(*(range(n) for n in model.num_obs)):
                posterior = joint * np.prod([a[o] for a, o in zip(model.A, outcome, strict=True)], axis=0)
                axes = range(joint.ndim)
                after = [posterior.sum(axis=tuple(g for g in axes if g != f)) / posterior.sum() for f in axes]
                later = written_out(model, after, horizon - 1)
                weights = np.exp(-(later - later.min()) / T)
                value += posterior.sum() * -(weights @ later) / weights.sum()
        values.append(-value)
    return np.array(values)


@pytest.mark.parametrize(("states", "outcomes", "horizon"), [((3,), (2,), 3), ((2, 3), (3, 2), 2)])
def test_hidden_states_are_planned_for_as_the_recursion_says(
    states: tuple[int, ...], outcomes: tuple[int, ...], horizon: int
) -> None:
    model = random_model(sum(states) + horizon, states, outcomes, 2)
    expected = written_out(model, list(model.D), horizon)
    np.testing.assert_allclose(planned(model, horizon), expected, rtol=1e-5, atol=1e-5)


def test_a_tree_beyond_the_budget_is_refused_with_its_size() -> None:
    model = random_model(0, (3,), (3, 2), 2)
    with pytest.raises(ModelError, match=r"horizon 5 make 41472 beliefs .* more than 4096"):
        ActiveInference(model, horizon=5, planner="sophisticated")


def search(model: GenerativeModel, horizon: int) -> Any:
    """pymdp's choice of the first action."""
    from pymdp.agent import Agent
    from pymdp.planning.si import si_policy_search

    one = lambda x: jnp.asarray(x, jnp.float32)[None]
    log_c = [c - np.log(np.exp(c).sum()) for c in model.C]
    agent = Agent(
        A=[one(a) for a in model.A],
        B=[one(b) for b in model.B],
        C=[one(c) for c in log_c],
        D=[one(d) for d in model.D],
        policy_len=1,
        batch_size=1,
    )
    found, _ = si_policy_search(
        horizon=horizon,
        max_nodes=2000,
        max_branching=6,
        policy_prune_threshold=0.0,
        observation_prune_threshold=0.0,
        entropy_stop_threshold=-1.0,
        gamma=1.0 / T,
    )(agent, [one(d) for d in model.D])
    return np.asarray(found).ravel()


@pytest.mark.long
@pytest.mark.parametrize("hidden", [False, True])
def test_first_choice_is_that_of_pymdps_tree(hidden: bool) -> None:
    """Three random models, depths 1 to 3; with outcomes that show the state the tree is a table."""
    for seed in range(3):
        model = random_model(20 + seed, (3,), (3,), 2)
        if not hidden:
            model = GenerativeModel([np.eye(3)], model.B, model.C, [np.eye(3)[1]])
        for horizon in (1, 2, 3):
            ours = np.asarray(jax.nn.softmax(-jnp.asarray(planned(model, horizon)) / T))
            np.testing.assert_allclose(ours, search(model, horizon), atol=1e-5)
