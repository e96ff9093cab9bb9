"""Invertible logic from p-bits: spins whose ground states are the rows of a truth table.

A gate clamped at its inputs computes; clamped at its outputs it samples the inputs that give them (Camsari,
Faria, Sutton & Datta 2017, arXiv 1610.00377). Sums are squared penalties, E = (Σ w_i x_i)² over bits x = 0, 1:
an adder a + b + c = s + 2d needs no p-bit beside its terminals, and exclusive or is the sum of a half adder,
whose carry is a hidden p-bit. Gates are joined by sharing terminals; their energies add up.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from thermopolis.errors import ModelError
from thermopolis.thermo.clamp import Clamped
from thermopolis.thermo.clamp import clamp as hold
from thermopolis.thermo.ising import Ising

GATES: dict[str, tuple[str, ...]] = {
    "and": ("a", "b", "out"),
    "or": ("a", "b", "out"),
    "xor": ("a", "b", "out", "carry"),
    "half_adder": ("a", "b", "sum", "carry"),
    "full_adder": ("a", "b", "carry_in", "sum", "carry_out"),
}
_SUMS = {"xor": (1, 1, -1, -2), "half_adder": (1, 1, -1, -2), "full_adder": (1, 1, 1, -1, -2)}


class Circuit(NamedTuple):
    """P-bits of a circuit: ``energy`` over all, ``names`` of the p-bits in order, ``clamped`` if any are held."""

    energy: Ising
    names: tuple[str, ...]
    clamped: Clamped | None = None

    @property
    def sampled(self) -> Ising:
        """The energy to be sampled: of the free p-bits where some are held."""
        return self.energy if self.clamped is None else self.clamped.energy

    def bits(self, state: np.ndarray) -> dict[str, np.ndarray]:
        """0 or 1 of every p-bit by name, from states (…, units, chains) of ``sampled``."""
        values = (np.asarray(state) + 1) // 2
        free = range(len(self.names)) if self.clamped is None else self.clamped.free
        result = {self.names[unit]: np.take(values, row, axis=-2) for row, unit in enumerate(free)}
        for unit, value in {} if self.clamped is None else self.clamped.held.items():
            result[self.names[unit]] = np.full_like(next(iter(result.values())), (value + 1) // 2)
        return result


def logic_gate(name: str, clamp: Mapping[str, int] | None = None) -> Circuit:
    """One gate by name (``GATES``), its terminals held at bits as ``clamp`` says."""
    if name not in GATES:
        raise ModelError(f"logic: no gate {name!r}; there are {', '.join(GATES)}")
    return logic_circuit([(name, GATES[name])], clamp)


def logic_circuit(
    gates: Sequence[tuple[str, Sequence[str]]], clamp: Mapping[str, int] | None = None
) -> Circuit:
    """Gates joined by the names of their terminals.

    Parameters
    ----------
    gates : sequence of (gate, terminals)
        In the order of ``GATES``; the carry of an ``xor`` may be left out.
    clamp : mapping of name to 0 or 1, optional

    Raises
    ------
    ModelError
        Unknown gates or terminals, wrong numbers of terminals, values that aren't bits.
    """
    wired = [_wired(number, name, terminals) for number, (name, terminals) in enumerate(gates)]
    names = tuple(dict.fromkeys(terminal for _, terminals in wired for terminal in terminals))
    if not names:
        raise ModelError("logic: an empty circuit; give at least one gate")
    number_of = {name: number for number, name in enumerate(names)}
    couplings, biases = np.zeros((len(names), len(names))), np.zeros(len(names))
    for name, terminals in wired:
        place = [number_of[terminal] for terminal in terminals]
        gate_couplings, gate_biases = _energy(name)
        couplings[np.ix_(place, place)] += gate_couplings
        biases[place] += gate_biases
    energy = Ising.from_matrix(couplings, biases)
    if not clamp:
        return Circuit(energy, names)
    for name, value in clamp.items():
        if name not in number_of:
            raise ModelError(f"logic: clamp: no terminal {name!r}; there are {', '.join(names)}")
        if value not in (0, 1):
            raise ModelError(f"logic: clamp: {name} is out of range: expected 0 or 1, got {value}")
    return Circuit(energy, names, hold(energy, {number_of[n]: 2 * int(v) - 1 for n, v in clamp.items()}))


def ripple_adder(bits: int, clamp: Mapping[str, int] | None = None) -> Circuit:
    """Full adders in a row: a0 … + b0 … = s0 … s{bits}, the first carry held at 0 unless told."""
    if not isinstance(bits, numbers.Integral) or bits < 1:
        raise ModelError(f"logic: an adder has at least 1 bit, got {bits!r}")
    gates = []
    for i in range(int(bits)):
        carry_out = f"c{i + 1}" if i + 1 < bits else f"s{bits}"
        gates.append(("full_adder", (f"a{i}", f"b{i}", f"c{i}", f"s{i}", carry_out)))
    return logic_circuit(gates, {"c0": 0} | dict(clamp or {}))


def _wired(number: int, name: str, terminals: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    if name not in GATES:
        raise ModelError(f"logic: no gate {name!r}; there are {', '.join(GATES)}")
    given = tuple(terminals)
    if name == "xor" and len(given) == 3:
        given = (*given, f"carry_{number}")
    if len(given) != len(GATES[name]) or len(set(given)) != len(given):
        raise ModelError(f"logic: {name} has the terminals {GATES[name]}, got {given}")
    return name, given


def _energy(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Couplings (symmetric) and biases of a gate."""
    if name in _SUMS:
        weights = np.asarray(_SUMS[name], float)
        couplings = -0.5 * np.outer(weights, weights)
        np.fill_diagonal(couplings, 0.0)
        return couplings, -0.5 * weights.sum() * weights
    # E = −(−ab + 2ac + 2bc ± (a + b − 2c))/4: rows of the table at −3/4, all others at least 1 above
    couplings = np.array([[0, -1, 2], [-1, 0, 2], [2, 2, 0]], float) / 4
    biases = np.array([1, 1, -2], float) / 4
    return couplings, biases if name == "and" else -biases
