"""One year of civilizations, in substeps that each close their energy and entropy.

Per substep all flows are taken from the same state: fuel is drawn and starlight collected (power P), efficiency
turns P into useful power w, thinking is paid from w, the action moves a share u of the rest, the remainder is
consumed; capacity and collectors wear out; what isn't stored or embodied is heat, of which the collectors'
part never touches the planet and an exported share leaves it; heat makes the population shrink, and at T_c (or
below a floor of heads) a civilization ends, its store and works becoming heat.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from thermopolis.envs.civilization import planet
from thermopolis.envs.civilization.quantities import (
    COLLECT,
    GROW,
    RADIATE,
    RESEARCH,
    SAVE,
    YEAR,
    CivilizationParams,
    CivilizationState,
)
from thermopolis.envs.civilization.trade import Civ, trade


class Flows(NamedTuple):
    """Sums over a year's substeps: joules (and J/K) per civilization, planet or cell.

    Attributes
    ----------
    power, useful, heat, received, given, paid, asked, collected, exported : J per civilization.
    absorbed, emitted : J per planet.
    entropy_planet, entropy_radiated, entropy_starlight : J/K per planet.
    entropy_exported : J/K per civilization.
    entropy_least : smallest entropy production of a substep, J/K per cell.
    """

    power: Civ
    useful: Civ
    heat: Civ
    received: Civ
    given: Civ
    paid: Civ
    asked: Civ
    collected: Civ
    exported: Civ
    absorbed: Float[Array, "planets cells"]
    emitted: Float[Array, "planets cells"]
    entropy_planet: Float[Array, "planets cells"]
    entropy_radiated: Float[Array, "planets cells"]
    entropy_starlight: Float[Array, "planets cells"]
    entropy_exported: Civ
    entropy_least: Float[Array, " cells"]

    def plus(self, other: Flows) -> Flows:
        """Sums, and the smaller of the least."""
        sums = {name: a + b for name, a, b in zip(self._fields, self, other, strict=True)}
        sums["entropy_least"] = jnp.minimum(self.entropy_least, other.entropy_least)
        return Flows(**sums)


def total(rows: Array) -> Array:
    """Sum over the leading axis, slice by slice (fast where that axis is small)."""
    return sum((rows[i] for i in range(1, rows.shape[0])), start=rows[0])


def exact_sum(high: Array, low: Array) -> tuple[Array, Array]:
    """``high + low`` as its rounded value and what rounding left over (Knuth's two-sum)."""
    rounded = high + low
    part = rounded - high
    return rounded, (high - (rounded - part)) + (low - part)


def on_planets(values: Civ, planets: tuple[int, ...]) -> Float[Array, "planets cells"]:
    """Sums over the civilizations of each planet."""
    count = max(planets) + 1
    groups = [[values[i] for i, where in enumerate(planets) if where == p] for p in range(count)]
    return jnp.stack([sum(group[1:], start=group[0]) for group in groups])


def comfort(t: Civ, params: CivilizationParams) -> Civ:
    """θ(T) = max(0, 1 − ((T−T₀)/(T_c−T₀))²)."""
    strain = (t - params.temperature_best) / (params.temperature_collapse - params.temperature_best)
    return jnp.maximum(0.0, 1.0 - strain * strain)


def substep(
    state: CivilizationState,
    action: Int32[Array, "civilizations cells"],
    drawn: Civ,
    dt: float,
    params: CivilizationParams,
    planets: tuple[int, ...],
) -> tuple[CivilizationState, Flows]:
    """``dt`` seconds; ``drawn`` is the power thinking asks for, W."""
    where = jnp.asarray(planets)
    alive = state.alive
    live = alive.astype(jnp.float64)
    free = jnp.broadcast_to(state.year >= params.begins[0], alive.shape[1:]) & alive
    acts = [jnp.where(free & (action == a), 1.0, 0.0) for a in range(7)]

    want = live * jnp.minimum(state.capacity, params.power_per_head * state.population)
    wanted = on_planets(want, planets)
    reach = jnp.minimum(1.0, state.fuel / jnp.maximum(dt * wanted, 1e-300))
    fuelled, collected = want * reach[where], live * state.collectors
    power = fuelled + collected
    useful = state.efficiency * power
    paid = jnp.minimum(live * drawn, useful)
    moved = params.investment * (useful - paid)
    fuelled, collected, power, useful, paid, moved = jax.lax.optimization_barrier(
        (fuelled, collected, power, useful, paid, moved)
    )

    lesson = (state.experience / params.experience0) ** -params.learning_exponent
    kappa, kappa_collectors = params.embodied * lesson, params.embodied_collectors * lesson
    room = jnp.maximum(params.star - total(state.collectors), 0.0)
    fastest = params.fastest * (dt / YEAR) * (state.capacity + state.collectors)
    asked_for = acts[COLLECT] * jnp.minimum(moved * dt / kappa_collectors, fastest)
    allowed = jnp.minimum(1.0, room / jnp.maximum(total(asked_for), 1e-300))
    new_collectors = asked_for * allowed
    new_capacity = acts[GROW] * jnp.minimum(moved * dt / kappa, fastest)
    built = acts[RADIATE] * moved * dt + new_capacity * kappa + new_collectors * kappa_collectors
    new_collectors, new_capacity, built = jax.lax.optimization_barrier((new_collectors, new_capacity, built))
    saved = acts[SAVE] * moved * dt
    worked = built + acts[RESEARCH] * moved * dt
    pace = params.investment * dt
    researched = acts[RESEARCH] * jnp.minimum(1.0, params.research_rate * pace)
    efficiency = state.efficiency + researched * (params.efficiency_max - state.efficiency)
    radiated = acts[RADIATE] * jnp.minimum(1.0, params.radiator_rate * pace)
    exported = state.exported + radiated * (params.exported_max - state.exported)

    passed = jax.lax.optimization_barrier(trade(state, acts, dt, params))
    wear = jnp.where(free, params.decay * dt, 0.0)
    worn = wear * state.embodied
    growth = jnp.where(free, 1.0, jnp.exp(_scripted(state.year, params) * dt / YEAR))

    low, least = exact_sum(state.store_low, (saved + passed.received) - passed.given)
    store, low = exact_sum(state.store, low)
    store_low, store_least = exact_sum(low, state.store_least + least)
    embodied, embodied_low = exact_sum(state.embodied, state.embodied_low + (built - worn))
    off = jnp.where(power > 0.0, collected / jnp.maximum(power, 1e-300), 0.0)
    store_off = _share(
        state.store_off * state.store + off * saved + passed.received_off, store + passed.given
    )
    embodied_off = _share(state.embodied_off * state.embodied + off * built, embodied + worn)

    t = planet.temperature(state.heat, params)[where]
    theta = comfort(t, params)
    birth = params.birth_rate * dt
    population = state.population * (1.0 + birth)
    population = population / (
        1.0 + birth * state.population / jnp.maximum(params.capacity_heads * theta, 1e-300)
    )
    ends = alive & ((theta <= 0.0) | (population < params.population_floor))
    ruins, ruins_off = store + embodied, store * store_off + embodied * embodied_off
    # conversion losses, what was consumed, thought with, worn out, lost on the way, left in ruins: all is heat
    used = (power - useful) * dt + paid * dt + (useful - paid) * dt - saved - built
    heat = used + worn + passed.lost + jnp.where(ends, ruins, 0.0)
    away = used * off + worn * state.embodied_off + passed.lost * state.store_off
    away = away + jnp.where(ends, ruins_off, 0.0)
    heat, away, population, ends = jax.lax.optimization_barrier((heat, away, population, ends))
    kept = jnp.maximum(heat - away, 0.0)
    leaves = exported * kept
    grown = jnp.clip(
        params.fuel_regrowth * state.fuel * (1.0 - state.fuel / params.fuel_max),
        0.0,
        planet.absorbed(params) / 2,
    )
    fuel = jnp.maximum(state.fuel - dt * on_planets(fuelled, planets), 0.0) + dt * grown
    planet_heat, sky = planet.exchange(
        state.heat, on_planets(kept - leaves, planets) / dt, jnp.broadcast_to(grown, fuel.shape), dt, params
    )
    entropy_exported = (heat - kept) / params.collector_temperature + leaves / params.radiator_temperature
    entropy = dt * total(sky.entropy_planet + sky.entropy_radiated + sky.entropy_starlight)

    lives = alive & ~ends
    after = CivilizationState(
        fuel=fuel,
        heat=planet_heat,
        population=jnp.where(lives, population, 0.0),
        capacity=jnp.where(lives, (state.capacity * growth) * (1.0 - wear) + new_capacity, 0.0),
        efficiency=efficiency,
        exported=exported,
        collectors=jnp.where(lives, state.collectors * (1.0 - wear) + new_collectors, 0.0),
        store=jnp.where(lives, store, 0.0),
        store_low=jnp.where(lives, store_low, 0.0),
        store_least=jnp.where(lives, store_least, 0.0),
        store_off=jnp.where(lives, store_off, 0.0),
        embodied=jnp.where(lives, embodied, 0.0),
        embodied_low=jnp.where(lives, embodied_low, 0.0),
        embodied_off=jnp.where(lives, embodied_off, 0.0),
        experience=state.experience + live * (worked + passed.taught),
        alive=lives,
        year=state.year,
    )
    flows = Flows(
        power=power * dt,
        useful=useful * dt,
        heat=heat,
        received=passed.received,
        given=passed.given - passed.lost,
        paid=paid * dt,
        asked=live * drawn * dt,
        collected=collected * dt,
        exported=heat - kept + leaves,
        absorbed=sky.absorbed * dt,
        emitted=sky.emitted * dt,
        entropy_planet=sky.entropy_planet * dt,
        entropy_radiated=sky.entropy_radiated * dt,
        entropy_starlight=sky.entropy_starlight * dt,
        entropy_exported=entropy_exported,
        entropy_least=entropy + total(entropy_exported),
    )
    return after, flows


def _scripted(year: Int32[Array, " cells"], params: CivilizationParams) -> Float[Array, " cells"]:
    """ln(1 + g) of this year, by the script."""
    rate = jnp.zeros(year.shape)
    for period in range(params.growth_years.shape[0]):
        rate = jnp.where(year >= params.growth_years[period], params.growth_rates[period], rate)
    return jnp.log1p(rate)


def _share(part: Civ, whole: Civ) -> Civ:
    """``part/whole`` within 0..1, 0 of nothing."""
    return jnp.clip(part / jnp.maximum(whole, 1e-300), 0.0, 1.0)
