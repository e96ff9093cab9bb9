"""Gifts and raids: joules that change hands between a civilization and its partner of the year."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from thermopolis.envs.civilization.quantities import GIVE, RAID, YEAR, CivilizationParams, CivilizationState

Civ = Float[Array, "civilizations cells"]


class Trade(NamedTuple):
    """One substep's exchange, joules per civilization.

    Attributes
    ----------
    received : what arrived as a gift and what was taken in a raid, after losses.
    received_off : the part of it that lies off the planets (starlight paid for it).
    given : what left the store, as a gift or to a raider, losses included.
    lost : the losses of it, heat where they came from.
    taught : experience gained from gifts.
    """

    received: Civ
    received_off: Civ
    given: Civ
    lost: Civ
    taught: Civ


def partner(year: Int32[Array, " cells"], civilizations: int) -> Int32[Array, "civilizations cells"]:
    """Whom each civilization meets this year: a shift that visits all others in turn.

    A shift is a permutation, so each civilization has one giver and one raider at most.
    """
    shift = 1 + year % max(civilizations - 1, 1)
    return (jnp.arange(civilizations, dtype=year.dtype)[:, None] + shift) % civilizations


def met_by(to: Int32[Array, "civilizations cells"]) -> Int32[Array, "civilizations cells"]:
    """The inverse of ``partner``: who meets each civilization."""
    count = to.shape[0]
    return (2 * jnp.arange(count, dtype=to.dtype)[:, None] - to) % count


def trade(state: CivilizationState, acts: list[Array], dt: float, params: CivilizationParams) -> Trade:
    """Exchange of ``dt`` seconds; ``acts[a]`` is 1 where a civilization does a."""
    count = state.store.shape[0]
    if count == 1:
        nothing = jnp.zeros_like(state.store)
        return Trade(nothing, nothing, nothing, nothing, nothing)
    to = partner(state.year, count)
    back = met_by(to)

    def of(values: Any, index: Array) -> Array:
        whole = jnp.broadcast_to(values, to.shape)
        return jnp.take_along_axis(whole, index, axis=0) if count > 2 else whole[::-1]

    met = state.alive & of(state.alive, to)
    years = dt / YEAR
    gift = jnp.where(met, acts[GIVE] * params.give_share * years * state.store, 0.0)
    loot = jnp.where(met, acts[RAID] * params.raid_share * years * of(state.store, to), 0.0)
    arrived, kept = of(gift * params.give_kept, back), loot * (1.0 - params.raid_lost)
    return Trade(
        received=arrived + kept,
        received_off=arrived * of(state.store_off, back) + kept * of(state.store_off, to),
        given=gift + of(loot, back),
        lost=gift * (1.0 - params.give_kept) + of(loot * params.raid_lost, back),
        taught=arrived * params.teaching,
    )
