"""What a core's relaxation is written down as: variables with dimensions, units and meanings.

Besides what was sampled, what is known exactly of the laws it was told to follow: their free energies along a protocol
or schedule, F = −kT ln Z, so that ⟨W⟩ ≥ ΔF can be seen to hold, and how far the states seen are from the law asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from thermopolis.errors import SimulationError
from thermopolis.thermo.imperfections import law_error
from thermopolis.thermo.laws_along import distance_from_law, reduced_laws
from thermopolis.thermo.ledger import BOLTZMANN


class Relaxed(NamedTuple):
    """What a relaxation gives: variables as (dimensions, array, attributes), coordinates by dimension.

    Variables, each with leading dimensions (replicate, step, chain) unless said: ``energy``, ``temperature``,
    ``magnetisation`` (mean of the units), ``acceptance``, ``core_work`` and ``core_heat`` (J of that step),
    ``core_joules`` (…, operation), ``state`` (…, unit) where asked for or small; under parallel tempering
    ``round_trips`` and ``swap_rate`` (…, pair), both since the start. Where they are known exactly: along a protocol
    or schedule ``core_free_energy`` (replicate, step), ``core_entropy_production`` and ``landauer_bound``; at one
    temperature of few states ``law_error`` and ``held_law_error`` (replicate).
    """

    variables: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]
    coordinates: dict[str, np.ndarray]


def dataset(made: Any, record: Mapping[str, np.ndarray], replicates: int, steps: int) -> Relaxed:
    """Variables of a plan's record (arrays with leading axis steps, lanes last).

    Raises
    ------
    SimulationError
        The energy left the numbers.
    """
    if not np.isfinite(record["energy"]).all():
        step, lane = np.argwhere(~np.isfinite(record["energy"]))[0]
        raise SimulationError(f"core: energy {record['energy'][step, lane]} at step {step}, lane {lane}")

    def lanes_first(array: np.ndarray) -> np.ndarray:
        """(step, …, lane) → (replicate, step, chain, …)."""
        split = np.asarray(array).reshape(*array.shape[:-1], replicates, made.chains)
        middle = tuple(range(1, split.ndim - 2))
        return split.transpose(split.ndim - 2, 0, split.ndim - 1, *middle)

    main = ("replicate", "step", "chain")
    thermal = BOLTZMANN * made.device.temperature_kelvin
    running = operations(made, steps)
    shape = (replicates, steps, made.chains)
    variables: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]] = {}
    for name, title in (
        ("energy", "energy of the recorded replica"),
        ("temperature", "temperature in the energy's unit"),
        ("magnetisation", "mean of the units"),
        ("acceptance", "accepted share of moves"),
    ):
        variables[name] = (main, lanes_first(record[name]).astype(np.float32), attributes("1", title))
    for name, title in (("work", "work done on the sampled system"), ("heat", "heat given to the bath")):
        joules = lanes_first(record[name]).astype(np.float64) * thermal
        variables[f"core_{name}"] = (main, joules, attributes("J", title) | {"kT": repr(thermal)})
    spent = np.broadcast_to(running[:, None], (*shape, 5))
    variables["core_joules"] = ((*main, "operation"), spent, attributes("J", "running costs of the device"))
    coordinates: dict[str, np.ndarray] = {"operation": np.asarray(["update", "read", "write", "rng", "host"])}
    if "state" in record:
        values = record["state"]
        if (held := made.described.clamped) is not None:
            whole = np.empty((len(values), len(held.free) + len(held.held), values.shape[-1]), values.dtype)
            whole[:, list(held.free)] = values
            for unit, value in held.held.items():
                whole[:, unit] = value
            values = whole
        state = lanes_first(values)
        state = (state + 1) // 2 if made.described.bits else state
        variables["state"] = ((*main, "unit"), state, attributes("1", "state of every unit"))
        coordinates["unit"] = np.asarray(made.described.units)
    if "round_trips" in record:
        variables["round_trips"] = (
            main,
            lanes_first(record["round_trips"]),
            attributes("1", "round trips so far"),
        )
        rates = lanes_first(record["swap_rate"]).astype(np.float32)
        variables["swap_rate"] = ((*main, "pair"), rates, attributes("1", "accepted share of swaps so far"))
    variables |= _laws(made, record, shape, thermal, variables["core_work"][1])
    variables |= _distances(made, record, replicates)
    return Relaxed(variables, coordinates)


def _laws(
    made: Any, record: Mapping[str, np.ndarray], shape: tuple[int, int, int], thermal: float, work: np.ndarray
) -> dict[str, Any]:
    """Of a protocol or schedule alike in all lanes: free energies of the laws passed, entropy made, Landauer's bound."""
    driven, temperature = made.after is not made.energy, record["temperature"]
    start = np.float64(made.schedule.init(1).temperature[0])
    moving = getattr(made.sampler, "friction", None) is not None and (temperature != start).any()
    same = (temperature == temperature[:, :1]).all() and not hasattr(made.sampler, "copies") and not moving
    if not same or not (driven or (temperature[:, 0] != start).any()):
        return {}
    steps = shape[1]
    path = (
        [along(made.energy, made.after, t / max(steps - 1, 1)) for t in range(steps)]
        if driven
        else [made.energy] * steps
    )
    found = reduced_laws(
        [made.energy, *path], np.concatenate([[start], temperature[:, 0].astype(np.float64)])
    )
    if found is None:
        return {}
    main, spread = ("replicate", "step", "chain"), lambda x: np.broadcast_to(x[None, :, None], shape)
    free, entropies = found
    made_entropy = (work - spread(thermal * np.diff(free))) / made.device.temperature_kelvin
    bound = spread(thermal * np.maximum(0.0, -np.diff(entropies)))
    title = "entropy produced by driving the core, once it has relaxed: (work - change of free energy)/T"
    return {
        "core_free_energy": (("replicate", "step"), np.broadcast_to(thermal * free[1:], shape[:2]),
            attributes("J", "free energy of the law the core is told to follow, exactly")),
        "core_entropy_production": (main, made_entropy, attributes("J K-1", title)),
        "landauer_bound": (main, bound, attributes("J", "kT times the entropy that the law it is told to follow lost")),
    }  # fmt: skip


def along(before: Any, after: Any, fraction: float) -> Any:
    """The energy at a fraction of a protocol's way."""
    return jax.tree.map(lambda a, b: np.where(a == b, a, a + (np.asarray(b) - a) * fraction), before, after)


def _distances(made: Any, record: Mapping[str, np.ndarray], replicates: int) -> dict[str, Any]:
    """How far the states seen, and the law the device holds, are from the law asked for, at one temperature."""
    temperature = np.unique(record["temperature"])
    if "state" not in record or made.after is not made.energy or len(temperature) != 1:
        return {}
    asked, states = made.described.energy, record["state"]
    split = states.reshape(*states.shape[:2], replicates, made.chains).transpose(2, 0, 3, 1)
    seen = distance_from_law(asked, float(temperature[0]), split.reshape(replicates, -1, states.shape[1]))
    if seen is None:
        return {}
    held = law_error(asked, made.device, float(temperature[0]))["total_variation"]
    title = "total variation between the states seen and the law asked for"
    other = "total variation between the law the device holds and the law asked for, exactly"
    return {
        "law_error": (("replicate",), seen, attributes("1", title)),
        "held_law_error": (("replicate",), np.full(replicates, held), attributes("1", other)),
    }


def operations(made: Any, steps: int) -> np.ndarray:
    """Joules of each step by kind, (steps, 5): programmed once, or at every step of a protocol."""
    copies = getattr(made.sampler, "copies", 1)
    result = np.zeros((steps, 5))
    for step in range(steps):
        sweeps = (made.sweeps + (made.burn_in if step == 0 else 0)) * copies
        writes = copies if step == 0 or made.after is not made.energy else 0
        result[step] = made.device.joules(made.device.operations(made.energy, sweeps, 1, writes)).operations
    return result


def attributes(units: str, title: str) -> dict[str, str]:
    """Units and meaning of a variable."""
    return {"units": units, "long_name": title}
