"""The keystone: compiled and PettingZoo engines give the same trajectories (actions equal, floats within 1e-5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from thermopolis.runs.schema import Experiment

Agree = Callable[[Experiment], xr.Dataset]
LEARNER: dict[str, Any] = {"kind": "active_inference", "learning": {"rate": 0.2, "forgetting": 0.01}}
CORE = {"perception": {"kind": "core"}, "policy": {"kind": "core"}}
PAIR = {"kind": "pair"}


def experiment(agents: list[dict[str, Any]], steps: int = 200, **environment: Any) -> Experiment:
    return Experiment.model_validate(
        {
            "name": "keystone",
            "seed": 3,
            "replicates": 3,
            "steps": steps,
            "environment": {"kind": "matrix_game", **environment},
            "agents": agents,
            "core": {"device": "cmos_pbit", "samples": 16, "burn_in": 2},
        }
    )


CASES = {
    "against itself": (experiment([{**LEARNER, "count": 2}]),),
    "against tit for tat": (experiment([LEARNER, {"kind": "memory_one", "strategy": "tit_for_tat"}]),),
    "with noise": (experiment([{**LEARNER, "count": 2}], noise=0.05, observation_noise=0.02),),
    "on the core": (experiment([{**LEARNER, **CORE, "count": 2}]),),
    "ending games": (experiment([{**LEARNER, "count": 2}], continuation=0.95),),
    "two pairs of mixed kinds": (
        experiment([{**LEARNER, "count": 3}, {"kind": "memory_one", "cooperation": [0.9, 0.2, 0.7, 0.1]}]),
    ),
    "asymmetric, horizon 2": (
        experiment(
            [{**LEARNER, "horizon": 2, "count": 2}], game={"payoffs": [[[3, 0], [5, 1]], [[2, 4], [1, 0]]]}
        ),
    ),
    "imitators beside learners": (
        experiment(
            [{"kind": "imitation", "rule": "fermi", "count": 30}, {**LEARNER, "count": 6}],
            steps=20,
            game={"payoffs": [[1, 0], [1.85, 0]]},
            topology={"kind": "lattice", "shape": [6, 6]},
            action="broadcast",
            self_interaction=True,
        ),
    ),
    "fixed point": (experiment([{**LEARNER, "perception": {"kind": "fixed_point"}, "count": 2}], steps=30),),
    "mean field": (experiment([{**LEARNER, "perception": {"kind": "mean_field"}, "count": 2}], steps=30),),
    "tempered": (
        experiment(
            [{**LEARNER, "perception": {"kind": "tempered", "beta": 0.5}, "count": 2}],
            observation_noise=0.2,
            steps=30,
        ),
    ),
    "doom, entmax": (
        experiment(
            [
                {**LEARNER, "temperature": {"kind": "doom"}},
                {**LEARNER, "temperature": {"kind": "entropy_target"}, "selection": {"kind": "entmax"}},
            ],
            steps=30,
        ),
    ),
    "thermodynamic learning": (
        experiment(
            [
                {
                    "kind": "active_inference",
                    "count": 2,
                    "learning": {
                        "method": "thermodynamic_natural_gradient",
                        "relaxation_temperature": 0.01,
                        "of": ["B", "D", "E"],
                    },
                }
            ],
            steps=30,
        ),
    ),
    "sophisticated": (
        experiment([{**LEARNER, "planner": {"kind": "sophisticated"}, "horizon": 20, "count": 2}], steps=30),
    ),
    "opponent model": (
        experiment(
            [
                {"kind": "active_inference", "learning": None, "opponent": {"levels": 1}},
                {"kind": "memory_one", "strategy": "tit_for_tat"},
            ],
            steps=30,
        ),
    ),
    "a merge and a central planner": (
        experiment(
            [
                {**LEARNER, "team": {"kind": "merge", "weight": 0.7}, "count": 4},
                {"kind": "active_inference", "team": {"kind": "central"}, "count": 2},
            ],
            steps=30,
        ),
    ),
    "beliefs shared on a ring": (
        experiment(
            [{**LEARNER, "team": {"kind": "share", "weight": 0.5, "graph": "ring"}, "count": 5}],
            topology={"kind": "ring", "n": 5},
            action="broadcast",
            steps=30,
        ),
    ),
    "links of a ring": (experiment([{**LEARNER, "count": 5}], topology={"kind": "ring", "n": 5}, steps=60),),
}


CIVILIZATIONS = Experiment.model_validate(
    {
        "name": "keystone",
        "seed": 5,
        "replicates": 2,
        "steps": 40,
        # so many decisions a year that soon not all samples can be paid for
        "environment": {"kind": "civilization", "preset": "two_planets", "parameters": {"decisions": 4.6e18}},
        "agents": [{"kind": "active_inference", "count": 2, "learning": {"rate": 1.0}, **CORE}],
        "core": {"device": "cmos_pbit", "samples": 8, "burn_in": 0},
    }
)


@pytest.mark.parametrize("name", CASES)
def test_engines_agree(name: str, agree: Agree) -> None:
    (point,) = CASES[name]
    compiled = agree(point)
    assert 0.0 < float(compiled["cooperation"].mean()) < 1.0


@pytest.mark.long
def test_engines_agree_on_games_of_many_actions(agree: Agree) -> None:
    """Numbers beyond eight and sixteen bits are counted on."""
    payoffs = [[float((7 * i + 3 * j) % 11) for j in range(200)] for i in range(200)]
    compiled = agree(experiment([{"kind": "random", "count": 2}], steps=40, game={"payoffs": payoffs}))
    assert compiled["action"].values.min() >= 0 and compiled["action"].values.max() > 127
    assert compiled["observation"].values[:, 1:].min() >= 0 and compiled["observation"].values.max() > 2**15


def test_engines_agree_on_civilizations_that_pay_for_thought(agree: Agree) -> None:
    compiled = agree(CIVILIZATIONS)
    assert compiled["power"].dtype == np.float64
    assert float(compiled["energy_residual"].max()) < 1e-9
    assert float(compiled["entropy_least"].min()) >= 0
    year = 365.25 * 86400.0
    asked = compiled["core_joules"].sum("operation") * 8e9 * 4.6e18 / year  # a mind a head
    np.testing.assert_allclose(compiled["thinking_power"], asked * compiled["thinking_share"], rtol=1e-5)
    assert {0.0, 8.0} < set(np.unique(compiled["core_samples"]))  # some of the years, some of the samples


@pytest.mark.parametrize(
    "model", ["gordon_schaefer", pytest.param("levhari_mirman", marks=pytest.mark.long), "govsim", "growth"]
)
def test_engines_agree_on_commons(model: str, agree: Agree) -> None:
    commons = {
        "name": "keystone",
        "seed": 2,
        "replicates": 2,
        "steps": 40,
        "environment": {"kind": "commons", "model": model},
        "agents": [{"kind": "active_inference", "count": 3, "learning": {"rate": 0.5}}],
    }
    compiled = agree(Experiment.model_validate(commons))
    assert compiled["stock"].dtype == np.float64
    assert len(np.unique(compiled["action"])) > 1
