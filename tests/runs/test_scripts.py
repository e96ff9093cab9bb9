"""Players who keep to a sequence: they do what the file says, in both engines, and plans are those of the search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from pydantic import ValidationError

from thermopolis.agents import Scripted
from thermopolis.envs.civilization_v0 import ACTIONS, best_plan
from thermopolis.errors import ExperimentError, ModelError
from thermopolis.runs.schema import Experiment
from thermopolis.runs.simulate import simulate

Agree = Callable[[Experiment], xr.Dataset]
WASTEFUL = {"preset": "entropy_wasteful", "parameters": {"exported_max": 0.9, "embodied_collectors": 1e9}}
CHOICES = ["grow", "research", "radiate", "collect"]


def experiment(
    agents: list[dict[str, Any]], steps: int = 12, replicates: int = 2, **environment: Any
) -> Experiment:
    settings = {"name": "scripts", "seed": 2, "replicates": replicates, "steps": steps}
    return Experiment.model_validate({**settings, "environment": environment, "agents": agents})


def test_a_script_is_kept_to_in_a_game_with_noise(agree: Agree) -> None:
    """One holds its last action, the other begins anew; noise flips what they do and nothing that they mean to do."""
    agents = [
        {"kind": "scripted", "actions": ["defect", 0, "defect"], "hold": 3},
        {"kind": "scripted", "actions": ["cooperate", "defect"], "hold": 2, "repeat": True},
    ]
    ds = agree(experiment(agents, kind="matrix_game"))
    first, second = ds["action"].isel(replicate=0).values.T
    assert first.tolist() == [1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert second.tolist() == [0, 0, 1, 1] * 3
    assert float(ds["policy_entropy"].max()) == 0.0
    ((_, noisy),) = simulate([experiment(agents, kind="matrix_game", noise=0.3, replicates=40)])
    flipped = noisy["action"].values != ds["action"].values[:1]
    assert abs(flipped.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / flipped.size)


def test_scripts_play_any_world_of_discrete_actions(agree: Agree) -> None:
    ds = agree(
        experiment(
            [{"kind": "scripted", "actions": ["level 1", 3], "count": 2}], kind="commons", model="growth"
        )
    )
    assert np.all(ds["action"].values[:, 0] == 1) and np.all(ds["action"].values[:, 1:] == 3)
    assert ds["step"].attrs["long_name"] == "round"
    theory = {"growth_rate_nash", "growth_rate_optimum", "stock_nash", "stock_optimum", "reward_nash"}
    assert theory <= set(ds.data_vars) and ds["growth_rate"].dtype == np.float64


def test_scripts_play_other_peoples_worlds_by_numbers() -> None:
    game = {"kind": "pettingzoo", "module": "thermopolis.envs.matrix_game_v0"}
    agents = [{"kind": "scripted", "actions": [1, 0], "repeat": True}, {"kind": "random"}]
    ((_, ds),) = simulate([experiment(agents, **game)])
    assert np.all(ds["action"].values[:, :, 0] == np.tile([1, 0], 6))
    with pytest.raises(ExperimentError, match=r"scripted\.actions\.0: there is no action 'defect'"):
        next(simulate([experiment([{"kind": "scripted", "actions": ["defect"]}, agents[1]], **game)]))


@pytest.mark.long
def test_a_planned_player_follows_the_best_plan_and_a_greedy_one_burns_all(agree: Agree) -> None:
    found = best_plan("entropy_wasteful", 180, 30, CHOICES, **WASTEFUL["parameters"])
    for horizon, plan in ((6, found.best), (1, found.greedy)):
        group = {"kind": "plan", "horizon": horizon, "hold": 30, "actions": CHOICES}
        point = experiment([group], 180, 1, kind="civilization", **WASTEFUL)
        ds = agree(point) if horizon == 1 else next(iter(simulate([point])))[1]
        done = ds["action"].values.ravel()
        lived = done[done >= 0]
        taken = np.repeat([ACTIONS.index(str(name)) for name in plan.actions], 30)
        np.testing.assert_array_equal(lived, taken[: lived.size])
        assert (lived.size == 180) == plan.alive and ds["step"].attrs["long_name"] == "year"
        assert float(ds["reward"].sum()) == pytest.approx(plan.value, rel=1e-4)
        if plan.alive:
            assert float(ds["kardashev"].values[0, -1, 0]) == pytest.approx(plan.ends["kardashev"], rel=1e-6)


def test_a_lone_harvesters_plan_leaves_for_later_what_greed_eats() -> None:
    """Far ahead it takes about the planner's share, and more towards the end; one decision ahead, all there is."""
    world = {"kind": "commons", "model": "growth", "actions": 4, "efforts": [0.05, 0.12, 0.3, 1.0]}
    world["parameters"] = {"collapse": 0.0}
    taken = {}
    for horizon in (1, 8):
        group = {"kind": "plan", "horizon": horizon, "discount": 0.95}
        ((_, ds),) = simulate([experiment([group], 8, 1, **world)])
        taken[horizon] = ds["action"].values.ravel()
        last = float(ds["stock"].values[0, -1, 0])
        assert last == 0.0
    assert taken[1][0] == 3 and taken[8][-1] == 3
    assert taken[8][0] == 1 and np.all(np.diff(taken[8]) >= 0)


def faults(agents: list[dict[str, Any]], steps: int = 100, **environment: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        experiment(agents, steps, **environment)
    return str(caught.value)


def test_what_cannot_be_is_refused_by_its_place() -> None:
    alone = {"kind": "civilization"}
    scripted = {"kind": "scripted", "actions": ["grow", "colect"]}
    assert "no action 'colect'; did you mean 'collect'?" in faults([scripted], **alone)
    assert "numbered 0 to 6" in faults([{"kind": "scripted", "actions": [7]}], **alone)
    assert "at least one action" in faults([{"kind": "scripted", "actions": []}], **alone)
    for wrong in (1.5, True, -1, None):
        said = faults([{"kind": "scripted", "actions": ["grow", wrong]}], **alone)
        assert (
            "agents.0.scripted.actions.1" in said and said.count("the name of an action or its number") == 1
        )
    plan = {"kind": "plan", "hold": 25}
    said = faults([{**plan, "hold": 10, "horizon": 8}], **alone)
    assert "7^8 = 5764801 sequences of actions are more than 131072" in said
    assert "no multiple of it" in faults([{**plan, "hold": 30}], **alone)
    assert "alone in its world" in faults([{**plan, "count": 2}], kind="civilization", preset="two_planets")
    assert "alone in its world" in faults([{**plan, "count": 2}], kind="matrix_game")
    for kind, chance in (("civilization", "spread"), ("commons", "shock")):
        assert "leaves nothing to chance" in faults([plan], kind=kind, parameters={chance: 0.1})
    experiment([plan], 100, kind="civilization", parameters={"spread": [0.0]})
    with pytest.raises(ExperimentError, match=r"plan\.objective: this world records no 'joy'"):
        next(simulate([experiment([{**plan, "objective": "joy"}], 25, **alone)]))
    for wrong in ({"actions": []}, {"actions": [-1]}, {"actions": [0.5]}, {"actions": [0], "hold": 0}):
        with pytest.raises(ModelError, match="Scripted"):
            Scripted(**wrong)
