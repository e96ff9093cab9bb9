"""The posterior of a factored model as an energy, and clamping."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.errors import ModelError
from thermopolis.thermo import Categorical, Ising, enumerate_states, from_model
from thermopolis.thermo.clamp import clamp


def model(seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    A = [rng.dirichlet(np.ones(3), size=(2, 4)).transpose(2, 0, 1), rng.dirichlet(np.ones(2), size=4).T]
    return A, [rng.dirichlet(np.ones(2)), rng.dirichlet(np.ones(4))]


@pytest.mark.parametrize("observation", [[0, 1], [2, -1], [-1, -1]])
def test_law_is_the_posterior_of_bayes(observation: list[int]) -> None:
    A, prior = model(1)
    joint = np.multiply.outer(prior[0], prior[1])
    if observation[0] >= 0:
        joint = joint * A[0][observation[0]]
    if observation[1] >= 0:
        joint = joint * A[1][observation[1]]
    energy = from_model(A, prior, observation, [(0, 1), (1,)])
    exact = enumerate_states(energy)
    assert np.allclose(exact.probabilities.reshape(2, 4), joint / joint.sum(), atol=1e-6)
    assert exact.log_partition == pytest.approx(np.log(joint.sum()), abs=1e-6)


def test_lanes_of_outcomes() -> None:
    A, prior = model(2)
    outcomes = jnp.asarray([0, 2, -1])
    energy = from_model(A, prior, [outcomes, 1], [(0, 1), (1,)])
    assert energy.lanes == 3
    for lane, outcome in enumerate([0, 2, -1]):
        alone = from_model(A, prior, [outcome, 1], [(0, 1), (1,)])
        assert np.allclose(
            enumerate_states(energy, 1.0, lane).probabilities, enumerate_states(alone).probabilities
        )


def test_zeros_are_blocked_together() -> None:
    """An exact likelihood that ties two factors: their joint is drawn as one block."""
    A = np.zeros((2, 2, 2))
    A[0, 0, 0] = A[0, 1, 1] = A[1, 0, 1] = A[1, 1, 0] = 1.0
    energy = from_model([A], [np.ones(2) / 2, np.ones(2) / 2], [0])
    assert energy.blocks == ((0, 1),)


@pytest.mark.parametrize(
    ("observation", "dependencies", "message"),
    [
        ([5, 0], [(0, 1), (1,)], "not in"),
        ([0], [(0, 1), (1,)], "1 outcomes"),
        ([0, 0], [(1, 0), (1,)], "expected"),
    ],
)
def test_bad_models_are_refused(observation: list[int], dependencies: list, message: str) -> None:
    A, prior = model(1)
    with pytest.raises(ModelError, match=message):
        from_model(A, prior, observation, dependencies)


def test_impossible_outcome_is_refused() -> None:
    with pytest.raises(ModelError, match="every joint state is forbidden"):
        from_model([np.array([[1.0, 1.0], [0.0, 0.0]])], [np.ones(2) / 2], [1])


def test_clamping_is_conditioning() -> None:
    rng = np.random.default_rng(0)
    spins = Ising([(0, 1), (1, 2), (2, 3), (0, 3)], rng.normal(size=4), rng.normal(size=4))
    tables = {(0, 1): rng.normal(size=(2, 3)), (1, 2): rng.normal(size=(3, 2)), (1,): rng.normal(size=3)}
    for energy, values in ((spins, {1: -1, 2: 1}), (Categorical((2, 3, 2), tables), {1: 2})):
        whole, part = enumerate_states(energy, 0.9), clamp(energy, values)
        fits = np.all([whole.states[unit] == value for unit, value in values.items()], axis=0)
        law = whole.probabilities[fits] / whole.probabilities[fits].sum()
        assert np.allclose(enumerate_states(part.energy, 0.9).probabilities, law, atol=1e-6)
        assert (
            part.whole(jnp.asarray(whole.states[list(part.free)][:, fits])) == whole.states[:, fits]
        ).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [({7: 1}, "not among"), ({0: 0}, "out of range"), ({0: 1, 1: 1}, "every unit is held")],
)
def test_bad_clamps_are_refused(values: dict[int, int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        clamp(Ising([(0, 1)]), values)
