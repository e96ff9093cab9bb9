"""Laws of selection: parents by weight, fixation, inheritance, and swaps that leave a product law as it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from thermopolis.analysis.selection import binomial_fixation, birth_death_fixation, pairwise_law
from thermopolis.envs import selection
from thermopolis.errors import SimulationError, StoreError


def test_players_are_drawn_by_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    weights = np.array([[1.0, 0.0, 3.0, 6.0], [5.0, 5.0, 0.0, 0.0]])
    uniform = rng.random((2, 40_000))
    one_by_one = selection.drawn(weights, uniform)
    monkeypatch.setattr(selection, "FEW", 10**9)
    np.testing.assert_array_equal(selection.drawn(weights, uniform), one_by_one)
    expected = weights / weights.sum(axis=1, keepdims=True)
    seen = np.stack([(one_by_one == k).mean(axis=1) for k in range(4)], axis=1)
    assert (seen[expected == 0] == 0).all()
    assert (abs(seen - expected) <= 4 * np.sqrt(expected * (1 - expected) / uniform.shape[1])).all()


def _taken_over(kind: str, fitter: float, players: int, societies: int) -> float:
    """Share of societies that one mutant of constant relative fitness takes over."""
    rng = np.random.default_rng(3)
    types = np.zeros((societies, players), int)
    types[:, 0] = 1
    while ((types.sum(axis=1) % players) > 0).any():
        weights = np.where(types == 1, fitter, 1.0)
        if kind == "moran":
            births = selection.moran(weights, rng.random(societies), rng.random((societies, 1)))
        else:
            births = selection.wright_fisher(weights, rng.random((societies, players, 1)))
        types = np.take_along_axis(types, births.parents[:, :, 0], axis=1)
    return float((types[:, 0] == 1).mean())


@pytest.mark.parametrize("fitter", [1.0, 1.5, 0.8])
@pytest.mark.parametrize("kind", ["moran", "wright_fisher"])
def test_a_mutant_takes_over_as_often_as_its_chain_says(kind: str, fitter: float) -> None:
    players, societies = 5, 4000
    share = fitter * np.arange(players + 1)
    if kind == "moran":
        exact = birth_death_fixation(np.full(players - 1, 1 / fitter))[1]
        known = 1 / players if fitter == 1 else (1 - 1 / fitter) / (1 - fitter**-players)
        assert exact == pytest.approx(known, rel=1e-12)
    else:
        exact = binomial_fixation(share / (share + players - np.arange(players + 1)))[1]
    seen = _taken_over(kind, fitter, players, societies)
    assert abs(seen - exact) < 4 * np.sqrt(exact * (1 - exact) / societies)


def test_truncation_takes_the_best_and_ties_fall_by_lot() -> None:
    rng = np.random.default_rng(4)
    fitness = rng.standard_normal((1, 200_000))
    weights = selection.truncated(fitness, 0.2, rng.random(fitness.shape))
    assert weights.sum() == 40_000
    assert fitness[weights == 1].min() > fitness[weights == 0].max()
    # i(20 %) = 1.39981; variance of the mean of the best, Var(z | best)/n + (threshold's), is below 2/n
    assert abs(fitness[weights == 1].mean() - 1.39981) < 4 * np.sqrt(2 / 40_000)
    tied = selection.truncated(np.zeros((4000, 5)), 0.2, rng.random((4000, 5)))
    assert (tied.sum(axis=1) == 1).all()
    assert (abs(tied.mean(axis=0) - 0.2) < 4 * np.sqrt(0.16 / 4000)).all()


@pytest.mark.parametrize("several", [1, 2])
def test_children_have_their_parents_mean_and_a_variance_of_their_own(several: int) -> None:
    rng = np.random.default_rng(5)
    players, mutation = 100_000, 0.7
    genetic = rng.standard_normal((1, players, 1))
    births = selection.wright_fisher(np.ones((1, players)), rng.random((1, players, several)))
    children = selection.inherited(genetic, births, np.array([mutation]), rng.random((1, players, 1)))
    middle = genetic[0, births.parents[0]].mean(axis=1)
    apart = (children[0] - middle)[:, 0]
    assert abs(apart.mean()) < 4 * mutation / np.sqrt(players)
    assert abs(apart.var() - mutation**2) < 4 * mutation**2 * np.sqrt(2 / players)
    # the variance kept is V/parents + mutation²; fourth moments of a normal law give the standard error
    kept = genetic.var() / several + mutation**2
    assert abs(children.var() - kept) < 4 * kept * np.sqrt(2 * 2 / players)


@pytest.mark.parametrize("several", [1, 2])
def test_descendants_add_up_and_prices_equation_closes(several: int) -> None:
    rng = np.random.default_rng(6)
    fitness, z = rng.random((3, 7)), rng.standard_normal((3, 7, 1))
    weights = selection.exponential_weights(fitness, np.full((3, 1), 0.1))
    for births in (
        selection.moran(weights, rng.random(3), rng.random((3, several))),
        selection.wright_fisher(weights, rng.random((3, 7, several))),
    ):
        w = selection.offspring(births)
        np.testing.assert_array_equal(w.sum(axis=1), 7)
        after = selection.inherited(z, births, np.array([0.3]), rng.random((3, 7, 1)))[..., 0]
        before = z[..., 0]
        rows = np.arange(3)[:, None]
        links = [after - before[rows, births.parents[:, :, k]] for k in range(several)]
        covariance = (w * before).mean(axis=1) - w.mean(axis=1) * before.mean(axis=1)
        closing = covariance / w.mean(axis=1) + sum(link.mean(axis=1) for link in links) / several
        np.testing.assert_allclose(after.mean(axis=1) - before.mean(axis=1), closing, atol=1e-14)


def test_weights_below_nothing_are_refused() -> None:
    fitness = np.array([[1.0, -3.0]])
    with pytest.raises(SimulationError, match=r"agent 1 is -1, its fitness -3"):
        selection.linear_weights(fitness, 0.5)
    np.testing.assert_allclose(selection.linear_weights(fitness, 0.25), [[1.0, 0.0]])


def _chain(
    players: int, mutation: float, gap: float, temperature: float
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Comparison in pairs of two groups as a matrix over (number of the first group, −1, 0 or 1: who is on trial)."""
    states = [(i, 0) for i in range(players + 1)]
    states += [(i, 1) for i in range(1, players + 1)] + [(i, -1) for i in range(players)]
    place = {state: k for k, state in enumerate(states)}
    takes = lambda gain: float(selection.fermi(np.array([gain]), np.array([temperature]))[0])
    matrix = np.zeros((len(states), len(states)))
    for (i, trial), k in place.items():
        row = matrix[k]
        if trial:  # one of the first group (1) or of the second (−1) came to be: it stays, or goes back
            row[place[i, 0]] += takes(trial * gap)
            row[place[i - trial, 0]] += 1 - takes(trial * gap)
            continue
        for mine, step in ((players - i, 1), (i, -1)):  # the focal player is of the other group
            focal = mine / players
            if mine:
                row[place[i + step, step]] += focal * mutation / 2
                meets = focal * (1 - mutation) * (players - mine) / (players - 1)
                row[place[i + step, 0] if 0 <= i + step <= players else k] += meets * takes(step * gap)
        row[k] += 1 - row.sum()
    return matrix, states


def test_the_law_of_comparisons_in_pairs_is_stationary_and_swaps_leave_the_product() -> None:
    """Two demes at temperatures of their own; exact, on the enumerated transition matrices."""
    players, mutation, gap = 4, 0.3, 0.7
    temperatures = (0.4, 1.5)
    laws = []
    for temperature in temperatures:
        matrix, states = _chain(players, mutation, gap, temperature)
        np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
        values, vectors = np.linalg.eig(matrix.T)
        law = np.real(vectors[:, np.argmax(np.real(values))])
        law /= law.sum()
        settled = law[: players + 1] / law[: players + 1].sum()
        np.testing.assert_allclose(settled, pairwise_law(players, mutation, gap, temperature), rtol=1e-9)
        laws.append(law)
    both = np.outer(*laws)
    swapped = np.zeros_like(both)
    beta = 1 / np.array(temperatures)
    for a, (i, trial) in enumerate(states):
        for b, (j, other) in enumerate(states):
            energy = np.array([[-gap * i, -gap * j]])
            calm = np.array([[trial == 0, other == 0]])
            # how likely: the largest uniform that swaps, found by bisection on the function itself
            low, high = 0.0, 1.0
            for _ in range(50):
                middle = (low + high) / 2
                _, swaps = selection.exchanged(energy, beta, np.full((1, 2), middle), 0, calm)
                low, high = (middle, high) if swaps[0, 0] == 1 else (low, middle)
            swapped[b, a] += both[a, b] * low
            swapped[a, b] += both[a, b] * (1 - low)
    np.testing.assert_allclose(swapped, both, atol=1e-12)
    assert abs(both - both.T).max() > 0.01  # the demes' laws do differ


def test_where_all_mutate_groups_are_binomial_and_where_none_does_there_is_no_law() -> None:
    players, tilt = 5, 0.3
    law = pairwise_law(players, 1.0, tilt, 1.0)
    share = np.exp(tilt) / (1 + np.exp(tilt))
    np.testing.assert_allclose(law, binom.pmf(np.arange(players + 1), players, share), rtol=1e-12)
    np.testing.assert_allclose(pairwise_law(players, 1 - 1e-6, tilt, 1.0), law, rtol=1e-4)
    with pytest.raises(StoreError, match="without mutation one type takes over"):
        pairwise_law(players, 0.0, tilt, 1.0)


@pytest.mark.filterwarnings("error")
def test_next_to_no_temperature_is_no_fault() -> None:
    fitness, cold = np.array([[1.0, 3.0, 3.0]]), np.array([1e-308])
    np.testing.assert_array_equal(selection.exponential_weights(fitness, cold[:, None]), [[0.0, 1.0, 1.0]])
    np.testing.assert_array_equal(selection.fermi(np.array([-9.0, 0.0, 9.0]), cold), [0.0, 0.5, 1.0])
