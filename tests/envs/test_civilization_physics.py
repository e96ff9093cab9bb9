"""Civilizations: balances, the second law, closed forms of growth and heat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thermopolis.envs.civilization.quantities import (
    COLLECT,
    EARTH_RADIUS,
    GROW,
    RADIATE,
    RESEARCH,
    SAVE,
    SUN_WATTS,
    YEAR,
)
from thermopolis.envs.civilization_v0 import civilization, waste_heat_clock
from thermopolis.envs.kardashev_scale import HUMANITY, growth_of_kardashev, kardashev


def always(action, years, cells=1, civilizations=1):
    return np.full((years, civilizations, cells), action)


# (low, high) of a log-uniform draw, by field; everything a balance could depend on
RANGES = {
    "fuel0": (1e22, 1e28),
    "population0": (1e7, 1e11),
    "capacity0": (1e11, 1e16),
    "collectors0": (1e8, 1e17),
    "store0": (1e17, 1e24),
    "experience0": (1e18, 1e24),
    "heat_capacity": (1e5, 1e10),
    "power_per_head": (1e2, 1e7),
    "embodied": (1e6, 1e9),
    "embodied_collectors": (1e6, 1e9),
    "research_rate": (1e-10, 1e-7),
    "radiator_rate": (1e-10, 1e-7),
    "decay": (1e-10, 1e-8),
    "teaching": (1e-2, 10.0),
    "birth_rate": (1e-11, 1e-8),
    "capacity_heads": (1e8, 1e11),
    "population_floor": (1.0, 1e8),
    "fuel_regrowth": (1e-13, 1e-8),
    "radius": (2e6, 2e7),
    "minds": (1e6, 1e10),
    "drawn": (1e-12, 1e-3),
}
SHARES = ("albedo", "investment", "give_kept", "raid_lost", "exported_max", "efficiency_max")
PLANETARY = ("fuel0", "heat_capacity", "fuel_regrowth", "radius", "albedo")


def random_params(seed, cells, planets):
    draws = np.random.default_rng(seed)
    values = {}
    for name, (low, high) in RANGES.items():
        rows = max(planets) + 1 if name in PLANETARY else len(planets)
        values[name] = np.exp(draws.uniform(np.log(low), np.log(high), (rows, cells)))
    for name in SHARES:
        rows = max(planets) + 1 if name in PLANETARY else len(planets)
        values[name] = draws.uniform(0.02, 0.98, (rows, cells))
    values["efficiency0"] = values["efficiency_max"] * draws.uniform(0.05, 1, values["efficiency_max"].shape)
    values["exported0"] = values["exported_max"] * draws.uniform(0, 1, values["exported_max"].shape)
    values["give_share"] = draws.uniform(0, 0.5, (len(planets), cells))
    values["raid_share"] = draws.uniform(0, 0.5, (len(planets), cells))
    values["temperature_collapse"] = draws.uniform(295, 340, (len(planets), cells))
    values["spread"] = draws.uniform(0, 1, (len(planets), cells))
    drawn = values.pop("drawn")
    return values, drawn


PLANETS, YEARS = (0, 0, 1), 1000


def check_laws(live, seed, cells):
    values, drawn = random_params(seed, cells, PLANETS)
    world, params = civilization("earth_now", PLANETS, **values)
    actions = np.random.default_rng(seed + 1).integers(7, size=(YEARS, len(PLANETS), cells))
    out = live(world, params, actions, seed, drawn)
    record = out.variables
    assert record["energy_residual"].max() < 1e-9
    assert record["ledger_residual"].max() < 1e-9
    assert np.all(record["entropy_least"] >= 0)
    assert np.all(record["entropy_production"] > 0)
    for name, series in record.items():
        assert not np.any(np.isnan(series)), name
    for name in ("fuel", "store", "population", "capacity", "collectors", "embodied", "waste_heat", "power"):
        assert np.all(record[name] >= 0), name
    assert np.all(record["efficiency"] <= values["efficiency_max"] * (1 + 1e-12))
    assert np.all(record["exported_share"] <= values["exported_max"] + 1e-12)
    assert np.all(record["collectors"].sum(axis=1) <= SUN_WATTS * (1 + 1e-12))
    ended = out.ended
    assert np.all(ended[1:] >= ended[:-1])
    for name in ("power", "store", "population", "capacity", "collectors", "embodied"):
        assert np.all(record[name][1:][ended[:-1]] == 0), name
    assert np.all(out.observation[1:][ended[:-1]] == -1)
    assert np.all(np.isnan(out.reward[1:][ended[:-1]]))
    return out


def test_energy_closes_and_entropy_never_falls_in_200_worlds_of_1000_years(live):
    """Random parameters and actions; collapse, trade and raid included."""
    out = check_laws(live, 7, 200)
    assert 0.1 < out.ended[-1].mean() < 1


@pytest.mark.long
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1))
def test_energy_closes_and_entropy_never_falls(live, seed):
    check_laws(live, seed, 48)


def test_the_waste_heat_clock_strikes_at_the_closed_form(live):
    growth = np.array([0.005, 0.01, 0.02, 0.05, 0.01, 0.02])
    critical = np.array([303.0, 303.0, 303.0, 303.0, 373.0, 400.0])
    expected = waste_heat_clock(growth, critical)
    assert waste_heat_clock(0.0, 303.0) == np.inf
    with pytest.raises(ValueError, match="temperature_collapse"):
        waste_heat_clock(0.01, 288.0)
    np.testing.assert_allclose(
        waste_heat_clock([0.01, 0.02, 0.01, 0.02], [303, 303, 373, 373]), [731, 367, 940, 473], atol=0.6
    )
    years = []
    for heat_capacity in (4.2e3, 4.2e8):
        world, params = civilization(
            "earth_now",
            capacity0=1.9e13,
            heat_capacity=heat_capacity,
            fuel0=1e30,
            begins=np.inf,
            power_per_head=np.inf,
            growth_rates=growth[None],
            temperature_collapse=critical[None],
            population_floor=1e-6,
        )
        out = live(world, params, always(SAVE, 2200, 6))
        assert np.all(out.ended[-1])
        years.append(1 + out.ended[:, 0].argmax(axis=0))
    quasistatic, ocean = years
    np.testing.assert_allclose(quasistatic, expected, rtol=0.01)
    # an ocean delays the end by its relaxation time C/(4εσT³), the lag of a linear system behind an exponential
    t = critical
    lag = 4.2e8 / (4 * 0.61054 * 5.670374419e-8 * t**3) / YEAR
    assert np.all(ocean >= quasistatic)
    late = np.log1p(lag * np.log1p(growth)) / np.log1p(growth)
    np.testing.assert_allclose(ocean - quasistatic, late, atol=1.5)


def test_fixed_growth_without_feedback_climbs_exactly(live):
    growth = np.array([0.005, 0.02, 0.04])
    world, params = civilization(
        "earth_now",
        capacity0=1e10,
        fuel0=1e30,
        begins=np.inf,
        power_per_head=np.inf,
        growth_rates=growth[None],
    )
    out = live(world, params, always(GROW, 100, 3))
    k = out.variables["kardashev"][:, 0]
    np.testing.assert_allclose(np.diff(k, axis=0), np.tile(growth_of_kardashev(growth), (99, 1)), rtol=1e-9)


def test_all_starlight_used_off_the_planet_leaves_it_at_equilibrium(live):
    world, params = civilization(
        "earth_now",
        capacity0=0.0,
        collectors0=SUN_WATTS,
        decay=0.0,
        emissivity=1.0,
        temperature0=254.58,
        temperature_best=254.58,
        temperature_collapse=300.0,
    )
    out = live(world, params, always(COLLECT, 200))
    assert abs(out.variables["kardashev"][-1, 0, 0] - 2.058) < 5e-4
    assert abs(out.variables["planet_temperature"][-1, 0, 0] - 254.58) < 0.01
    assert not out.ended.any()


def test_earth_from_1800_passes_the_tabulated_years(live):
    world, params = civilization("earth_1800")
    out = live(world, params, always(GROW, 219))
    k = out.variables["kardashev"][:, 0, 0]
    for year, power in HUMANITY.items():
        assert abs(k[year - 1800] - kardashev(power)) < 0.004


def test_todays_power_warms_the_earth_by_a_hundredth_of_a_degree(live):
    world, params = civilization(
        "earth_now", capacity0=[[1.9e13, 0.0]], begins=np.inf, power_per_head=np.inf, heat_capacity=4.2e4
    )
    out = live(world, params, always(SAVE, 3, 2))
    t = out.variables["planet_temperature"][-1, 0]
    assert abs((t[0] - t[1]) - 0.0113) < 2e-4
    assert abs(t[1] - 288.0) < 0.01


def test_each_action_moves_what_it_says(live):
    quiet = {"decay": 0.0, "power_per_head": np.inf, "learning_exponent": 0.0, "investment": 1e-6}
    world, params = civilization("earth_now", **quiet)
    actions = np.arange(7)[None, None, :]
    out = live(world, params, actions)
    start = {name: float(np.asarray(getattr(params, name)).item()) for name in params._fields[:20]}
    power = start["capacity0"]
    moved = 1e-6 * 0.35 * power * YEAR
    gain = {
        "store": (out.variables["store"][0, 0] - start["store0"]) / moved,
        "capacity": (out.variables["capacity"][0, 0] - power) / (moved / 5e7),
        "collectors": out.variables["collectors"][0, 0] / (moved / 1e8),
        "efficiency": (out.variables["efficiency"][0, 0] - 0.35) / (0.1 * 0.45 * 1e-6),
        "exported_share": out.variables["exported_share"][0, 0] / (0.1 * 0.9 * 1e-6),
        "embodied": (out.variables["embodied"][0, 0] - 5e7 * power) / moved,
    }
    moves = {
        SAVE: "store",
        GROW: "capacity",
        COLLECT: "collectors",
        RESEARCH: "efficiency",
        RADIATE: "exported_share",
    }
    for name, by_action in gain.items():
        for action in range(7):
            hit = moves.get(action) == name or (name == "embodied" and action in (GROW, RADIATE, COLLECT))
            assert by_action[action] == pytest.approx(float(hit), abs=1e-4), (name, action)
    np.testing.assert_allclose(out.variables["power"][0, 0], power)
    kept = (out.variables["power"] - out.variables["waste_heat"])[0, 0] * YEAR / moved
    np.testing.assert_allclose(kept, [1, 1, 0, 1, 1, 0, 0], atol=1e-3)


def test_experience_makes_building_cheaper_by_the_learning_rate(live):
    world, params = civilization("earth_now", decay=0.0, power_per_head=np.inf, fuel0=1e28)
    record = live(world, params, always(GROW, 60)).variables
    capacity, embodied, experience = (record[x][:, 0, 0] for x in ("capacity", "embodied", "experience"))
    cost = np.diff(embodied) / np.diff(capacity)
    lesson = 0.8 ** np.log2(experience / 1e21)
    # a year's mean cost lies between that of the experience it began and ended with
    assert np.all(cost <= 5e7 * lesson[:-1]) and np.all(cost >= 5e7 * lesson[1:])
    assert cost[-1] < 0.5 * cost[0]


def test_fuel_runs_out_and_is_shared_in_proportion(live):
    world, params = civilization(
        "earth_now",
        (0, 0),
        capacity0=[1e13, 3e13],
        fuel0=6e13 * YEAR,
        begins=np.inf,
        power_per_head=np.inf,
    )
    out = live(world, params, always(SAVE, 3, 1, 2))
    power = out.variables["power"][:, :, 0]
    np.testing.assert_allclose(power[0], [1e13, 3e13])
    np.testing.assert_allclose(power[1], [0.5e13, 1.5e13], rtol=1e-9)
    assert np.all(power[2] < 1.0)
    assert np.all(out.variables["fuel"][-1] >= 0)


def test_fuel_regrows_out_of_starlight_and_no_faster(live):
    world, params = civilization(
        "earth_now", capacity0=0.0, fuel0=1e22, fuel_max=4e23, fuel_regrowth=3e-9, radius=EARTH_RADIUS
    )
    out = live(world, params, always(SAVE, 300))
    fuel = out.variables["fuel"][:, 0, 0]
    assert np.all(np.diff(fuel) >= 0) and fuel[-1] == pytest.approx(4e23, rel=1e-6)
    assert np.max(np.diff(fuel)) < 0.25 * 4e23 * 3e-9 * YEAR * 1.01
    assert out.variables["energy_residual"].max() < 1e-12
