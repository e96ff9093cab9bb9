"""Joules, the frontier, the second law by part, and the Kardashev scale."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.text import Text

from thermopolis import analysis
from thermopolis.analysis.thermodynamics import frontier
from thermopolis.errors import StoreError

from .simulated import simulate_game


def test_the_frontier_holds_what_nothing_beats():
    cost = np.array([1.0, 2.0, 2.0, 3.0, 4.0])
    value = np.array([0.1, 0.5, 0.3, 0.4, 0.9])
    assert frontier(cost, value).tolist() == [True, True, False, False, True]


def test_accuracy_per_joule_rows(point):
    rows = analysis.accuracy_per_joule(point)
    assert [r["group"] for r in rows] == ["active_inference"]
    assert rows[0]["frontier"] and rows[0]["value_low"] < rows[0]["value"] < rows[0]["value_high"]
    with pytest.raises(StoreError, match="no setting has both"):
        analysis.accuracy_per_joule(point.assign(core_joules=point["core_joules"] * 0))


def test_each_part_has_its_own_law(point):
    dims = ("replicate", "step", "agent")
    rows = {r["part"]: r for r in analysis.second_law(point)}
    assert rows["core and its bath"]["holds"] and rows["core and its bath"]["in_k"] > 0
    falling = point.assign(entropy_production=(dims, np.full(point["reward"].shape, -1e10)))
    rows = {r["part"]: r for r in analysis.second_law(falling)}
    assert not rows["planet and surroundings"]["holds"]
    assert rows["core and its bath"][
        "holds"
    ]  # a planet's 1e10 J/K neither hides nor condemns the core's 1e-22


def civilizations(power):
    dims = ("replicate", "step", "agent")
    return xr.Dataset({"power": (dims, power)}, coords={"step": np.arange(power.shape[1]) * 10})


def test_kardashev_numbers_as_published():
    power = np.array([1.74e17, 3.828e26, 4e37, 1.954e13, 0.0])
    assert np.allclose(analysis.kardashev_of(power), [1.1241, 2.0583, 3.1602, 0.7291, -np.inf], atol=5e-5)


def test_milestones_are_reached_when_the_whole_passes_them():
    growth = 1e13 * 10 ** (np.arange(50) / 10)
    power = np.stack([growth, 0.5 * growth], -1)[None].repeat(3, 0)
    power[2] = 1e13
    rows = {r["milestone"]: r for r in analysis.milestones(civilizations(power))}
    assert rows["Type I"]["reached"] == 2
    exact = np.ceil(10 * np.log10(1e16 / 1.5e13)) * 10
    assert rows["Type I"]["step"] == exact
    assert "humanity 1900" not in rows  # every world was beyond it from the start
    assert np.isnan(rows["Type III"]["step"])


def test_collapse_is_the_first_step_without_power():
    power = np.ones((1, 6, 3))
    power[0, 4:, 1] = 0.0
    power[0, 2:, 2] = np.nan
    assert np.array_equal(analysis.collapses(civilizations(power))[0], [np.nan, 40.0, 20.0], equal_nan=True)


def test_the_caption_of_joules_by_operation_says_what_is_drawn():
    """Which worlds are one sample (replicates, and places of the sweep that cost as much), and what is left out."""
    point = simulate_game(steps=20, replicates=4)
    swept = xr.concat([point] * 24, dim="temperature").assign_coords(temperature=np.linspace(0.1, 2.0, 24))
    words = lambda made: " ".join(" ".join(t.get_text() for t in made.findobj(Text)).split())
    alike = words(analysis.plot.joules_by_operation(swept))
    dearer = swept.assign(core_joules=swept["core_joules"] * (1.0 + swept["temperature"]))
    apart = words(analysis.plot.joules_by_operation(dearer))
    assert "n = 96 worlds (replicates, at places of the sweep that cost alike), all steps." in alike
    assert "n = 4 worlds (replicates), all steps; 6 of 24 are drawn." in apart
