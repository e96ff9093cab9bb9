"""Civilizations as a game: the dilemma of trade, collapse, thinking, presets, and PettingZoo's conformance."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.envs import civilization_v0
from thermopolis.envs.civilization.trade import partner
from thermopolis.envs.civilization_v0 import ACTIONS, PRESETS, civilization
from thermopolis.errors import ModelError, SimulationError

SAVE, GROW, RESEARCH, RADIATE, COLLECT, GIVE, RAID = range(7)


def test_trade_is_a_dilemma_that_beats_keeping_to_oneself(live):
    world, params = civilization("trade")
    joint = np.array([(a, b) for a in range(7) for b in range(7)]).T
    out = live(world, params, joint[None])
    first = {(a, b): r for (a, b), r in zip(joint.T.tolist(), out.reward[0, 0], strict=True)}
    second = {(a, b): r for (a, b), r in zip(joint.T.tolist(), out.reward[0, 1], strict=True)}
    t, r, p, s = first[RAID, GIVE], first[GIVE, GIVE], first[RAID, RAID], first[GIVE, RAID]
    assert t > r > p > s
    assert 2 * r > t + s
    for alone in (SAVE, GROW, RESEARCH, RADIATE, COLLECT):
        assert r > first[alone, alone]
    for a in range(7):
        for b in range(7):
            assert second[b, a] == pytest.approx(first[a, b], rel=1e-5)


def test_gifts_and_raids_move_stores_with_their_losses(live):
    still = {"capacity0": 0.0, "decay": 0.0, "store0": [4e21, 1e21]}
    world, params = civilization("trade", **still)
    out = live(world, params, np.array([[[GIVE, RAID, RAID], [SAVE, SAVE, GIVE]]]))
    # a year's shares .3 given and .4 raided, in four substeps
    given, raided, both = (1 - (1 - share / 4) ** 4 for share in (0.3, 0.4, 0.7))
    store = out.variables["store"][0] / 1e21
    np.testing.assert_allclose(store[:, 0], [4 - 4 * given, 1 + 0.9 * 4 * given])
    np.testing.assert_allclose(store[:, 1], [4 + 0.7 * raided, 1 - raided])
    np.testing.assert_allclose(store[:, 2], [4 + (0.7 * 4 + 0.9 * 3) / 7 * both, 1 - both])
    heat = out.variables["waste_heat"][0] * 365.25 * 86400 / 1e21
    np.testing.assert_allclose(heat[:, 0], [0.1 * 4 * given, 0.0])
    np.testing.assert_allclose(heat[:, 1], [0.0, 0.3 * raided])
    learnt = out.variables["experience"][0] / 1e21 - 1.0
    np.testing.assert_allclose(learnt[:, 0], [0.0, 0.9 * 4 * given], atol=1e-12)


def test_collapse_ends_one_civilization_and_its_neighbour_goes_on():
    env = civilization_v0.parallel_env("trade", temperature_collapse=[303.0, 288.02], max_cycles=100)
    env.reset(seed=0)
    while len(env.agents) == 2:
        _, rewards, ended, truncated, infos = env.step(dict.fromkeys(env.agents, GROW))
    assert env.agents == ["player_0"]
    assert ended["player_1"] and not truncated["player_1"]
    assert rewards["player_1"] == -10.0
    assert infos["player_1"]["population"] == 0 and infos["player_1"]["power"] > 0
    observations, _, _, _, infos = env.step({"player_0": COLLECT})
    assert set(observations) == {"player_0"}
    assert infos["player_0"]["power"] > 0


def test_burning_ends_where_conserving_reaches_type_two(live):
    wasteful, params = civilization("entropy_wasteful")
    burnt = live(wasteful, params, np.full((200, 1, 1), GROW))
    conserving, params = civilization("entropy_conserving")
    kept = live(conserving, params, np.full((200, 1, 1), COLLECT))
    assert burnt.ended[-1, 0, 0] and burnt.variables["planet_temperature"].max() > 303
    assert not kept.ended[-1, 0, 0] and kept.variables["kardashev"][-1, 0, 0] > 2
    assert kept.variables["planet_temperature"].max() < 289


def test_radiators_delay_collapse_and_do_not_prevent_it(live):
    years = []
    for exported in (0.0, 0.5, 0.9):
        world, params = civilization(
            "earth_now",
            exported0=exported,
            begins=np.inf,
            growth_rates=[0.02],
            power_per_head=np.inf,
            fuel0=1e30,
        )
        out = live(world, params, np.full((900, 1, 1), SAVE))
        assert out.ended[-1, 0, 0]
        years.append(int(out.ended[:, 0, 0].argmax()))
    # growth has to make up for the exported share: ln(1/(1−h))/ln(1+g) years more
    np.testing.assert_allclose(np.diff(years), np.log([2.0, 5.0]) / np.log(1.02), atol=1.5)


def test_thinking_is_paid_from_useful_power_and_slows_growth(live):
    world, params = civilization("earth_now", power_per_head=np.inf)
    joules = np.array([[0.0, 100.0, 400.0, 1e4]])
    out = live(world, params, np.full((5, 1, 4), GROW), drawn=joules)
    asked = joules[0] * 8e9
    useful = 0.35 * 1.954e13
    np.testing.assert_allclose(out.variables["thinking_power"][0, 0, :3], asked[:3], rtol=1e-6)
    assert out.variables["thinking_power"][0, 0, 3] == pytest.approx(useful, rel=0.03)
    share = out.variables["thinking_share"][0, 0]
    assert np.all(share[:3] == 1) and share[3] == pytest.approx(useful / asked[3], rel=0.03)
    grown = out.variables["capacity"][-1, 0]
    assert np.all(np.diff(grown) < 0)


def test_one_percent_of_todays_power_buys_six_billion_decisions_a_second_per_head(live):
    world, params = civilization("earth_now", decisions=6e9 * 365.25 * 86400, power_per_head=np.inf)
    out = live(world, params, np.zeros((1, 1, 1)), drawn=np.full((1, 1), 4e-9))
    share = out.variables["thinking_power"][0, 0, 0] / 1.954e13
    assert share == pytest.approx(0.01, rel=0.02)


def test_everyone_meets_everyone_in_turn():
    met = np.stack([np.asarray(partner(jnp.array([year]), 5))[:, 0] for year in range(4)])
    for i in range(5):
        assert sorted(met[:, i].tolist()) == sorted(set(range(5)) - {i})
    for year in range(4):
        assert sorted(met[year].tolist()) == list(range(5))


def test_observations_tell_heat_growth_and_the_partners_move(live):
    world, params = civilization("trade")
    said = civilization_v0.describe(world, params)
    out = live(world, params, np.array([[[GROW, GIVE, SAVE], [RAID, GIVE, SAVE]]]))
    names = [said.observation_names[o] for o in out.observation[0, 0]]
    assert names == ["cool shrinking raided", "cool growing gave", "cool steady neutral"]
    assert said.payoffs.shape == (1, 27, 1)
    world, params = civilization("earth_now", temperature0=[[289.0, 296.0, 302.0]])
    out = live(world, params, np.zeros((1, 1, 3)))
    alone = civilization_v0.describe(world, params).observation_names
    assert [alone[o].split()[0] for o in out.observation[0, 0]] == ["cool", "warm", "hot"]


def test_the_environment_is_the_pure_step(live):
    settings = {"spread": 0.3}
    env = civilization_v0.parallel_env("trade", max_cycles=40, **settings)
    world, params = civilization("trade", **settings)
    actions = np.random.default_rng(2).integers(7, size=(40, 2, 1))
    out = live(world, params, actions, seed=9)
    env.reset(seed=9)
    for t in range(40):
        said = env.step({name: actions[t, i, 0] for i, name in enumerate(env.possible_agents)})
        for i, name in enumerate(env.possible_agents):
            assert said[0][name] == out.observation[t, i, 0]
            assert said[1][name] == pytest.approx(out.reward[t, i, 0], rel=1e-5)
            for key, series in out.variables.items():
                assert said[4][name][key] == pytest.approx(series[t, i, 0], rel=1e-5, abs=1e-12), key


def test_draws_reach_the_world_once():
    env = civilization_v0.parallel_env("earth_now")
    env.reset(seed=0)
    env.draw("player_0", 2e-9)
    env.draw("player_0", 2e-9)
    first = env.step({"player_0": SAVE})[4]["player_0"]["thinking_power"]
    second = env.step({"player_0": SAVE})[4]["player_0"]["thinking_power"]
    assert first == pytest.approx(4e-9 * 8e9, rel=1e-6) and second == 0
    with pytest.raises(SimulationError, match="player_0 draws"):
        env.draw("player_0", -1.0)
    with pytest.raises(SimulationError, match="no 'player_9'"):
        env.draw("player_9", 1.0)


@pytest.mark.parametrize(
    ("preset", "settings"),
    [("earth_now", {}), ("trade", {"spread": 0.2})],
)
def test_pettingzoo_conformance(conforms, preset, settings):
    conforms(civilization_v0, preset=preset, **settings)


def test_pettingzoo_cycles():
    from pettingzoo.test import max_cycles_test

    max_cycles_test(civilization_v0)


def test_seeds_govern_whole_trajectories(seeds_govern):
    seeds_govern(civilization_v0, True, preset="trade", spread=0.2)


@pytest.mark.parametrize("preset", sorted({*PRESETS} - {"two_planets"}))
def test_presets_begin_alive_and_do_not_change_by_doing_nothing_much(live, preset):
    world, params = civilization(preset)
    out = live(world, params, np.full((1, world.players, 1), SAVE))
    assert not out.ended.any()
    assert np.all(np.abs(out.reward) < 0.05)
    assert np.all(np.abs(out.variables["planet_temperature"] - 288) < 3)
    assert len(ACTIONS) == world.num_actions


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"preset": "earth_nwo"}, "earth_now"),
        ({"capacity0": -1.0}, "capacity0"),
        ({"radius": 0.0}, "radius"),
        ({"heat_capacity": 0.0}, "heat_capacity"),
        ({"efficiency_max": 1.0}, "efficiency_max"),
        ({"efficiency0": 0.9}, "efficiency0"),
        ({"investment": 1.2}, "investment"),
        ({"capacity0": float("nan")}, "capacity0"),
        ({"capacity0": [1e13, 2e13]}, "capacity0"),
        ({"capcity0": 1e13}, "capacity0"),
        ({"collectors0": 4e26}, "collectors0"),
        ({"capacity0": 1e26}, "capacity0"),
        ({"temperature_collapse": 280.0}, "temperature_collapse"),
        ({"give_share": 0.7}, "give_share"),
        ({"planets": [0, 2]}, "planets"),
        ({"substeps": 0}, "substeps"),
        ({"substeps": 2.5}, "substeps"),
        ({"planets": [0.5]}, "planets"),
        ({"growth_years": [0, 10]}, "growth_rates"),
    ],
    ids=str,
)
def test_bad_worlds_are_refused_by_name(settings, named):
    with pytest.raises(ModelError, match=named):
        civilization_v0.parallel_env(**settings)
