"""Shared by the tests of worlds: PettingZoo's conformance suite, and trajectories compared whole."""

from __future__ import annotations

import contextlib
import functools
import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.envs.world import cell_keys, init_keys, step_keys

sys.path.insert(0, str(Path(__file__).parent))

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


CHUNK, WIDTH, PERIODS = 50, 8, 4


@functools.partial(jax.jit, static_argnums=0)
def _years(world: Any, params: Any, keys: Any, state: Any, first: Any, actions: Any, drawn: Any) -> Any:
    def one(state: Any, at: Any) -> Any:
        t, action = at
        return world.step(step_keys(keys, t), state, action, params, drawn)

    return jax.lax.scan(one, state, (first + jnp.arange(CHUNK), actions))


@functools.partial(jax.jit, static_argnums=0)
def _begin(world: Any, params: Any, keys: Any) -> Any:
    return world.init(init_keys(keys), params)


def _live(world: Any, params: Any, actions: Any, seed: int = 0, drawn: Any = None) -> Any:
    """Outcomes of years of given actions (time, civilizations, cells), stacked over time.

    Cells are filled up to eights, or run as they are from 100 on, and years to fifties: few programs to compile.
    """
    actions = np.asarray(actions, np.int32)
    years, players, cells = actions.shape
    block = WIDTH if cells < 100 else cells
    width, length = -(-cells // block) * block, -(-years // CHUNK) * CHUNK
    actions = np.pad(actions, ((0, length - years), (0, 0), (0, width - cells)), mode="edge")
    drawn = np.zeros((players, 1), np.float32) if drawn is None else np.asarray(drawn, np.float32)
    drawn = _wide(drawn, cells, width)
    full = {}
    for name, leaf in params._asdict().items():
        rows = np.asarray(leaf)
        if name in ("growth_years", "growth_rates"):
            rows = np.concatenate([rows, np.repeat(rows[-1:], PERIODS - rows.shape[0], axis=0)])
        full[name] = _wide(rows, cells, width)
    with jax.enable_x64(True):
        wide = type(params)(**{name: jnp.asarray(rows, jnp.float64) for name, rows in full.items()})
    keys = cell_keys(seed, width)
    blocks = []
    for at in range(0, width, block):
        part = slice(at, at + block)
        with jax.enable_x64(True):
            own = jax.tree.map(lambda x, part=part: x[..., part], wide)
        state, parts = _begin(world, own, keys[part]), []
        for first in range(0, length, CHUNK):
            chunk = actions[first : first + CHUNK, :, part]
            state, out = _years(world, own, keys[part], state, first, chunk, drawn[:, part])
            parts.append(jax.device_get(out))
        blocks.append(jax.tree.map(lambda *x: np.concatenate(x)[:years], *parts))
    return jax.tree.map(lambda *x: np.concatenate(x, axis=-1)[..., :cells], *blocks)


def _wide(rows: np.ndarray, cells: int, width: int) -> np.ndarray:
    rows = np.broadcast_to(rows, (*rows.shape[:-1], cells))
    return np.pad(rows, ((0, 0), (0, width - cells)), mode="edge")


@pytest.fixture
def live() -> Callable[..., Any]:
    """Years of a civilization under given actions."""
    return _live
