"""The core alone: an energy relaxes by itself, described by a mapping, metered step by step.

A step is a number of sweeps at the schedule's temperature; then, if there is a protocol, the energy moves on along
it. Work is booked where the couplings or the temperature change, heat move by move; both in joules at the
device's temperature (``ledger``). Lanes are replicates × chains; a lane's key follows from its replicate's key and
the chain's number.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, is_counter
from thermopolis.thermo import lattice
from thermopolis.thermo.alone_results import Relaxed, dataset
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.described import Described, energy_from, sampler_from, schedule_from
from thermopolis.thermo.device import Device
from thermopolis.thermo.gibbs import Gibbs
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.mixed import Mixed
from thermopolis.thermo.protocols import total_energy
from thermopolis.thermo.quadratic import Quadratic
from thermopolis.thermo.sampling import on_device, spins_can_be_packed
from thermopolis.thermo.schedules import Constant
from thermopolis.thermo.tempering import Tempering

SETTINGS = (
    "energy", "sampler", "temperature", "schedule", "tempering", "protocol", "chains", "sweeps", "burn_in", "start",
    "states", "device",
)  # fmt: skip
_INIT = 0xFFFFFFFF
_STATES = 64  # units up to which states are recorded unless told


class Plan(NamedTuple):
    """A description made into objects."""

    described: Described
    energy: Any
    after: Any
    sampler: Any
    schedule: Any
    device: Device
    chains: int
    sweeps: int
    burn_in: int
    start: str
    states: bool


def plan(spec: Mapping[str, Any]) -> Plan:
    """Make and check what a mapping describes, without running it.

    Parameters
    ----------
    spec : mapping
        ``energy`` (needed) and ``sampler``: see ``described``. ``temperature``: a number; or ``schedule``.
        ``tempering``: temperatures of the replicas, {start, stop, count} or a list. ``protocol``: {to: {…}}, settings of
        the energy that are reached linearly at the last step; with ``reverse: true`` it starts there and goes back.
        ``chains`` (1), ``sweeps`` per step (1), ``burn_in`` sweeps (0) before the first. ``start``: random or up (spins).
        ``states``: record every unit. ``device``: a name, or {name: …, weight_bits: …, mismatch: …, coupling_noise: …,
        noise_correlation: …, cells: …}.

    Raises
    ------
    ModelError
        Names the setting at fault.
    """
    for name in spec:
        if name not in (*SETTINGS, "kind"):
            raise ModelError(f"core: unknown setting {name!r}; there are {', '.join(SETTINGS)}")
    if not isinstance(spec.get("energy"), Mapping):
        raise ModelError("core: energy: expected a mapping with a kind")
    numbers = {
        name: spec.get(name, default) for name, default in (("chains", 1), ("sweeps", 1), ("burn_in", 0))
    }
    for name, value in numbers.items():
        if not isinstance(value, int) or value < (0 if name == "burn_in" else 1):
            raise ModelError(
                f"core: {name}: expected a whole number of at least {int(name != 'burn_in')}, got {value!r}"
            )
    if "schedule" in spec and "temperature" in spec:
        raise ModelError("core: give temperature or schedule, not both")
    described = energy_from(spec["energy"])
    sampler = sampler_from(spec.get("sampler", _usual_sampler(described.energy)), spec.get("tempering"))
    schedule = schedule_from(spec.get("schedule", spec.get("temperature", 1.0)))
    device = _device(spec.get("device", "landauer"))
    device.require(described.energy, getattr(sampler, "copies", 1))
    start = spec.get("start", "random")
    if start not in ("random", "up") or (start == "up" and not isinstance(described.energy, Ising)):
        raise ModelError(f"core: start: expected random, or up for spins, got {start!r}")
    if start == "up" and isinstance(sampler, Tempering):
        raise ModelError("core: start: replicas of parallel tempering start at random")
    energy, moves = on_device(device, described.energy, sampler)
    after = energy
    if (protocol := spec.get("protocol")) is not None:
        back = protocol.get("reverse", False)
        if not set(protocol) <= {"to", "reverse"} or not isinstance(protocol.get("to"), Mapping):
            raise ModelError(
                "core: protocol: expected {to: {settings of the energy at the end}, reverse: false}"
            )
        if not isinstance(back, bool):
            raise ModelError(f"core: protocol: reverse: expected true or false, got {back!r}")
        if isinstance(sampler, Tempering):
            raise ModelError("core: protocol: a protocol drives one temperature, not replicas of several")
        final = energy_from({**spec["energy"], **protocol["to"]}).energy
        after, _ = on_device(device, final, sampler)
        before: Any = jax.tree.structure(energy)
        if before != jax.tree.structure(after):
            raise ModelError("core: protocol: the energy at the end has another structure")
        if back:
            energy, after = after, energy
    states = bool(spec.get("states", described.energy.units <= _STATES))
    return Plan(
        described,
        energy,
        after,
        moves,
        schedule,
        device,
        numbers["chains"],
        numbers["sweeps"],
        numbers["burn_in"],
        start,
        states,
    )


def _usual_sampler(energy: Any) -> str:
    if isinstance(energy, Ising | Categorical):
        return "gibbs"
    if isinstance(energy, Quadratic):
        return "ornstein_uhlenbeck"
    return "metropolis" if isinstance(energy, Mixed) else "langevin"


def relax(spec: Mapping[str, Any], keys: jax.Array, steps: int) -> Relaxed:
    """Relax the energy that ``spec`` describes (see ``plan``) for a number of steps.

    Parameters
    ----------
    spec : mapping
    keys : Key[Array, "replicates"]
    steps : int

    Raises
    ------
    ModelError
        As ``plan``; no steps.
    SimulationError
        The energy left the numbers.
    """
    if steps < 1:
        raise ModelError(f"core: steps: expected at least 1, got {steps}")
    made = plan(spec)
    replicates, chains = keys.shape[0], made.chains
    steady = isinstance(made.schedule, Constant)
    lengths = {
        "steps": steps,
        "sweeps": made.sweeps,
        "burn_in": made.burn_in,
        "start": made.start,
        "states": made.states,
    }
    warmth = jnp.asarray(made.schedule.temperature if steady else 1.0, jnp.float32)
    if _packs(keys, made):
        parts = [jax.device_get(_packed(key, made.energy, warmth, chains=chains, **lengths)) for key in keys]
        record = {name: np.concatenate([part[name] for part in parts], axis=-1) for name in parts[0]}
    else:
        lanes = fold_in(jnp.broadcast_to(keys[:, None], (replicates, chains)), jnp.arange(chains)).reshape(-1)
        energies = (made.energy, made.after, made.described.energy)
        record = jax.device_get(
            _general(
                lanes,
                *energies,
                warmth,
                sampler=made.sampler,
                schedule=None if steady else made.schedule,
                driven=made.after is not made.energy,
                **lengths,
            )
        )
    return dataset(made, record, replicates, steps)


@partial(
    jax.jit,
    static_argnames=("sampler", "schedule", "driven", "steps", "sweeps", "burn_in", "start", "states"),
)
def _general(
    keys: Any,
    before: Any,
    after: Any,
    asked: Any,
    warmth: Any,
    *,
    sampler: Any,
    schedule: Any,
    driven: bool,
    steps: int,
    sweeps: int,
    burn_in: int,
    start: str,
    states: bool,
) -> dict[str, Any]:
    """Any sampler. Compiled once for energies of one structure, whatever their numbers and temperature."""
    steady = schedule is None
    schedule = Constant(warmth) if steady else schedule
    lanes, total = keys.shape[0], burn_in + steps * sweeps
    scheduled = schedule.init(lanes)
    state = sampler.init(fold_in(keys, _INIT), before, scheduled.temperature)
    if start == "up":
        state = jax.tree.map(lambda leaf: jnp.ones_like(leaf) if leaf.dtype == jnp.int8 else leaf, state)
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
            now = scheduled.temperature
            state, info = sampler.step(fold_in(keys, number), state, ready, now)
            heat = heat - info.delta_energy / now
            if not steady:
                value = energy(sampler.values(state))
                scheduled = schedule.update(scheduled, value, (number + 1.0) / total)
                work = work + total_energy(sampler, state, energy) * (1.0 / scheduled.temperature - 1.0 / now)
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
            out["swap_rate"] = state.accepted / jnp.maximum(state.attempted, 1.0)
        return (state, scheduled), out

    return jax.lax.scan(keep, (state, scheduled), jnp.arange(steps))[1]


def _packs(keys: jax.Array, made: Plan) -> bool:
    simple = made.after is made.energy and made.described.clamped is None and is_counter(keys)
    return simple and spins_can_be_packed(keys, made.energy, made.sampler, made.schedule)


@partial(jax.jit, static_argnames=("chains", "steps", "sweeps", "burn_in", "start", "states"))
def _packed(
    key: jax.Array,
    energy: Ising,
    warmth: Any,
    *,
    chains: int,
    steps: int,
    sweeps: int,
    burn_in: int,
    start: str,
    states: bool,
) -> dict[str, Any]:
    """One replicate of a uniform lattice, 32 spins a word."""
    rows, columns = energy.shape
    shape = (rows, columns)
    width = lattice.packed_width(shape, chains)
    lanes = fold_in(jnp.broadcast_to(key, (width,)), jnp.arange(width))
    state = Gibbs().init(fold_in(lanes, _INIT), energy)
    state = jnp.ones_like(state) if start == "up" else state
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

    carry = (lattice.pack(state, shape), energy(state)[:chains])
    return jax.lax.scan(keep, carry, jnp.arange(steps))[1]


def _device(description: Any) -> Device:
    if isinstance(description, str):
        return Device.preset(description)
    if not isinstance(description, Mapping) or "name" not in description:
        raise ModelError(f"core: device: expected a name, or {{name: …, changes}}, got {description!r}")
    changes = {name: value for name, value in description.items() if name != "name"}
    allowed = (
        "temperature_kelvin",
        "cells",
        "weight_bits",
        "mismatch",
        "coupling_noise",
        "noise_correlation",
    )
    for name in changes:
        if name not in allowed:
            raise ModelError(f"core: device: unknown setting {name!r}; there are {', '.join(allowed)}")
    return Device.preset(description["name"], **changes)
