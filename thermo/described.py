"""Energies, samplers and schedules from plain descriptions, such as an experiment file holds.

Every kind is one function or class with its keyword arguments; unknown kinds and keys are refused by name.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from thermopolis.errors import ModelError
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.checks import numeric, whole
from thermopolis.thermo.clamp import Clamped, clamp
from thermopolis.thermo.double_well import DoubleWell
from thermopolis.thermo.gaussian_metropolis import GaussianMetropolis
from thermopolis.thermo.gibbs import Gibbs
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.jump import Jump
from thermopolis.thermo.linear_process import LinearProcess
from thermopolis.thermo.logic import Circuit, logic_circuit, logic_gate, ripple_adder
from thermopolis.thermo.metropolis import Metropolis
from thermopolis.thermo.ornstein_uhlenbeck import OrnsteinUhlenbeck
from thermopolis.thermo.overdamped import Overdamped
from thermopolis.thermo.polynomial import mixed, potential
from thermopolis.thermo.quadratic import Quadratic
from thermopolis.thermo.schedules import Adaptive, Constant, Geometric, Linear, positive
from thermopolis.thermo.tempering import Tempering
from thermopolis.thermo.underdamped import Langevin, Underdamped


class Described(NamedTuple):
    """An energy as described: what is sampled, the names of all units, the clamped ones if any, bits or not."""

    energy: Any
    units: tuple[str, ...]
    clamped: Clamped | None
    bits: bool


def _ising(
    *,
    lattice: Sequence[int] | None = None,
    edges: Sequence[Sequence[int]] | None = None,
    matrix: Any = None,
    coupling: Any = 1.0,
    bias: Any = 0.0,
    periodic: bool = True,
    clamp: Mapping[Any, int] | None = None,
) -> Described:
    if sum(given is not None for given in (lattice, edges, matrix)) != 1:
        raise ModelError("energy: ising: give one of lattice, edges, matrix")
    if not isinstance(periodic, bool):
        raise ModelError(f"energy: ising: periodic: expected true or false, got {periodic!r}")
    if lattice is not None:
        energy = Ising.lattice(lattice, coupling, bias, periodic)
    elif matrix is not None:
        energy = Ising.from_matrix(matrix, bias)
    else:
        energy = Ising(edges, coupling, bias)
    return _held(energy, tuple(f"{i}" for i in range(energy.units)), clamp, False)


def _categorical(
    *,
    sizes: Sequence[int],
    factors: Sequence[Any],
    blocks: Any = None,
    clamp: Mapping[Any, int] | None = None,
) -> Described:
    pairs = []
    for number, factor in enumerate(factors):
        if isinstance(factor, Mapping):
            _refuse_unknown(factor, ("units", "table"), f"energy: factors[{number}]")
            factor = (factor.get("units", ()), factor.get("table"))
        if not isinstance(factor, Sequence) or len(factor) != 2:
            raise ModelError(f"energy: factors[{number}]: expected [units, table], got {factor!r:.80}")
        table = numeric(factor[1], f"energy: factors[{number}]")
        pairs.append((factor[0], None if table is None else table.astype(np.float32)))
    energy = Categorical(sizes, pairs, blocks)
    return _held(energy, tuple(f"{i}" for i in range(energy.units)), clamp, False)


def _logic(
    *,
    gate: str | None = None,
    adder: int | None = None,
    gates: Sequence[Any] | None = None,
    clamp: Mapping[str, int] | None = None,
) -> Described:
    if sum(given is not None for given in (gate, adder, gates)) != 1:
        raise ModelError(
            "energy: logic: give one of gate (a name), adder (bits), gates (a list of [gate, terminals])"
        )
    clamp = None if clamp is None else _named(clamp)
    if gate is not None:
        made: Circuit = logic_gate(gate, clamp)
    elif adder is not None:
        made = ripple_adder(adder, clamp)
    else:
        for number, one in enumerate(gates or ()):
            if not isinstance(one, Sequence) or isinstance(one, str) or len(one) != 2:
                raise ModelError(f"energy: gates[{number}]: expected [gate, terminals], got {one!r:.80}")
        made = logic_circuit([(name, terminals) for name, terminals in gates or ()], clamp)
    return Described(made.sampled, made.names, made.clamped, True)


def _continuous(make: Callable[..., Any]) -> Callable[..., Described]:
    def described(**settings: Any) -> Described:
        energy = make(**settings)
        return Described(energy, tuple(f"{i}" for i in range(energy.units)), None, False)

    described.__signature__ = inspect.signature(make)  # type: ignore[attr-defined]
    return described


def _held(energy: Any, names: tuple[str, ...], values: Mapping[Any, int] | None, bits: bool) -> Described:
    if not values:
        return Described(energy, names, None, bits)
    units = {_number(unit): value for unit, value in _named(values).items()}
    held = clamp(energy, units)
    return Described(held.energy, names, held, bits)


def _named(values: Any) -> Mapping[Any, Any]:
    if not isinstance(values, Mapping):
        raise ModelError(f"energy: clamp: expected {{unit: value}}, got {values!r:.80}")
    return values


def _number(unit: Any) -> Any:
    """A unit's number, which JSON makes a word of."""
    return int(unit) if isinstance(unit, str) and unit.isdigit() else unit


def _linear_process(*, A: Any, D: Any, mean: Any = 0.0) -> LinearProcess:
    return LinearProcess(A, D, mean)


def _jump(*, interval: float = 1.0, rates: str = "heat_bath") -> Jump:
    return Jump(interval, rates)  # type: ignore[arg-type]


ENERGIES: dict[str, Callable[..., Described]] = {
    "ising": _ising,
    "categorical": _categorical,
    "logic": _logic,
    "quadratic": _continuous(Quadratic),
    "linear_process": _continuous(_linear_process),
    "double_well": _continuous(DoubleWell),
    "potential": _continuous(potential),
    "mixed": _continuous(mixed),
}
SAMPLERS: dict[str, Callable[..., Any]] = {
    "gibbs": Gibbs,
    "metropolis": Metropolis,
    "jump": _jump,
    "ornstein_uhlenbeck": OrnsteinUhlenbeck,
    "langevin": Langevin,
    "overdamped": Overdamped,
    "underdamped": Underdamped,
    "gaussian_metropolis": GaussianMetropolis,
}
SCHEDULES: dict[str, Callable[..., Any]] = {
    "constant": Constant,
    "linear": Linear,
    "geometric": Geometric,
    "adaptive": Adaptive,
}


def energy_from(description: Mapping[str, Any]) -> Described:
    """An energy from ``{kind: …, settings}``; the kinds are those of ``ENERGIES``."""
    return _made(description, ENERGIES, "energy")


def sampler_from(description: Any, temperatures: Sequence[float] | Mapping[str, float] | None = None) -> Any:
    """A sampler from a kind, or ``{kind: …, settings}``; under parallel tempering where temperatures are given.

    ``temperatures`` is a rising list, or ``{start, stop, count}`` in equal ratios.
    """
    if isinstance(description, str):
        description = {"kind": description}
    sampler = _made(description, SAMPLERS, "sampler")
    if temperatures is None:
        return sampler
    if isinstance(temperatures, Mapping):
        _refuse_unknown(temperatures, ("start", "stop", "count"), "tempering")
        if len(temperatures) < 3:
            raise ModelError("tempering: expected a list of temperatures, or start, stop and count")
        positive([temperatures["start"], temperatures["stop"]], "tempering")
        count = whole(temperatures["count"], "tempering: count", 2)
        return Tempering(np.geomspace(temperatures["start"], temperatures["stop"], count).tolist(), sampler)
    return Tempering(list(temperatures), sampler)


def schedule_from(description: Any) -> Any:
    """A schedule from a number, or ``{kind: constant | linear | geometric | adaptive, …}``."""
    if isinstance(description, Mapping):
        return _made(description, SCHEDULES, "schedule")
    return Constant(description)


def _made(description: Mapping[str, Any], kinds: Mapping[str, Callable[..., Any]], where: str) -> Any:
    kind = str(description.get("kind"))
    if kind not in kinds:
        raise ModelError(f"{where}: no kind {kind!r}{_meant(kind, kinds)}; there are {', '.join(kinds)}")
    make = kinds[kind]
    settings = {name: value for name, value in description.items() if name != "kind"}
    if dataclasses.is_dataclass(make):
        known = tuple(f.name for f in dataclasses.fields(make))
    else:
        known = tuple(inspect.signature(make).parameters)
    _refuse_unknown(settings, known, f"{where}: {kind}")
    if kinds is SAMPLERS:
        settings = {name: _hashable(name, value) for name, value in settings.items()}
    try:
        return make(**settings)
    except TypeError as error:
        raise ModelError(f"{where}: {kind}: {error}") from None


def _hashable(name: str, value: Any) -> Any:
    """A sampler's setting; only the scale may be a list."""
    if not isinstance(value, list | tuple):
        return value
    if name != "scale":
        raise ModelError(f"sampler: {name}: expected a number, got {value!r:.80}")
    return tuple(value)


def _refuse_unknown(settings: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for name in settings:
        if name not in known:
            raise ModelError(
                f"{where}: unknown setting {name!r}{_meant(name, known)}; there are {', '.join(known)}"
            )


def _meant(word: Any, known: Any) -> str:
    near = difflib.get_close_matches(str(word), list(known), 1)
    return f", did you mean {near[0]!r}?" if near else ""
