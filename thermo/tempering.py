"""Parallel tempering over any sampler: replicas at several temperatures exchange their states.

Neighbouring temperatures i, j swap with chance min(1, exp[(β_i − β_j)(E_i − E_j)]) after every step, even and odd
pairs in turn (Swendsen & Wang 1986; Okabe et al. 2001); E holds the kinetic energy where there are velocities, which
go with the state. The product of the laws is left unchanged. A round trip
is a replica's way from the coldest to the hottest temperature and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from thermopolis.errors import ModelError
from thermopolis.keys import draws, fold_in
from thermopolis.thermo.gibbs import Gibbs
from thermopolis.thermo.protocols import StepInfo, total_energy
from thermopolis.thermo.schedules import positive
from thermopolis.thermo.sums import add_up


class TemperingState(NamedTuple):
    """States of all replicas and what became of them; R temperatures, lanes last.

    Attributes
    ----------
    inner : pytree
        The inner sampler's state, with R · lanes lanes, temperature-major, coldest first.
    replica : Int32[Array, "temperatures lanes"]
        Which replica is at each temperature.
    heading : Int32[Array, "temperatures lanes"]
        +1 for a replica that was last at the coldest, −1 at the hottest, 0 at neither yet.
    round_trips : Int32[Array, "lanes"]
        Finished by all replicas of a lane together.
    attempted, accepted : Float[Array, "pairs lanes"]
        Swaps of neighbouring temperatures.
    turn : Int32[Array, ""]
        Which pairs are next.
    swap_work : Float[Array, "lanes"]
        What the last swaps changed Σ E/T by, each replica at the coldest one's scale: work, as no bath gave it.
    """

    inner: Any
    replica: Int32[Array, "temperatures lanes"]
    heading: Int32[Array, "temperatures lanes"]
    round_trips: Int32[Array, " lanes"]
    attempted: Float[Array, "pairs lanes"]
    accepted: Float[Array, "pairs lanes"]
    turn: Int32[Array, ""]
    swap_work: Float[Array, " lanes"]


@dataclass(frozen=True)
class Tempering:
    """The sampler.

    Parameters
    ----------
    temperatures : sequence of float
        Rising; ``values`` are those of the first. The temperature given to ``step`` multiplies them all.
    sampler : Sampler
        What moves a replica between swaps.
    """

    temperatures: Sequence[float]
    sampler: Any = field(default_factory=Gibbs)

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperatures", tuple(float(t) for t in self.temperatures))
        if len(self.temperatures) < 2:
            raise ModelError(f"tempering: expected at least 2 temperatures, got {len(self.temperatures)}")
        positive(self.temperatures, "tempering")
        if any(b <= a for a, b in zip(self.temperatures, self.temperatures[1:], strict=False)):
            raise ModelError(f"tempering: temperatures must rise, got {self.temperatures}")

    @property
    def copies(self) -> int:
        """Replicas: a device holds so many copies of the energy."""
        return len(self.temperatures)

    def init(self, keys: Key[Array, " lanes"], energy: Any, temperature: Any = 1.0) -> TemperingState:
        """Every replica started by the inner sampler at its own temperature."""
        count, lanes = self.copies, keys.shape[0]
        inner = self.sampler.init(self._keys(keys), tiled(energy, count), self._all(temperature, lanes))
        zero, none = jnp.zeros((count - 1, lanes), jnp.float32), jnp.zeros(lanes, jnp.float32)
        replica = jnp.broadcast_to(jnp.arange(count, dtype=jnp.int32)[:, None], (count, lanes))
        heading = jnp.zeros((count, lanes), jnp.int32).at[0].set(1).at[-1].set(-1)
        trips = jnp.zeros(lanes, jnp.int32)
        return TemperingState(inner, replica, heading, trips, zero, zero, jnp.int32(0), none)

    def step(
        self, keys: Any, state: TemperingState, energy: Any, temperature: Any
    ) -> tuple[TemperingState, StepInfo]:
        """One step of every replica, then swaps of every other pair of neighbours.

        ``info.delta_energy`` is minus the heat of all replicas, each counted in units of its own temperature
        and given at the coldest one's scale; energy that replicas exchange by swapping is work, ``swap_work``.
        """
        count, lanes = self.copies, keys.shape[0]
        warmth = self._all(temperature, lanes)
        every = tiled(energy, count)
        ready = self.sampler.prepare(every) if hasattr(self.sampler, "prepare") else every
        inner, info = self.sampler.step(self._keys(keys), state.inner, ready, warmth)
        value = total_energy(self.sampler, inner, every).reshape(count, lanes)
        beta = (1.0 / warmth).reshape(count, lanes)
        uniform = draws(fold_in(keys, count), np.arange(count - 1))
        swap = uniform < jnp.exp(jnp.minimum((beta[:-1] - beta[1:]) * (value[:-1] - value[1:]), 0.0))
        tried = (jnp.arange(count - 1) % 2 == state.turn % 2)[:, None]
        swap = swap & tried
        order = jnp.broadcast_to(jnp.arange(count)[:, None], (count, lanes))
        up = jnp.concatenate([swap, jnp.zeros((1, lanes), bool)])
        down = jnp.concatenate([jnp.zeros((1, lanes), bool), swap])
        order = order + up - down
        place = (order * lanes + jnp.arange(lanes)).reshape(-1)
        inner = jax.tree.map(lambda leaf: leaf[..., place], inner)
        replica = jnp.take_along_axis(state.replica, order, axis=0)
        heading = jnp.take_along_axis(state.heading, order, axis=0)
        home = heading[0] == -1
        heading = heading.at[0].set(1)
        heading = heading.at[-1].set(-1)
        state = TemperingState(
            inner,
            replica,
            heading,
            state.round_trips + home,
            state.attempted + tried,
            state.accepted + swap,
            state.turn + 1,
            self._reduced(jnp.take_along_axis(value, order, axis=0) - value),
        )
        heat = (info.delta_energy / warmth).reshape(count, lanes)
        cold = warmth.reshape(count, lanes)[0] / self.temperatures[0]
        total = add_up(heat) * cold
        accepted = info.accepted.reshape(count, lanes).mean(axis=0)
        return state, StepInfo(total, accepted, info.elapsed.reshape(count, lanes)[0])

    def values(self, state: TemperingState) -> Any:
        """The coldest replica's state."""
        every = self.sampler.values(state.inner)
        return every[..., : every.shape[-1] // self.copies]

    def total_energy(self, state: TemperingState, energy: Any) -> Float[Array, " lanes"]:
        """Σ E/T over the replicas (kinetic energies included), each at the coldest one's scale."""
        value = total_energy(self.sampler, state.inner, tiled(energy, self.copies))
        return self._reduced(value.reshape(self.copies, -1))

    def _reduced(self, energies: Float[Array, "temperatures lanes"]) -> Float[Array, " lanes"]:
        """Σ over replicas of energies over temperatures."""
        return add_up(row / t for row, t in zip(energies, self.temperatures, strict=True))

    def swap_rates(self, state: TemperingState) -> Float[Array, " pairs"]:
        """Share of swaps accepted, per pair of neighbouring temperatures, over all lanes."""
        return state.accepted.sum(axis=1) / jnp.maximum(state.attempted.sum(axis=1), 1.0)

    def _keys(self, keys: Any) -> Any:
        count, lanes = self.copies, keys.shape[0]
        spread = jnp.broadcast_to(keys, (count, lanes))
        return fold_in(spread, jnp.arange(count)[:, None]).reshape(-1)

    def _all(self, temperature: Any, lanes: int) -> Any:
        scale = jnp.broadcast_to(jnp.asarray(temperature, jnp.float32), (lanes,))
        return (jnp.asarray(self.temperatures, jnp.float32)[:, None] * scale).reshape(-1)


def tiled(energy: Any, count: int) -> Any:
    """The energy for ``count`` times as many lanes: per-lane numbers are repeated, shared ones left alone."""
    if hasattr(energy, "tiled"):
        return energy.tiled(count)
    return energy
