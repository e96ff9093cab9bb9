"""A common stock that grows: closed forms against value iteration, every sequence of actions, and the world itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from playing import outcomes

from thermopolis.envs import commons_v0
from thermopolis.envs.commons_v0 import (
    Commons,
    growth,
    growth_plan,
    growth_response,
    sequential_best_response,
)
from thermopolis.envs.plans import best_plan, follow_plan
from thermopolis.errors import ModelError

FACTOR, BETA = 1.1, 0.95


def iterated(others: float) -> float:
    """The share that value iteration finds against others who eat ``others`` of the stock, one step of the grid fine."""
    logs, shares = np.linspace(-6.0, 6.0, 49), np.linspace(0.0005, 0.3, 600) * (1 - others)
    after = np.log(FACTOR * (1 - others - shares))
    value = np.zeros(logs.size)
    for _ in range(300):
        slopes = (value[1] - value[0]) / (logs[1] - logs[0]), (value[-1] - value[-2]) / (logs[1] - logs[0])
        at = logs[:, None] + after
        then = np.interp(at, logs, value)
        then += np.minimum(at - logs[0], 0) * slopes[0] + np.maximum(at - logs[-1], 0) * slopes[1]
        value = (np.log(shares) + logs[:, None] + BETA * then).max(axis=1)
    worth = np.log(shares) + logs[:, None] + BETA * then
    return float(shares[worth[logs.size // 2].argmax()])


@pytest.mark.parametrize("players", [1, 5])
def test_value_iteration_finds_the_planner_and_nash(players):
    solved = growth(players, FACTOR, BETA)
    others = (players - 1) * solved.nash
    assert abs(iterated(others) - solved.nash) <= 0.0005
    chosen = sequential_best_response(growth_response, players)
    np.testing.assert_allclose(chosen, solved.nash, rtol=1e-9)


@pytest.mark.parametrize("players", [2, 5])
def test_nothing_pays_a_player_better_than_nash_nor_all_better_than_the_plan(players):
    solved = growth(players, FACTOR, BETA, stock=0.3)
    grid = np.concatenate([[solved.optimum, solved.nash], np.linspace(0.3, 3.0, 55) * solved.optimum])
    grid = grid[grid * players < 0.99]
    world, rounds = Commons("growth", players, len(grid)), 400
    params = world.params(grid, growth=FACTOR, discount=BETA, stock0=0.3, collapse=0.0)
    weights = BETA ** np.arange(rounds)
    together = outcomes(world, params, np.broadcast_to(np.arange(len(grid)), (rounds, players, len(grid))))
    utility = weights @ together.reward[:, 0].astype(np.float64)
    np.testing.assert_allclose(utility[:2], [solved.value_optimum, solved.value_nash], rtol=1e-4)
    assert utility.argmax() in (0, 2 + int(np.abs(grid[2:] - solved.optimum).argmin()))
    price = np.exp((1 - BETA) * (utility[0] - utility[1]))
    assert price == pytest.approx(solved.price_of_anarchy, rel=1e-4) and price > 1.05
    rates = together.variables["growth_rate"][5, 0]
    np.testing.assert_allclose(rates[:2], np.log([solved.factor_optimum, solved.factor_nash]), atol=1e-5)
    for name, column in (("optimum", 0), ("nash", 1)):  # the marks that figures draw
        for what, seen in [*together.variables.items(), ("reward", together.reward)]:
            if f"{what}_{name}" in together.variables:
                marked = together.variables[f"{what}_{name}"][:100, 0, column]
                np.testing.assert_allclose(marked, seen[:100, 0, column], rtol=2e-4, atol=1e-4, err_msg=what)
    alone = np.full((rounds, players, len(grid)), 1)
    alone[:, 0] = np.arange(len(grid))
    own = weights @ outcomes(world, params, alone).reward[:, 0].astype(np.float64)
    assert abs(grid[own.argmax()] - solved.nash) <= 0.05 * solved.optimum


def test_the_stock_of_many_may_shrink_where_the_planners_grows():
    for players, beta in itertools.product((1, 2, 3, 10), (0.5, 0.9, 0.95, 0.99)):
        solved = growth(players, FACTOR, beta)
        assert (solved.factor_nash > 1) == (beta > players / (FACTOR + players - 1))
        assert solved.factor_nash <= solved.factor_optimum * (1 + 1e-12)
        assert (solved.price_of_anarchy > 1) == (players > 1)
    assert growth(2, FACTOR, BETA).factor_nash < 1 < growth(2, FACTOR, BETA).factor_optimum


@pytest.mark.parametrize(("aversion", "discount"), [(1.0, 0.95), (1.0, 0.8), (0.5, 0.9), (2.0, 0.9)])
def test_of_all_sequences_the_closed_plan_is_the_best(aversion, discount):
    """7⁵ sequences through the world's own step: the shares of the plan, and two others, at every round."""
    shares = growth_plan(5, FACTOR, discount, aversion)
    levels = np.unique(np.append(shares, [0.03, 0.6]))
    world = Commons("growth", 1, levels.size)
    params = world.params(levels, growth=FACTOR, collapse=0.0)
    every = np.array(list(itertools.product(range(levels.size), repeat=5))).T[:, None]
    out = outcomes(world, params, every)
    eaten = out.variables["harvest"][:, 0].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_meal = np.log(eaten) if aversion == 1 else eaten ** (1 - aversion) / (1 - aversion)
    utility = discount ** np.arange(5) @ np.where(eaten > 0, of_meal, -1e6)
    best = int(np.argmax(utility))
    np.testing.assert_allclose(levels[every[:, 0, best]], shares)
    assert shares[-1] == 1.0 and not out.ended[-2, 0, best] and out.variables["stock"][-1, 0, best] == 0.0
    if aversion == 1:  # what a world of its own rewards, and the search that plans ahead, say the same
        found = best_plan(world, params, 5, discount=discount)
        np.testing.assert_allclose(levels[list(found.actions)], shares)
        assert found.value == pytest.approx(utility[best], rel=1e-5)
        greedy = best_plan(world, params, 5, horizon=1, discount=discount)
        assert levels[greedy.actions[0]] == 1.0 and greedy.ends["stock"] == 0.0
        assert greedy.value < found.value + 4 * np.log(1e-30) * discount**4  # four rounds of nothing
        ends = world.params(
            levels, growth=FACTOR
        )  # an end is no relief: what follows counts as nothing to eat
        for horizon, plan in ((5, found), (1, greedy)):
            same = best_plan(world, ends, 5, horizon=horizon, discount=discount)
            assert same.actions == plan.actions and same.value == pytest.approx(plan.value) and not same.alive


@pytest.mark.parametrize(("factor", "expected"), [(1.2, [0, 0, 0, 0, 0, 2]), (1.05, [2, 0, 0, 0, 0, 0])])
def test_where_only_the_sum_counts_one_conserves_and_then_burns_or_burns_at_once(factor, expected):
    """β·1.2 > 1 > β·1.05: 3⁶ sequences of saving, half and all."""
    world = Commons("growth", 1, 3)
    params = world.params([1e-9, 0.5, 1.0], growth=factor, collapse=1e-12)
    found = best_plan(world, params, 6, discount=0.9, objective="harvest")
    assert list(found.actions) == expected
    shares = growth_plan(6, factor, 0.9, aversion=0.0)
    assert shares[expected.index(2)] == 1.0 and (factor < 1.1 or shares[:-1].max() == 0.0)
    at_once = follow_plan(world, params, [2] * 6, discount=0.9, objective="harvest")
    assert at_once.value == pytest.approx(1.0) and found.value >= at_once.value


def test_far_from_its_end_a_plan_is_the_endless_one_and_aversion_tends_to_its_limits():
    shares = growth_plan(200, FACTOR, BETA)
    assert shares[0] == pytest.approx(growth(1, FACTOR, BETA).optimum, rel=1e-3)
    assert np.all(np.diff(shares) > 0) and shares[-1] == 1.0
    np.testing.assert_allclose(
        growth_plan(9, FACTOR, BETA, 1e-3), growth_plan(9, FACTOR, BETA, 0.0), atol=1e-9
    )
    assert growth_plan(1, FACTOR, BETA).tolist() == [1.0]


def test_a_long_run_stays_finite_and_ends_by_a_clear_rule():
    """The planner's stock stands still at the capacity; many at Nash fall below ``collapse``, and it's over."""
    world = Commons("growth", 3, 2)
    params = world.params()
    actions = np.broadcast_to(np.arange(2), (2500, 3, 2))
    out = outcomes(world, params, actions)
    for name, values in {**out.variables, "reward": out.reward[:, :, :1]}.items():
        assert np.all(np.isfinite(values)), name
    stock = out.variables["stock"][:, 0]
    assert stock[-1, 0] == np.float32(1e30) and out.variables["growth_rate"][-1, 0, 0] == 0.0
    assert out.ended[-1, 0, 1] and stock[-1, 1] < 1e-9
    assert np.all(np.isnan(out.reward[-1, :, 1])) and np.all(out.observation[-1, :, 1] == -1)


def test_levels_show_how_fast_it_grew():
    """Three levels: shrinking, within a third of ln A, growing."""
    world = Commons("growth", 1, 4, 3)
    params = world.params([0.01, 1 - 1 / FACTOR, 0.5, 1.0])
    out = outcomes(world, params, np.arange(4)[None, None])
    np.testing.assert_array_equal(out.observation[0, 0], [0 * 3 + 2, 1 * 3 + 1, 2 * 3 + 0, 3 * 3 + 0])
    assert out.ended[0, 0].tolist() == [False, False, False, True]
    said = commons_v0.describe(world, params)
    assert said.observation_names[3 + 1] == "level 1, growth 2 of 3"
    worth = said.payoffs[0, :, 0].reshape(4, 3)
    step = BETA / (1 - BETA) * np.log(FACTOR) * 2 / 3
    np.testing.assert_allclose(np.diff(worth, axis=1), step, rtol=1e-5)
    np.testing.assert_allclose(worth[:, 1], np.log(np.asarray(params.efforts)[:, 0]), rtol=1e-5, atol=1e-6)


def test_more_than_there_is_is_shared_alike_and_shocks_keep_the_mean():
    world = Commons("growth", 2, 2)
    out = outcomes(world, world.params([0.3, 0.9]), np.array([[[0], [1]]]))
    np.testing.assert_allclose(out.variables["harvest"][0, :, 0], [0.25, 0.75], rtol=1e-6)
    assert out.ended.all()
    lone, cells = Commons("growth", 1, 2), 4000
    params = lone.params([0.05, 0.1], shock=0.2)
    shaken = outcomes(lone, params, np.zeros((1, 1, cells), int))
    after, rate = shaken.variables["stock"][0, 0], shaken.variables["growth_rate"][0, 0]
    assert abs(after.mean() - FACTOR * 0.95) < 4 * after.std() / np.sqrt(cells)
    expected = shaken.variables["growth_rate_optimum"][0, 0, 0]  # the planner takes 5 %, as here
    assert abs(rate.mean() - expected) < 4 * rate.std() / np.sqrt(cells)


@pytest.mark.parametrize("model", ["growth", "levhari_mirman"])
def test_with_shocks_references_are_the_means_of_what_a_planner_gets(model):
    """ln of a mean stock is above the mean of ln: the planner of a shaken stock gets less than ln of it."""
    world, cells, rounds = Commons(model, 1, 2), 2000, 40
    share = 1 - BETA * (1.0 if model == "growth" else 0.5)
    params = world.params([share, 0.9], shock=0.3, discount=BETA, capacity=1e30, collapse=1e-30)
    lives = outcomes(world, params, np.zeros((rounds, 1, cells), int))
    out = {**lives.variables, "reward": lives.reward}
    for name in ("reward", "stock"):
        last = out[name][-1, 0]
        expected = out[f"{name}_optimum"][-1, 0, 0]
        assert abs(last.mean() - expected) < 4 * last.std() / np.sqrt(cells), (name, last.mean(), expected)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: growth(0),
        lambda: growth(2, discount=1.0),
        lambda: growth(2, factor=0.0),
        lambda: growth(2, stock=0.0),
        lambda: growth_plan(0),
        lambda: growth_plan(3, aversion=-1.0),
    ],
)
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(ModelError, match="growth"):
        wrong()
