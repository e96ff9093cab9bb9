"""The core alone: an energy relaxes by itself, described by a mapping, metered step by step.

A step is a number of sweeps at the schedule's temperature; then, if there is a protocol, the energy moves on along
it. Work is booked where the couplings or the temperature change, heat move by move; both in joules at the
device's temperature (``ledger``). Lanes are replicates × chains; a lane's key follows from its replicate's key and
the chain's number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from thermopolis.errors import ModelError
from thermopolis.keys import make_key
from thermopolis.thermo.alone_results import Relaxed, dataset
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.described import Described, energy_from, sampler_from, schedule_from
from thermopolis.thermo.device import Device
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.linear_process import LinearProcess
from thermopolis.thermo.mixed import Mixed
from thermopolis.thermo.noise import lane_keys
from thermopolis.thermo.protocols import lanes_of
from thermopolis.thermo.quadratic import Quadratic
from thermopolis.thermo.relaxation import Relaxation
from thermopolis.thermo.sampling import on_device
from thermopolis.thermo.tempering import Tempering

SETTINGS = (
    "energy", "sampler", "temperature", "schedule", "tempering", "protocol", "chains", "sweeps", "burn_in", "start",
    "states", "device",
)  # fmt: skip
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
    if lanes_of(described.energy) > 1:
        raise ModelError("core: energy: expected numbers for all chains alike, got one per chain")
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
    # whether the sampler can move this energy
    jax.eval_shape(lambda keys: moves.init(keys, energy), lane_keys(make_key(0), 1))
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
        if "clamp" in protocol["to"]:
            raise ModelError("core: protocol: to: what is clamped stays as it is; leave clamp out")
        final = energy_from({**spec["energy"], **protocol["to"]}).energy
        after, _ = on_device(device, final, sampler)
        if _structure(energy) != _structure(after):
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


def _structure(energy: Any) -> Any:
    """What a straight line between two energies keeps: the tree and its shapes."""
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(energy)]
    found: Any = jax.tree.structure(energy)
    return found, shapes


def _usual_sampler(energy: Any) -> str:
    if isinstance(energy, Ising | Categorical):
        return "gibbs"
    if isinstance(energy, Quadratic | LinearProcess):
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
    whole = Relaxation(plan(spec), keys, steps)
    return dataset(whole.made, whole.advance(steps), keys.shape[0], steps)


def _device(description: Any) -> Device:
    if isinstance(description, str):
        return Device.preset(description)
    if not isinstance(description, Mapping) or not isinstance(description.get("name"), str):
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
