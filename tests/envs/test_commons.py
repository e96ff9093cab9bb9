"""Commons: closed forms against the simulated stock, best responses, collapse, and PettingZoo's conformance."""

from __future__ import annotations

import numpy as np
import pytest
from playing import outcomes

from thermopolis.envs import commons_v0
from thermopolis.envs.commons_v0 import (
    Commons,
    gordon_schaefer,
    gordon_schaefer_response,
    govsim_sustainable,
    levhari_mirman,
    levhari_mirman_response,
    sequential_best_response,
)
from thermopolis.errors import ModelError


def always(world, action, rounds, cells=1):
    return np.full((rounds, world.players, cells), action)


@pytest.mark.parametrize("players", [1, 2, 5, 50])
def test_sequential_best_response_converges_to_the_closed_nash(players):
    chosen = sequential_best_response(gordon_schaefer_response, players)
    np.testing.assert_allclose(chosen, gordon_schaefer(players).nash, rtol=1e-9)
    shares = sequential_best_response(levhari_mirman_response, players)
    np.testing.assert_allclose(shares, levhari_mirman(players).nash, rtol=1e-9)
    uneven = np.linspace(0, 0.9 / players, players)
    np.testing.assert_allclose(
        sequential_best_response(levhari_mirman_response, players, uneven), shares, rtol=1e-9
    )


@pytest.mark.parametrize("players", [1, 5, pytest.param(50, marks=pytest.mark.long)])
def test_gordon_schaefer_in_steady_state_is_the_closed_form(players):
    solved = gordon_schaefer(players)
    world = Commons("gordon_schaefer", players, 2)
    params = world.params([solved.optimum, solved.nash])
    actions = np.stack([always(world, 0, 400)[..., 0], always(world, 1, 400)[..., 0]], axis=-1)
    out = outcomes(world, params, actions)
    stock, rent = out.variables["stock"][-1, 0], out.reward[-1].sum(axis=0)
    np.testing.assert_allclose(stock, [solved.stock_optimum, solved.stock_nash], rtol=1e-4)
    np.testing.assert_allclose(rent, [solved.value_optimum, solved.value_nash], rtol=2e-3)
    assert solved.price_of_anarchy == pytest.approx((players + 1) ** 2 / (4 * players))
    for name in ("nash", "optimum"):  # the marks that figures draw
        assert out.variables[f"stock_{name}"][-1, 0, 0] == pytest.approx(getattr(solved, f"stock_{name}"))
        each = getattr(solved, f"value_{name}") / players
        assert out.variables[f"reward_{name}"][-1, 0, 0] == pytest.approx(each, rel=1e-5)


def test_nobody_fishes_where_it_never_pays():
    solved = gordon_schaefer(3, cost=2.0)
    assert (solved.nash, solved.stock_nash, solved.value_optimum, solved.price_of_anarchy) == (
        0.0,
        1.0,
        0.0,
        1.0,
    )
    world = Commons("gordon_schaefer", 3, 4)
    params = world.params(cost=2.0)
    out = outcomes(world, params, np.broadcast_to(np.arange(4), (60, 3, 4)))
    assert np.argmax(out.reward[-1].sum(axis=0)) == 0 and out.variables["stock"][-1, 0, 0] == 1.0


def test_the_planner_finds_the_optimum_and_a_deviator_the_nash_effort():
    solved = gordon_schaefer(5)
    grid = np.linspace(0, 2 * solved.nash, 81)
    world = Commons("gordon_schaefer", 5, 81)
    params = world.params(grid)
    together = np.broadcast_to(np.arange(81), (500, 5, 81))
    rent = outcomes(world, params, together).reward[-1].sum(axis=0)
    assert abs(grid[np.nanargmax(rent)] - solved.optimum) <= grid[1]
    # four at Nash, the fifth tries everything: nothing pays better than Nash
    alone = np.full((500, 5, 81), 40)
    alone[:, 0] = np.arange(81)
    own = outcomes(world, params, alone).reward[-1, 0]
    assert abs(grid[np.nanargmax(own)] - solved.nash) <= grid[1]


def test_msy_is_a_quarter_of_growth_times_capacity():
    world = Commons("gordon_schaefer", 1, 41)
    params = world.params(np.linspace(0, 0.5, 41), cost=0.0)
    out = outcomes(world, params, np.broadcast_to(np.arange(41), (400, 1, 41)))
    assert out.variables["harvest"][-1, 0].max() == pytest.approx(0.5 / 4, rel=1e-3)


@pytest.mark.parametrize("players", [pytest.param(2, marks=pytest.mark.long), 5])
def test_levhari_mirman_is_the_closed_form(players):
    alpha, beta = 0.5, 0.95
    solved = levhari_mirman(players, alpha, beta, stock=0.3)
    grid = np.concatenate([[solved.optimum, solved.nash], np.linspace(0.2, 3.0, 57) * solved.optimum])
    grid = grid[grid * players < 0.99]
    world = Commons("levhari_mirman", players, len(grid))
    params = world.params(grid, alpha=alpha)
    rounds = 400
    together = np.broadcast_to(np.arange(len(grid)), (rounds, players, len(grid)))
    out = outcomes(world, params, together)
    np.testing.assert_allclose(
        out.variables["stock"][-1, 0, :2], [solved.stock_optimum, solved.stock_nash], rtol=1e-4
    )
    for cell, name in enumerate(("optimum", "nash")):  # the marks that figures draw
        assert out.variables[f"stock_{name}"][-1, 0, 0] == pytest.approx(
            getattr(solved, f"stock_{name}"), rel=1e-5
        )
        assert out.variables[f"reward_{name}"][-1, 0, 0] == pytest.approx(out.reward[-1, 0, cell], rel=1e-4)
    utility = (beta ** np.arange(rounds)) @ out.reward[:, 0].astype(np.float64)
    np.testing.assert_allclose(utility[:2], [solved.value_optimum, solved.value_nash], rtol=1e-4)
    assert utility.argmax() in (0, 2 + int(np.abs(grid[2:] - solved.optimum).argmin()))
    assert solved.price_of_anarchy > 1
    alone = np.full((rounds, players, len(grid)), 1)
    alone[:, 0] = np.arange(len(grid))
    own = (beta ** np.arange(rounds)) @ outcomes(world, params, alone).reward[:, 0].astype(np.float64)
    assert abs(grid[own.argmax()] - solved.nash) <= 0.05 * solved.optimum


def test_a_sole_owner_loses_nothing_to_anarchy():
    assert gordon_schaefer(1).price_of_anarchy == pytest.approx(1.0)
    assert levhari_mirman(1).price_of_anarchy == pytest.approx(1.0)


def test_govsim_sustains_half_and_collapses_below_five():
    world = Commons("govsim", 5, 3)
    assert govsim_sustainable(100.0) == 50.0
    params = world.params([10.0, 11.0, 20.0])
    actions = np.stack([always(world, a, 40)[..., 0] for a in range(3)], axis=-1)
    out = outcomes(world, params, actions)
    stock = out.variables["stock"][:, 0]
    np.testing.assert_allclose(stock[:, 0], 100.0)
    assert not out.ended[-1, 0, 0]
    # 55 taken of 100 leave 90, then 70, 30, and the fourth round takes all
    np.testing.assert_allclose(stock[:4, 1], [90.0, 70.0, 30.0, 0.0])
    assert out.ended[:, 0, 1].argmax() == 3
    np.testing.assert_allclose(out.reward[3, :, 1], 6.0)
    assert np.all(out.ended[:, :, 2]) and np.all(out.observation[1:, :, 2] == -1)
    assert np.all(np.isnan(out.reward[1:, :, 2]))


def test_shocks_leave_the_mean_of_regrowth_unchanged():
    world = Commons("govsim", 1, 2)
    cells = 4000
    params = world.params([50.0, 60.0], shock=0.2, stock0=60.0)
    after = outcomes(world, params, np.full((1, 1, cells), 0)).variables["stock"][0, 0]
    assert abs(after.mean() - 20.0) < 4 * after.std() / np.sqrt(cells)
    assert np.std(np.log(after)) == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("model", commons_v0.MODELS)
def test_default_levels_pass_through_optimum_and_nash(model):
    for players in (1, 2, 5):
        for actions in (2, 3, 4, 5, 9):
            world = Commons(model, players, actions)
            efforts = np.asarray(world.default_params().efforts)[:, 0]
            assert efforts.shape == (actions,) and np.all(np.diff(efforts) > 0)
            if model != "govsim" and players > 1:
                solved = getattr(commons_v0, model)(players)
                assert np.min(np.abs(efforts - solved.nash)) < 1e-6
                assert np.min(np.abs(efforts - solved.optimum)) < 1e-6


def test_the_description_matches_what_is_seen():
    world = Commons("govsim", 3, 4)
    params = world.default_params()
    said = commons_v0.describe(world, params)
    actions = np.random.default_rng(0).integers(4, size=(3, 3, 6))
    out = outcomes(world, params, actions)
    lives = out.observation >= 0
    np.testing.assert_array_equal(said.own_action[out.observation][lives], out.action[lives])
    level = np.minimum((out.variables["stock"] / 100 * 6).astype(int), 5)
    np.testing.assert_array_equal(said.others[out.observation][lives], level[lives])
    assert np.all(np.diff(said.payoffs[0, said.own_action == 2, 0]) >= 0)


def test_the_environment_is_the_pure_step():
    env = commons_v0.parallel_env("gordon_schaefer", 3, shock=0.1, max_cycles=25)
    world = Commons("gordon_schaefer", 3)
    actions = np.random.default_rng(1).integers(5, size=(25, 3, 1))
    out = outcomes(world, world.params(shock=0.1), actions, seed=8)
    env.reset(seed=8)
    for t in range(25):
        said = env.step({f"player_{i}": actions[t, i, 0] for i in range(3)})
        for i in range(3):
            assert said[0][f"player_{i}"] == out.observation[t, i, 0]
            assert said[1][f"player_{i}"] == pytest.approx(out.reward[t, i, 0], rel=1e-5)


@pytest.mark.parametrize("model", commons_v0.MODELS)
def test_pettingzoo_conformance(conforms, model):
    conforms(commons_v0, model=model, players=3, shock=0.1)


def test_pettingzoo_cycles():
    from pettingzoo.test import max_cycles_test

    max_cycles_test(commons_v0)


def test_seeds_govern_whole_trajectories(seeds_govern):
    seeds_govern(commons_v0, True, shock=0.2)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"model": "fish"}, "model"),
        ({"players": 0}, "players"),
        ({"growth": -0.1}, "growth"),
        ({"capacity": 0.0}, "capacity"),
        ({"stock": 1.0}, "commons.stock"),
        ({"efforts": [0.1, float("nan")]}, "efforts"),
        ({"model": "levhari_mirman", "efforts": [0.0, 0.1]}, "efforts"),
        ({"model": "levhari_mirman", "alpha": 1.0}, "alpha"),
        ({"model": "levhari_mirman", "alpha": 0.0}, "alpha"),
        ({"model": "govsim", "growth": 1.0}, "growth"),
        ({"model": "growth", "growth": 1.0}, "growth"),
        ({"model": "growth", "discount": 1.0}, "discount"),
        ({"model": "growth", "efforts": [0.0, 0.1]}, "efforts"),
    ],
    ids=str,
)
def test_bad_worlds_are_refused_by_name(settings, named):
    with pytest.raises(ModelError, match=named):
        commons_v0.parallel_env(**settings)
