"""Named civilizations: the numbers they start from and are governed by, with where they come from.

Earth: radius 6.371e6 m, albedo .3, S = 1361 W/m², ε = .61054 (288 K without waste heat), C = 4.2e8 J/m²/K (an
ocean's mixed layer). Humanity: 1.954e13 W in 2018 and 6.45e11 W in 1800 (substitution method). Energy payback
of capacity about 1.6 years of its output (5e7 J/W), 30 years of service, learning rate 20 % per doubling
(Wright). Fuel counts what fission and fusion could burn. Thinking: minds are heads per player; the decisions
are one a second each (4 nJ a decision then costs 1e-12 of today's power).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.envs.civilization.quantities import (
    CELL_FIELDS,
    EARTH_RADIUS,
    PLANET_FIELDS,
    SCRIPT_FIELDS,
    STEFAN_BOLTZMANN,
    SUN_TEMPERATURE,
    SUN_WATTS,
    YEAR,
    CivilizationParams,
    area,
)
from thermopolis.envs.civilization.world import Civilization
from thermopolis.envs.kardashev_scale import HUMANITY
from thermopolis.errors import ModelError

LEARNING_RATE = 0.2

_EARTH_NOW: dict[str, Any] = {
    "fuel0": 1e26,
    "temperature0": 288.0,
    "population0": 8e9,
    "capacity0": 1.954e13,
    "collectors0": 0.0,
    "efficiency0": 0.35,
    "exported0": 0.0,
    "store0": 2e20,
    "experience0": 1e21,
    "spread": 0.0,
    "radius": EARTH_RADIUS,
    "heat_capacity": 4.2e8,
    "albedo": 0.3,
    "starlight": 1361.0,
    "emissivity": 0.61054,
    "fuel_regrowth": 0.0,
    "fuel_max": 1e30,
    "power_per_head": 1e8,
    "efficiency_max": 0.8,
    "exported_max": 0.9,
    "investment": 0.2,
    "embodied": 5e7,
    "embodied_collectors": 1e8,
    "learning_exponent": -math.log2(1.0 - LEARNING_RATE),
    "fastest": 1.0,
    "research_rate": 0.1 / YEAR,
    "radiator_rate": 0.1 / YEAR,
    "decay": 1.0 / (30.0 * YEAR),
    "give_share": 0.3,
    "give_kept": 0.9,
    "teaching": 1.0,
    "raid_share": 0.4,
    "raid_lost": 0.3,
    "birth_rate": 0.02 / YEAR,
    "capacity_heads": 1.1e10,
    "temperature_best": 288.0,
    "temperature_collapse": 303.0,
    "population_floor": 1e6,
    "collector_temperature": 300.0,
    "radiator_temperature": 300.0,
    "minds": 8e9,
    "decisions": YEAR,
    "star": SUN_WATTS,
    "begins": 0.0,
    "growth_years": [0.0],
    "growth_rates": [0.0],
    "growth_band": 0.002,
    "ruin": -10.0,
}


def historic_growth() -> tuple[list[float], list[float]]:
    """Years since 1800 at which a growth rate of humanity's power began, and the rates."""
    years = sorted(HUMANITY)
    rates = [(HUMANITY[b] / HUMANITY[a]) ** (1.0 / (b - a)) - 1.0 for a, b in pairwise(years)]
    return [float(year - years[0]) for year in years[:-1]], rates


def _earth_1800() -> dict[str, Any]:
    years, rates = historic_growth()
    return {
        "capacity0": HUMANITY[1800],
        "population0": 1e9,
        "store0": 6e18,
        "experience0": 3e19,
        "efficiency0": 0.35,
        "growth_years": years,
        "growth_rates": rates,
        "begins": 218.0,
    }


_PRESETS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "earth_now": ((0,), {}),
    "earth_1800": ((0,), _earth_1800()),
    "kardashev_1": (
        (0,),
        {
            "capacity0": 4e15,
            "collectors0": 6e15,
            "efficiency0": 0.6,
            "exported0": 0.5,
            "store0": 1e23,
            "experience0": 5e23,
            "temperature0": 289.4,
            "fuel0": 1e28,
        },
    ),
    "entropy_conserving": ((0,), {"exported0": 0.5, "exported_max": 0.98, "embodied_collectors": 2.5e7}),
    "entropy_wasteful": (
        (0,),
        {"exported_max": 0.0, "embodied": 2.5e7, "embodied_collectors": 1e10, "fuel0": 1e28},
    ),
    "two_planets": (
        (0, 1),
        {
            "exported0": [0.5, 0.0],
            "exported_max": [0.98, 0.0],
            "embodied": [5e7, 2.5e7],
            "embodied_collectors": [2.5e7, 1e10],
            "fuel0": 1e28,
        },
    ),
    "trade": (
        (0, 0),
        {
            "capacity0": 1e13,
            "population0": 4e9,
            "minds": 4e9,
            "capacity_heads": 5.5e9,
            "store0": 4e21,
            "experience0": 1e21,
            "teaching": 1.0,
        },
    ),
}

PRESETS = tuple(_PRESETS)

_POSITIVE = (
    "temperature0",
    "radius",
    "heat_capacity",
    "emissivity",
    "experience0",
    "embodied",
    "embodied_collectors",
    "fuel_max",
    "temperature_best",
    "collector_temperature",
    "radiator_temperature",
    "capacity_heads",
)
_SHARES = (
    "albedo",
    "efficiency0",
    "efficiency_max",
    "exported0",
    "exported_max",
    "investment",
    "give_share",
    "give_kept",
    "raid_share",
    "raid_lost",
)
_ANY_SIGN = ("ruin", "growth_rates")


def check(name: str, value: Any) -> np.ndarray:
    """A parameter as float64, or a ``ModelError`` that names it."""
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise ModelError(f"civilization.{name}: expected numbers, got {value!r}") from None
    if name not in _FIELDS:
        near = difflib.get_close_matches(name, _FIELDS, 1)
        raise ModelError(
            f"civilization.{name}: no such setting" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    infinite = name == "begins" or name == "power_per_head"
    if np.any(np.isnan(array)) or (not infinite and not np.all(np.isfinite(array))):
        raise ModelError(f"civilization.{name}: every value must be finite, got {value!r}")
    if name in _POSITIVE and np.any(array <= 0):
        raise ModelError(f"civilization.{name}: must be above 0, got {value!r}")
    if name in _SHARES and np.any((array < 0) | (array > 1)):
        raise ModelError(f"civilization.{name}: must lie in 0..1, got {value!r}")
    if name not in _ANY_SIGN and np.any(array < 0):
        raise ModelError(f"civilization.{name}: must not be negative, got {value!r}")
    if name == "growth_rates" and np.any(array <= -1):
        raise ModelError(f"civilization.growth_rates: must be above -1, got {value!r}")
    return array


_FIELDS = CivilizationParams._fields


def _rows(name: str, value: Any, planets: int, civilizations: int) -> np.ndarray:
    """``(rows, c)``: a scalar is one row for all; a list has one entry per planet, civilization or period."""
    array = check(name, value)
    rows = array.reshape(1, 1) if array.ndim == 0 else array[:, None] if array.ndim == 1 else array
    if name in SCRIPT_FIELDS:
        return rows
    expected = planets if name in PLANET_FIELDS else 1 if name in CELL_FIELDS else civilizations
    if rows.shape[0] not in (1, expected):
        raise ModelError(f"civilization.{name}: expected 1 or {expected} values, got {rows.shape[0]}")
    return np.broadcast_to(rows, (expected, *rows.shape[1:]))


def parameters(planets: Sequence[int], preset: str = "earth_now", **overrides: Any) -> CivilizationParams:
    """Traced params of a preset with fields replaced.

    Parameters
    ----------
    planets : the planet of each civilization.
    preset : a name of ``PRESETS``.
    overrides : any field of ``CivilizationParams``: a scalar, a list by civilization (planet, period), or an
        array ``(rows, cells)``.

    Raises
    ------
    ModelError : an unknown preset or field, a negative power, a planet without size, shares outside 0..1, or a
        fuel-fed power that would heat its planet beyond ¾ of the star's temperature.
    """
    values = {**_EARTH_NOW, **_named(preset)[1], **overrides}
    count, lands = len(planets), max(planets) + 1
    rows = {name: _rows(name, value, lands, count) for name, value in values.items()}
    _check_together(rows, planets)
    with jax.enable_x64(True):
        return CivilizationParams(**{name: jnp.asarray(array, jnp.float64) for name, array in rows.items()})


def _check_together(rows: Mapping[str, np.ndarray], planets: Sequence[int]) -> None:
    """What no field shows alone."""
    for low, high in (("efficiency0", "efficiency_max"), ("exported0", "exported_max")):
        if np.any(rows[low] > rows[high]):
            raise ModelError(f"civilization.{low}: must not exceed {high}")
    if np.any(rows["efficiency_max"] >= 1):
        raise ModelError(
            "civilization.efficiency_max: must be below 1 (no engine turns all of its power to work)"
        )
    if np.any(rows["temperature_collapse"] <= rows["temperature_best"]):
        raise ModelError("civilization.temperature_collapse: must exceed temperature_best")
    if np.any(rows["give_share"] + rows["raid_share"] > 1):
        raise ModelError("civilization.give_share: with raid_share it must not exceed 1 (of a year's store)")
    if rows["growth_years"].shape[0] != rows["growth_rates"].shape[0]:
        raise ModelError("civilization.growth_rates: expected one rate per entry of growth_years")
    if np.any(rows["collectors0"].sum(axis=0) > rows["star"]):
        raise ModelError("civilization.collectors0: together they collect more than the star gives")
    ground = area(rows["radius"]) * rows["emissivity"] * STEFAN_BOLTZMANN
    light = area(rows["radius"]) * (1 - rows["albedo"]) * rows["starlight"] / 4
    hottest = ((light + rows["capacity0"].sum(axis=0)) / ground) ** 0.25
    if np.any(hottest > 0.75 * SUN_TEMPERATURE):
        raise ModelError(
            "civilization.capacity0: burning this much would heat the planet beyond ¾ of its star's 5772 K"
        )


def _named(preset: str) -> tuple[tuple[int, ...], dict[str, Any]]:
    if preset not in _PRESETS:
        near = difflib.get_close_matches(str(preset), PRESETS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(PRESETS)}"
        raise ModelError(f"preset: there is no civilization {preset!r}{hint}")
    return _PRESETS[preset]


def civilization(
    preset: str = "earth_now", planets: Sequence[int] | None = None, substeps: int = 4, **overrides: Any
) -> tuple[Civilization, CivilizationParams]:
    """A world and its params; see ``parameters`` (``planets``: those of the preset unless given)."""
    given = np.asarray(_named(preset)[0] if planets is None else planets)
    if given.ndim != 1 or given.dtype.kind not in "iuf" or np.any(given % 1):
        raise ModelError(f"planets: expected a whole number for each civilization, got {planets!r}")
    where = tuple(int(p) for p in given)
    if isinstance(substeps, bool) or substeps != int(substeps):
        raise ModelError(f"substeps: expected a whole number, got {substeps!r}")
    world = Civilization(where, int(substeps))
    return world, parameters(where, preset, **overrides)
