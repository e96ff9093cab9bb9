"""Shared by the tests of worlds: PettingZoo's conformance suite, and trajectories compared whole."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

# api_test calls for arrays and boxes: it says so of every environment with Discrete or MultiDiscrete spaces
REMARKS = (
    "Observation is not a NumPy array",
    "Observations are different shapes",
    "Observation numpy array is all zeros",
    "space for each agent probably should be gymnasium.spaces.box or gymnasium.spaces.discrete",
    "Agents have different observation space sizes",
)


def _conforms(module: Any, **settings: Any) -> None:
    from pettingzoo.test import api_test, parallel_api_test, render_test, seed_test

    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        parallel_api_test(module.parallel_env(**settings), num_cycles=60)
        api_test(module.env(**settings), num_cycles=30)
        api_test(module.raw_env(**settings), num_cycles=10)
        seed_test(lambda: module.env(**settings), num_cycles=20)
        render_test(lambda render_mode=None: module.env(render_mode=render_mode, **settings))
    faults = [str(w.message) for w in caught if not any(remark in str(w.message) for remark in REMARKS)]
    assert not faults, faults


def trajectory(env: Any, seed: int, rounds: int = 40, action_seed: int = 3) -> list[Any]:
    """Everything the environment says over a game of random actions."""
    draws = np.random.default_rng(action_seed)
    said: list[Any] = [env.reset(seed=seed)]
    for _ in range(rounds):
        if not env.agents:
            break
        actions = {}
        for agent in env.agents:
            space = env.action_space(agent)
            high = space.nvec if hasattr(space, "nvec") else space.n
            actions[agent] = draws.integers(high)
        said.append(env.step(actions))
    return said


def _equal(one: Any, two: Any) -> bool:
    leaves_one, tree_one = jax.tree.flatten(one)
    leaves_two, tree_two = jax.tree.flatten(two)
    return tree_one == tree_two and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(leaves_one, leaves_two, strict=True)
    )


def _seeds(module: Any, stochastic: bool, **settings: Any) -> None:
    first = trajectory(module.parallel_env(**settings), 11)
    env = module.parallel_env(**settings)
    assert _equal(first, trajectory(env, 11))
    assert _equal(first, trajectory(env, 11))  # a used environment forgets all on reset
    if stochastic:
        assert not _equal(first, trajectory(env, 12))
        assert not _equal(first, trajectory(module.parallel_env(**settings, random="threefry"), 11))


@pytest.fixture
def conforms() -> Callable[..., None]:
    """PettingZoo's conformance tests for a module and one set of arguments."""
    return _conforms


@pytest.fixture
def seeds_govern() -> Callable[..., None]:
    """The same seed gives the same full trajectory, another seed or generator another one."""
    return _seeds
