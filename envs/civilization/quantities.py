"""What a civilization is made of: its actions, its state, and the numbers that govern it, all in SI.

Every leaf is float64 with cells as the last axis: 10⁴⁵ J overflow single precision, and one unit in the last
place of a planet's temperature is 10¹⁰ J of its heat.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from jaxtyping import Array, Bool, Float, Int32

YEAR = 365.25 * 86400.0
STEFAN_BOLTZMANN = 5.670374419e-8
SUN_WATTS = 3.828e26
SUN_TEMPERATURE = 5772.0
REFERENCE_TEMPERATURE = 288.0
EARTH_RADIUS = 6.371e6

ACTIONS = ("save", "grow", "research", "radiate", "collect", "give", "raid")
SAVE, GROW, RESEARCH, RADIATE, COLLECT, GIVE, RAID = range(7)


def area(radius: Any) -> Any:
    """Surface of a planet, m²."""
    return 4.0 * math.pi * radius**2


class CivilizationParams(NamedTuple):
    """Traced numbers; a leaf is ``(rows, c)`` with c cells or 1, rows named in brackets (or 1 for all alike).

    Initial state
    -------------
    fuel0 [planets] J; temperature0 [planets] K; population0, capacity0 (W), collectors0 (W), efficiency0,
    exported0, store0 (J), experience0 (J) [civilizations]; spread: standard deviation of the log by which the
    initial capacity and store of each civilization vary.

    Planet [planets]
    ----------------
    radius m; heat_capacity J/m²/K; albedo; starlight W/m² (of the star at the planet); emissivity; fuel_regrowth
    1/s and fuel_max J.

    Civilization [civilizations]
    ----------------------------
    power_per_head W; efficiency_max; exported_max; investment, the share u of useful power an action moves;
    embodied J/W (κ₀) and embodied_collectors J/W at experience0; learning_exponent b; fastest, the largest part
    of capacity + collectors that can be added in a year; research_rate and radiator_rate 1/s; decay 1/s;
    give_share, give_kept (τ), teaching (J of experience per J received); raid_share, raid_lost; birth_rate 1/s;
    capacity_heads N; temperature_best and temperature_collapse K; population_floor; collector_temperature and
    radiator_temperature K; minds, decisions (a year).

    Cell [1]
    --------
    star W; begins: the year from which actions count (before it, capacity grows by a script, without cost or
    decay); growth_years, growth_rates [periods]: the script, each rate from its year on; growth_band: change
    of ln(reach) a year that counts as growing; ruin: the reward of the year of collapse.
    """

    fuel0: Float[Array, "planets c"]
    temperature0: Float[Array, "planets c"]
    population0: Float[Array, "civilizations c"]
    capacity0: Float[Array, "civilizations c"]
    collectors0: Float[Array, "civilizations c"]
    efficiency0: Float[Array, "civilizations c"]
    exported0: Float[Array, "civilizations c"]
    store0: Float[Array, "civilizations c"]
    experience0: Float[Array, "civilizations c"]
    spread: Float[Array, "civilizations c"]
    radius: Float[Array, "planets c"]
    heat_capacity: Float[Array, "planets c"]
    albedo: Float[Array, "planets c"]
    starlight: Float[Array, "planets c"]
    emissivity: Float[Array, "planets c"]
    fuel_regrowth: Float[Array, "planets c"]
    fuel_max: Float[Array, "planets c"]
    power_per_head: Float[Array, "civilizations c"]
    efficiency_max: Float[Array, "civilizations c"]
    exported_max: Float[Array, "civilizations c"]
    investment: Float[Array, "civilizations c"]
    embodied: Float[Array, "civilizations c"]
    embodied_collectors: Float[Array, "civilizations c"]
    learning_exponent: Float[Array, "civilizations c"]
    fastest: Float[Array, "civilizations c"]
    research_rate: Float[Array, "civilizations c"]
    radiator_rate: Float[Array, "civilizations c"]
    decay: Float[Array, "civilizations c"]
    give_share: Float[Array, "civilizations c"]
    give_kept: Float[Array, "civilizations c"]
    teaching: Float[Array, "civilizations c"]
    raid_share: Float[Array, "civilizations c"]
    raid_lost: Float[Array, "civilizations c"]
    birth_rate: Float[Array, "civilizations c"]
    capacity_heads: Float[Array, "civilizations c"]
    temperature_best: Float[Array, "civilizations c"]
    temperature_collapse: Float[Array, "civilizations c"]
    population_floor: Float[Array, "civilizations c"]
    collector_temperature: Float[Array, "civilizations c"]
    radiator_temperature: Float[Array, "civilizations c"]
    minds: Float[Array, "civilizations c"]
    decisions: Float[Array, "civilizations c"]
    star: Float[Array, "1 c"]
    begins: Float[Array, "1 c"]
    growth_years: Float[Array, "periods c"]
    growth_rates: Float[Array, "periods c"]
    growth_band: Float[Array, "1 c"]
    ruin: Float[Array, "1 c"]


PLANET_FIELDS = (
    "fuel0",
    "temperature0",
    "radius",
    "heat_capacity",
    "albedo",
    "starlight",
    "emissivity",
    "fuel_regrowth",
    "fuel_max",
)
CELL_FIELDS = ("star", "begins", "growth_band", "ruin")
SCRIPT_FIELDS = ("growth_years", "growth_rates")


class CivilizationState(NamedTuple):
    """The whole truth about a cell.

    fuel, heat (J above 288 K) per planet; population, capacity (W), efficiency, exported share, collectors (W),
    store (J), embodied energy (J), the shares of both that starlight paid for and that lie off the planet,
    experience (J) and life per civilization; the year counted from 0. Store and embodied energy carry low-order
    parts (what rounding left over), so that the ledger of a poor year still closes against a store 10²⁰ times
    larger.
    """

    fuel: Float[Array, "planets cells"]
    heat: Float[Array, "planets cells"]
    population: Float[Array, "civilizations cells"]
    capacity: Float[Array, "civilizations cells"]
    efficiency: Float[Array, "civilizations cells"]
    exported: Float[Array, "civilizations cells"]
    collectors: Float[Array, "civilizations cells"]
    store: Float[Array, "civilizations cells"]
    store_low: Float[Array, "civilizations cells"]
    store_least: Float[Array, "civilizations cells"]
    store_off: Float[Array, "civilizations cells"]
    embodied: Float[Array, "civilizations cells"]
    embodied_low: Float[Array, "civilizations cells"]
    embodied_off: Float[Array, "civilizations cells"]
    experience: Float[Array, "civilizations cells"]
    alive: Bool[Array, "civilizations cells"]
    year: Int32[Array, " cells"]
