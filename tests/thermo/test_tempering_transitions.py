"""Parallel tempering's transition matrix leaves the product of its temperatures' laws unchanged.

The matrix is read off ``Tempering.step`` itself: with replicas that don't move of their own and uniforms put in by
hand, the chance of a swap is the largest uniform that still swaps, found by halving.
"""

from __future__ import annotations

import itertools
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2

from thermopolis.keys import fold_in, make_key
from thermopolis.thermo import Gibbs, Ising, Tempering, enumerate_states, tempering, transition_matrix
from thermopolis.thermo.protocols import StepInfo

ENERGY = Ising([(0, 1)], 0.7, [0.3, -0.5])
RUNGS, SCALE = (0.5, 0.8, 1.3, 2.0), 0.9
SHAPE = (4,) * len(RUNGS)  # two spins at each of four temperatures: 256 joint states
STATES, PAIRS = 256, len(RUNGS) - 1
LAWS = [enumerate_states(ENERGY, SCALE * rung).probabilities for rung in RUNGS]


class Still(Gibbs):
    """A sampler whose replicas stay where they are."""

    def step(self, keys: Any, state: Any, energy: Any, temperature: Any) -> tuple[Any, StepInfo]:
        zero = jnp.zeros(state.shape[-1], jnp.float32)
        return state, StepInfo(zero, zero, zero)


def stepped(inner_sampler: Any, joint: np.ndarray, turn: int, uniform: Any = None) -> tuple[Any, Any]:
    """Joint states one step after ``joint`` (numbers, a lane each), and which pairs swapped."""
    sampler = Tempering(RUNGS, inner_sampler)
    spins = jnp.asarray(enumerate_states(ENERGY, 1.0).states, jnp.int8)
    keys = fold_in(jnp.broadcast_to(make_key(1), joint.shape), jnp.arange(joint.size))
    inner = spins[:, np.stack(np.unravel_index(joint, SHAPE)).reshape(-1)]
    with pytest.MonkeyPatch.context() as patch:
        if uniform is not None:
            patch.setattr(tempering, "draws", lambda keys, numbers: jnp.asarray(uniform))
        state = sampler.init(keys, ENERGY, SCALE)._replace(inner=inner, turn=jnp.int32(turn))
        state, _ = sampler.step(keys, state, ENERGY, SCALE)
    bits = ((state.inner + 1) // 2).astype(jnp.int32)
    numbers = tuple((2 * bits[0] + bits[1]).reshape(len(RUNGS), -1))
    return jnp.ravel_multi_index(numbers, SHAPE, mode="clip"), state.accepted > 0


def swap_matrix(turn: int) -> np.ndarray:
    """P[x', x] of the swaps: every pair's chance by halving, every outcome by uniforms either side of it."""
    joint = np.arange(STATES)
    step = jax.jit(lambda uniform: stepped(Still(), joint, turn, uniform))
    low, high = np.zeros((PAIRS, STATES), np.float32), np.ones((PAIRS, STATES), np.float32)
    for _ in range(30):
        middle = (low + high) / 2
        swapped = np.asarray(step(middle)[1])
        low, high = np.where(swapped, middle, low), np.where(swapped, high, middle)
    matrix = np.zeros((STATES, STATES))
    for swaps in itertools.product((True, False), repeat=PAIRS):
        chosen = np.broadcast_to(np.array(swaps)[:, None], low.shape)
        weight = np.where(chosen, low.astype(float), 1 - low.astype(float)).prod(axis=0)
        after, _ = step(np.where(chosen, 0, 1).astype(np.float32))
        np.add.at(matrix, (np.asarray(after), joint), weight)
    return matrix


@pytest.mark.parametrize("turn", [0, 1])
def test_swaps_leave_the_product_of_the_laws(turn: int) -> None:
    """Stationarity and detailed balance to 1e-6 of probability; pairs 0–1 and 2–3 in one turn, 1–2 in the next."""
    law, matrix = reduce(np.kron, LAWS), swap_matrix(turn)
    assert np.allclose(matrix.sum(axis=0), 1)
    assert np.abs(matrix @ law - law).max() < 1e-6
    flow = matrix * law
    assert np.abs(flow - flow.T).max() < 1e-6
    cells = np.arange(STATES).reshape(SHAPE)
    moved = {0: cells.transpose(1, 0, 3, 2), 1: cells.transpose(0, 2, 1, 3)}[turn].reshape(-1)
    assert (matrix[moved, np.arange(STATES)] > 0).all()
    uneven = reduce(np.kron, LAWS[::-1])
    assert np.abs(matrix @ uneven - uneven).max() > 1e-3


def test_steps_follow_the_matrix() -> None:
    """Gibbs at every temperature, then swaps, from the laws in reverse order: Pearson's χ² within its 1e-5 tail."""
    lanes = 100_000
    start = reduce(np.kron, LAWS[::-1])
    sweeps = reduce(np.kron, [transition_matrix(Gibbs(), ENERGY, SCALE * rung) for rung in RUNGS])
    expected = lanes * (swap_matrix(0) @ sweeps @ start)
    joint = np.random.default_rng(2).choice(STATES, size=lanes, p=start)
    after, _ = jax.jit(lambda: stepped(Gibbs(), joint, 0))()
    seen = np.bincount(np.asarray(after), minlength=STATES)
    some = expected > 5
    assert abs(seen[~some].sum() - expected[~some].sum()) < 5 * np.sqrt(expected[~some].sum() + 1)
    statistic = ((seen[some] - expected[some]) ** 2 / expected[some]).sum()
    assert statistic < chi2.isf(1e-5, int(some.sum()) - 1)
