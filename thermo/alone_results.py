"""What a core's relaxation is written down as: variables with dimensions, units and meanings.

Besides what was sampled, what is known exactly of the laws it was told to follow: their free energies along a protocol
or schedule, F = −kT ln Z, so that ⟨W⟩ ≥ ΔF can be seen to hold, and how far the states seen are from the law asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from thermopolis.errors import SimulationError
from thermopolis.thermo.imperfections import law_error
from thermopolis.thermo.laws_along import distance_from_law, number_of_states, reduced_laws, state_counts
from thermopolis.thermo.ledger import BOLTZMANN
from thermopolis.thermo.schedules import Constant
from thermopolis.thermo.tempering import Tempering


class Relaxed(NamedTuple):
    """What a relaxation gives: variables as (dimensions, array, attributes), coordinates by dimension.

    Variables, each with leading dimensions (replicate, step, chain) unless said: ``energy``, ``temperature``,
    ``magnetisation`` (mean of the units), ``acceptance``, ``core_work`` and ``core_heat`` (J of that step),
    ``core_joules`` (…, operation), ``state`` (…, unit) where asked for or small; under parallel tempering
    ``round_trips`` and ``swap_rate`` (…, pair), both since the start, and ``replica`` (…, rung), which replica is at each
    temperature. Where they are known exactly: along a protocol
    or schedule ``core_free_energy`` (replicate, step), ``core_entropy_production`` and ``landauer_bound``; at one
    temperature of few states ``law_error`` and ``held_law_error`` (replicate).
    """

    variables: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]
    coordinates: dict[str, np.ndarray]


class View(NamedTuple):
    """How a variable is made of what was recorded, in any stretch of steps.

    ``read(array, steps)`` takes the recorded array ``made_of``, (step, …, lane), of steps with these numbers.
    """

    dims: tuple[str, ...]
    attributes: dict[str, str]
    made_of: str
    read: Callable[[np.ndarray, np.ndarray], np.ndarray]


def dataset(made: Any, record: Mapping[str, np.ndarray], replicates: int, steps: int) -> Relaxed:
    """Variables of a plan's whole record (arrays with leading axis steps, lanes last).

    Raises
    ------
    SimulationError
        The energy left the numbers.
    """
    seen = Seen(made, replicates, steps)
    seen.take(record)
    numbers = np.arange(steps)
    variables = {
        name: (view.dims, view.read(record[view.made_of], numbers), view.attributes)
        for name, view in views(made, replicates, steps, seen).items()
    }
    return Relaxed(variables | seen.distances(), coordinates(made))


def coordinates(made: Any) -> dict[str, np.ndarray]:
    """Labels of dimensions."""
    found = {"operation": np.asarray(["update", "read", "write", "rng", "host"])}
    return found | ({"unit": np.asarray(made.described.units)} if made.states else {})


class Seen:
    """What is asked of a whole record at its end, taken stretch by stretch: its temperatures, how often which state.

    Attributes
    ----------
    temperatures : Float32[np.ndarray, "steps"], of the first lane.
    alike : whether all lanes had one temperature at each step.
    counts : Int64[np.ndarray, "replicates states"] of discrete energies of few states, else None.
    """

    def __init__(self, made: Any, replicates: int, steps: int) -> None:
        self.made, self.replicates = made, replicates
        self.temperatures = np.zeros(steps, np.float32)
        self.done, self.alike = 0, True
        asked = made.described.energy
        number = number_of_states(asked) if made.states and made.after is made.energy else None
        self.counts = None if number is None else np.zeros((replicates, number), np.int64)

    def take(self, record: Mapping[str, np.ndarray]) -> None:
        """The next steps.

        Raises
        ------
        SimulationError
            The energy left the numbers.
        """
        if not np.isfinite(record["energy"]).all():
            step, lane = np.argwhere(~np.isfinite(record["energy"]))[0]
            number = self.done + step
            raise SimulationError(
                f"core: energy {record['energy'][step, lane]} at step {number}, lane {lane}"
            )
        temperature = record["temperature"]
        self.temperatures[self.done : self.done + len(temperature)] = temperature[:, 0]
        self.alike &= bool((temperature == temperature[:, :1]).all())
        self.done += len(temperature)
        if self.counts is not None:
            states = record["state"]
            split = states.reshape(*states.shape[:2], self.replicates, self.made.chains).transpose(2, 0, 3, 1)
            rows = split.reshape(self.replicates, -1, states.shape[1])
            self.counts += state_counts(self.made.described.energy, rows)

    def distances(self) -> dict[str, Any]:
        """How far the states seen, and the law the device holds, are from the law asked for, at one temperature."""
        if self.counts is None or not self.alike or len(np.unique(self.temperatures)) != 1:
            return {}
        asked, temperature = self.made.described.energy, float(self.temperatures[0])
        far = distance_from_law(asked, temperature, self.counts)
        held = law_error(asked, self.made.device, temperature)["total_variation"]
        title = "total variation between the states seen and the law asked for"
        other = "total variation between the law the device holds and the law asked for, exactly"
        return {
            "law_error": (("replicate",), far, attributes("1", title)),
            "held_law_error": (("replicate",), np.full(self.replicates, held), attributes("1", other)),
        }


def views(made: Any, replicates: int, steps: int, seen: Seen) -> dict[str, View]:
    """Every variable that follows from a plan's record, step by step."""

    def lanes_first(array: np.ndarray) -> np.ndarray:
        """(step, …, lane) → (replicate, step, chain, …)."""
        split = np.asarray(array).reshape(*array.shape[:-1], replicates, made.chains)
        middle = tuple(range(1, split.ndim - 2))
        return split.transpose(split.ndim - 2, 0, split.ndim - 1, *middle)

    def plain(array: np.ndarray, at: np.ndarray) -> np.ndarray:
        return lanes_first(array)

    def single(array: np.ndarray, at: np.ndarray) -> np.ndarray:
        return lanes_first(array).astype(np.float32)

    def joules(array: np.ndarray, at: np.ndarray) -> np.ndarray:
        return lanes_first(array).astype(np.float64) * thermal

    def spent(array: np.ndarray, at: np.ndarray) -> np.ndarray:
        return np.broadcast_to(running[at][:, None], (replicates, len(at), made.chains, 5))

    main = ("replicate", "step", "chain")
    thermal = BOLTZMANN * made.device.temperature_kelvin
    running = operations(made, steps)
    found = {}
    for name, title in (
        ("energy", "energy of the recorded replica"),
        ("temperature", "temperature in the energy's unit"),
        ("magnetisation", "mean of the units"),
        ("acceptance", "accepted share of moves"),
    ):
        found[name] = View(main, attributes("1", title), name, single)
    for name, title in (("work", "work done on the sampled system"), ("heat", "heat given to the bath")):
        found[f"core_{name}"] = View(main, attributes("J", title) | {"kT": repr(thermal)}, name, joules)
    if isinstance(made.sampler, Tempering):
        steady = isinstance(made.schedule, Constant)
        found["core_work"].attributes["done_by"] = "swaps" if steady else "swaps and schedule"
    about = attributes("J", "running costs of the device")
    found["core_joules"] = View((*main, "operation"), about, "energy", spent)
    if made.states:

        def units(array: np.ndarray, at: np.ndarray) -> np.ndarray:
            state = lanes_first(_with_clamped(made, array))
            return (state + 1) // 2 if made.described.bits else state

        found["state"] = View((*main, "unit"), attributes("1", "state of every unit"), "state", units)
    if isinstance(made.sampler, Tempering):
        found["round_trips"] = View(main, attributes("1", "round trips so far"), "round_trips", plain)
        about = attributes("1", "which replica is at each temperature, coldest first")
        found["replica"] = View((*main, "rung"), about, "replica", plain)
        about = attributes("1", "accepted share of swaps so far")
        found["swap_rate"] = View((*main, "pair"), about, "swap_rate", single)
    return found | _laws(made, seen, steps, (replicates, made.chains), thermal, joules)


def _with_clamped(made: Any, values: np.ndarray) -> np.ndarray:
    """States of all units, those that are held included: (step, unit, lane)."""
    held = made.described.clamped
    if held is None:
        return values
    whole = np.empty((len(values), len(held.free) + len(held.held), values.shape[-1]), values.dtype)
    whole[:, list(held.free)] = values
    for unit, value in held.held.items():
        whole[:, unit] = value
    return whole


def _laws(
    made: Any,
    seen: Seen,
    steps: int,
    shape: tuple[int, int],
    thermal: float,
    joules: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> dict[str, View]:
    """Of a protocol or schedule alike in all lanes: free energies of the laws passed, entropy made, Landauer's bound."""
    driven, temperature = made.after is not made.energy, seen.temperatures
    start = np.float64(made.schedule.init(1).temperature[0])
    moving = getattr(made.sampler, "friction", None) is not None and (temperature != start).any()
    same = seen.alike and not hasattr(made.sampler, "copies") and not moving
    if not same or not (driven or (temperature != start).any()):
        return {}
    path = (
        [along(made.energy, made.after, t / max(steps - 1, 1)) for t in range(steps)]
        if driven
        else [made.energy] * steps
    )
    found = reduced_laws([made.energy, *path], np.concatenate([[start], temperature.astype(np.float64)]))
    if found is None:
        return {}
    free, entropies = found

    def spread(values: np.ndarray, at: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values[at][None, :, None], (shape[0], len(at), shape[1]))

    def free_energy(array: np.ndarray, at: np.ndarray) -> np.ndarray:
        return np.broadcast_to((thermal * free[1:])[at], (shape[0], len(at)))

    def made_entropy(array: np.ndarray, at: np.ndarray) -> np.ndarray:
        return (joules(array, at) - spread(thermal * np.diff(free), at)) / made.device.temperature_kelvin

    def bound(array: np.ndarray, at: np.ndarray) -> np.ndarray:
        return spread(thermal * np.maximum(0.0, -np.diff(entropies)), at)

    main = ("replicate", "step", "chain")
    title = "entropy produced by driving the core, once it has relaxed: (work - change of free energy)/T"
    least = "kT times the entropy that the law it is told to follow lost"
    energies = attributes("J", "free energy of the law the core is told to follow, exactly")
    return {
        "core_free_energy": View(("replicate", "step"), energies, "energy", free_energy),
        "core_entropy_production": View(main, attributes("J K-1", title), "work", made_entropy),
        "landauer_bound": View(main, attributes("J", least), "energy", bound),
    }


def along(before: Any, after: Any, fraction: float) -> Any:
    """The energy at a fraction of a protocol's way."""
    return jax.tree.map(lambda a, b: np.where(a == b, a, a + (np.asarray(b) - a) * fraction), before, after)


def operations(made: Any, steps: int) -> np.ndarray:
    """Joules of each step by kind, (steps, 5): programmed once, or at every step of a protocol."""
    copies = getattr(made.sampler, "copies", 1)

    def spent(sweeps: int, writes: int) -> np.ndarray:
        counted = made.device.operations(made.energy, sweeps * copies, 1, writes)
        return np.asarray(made.device.joules(counted).operations, np.float64)

    first = spent(made.sweeps + made.burn_in, copies)
    later = spent(made.sweeps, copies if made.after is not made.energy else 0)
    return np.concatenate([first[None], np.broadcast_to(later, (steps - 1, 5))])


def attributes(units: str, title: str) -> dict[str, str]:
    """Units and meaning of a variable."""
    return {"units": units, "long_name": title}
