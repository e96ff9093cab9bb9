"""Thinking costs energy: a civilization that can't pay for all its core's samples takes fewer, and draws less."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from thermopolis.agents.budget import Size, affordable, joules
from thermopolis.agents.core_in_loop import Core
from thermopolis.runs.schema import Experiment
from thermopolis.runs.simulate import simulate

YEAR = 365.25 * 86400.0
HEADS = 4e9
DECISIONS = [1e17, 4.7e18, 2e19]


def thinkers(decisions: float) -> Experiment:
    mind: dict[str, Any] = {
        "kind": "active_inference",
        "count": 2,
        "learning": {"rate": 1.0},
        "temperature": 0.3,
    }
    return Experiment.model_validate(
        {
            "name": "thinkers",
            "seed": 5,
            "replicates": 3,
            "steps": 20,
            "environment": {
                "kind": "civilization",
                "preset": "trade",
                "parameters": {"decisions": decisions},
            },
            "agents": [{**mind, "perception": {"kind": "core"}, "policy": {"kind": "core"}}],
            "core": {"device": "cmos_pbit", "samples": 16, "burn_in": 4},
        }
    )


@pytest.fixture(scope="module")
def runs() -> list[xr.Dataset]:
    points = [thinkers(decisions) for decisions in DECISIONS]
    return [dataset for _, dataset in sorted(simulate(points, engine="compiled"), key=lambda pair: pair[0])]


def test_samples_and_joules_fall_with_what_can_be_paid(runs: list[xr.Dataset]) -> None:
    rich, poor, poorest = runs
    assert (rich["core_samples"] == 16).all() and (rich["thinking_share"] == 1).all()
    assert 0 < poor["core_samples"].isel(step=slice(1, None)).mean() < 16
    assert (poorest["core_samples"].isel(step=slice(1, None)) == 0).all()
    spent = [float(run["core_joules"].sum("operation").mean()) for run in (rich, poor, poorest)]
    assert spent[0] > spent[1] > spent[2]
    last = [float(run["thinking_power"][:, -1].sum()) for run in (rich, poor, poorest)]
    assert last[0] > 0 and last[2] == 0


def test_a_step_costs_no_more_than_last_years_budget(runs: list[xr.Dataset]) -> None:
    core, belief, policy = Core("cmos_pbit", 16, 4), Size(26, 27), Size(6, 7)
    for run in runs:
        spent = run["core_joules"].sum("operation").values
        budget, samples = run["thinking_budget"].values, run["core_samples"].values
        assert np.all(spent[:, 1:] <= budget[:, :-1] * (1 + 1e-6))
        for paid, taken, cost in zip(
            budget[:, :-1].ravel(), samples[:, 1:].ravel(), spent[:, 1:].ravel(), strict=True
        ):
            if taken:
                assert cost == pytest.approx(joules(core, int(taken), belief, policy), rel=1e-5)
            if taken < 16:
                assert joules(core, int(taken) + 1, belief, policy) > paid * (1 - 1e-6)


def test_the_bill_stands_in_both_balances(runs: list[xr.Dataset]) -> None:
    for run, decisions in zip(runs, DECISIONS, strict=True):
        asked = run["core_joules"].sum("operation") * HEADS * decisions / YEAR
        np.testing.assert_allclose(run["thinking_power"], asked * run["thinking_share"], rtol=1e-5)
        useful = run["thinking_budget"] * HEADS * decisions / YEAR
        assert (run["thinking_power"] <= useful * (1 + 1e-12)).all()
        # what thinking took is heat by the end of the year
        assert (run["waste_heat"] > run["thinking_power"] * (1 - 1e-12)).all()
        assert float(run["ledger_residual"].max()) < 1e-9 and float(run["energy_residual"].max()) < 1e-9
        assert float(run["entropy_least"].min()) >= 0


@pytest.mark.parametrize("device", ["landauer", "cmos_pbit", "cpu", "gpu"])
@pytest.mark.parametrize("policy", [None, Size(6, 7)])
def test_affordable_samples_are_the_most_that_a_budget_pays(device: str, policy: Size | None) -> None:
    core, belief = Core(device, 40, 3), Size(9, 12)
    costs = np.array([0.0] + [joules(core, k, belief, policy) for k in range(1, 42)])
    budget = np.concatenate([[0.0, np.inf], np.geomspace(costs[1] / 3, costs[-1] * 3, 60)])
    taken = np.asarray(affordable(core, jnp.asarray(budget, jnp.float32), belief, policy))
    assert taken.min() == 0 and taken.max() == 40 and np.all(np.diff(taken[2:]) >= 0)
    assert np.all(costs[taken] <= budget * (1 + 1e-6))
    assert np.all((taken == 40) | (costs[taken + 1] > budget * (1 - 1e-6)))


def test_a_machine_without_figures_cannot_be_charged_for() -> None:
    document = thinkers(1.0).model_dump(mode="json")
    document["core"]["device"] = "magnetic_pbit"
    with pytest.raises(ValueError, match="magnetic_pbit has no published joules for: update, read, write"):
        Experiment.model_validate(document)
