"""Plans: the search against every sequence played through PettingZoo, one by one, and what it must never do."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from thermopolis.envs import civilization_v0, commons_v0
from thermopolis.envs.civilization_v0 import ACTIONS, best_plan, civilization
from thermopolis.envs.commons_v0 import Commons
from thermopolis.envs.plans import MOST_SEQUENCES, follow_plan
from thermopolis.envs.plans import best_plan as plan_of
from thermopolis.errors import ModelError

#: A wasteful world in which heat could be sent away and collectors can be had, if they are dear.
WASTEFUL = {"preset": "entropy_wasteful", "exported_max": 0.9, "embodied_collectors": 1e9}
CHOICES = ("grow", "research", "radiate", "collect")


def played(env, deeds, hold):
    """Through a PettingZoo environment: rewards added up after each decision, the last infos, whether it goes on."""
    env.reset(seed=0)
    total, sums, info = 0.0, [], {}
    for deed in deeds:
        for _ in range(hold):
            if env.agents:
                _, gained, _, _, infos = env.step({"player_0": deed})
                total, info = total + gained["player_0"], infos["player_0"]
            else:  # ln of nothing to eat, where that's the reward
                total += getattr(env.world, "ended_reward", 0.0)
        sums.append(total)
    return sums, info, bool(env.agents)


def check(world, params, env, actions, hold):
    """Every sequence of 3 decisions, played one by one, against what the search finds."""
    tried = {deeds: played(env, deeds, hold) for deeds in itertools.product(actions, repeat=3)}
    best = max(tried, key=lambda deeds: tried[deeds][0][-1])
    assert {alive for _, _, alive in tried.values()} == {True, False}
    found, greedy = (plan_of(world, params, 3, hold, horizon, actions) for horizon in (3, 1))
    sums, ends, alive = tried[best]
    assert found.actions == best and found.alive == alive
    np.testing.assert_allclose(np.cumsum(found.gains), sums, rtol=1e-5)
    assert found.ends == pytest.approx({name: ends[name] for name in found.ends}, rel=1e-5)
    left = list(tried)
    for decision in range(3):  # greedy: of those that are left, whoever leads after one decision more
        top = max(left, key=lambda deeds: tried[deeds][0][decision])[decision]
        left = [deeds for deeds in left if deeds[decision] == top]
    assert greedy.actions == left[0] and greedy.alive == tried[left[0]][2]
    assert greedy.value == pytest.approx(tried[left[0]][0][-1], rel=1e-5)
    assert greedy.value <= found.value
    return found, greedy


def test_the_best_plan_is_that_of_a_plain_search_through_pettingzoo():
    world = Commons("growth", 1, 4)
    settings = {"growth": 1.5, "stock0": 50.0, "collapse": 5.0}
    params = world.params([0.05, 0.3, 0.6, 0.9], **settings)
    env = commons_v0.parallel_env("growth", 1, efforts=[0.05, 0.3, 0.6, 0.9], **settings)
    found, greedy = check(world, params, env, (3, 0, 1, 2), 2)
    assert greedy.actions[0] != found.actions[0] and found.value > greedy.value + 0.1


@pytest.mark.long
def test_a_civilizations_best_plan_is_that_of_a_plain_search_through_pettingzoo():
    settings = {"preset": "entropy_wasteful", "capacity0": 8e15, "heat_capacity": 1e8}
    env = civilization_v0.parallel_env(max_cycles=100, **settings)
    check(*civilization(**settings), env, (1, 0, 2), 4)


@pytest.mark.long
def test_more_decisions_are_worth_no_less_and_no_look_beats_the_whole():
    world, params = civilization(**WASTEFUL)
    numbers = [ACTIONS.index(name) for name in CHOICES]
    values = [plan_of(world, params, 120 // hold, hold, actions=numbers).value for hold in (120, 60, 30)]
    assert values[0] < values[1] < values[2]
    whole = values[2]
    for horizon in (1, 2, 3):
        assert plan_of(world, params, 4, 30, horizon, numbers).value <= whole + 1e-5
    one = best_plan(horizon_years=20, hold=20)
    assert one.best.actions == one.greedy.actions and one.best.value == one.greedy.value


def test_the_sum_of_rewards_is_the_growth_of_reach():
    world, params = civilization("earth_now")
    found = follow_plan(world, params, [4, 2, 4], 10)
    start = float(params.capacity0[0, 0] + params.store0[0, 0] / params.embodied[0, 0])
    assert found.value == pytest.approx(math.log(found.ends["reach"] / start), abs=1e-5)
    assert found.gains.sum() == pytest.approx(found.value) and found.gains.shape == (3,)


@pytest.mark.long  # the page's example shows it in every run of the tests
def test_burning_all_ends_where_conserving_first_grows_beyond_type_one():
    """What the documents say of it: greedy grows until it ends; the best plan radiates and learns, then grows."""
    found = best_plan(horizon_years=240, hold=30, actions=CHOICES, **WASTEFUL)
    assert found.greedy.actions[0] == "grow" and not found.greedy.alive and found.greedy.value < 0
    assert found.best.actions[:2] == ("radiate", "radiate") and found.best.actions[-1] == "collect"
    assert found.best.alive and found.best.ends["kardashev"] > 1.4
    assert found.best.ends["planet_temperature"] < 290


@pytest.mark.long
def test_burning_all_ends_in_the_wasteful_preset_however_often_one_decides():
    for hold in (1, 5, 20):
        assert not best_plan("entropy_wasteful", 100, 20, CHOICES).best.value < 0
        world, params = civilization("entropy_wasteful")
        greedy = plan_of(world, params, 100 // hold, hold, 1, [ACTIONS.index(name) for name in CHOICES])
        assert greedy.alive == (hold == 20) and ACTIONS[greedy.actions[0]] == "grow"


@pytest.mark.long
def test_what_is_added_up_can_be_chosen():
    world, params = civilization("earth_now")
    burnt = follow_plan(world, params, [1, 1], 5, objective="power")
    env = civilization_v0.parallel_env("earth_now", max_cycles=20)
    env.reset(seed=0)
    power = [env.step({"player_0": 1})[4]["player_0"]["power"] for _ in range(10)]
    assert burnt.value == pytest.approx(sum(power), rel=1e-5)
    halved = follow_plan(world, params, [1, 1], 5, objective="power", discount=0.5)
    assert halved.value == pytest.approx(0.5 ** np.arange(10) @ power, rel=1e-5)


def test_a_plan_that_cannot_be_made_is_refused():
    for wrong, named in (
        ({"horizon_years": 60, "hold": 25}, "multiple of hold"),
        ({"actions": ["grow", "burn"]}, "no 'burn'"),
        ({"preset": "two_planets"}, "one player alone"),
        ({"spread": 0.1}, "chance"),
        (
            {"horizon_years": 20, "hold": 1, "actions": CHOICES},
            f"4\\^20 = {4**20} .* more than {MOST_SEQUENCES}",
        ),
        ({"horizon_years": 25, "objective": "joy"}, "records no 'joy'"),
        ({"horizon_years": 25, "discount": 0.0}, "discount"),
    ):
        with pytest.raises(ModelError, match=named):
            best_plan(**wrong)
