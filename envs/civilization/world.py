"""Civilizations as a world: ``init``, and ``step`` of a year with everything it leaves on record.

The year is computed in float64 inside ``jax.enable_x64`` alone; the state's float64 leaves pass through a
float32 program untouched. What a player sees is discretised: how hot its planet is between comfort and
collapse (3), whether its reach shrank, held or grew (3), and what its partner of the year did to it (3, absent
where it is alone). Its reward is the change of ln(reach), the watts it commands or could build from its store:
capacity + collectors + store/κ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from thermopolis.envs.civilization import planet
from thermopolis.envs.civilization.dynamics import Flows, comfort, exact_sum, substep, total
from thermopolis.envs.civilization.quantities import (
    ACTIONS,
    GIVE,
    RAID,
    REFERENCE_TEMPERATURE,
    YEAR,
    CivilizationParams,
    CivilizationState,
)
from thermopolis.envs.civilization.trade import Civ, met_by, partner
from thermopolis.envs.world import Outcome
from thermopolis.errors import ModelError


@dataclass(frozen=True)
class Civilization:
    """Static structure.

    Attributes
    ----------
    planets : the planet of each civilization, numbered from 0 without gaps.
    substeps : of a year.
    """

    planets: tuple[int, ...] = (0,)
    substeps: int = 4

    charges_thinking: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.planets or sorted(set(self.planets)) != list(range(max(self.planets) + 1)):
            raise ModelError(f"planets: expected numbers from 0 without gaps, got {list(self.planets)}")
        if self.substeps < 1:
            raise ModelError(f"substeps: expected at least 1, got {self.substeps}")

    @property
    def players(self) -> int:
        return len(self.planets)

    @property
    def slots(self) -> int:
        return self.players

    @property
    def num_actions(self) -> int:
        return len(ACTIONS)

    @property
    def num_observations(self) -> int:
        return 9 if self.players == 1 else 27

    @property
    def slot_player(self) -> np.ndarray:
        return np.arange(self.players)

    @property
    def slot_partner(self) -> np.ndarray | None:
        """Two civilizations always meet; of more, another pair each year."""
        return np.array([1, 0]) if self.players == 2 else None

    def default_params(self) -> CivilizationParams:
        """Those of the preset ``earth_now``, the same for all."""
        from thermopolis.envs.civilization.presets import parameters

        return parameters(self.planets, "earth_now")

    def init(self, key: Key[Array, " cells"], params: CivilizationParams) -> CivilizationState:
        """Year 0."""
        with jax.enable_x64(True):
            cells, count = key.shape[0], self.players

            def civ(values: Array) -> Civ:
                return jnp.broadcast_to(values, (count, cells))

            def land(values: Array) -> Array:
                return jnp.broadcast_to(values, (max(self.planets) + 1, cells))

            draw = jax.vmap(lambda k: jax.random.normal(k, (2, count), jnp.float32), out_axes=-1)(key)
            luck = jnp.exp(params.spread * draw.astype(jnp.float64))
            capacity = civ(params.capacity0) * luck[0]
            works = params.embodied * capacity + params.embodied_collectors * civ(params.collectors0)
            return CivilizationState(
                fuel=land(params.fuel0),
                heat=land((params.temperature0 - REFERENCE_TEMPERATURE) * planet.capacity(params)),
                population=civ(params.population0),
                capacity=capacity,
                efficiency=civ(params.efficiency0),
                exported=civ(params.exported0),
                collectors=civ(params.collectors0),
                store=civ(params.store0) * luck[1],
                store_low=jnp.zeros((count, cells)),
                store_least=jnp.zeros((count, cells)),
                store_off=jnp.zeros((count, cells)),
                embodied=works,
                embodied_low=jnp.zeros((count, cells)),
                embodied_off=params.embodied_collectors
                * civ(params.collectors0)
                / jnp.maximum(works, 1e-300),
                experience=civ(params.experience0),
                alive=jnp.ones((count, cells), bool),
                year=jnp.zeros((cells,), jnp.int32),
            )

    def step(
        self,
        key: Key[Array, " cells"],
        state: CivilizationState,
        actions: Int32[Array, "slots cells"],
        params: CivilizationParams,
        drawn_joules: Float[Array, "players cells"] | None = None,
    ) -> tuple[CivilizationState, Outcome]:
        """One year.

        ``drawn_joules`` is what one decision of each player cost; times minds times decisions a year it is asked
        of the useful power, which pays it as far as it goes (``thinking_share`` says how far). What a decision may
        cost next year, if it shall be paid in full by this year's useful power, is ``thinking_budget``.
        """
        with jax.enable_x64(True):
            actions = jnp.asarray(actions, jnp.int32)
            shape = (self.players, state.year.shape[0])
            joules = jnp.zeros(shape) if drawn_joules is None else jnp.asarray(drawn_joules, jnp.float64)
            drawn = jnp.broadcast_to(joules * params.minds * params.decisions / YEAR, shape)
            dt = YEAR / self.substeps

            def one(_: Array, carry: tuple[CivilizationState, Flows]) -> tuple[CivilizationState, Flows]:
                now, flows = carry
                now, passed = substep(now, actions, drawn, dt, params, self.planets)
                return now, flows.plus(passed)

            like = jax.eval_shape(lambda s: substep(s, actions, drawn, dt, params, self.planets)[1], state)
            none = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), like)
            none = none._replace(entropy_least=none.entropy_least + jnp.inf)
            after, flows = jax.lax.fori_loop(0, self.substeps, one, (state, none))
            after = after._replace(year=state.year + 1)
            return after, self._outcome(state, after, actions, flows, params)

    def _outcome(
        self,
        before: CivilizationState,
        after: CivilizationState,
        actions: Int32[Array, "slots cells"],
        flows: Flows,
        params: CivilizationParams,
    ) -> Outcome:
        was, lives = before.alive, after.alive
        change = jnp.log(
            jnp.maximum(reach(after, params), 1e-300) / jnp.maximum(reach(before, params), 1e-300)
        )
        reward = jnp.where(lives, change, params.ruin)
        t = planet.temperature(after.heat, params)[jnp.asarray(self.planets)]
        strain = (t - params.temperature_best) / (params.temperature_collapse - params.temperature_best)
        hot = (strain >= 1 / 3).astype(jnp.int32) + (strain >= 2 / 3)
        grew = 1 + (change > params.growth_band).astype(jnp.int32) - (change < -params.growth_band)
        seen = hot * 3 + grew
        if self.players > 1:
            back = met_by(partner(before.year, self.players))
            move = jnp.take_along_axis(jnp.where(was, actions, -1), back, axis=0)
            seen = seen * 3 + jnp.where(move == GIVE, 1, jnp.where(move == RAID, 2, 0))
        return Outcome(
            observation=jnp.where(was, seen, -1).astype(jnp.int32),
            reward=jnp.where(was, reward, jnp.nan).astype(jnp.float32),
            action=jnp.where(was, actions, -1),
            ended=~lives,
            variables=self._record(before, after, flows, t, params),
        )

    def _record(
        self,
        before: CivilizationState,
        after: CivilizationState,
        flows: Flows,
        t: Civ,
        params: CivilizationParams,
    ) -> dict[str, Array]:
        shape = before.alive.shape
        where = jnp.asarray(self.planets)
        power = flows.power / YEAR
        whole = total(power)
        own = _stored(before, after)
        stores = total(own) + total(after.fuel - before.fuel) + total(after.heat - before.heat)
        crossed = (
            total(flows.absorbed) + total(flows.collected) - total(flows.emitted) - total(flows.exported)
        )
        size = total(flows.absorbed) + total(flows.collected) + total(flows.emitted) + total(flows.exported)
        own_flows = flows.power + flows.received + flows.given + flows.heat
        closes = own + flows.heat - (flows.power + flows.received - flows.given)
        decisions, lives = params.minds * params.decisions, after.alive
        produced = total(flows.entropy_planet + flows.entropy_radiated + flows.entropy_starlight) + total(
            flows.entropy_exported
        )
        record = {
            "power": power,
            "kardashev": _kardashev(power),
            "power_total": whole,
            "kardashev_total": _kardashev(whole),
            "planet_temperature": t,
            "fuel": after.fuel[where],
            "store": after.store,
            "population": after.population,
            "capacity": after.capacity,
            "collectors": after.collectors,
            "efficiency": after.efficiency,
            "exported_share": after.exported,
            "embodied": after.embodied,
            "experience": after.experience,
            "reach": reach(after, params),
            "comfort": comfort(t, params),
            "waste_heat": flows.heat / YEAR,
            "thinking_power": flows.paid / YEAR,
            "thinking_share": jnp.where(flows.asked > 0, flows.paid / jnp.maximum(flows.asked, 1e-300), 1.0),
            "thinking_budget": jnp.where(
                decisions > 0, flows.useful / jnp.maximum(decisions, 1e-300), jnp.where(lives, jnp.inf, 0.0)
            ),
            "entropy_production": produced,
            "entropy_planet": total(flows.entropy_planet),
            "entropy_radiated": total(flows.entropy_radiated),
            "entropy_starlight": total(flows.entropy_starlight),
            "entropy_exported": total(flows.entropy_exported),
            "entropy_least": flows.entropy_least,
            "energy_residual": jnp.abs(stores - crossed) / size,
            # below a joule a year there is nothing to account for
            "ledger_residual": jnp.abs(closes) / jnp.maximum(own_flows, 1.0),
        }
        return {name: jnp.broadcast_to(values, shape).astype(jnp.float64) for name, values in record.items()}


def reach(state: CivilizationState, params: CivilizationParams) -> Civ:
    """Watts a civilization commands, or could build from its store at today's cost."""
    lesson = (state.experience / params.experience0) ** -params.learning_exponent
    return state.capacity + state.collectors + state.store / (params.embodied * lesson)


def _stored(before: CivilizationState, after: CivilizationState) -> Civ:
    """Change of store and works, J, part by part: a sum first would round the small away."""
    low, rest = exact_sum(after.store_low, -before.store_low)
    store = ((after.store - before.store) + low) + (rest + (after.store_least - before.store_least))
    low, rest = exact_sum(after.embodied_low, -before.embodied_low)
    return store + (((after.embodied - before.embodied) + low) + rest)


def _kardashev(power: Array) -> Array:
    return (jnp.log10(power) - 6.0) / 10.0
