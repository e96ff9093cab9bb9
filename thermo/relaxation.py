"""A core's relaxation under way: compiled, and taken further by as many steps at a time as memory likes.

A step is a number of sweeps at the schedule's temperature, after the energy has moved on along its protocol. Uniform
lattices of spins at one temperature go 32 spins a word, replicate by replicate; all else in lanes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, is_counter
from thermopolis.thermo import lattice
from thermopolis.thermo.gibbs import Gibbs
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.sampling import spins_can_be_packed
from thermopolis.thermo.schedules import Constant, metered_step
from thermopolis.thermo.tempering import Tempering

_INIT = 0xFFFFFFFF


class Relaxation:
    """A relaxation under way, taken further by so many steps at a time; the numbers don't depend on how many.

    Parameters
    ----------
    made : what ``alone.plan`` makes of a description.
    keys : Key[Array, "replicates"]
    steps : of the whole.

    Attributes
    ----------
    done : steps behind it.
    carry : what the next step starts from, a pytree; None before the first.

    Raises
    ------
    ModelError
        No steps.
    """

    def __init__(self, made: Any, keys: jax.Array, steps: int) -> None:
        if steps < 1:
            raise ModelError(f"core: steps: expected at least 1, got {steps}")
        self.made, self.keys, self.steps = made, keys, steps
        self.done = 0
        self.carry: Any = None
        self.steady = isinstance(self.made.schedule, Constant)
        self.packs = _packs(keys, self.made)

    def advance(self, count: int) -> dict[str, np.ndarray]:
        """The record of the next steps: arrays (count, …, replicates · chains)."""
        self.carry, record = self._advanced(count)
        self.done += count
        return dict(jax.device_get(record))

    def like(self) -> Any:
        """Shapes of :attr:`carry`, without a step."""
        return jax.eval_shape(lambda: self._advanced(1)[0])

    def _advanced(self, count: int) -> tuple[Any, dict[str, Any]]:
        made = self.made
        first = None if self.carry is None else jnp.int32(self.done)
        lengths = {
            "count": count,
            "sweeps": made.sweeps,
            "burn_in": made.burn_in,
            "start": made.start,
            "states": made.states,
        }
        warmth = jnp.asarray(made.schedule.temperature if self.steady else 1.0, jnp.float32)
        if self.packs:
            carries = [None] * len(self.keys) if self.carry is None else self.carry
            parts = [
                _packed(self.keys[r], made.energy, warmth, carry, first, chains=made.chains, **lengths)
                for r, carry in enumerate(carries)
            ]
            record = {
                name: jnp.concatenate([part[name] for _, part in parts], axis=-1) for name in parts[0][1]
            }
            return [carry for carry, _ in parts], record
        shape = (self.keys.shape[0], made.chains)
        lanes = fold_in(jnp.broadcast_to(self.keys[:, None], shape), jnp.arange(made.chains)).reshape(-1)
        energies = (made.energy, made.after, made.described.energy)
        carry, record = _general(
            lanes,
            *energies,
            warmth,
            self.carry,
            first,
            sampler=made.sampler,
            schedule=None if self.steady else made.schedule,
            driven=made.after is not made.energy,
            steps=self.steps,
            **lengths,
        )
        return carry, record


@partial(
    jax.jit,
    static_argnames=(
        "sampler", "schedule", "driven", "steps", "count", "sweeps", "burn_in", "start", "states",
    ),
)  # fmt: skip
def _general(
    keys: Any,
    before: Any,
    after: Any,
    asked: Any,
    warmth: Any,
    carry: Any,
    first: Any,
    *,
    sampler: Any,
    schedule: Any,
    driven: bool,
    steps: int,
    count: int,
    sweeps: int,
    burn_in: int,
    start: str,
    states: bool,
) -> tuple[Any, dict[str, Any]]:
    """Any sampler, ``count`` of ``steps`` steps. Compiled once for energies of one structure, whatever their numbers
    and temperature."""
    schedule = Constant(warmth) if schedule is None else schedule
    lanes, total = keys.shape[0], burn_in + steps * sweeps
    if carry is None:
        scheduled = schedule.init(lanes)
        state = sampler.init(fold_in(keys, _INIT), before, scheduled.temperature)
        if start == "up":
            state = jax.tree.map(lambda leaf: jnp.ones_like(leaf) if leaf.dtype == jnp.int8 else leaf, state)
    else:
        state, scheduled = carry
    zero = jnp.zeros(lanes, jnp.float32)
    fixed = sampler.prepare(before) if hasattr(sampler, "prepare") and not driven else before

    def along(fraction: Any) -> Any:
        return jax.tree.map(lambda a, b: jnp.where(a == b, a, a + (b - a) * fraction), before, after)

    def keep(carry: Any, index: Any) -> Any:
        state, scheduled = carry
        energy = along(index / max(steps - 1, 1)) if driven else before
        earlier = along(jnp.maximum(index - 1, 0) / max(steps - 1, 1)) if driven else before
        ready = (sampler.prepare(energy) if hasattr(sampler, "prepare") else energy) if driven else fixed
        found = sampler.values(state)
        work = (energy(found) - earlier(found)) / scheduled.temperature if driven else zero

        def sweep(number: Any, inner: Any) -> Any:
            state, scheduled, heat, work, accepted = inner
            state, scheduled, info, given, taken = metered_step(
                fold_in(keys, number),
                state,
                scheduled,
                sampler,
                ready,
                energy,
                schedule,
                (number + 1.0) / total,
            )
            heat, work = heat + given, work + taken
            return state, scheduled, heat, work, accepted + info.accepted

        stop = burn_in + (index + 1) * sweeps
        first = jnp.where(index == 0, 0, stop - sweeps)
        inner = (state, scheduled, zero, work, zero)
        state, scheduled, heat, work, accepted = jax.lax.fori_loop(first, stop, sweep, inner)
        values = sampler.values(state)
        out = {
            "energy": energy(values) if driven else asked(values),
            "temperature": scheduled.temperature,
            "magnetisation": values.astype(jnp.float32).mean(axis=0),
            "acceptance": accepted / (stop - first),
            "work": work,
            "heat": heat,
        }
        if states:
            out["state"] = values
        if isinstance(sampler, Tempering):
            out["temperature"] = scheduled.temperature * sampler.temperatures[0]
            out["round_trips"] = state.round_trips
            out["replica"] = state.replica
            out["swap_rate"] = state.accepted / jnp.maximum(state.attempted, 1.0)
        return (state, scheduled), out

    return jax.lax.scan(keep, (state, scheduled), _numbers(first, count))


def _numbers(first: Any, count: int) -> Any:
    """Numbers of so many steps; ``first`` is None before any."""
    return jnp.arange(count) if first is None else first + jnp.arange(count)


def _packs(keys: jax.Array, made: Any) -> bool:
    simple = made.after is made.energy and made.described.clamped is None and is_counter(keys)
    return simple and spins_can_be_packed(keys, made.energy, made.sampler, made.schedule)


@partial(jax.jit, static_argnames=("chains", "count", "sweeps", "burn_in", "start", "states"))
def _packed(
    key: jax.Array,
    energy: Ising,
    warmth: Any,
    carry: Any,
    first: Any,
    *,
    chains: int,
    count: int,
    sweeps: int,
    burn_in: int,
    start: str,
    states: bool,
) -> tuple[Any, dict[str, Any]]:
    """One replicate of a uniform lattice, 32 spins a word."""
    rows, columns = energy.shape
    shape = (rows, columns)
    width = lattice.packed_width(shape, chains)
    lanes = fold_in(jnp.broadcast_to(key, (width,)), jnp.arange(width))
    if carry is None:
        state = Gibbs().init(fold_in(lanes, _INIT), energy)
        state = jnp.ones_like(state) if start == "up" else state
        carry = (lattice.pack(state, shape), energy(state)[:chains])
    words = lattice.word_keys(fold_in(key, _INIT), width)

    def keep(carry: Any, index: Any) -> Any:
        packed, value = carry
        stop = burn_in + (index + 1) * sweeps
        first = jnp.where(index == 0, 0, stop - sweeps)
        packed = lattice.run(words, packed, energy.couplings, warmth, width, first, stop)
        spins = lattice.unpack(packed, shape, width)[:, :chains]
        now = energy(spins)
        one = jnp.ones_like(now)
        out = {
            "energy": now,
            "temperature": one * warmth,
            "magnetisation": spins.astype(jnp.float32).mean(axis=0),
            "acceptance": one,
            "work": 0.0 * one,
            "heat": (value - now) / warmth,
        }
        return (packed, now), out | ({"state": spins} if states else {})

    return jax.lax.scan(keep, carry, _numbers(first, count))
