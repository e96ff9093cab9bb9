"""Invertible logic: ground states are truth tables; clamped either way, the cold samples are right."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from thermopolis.errors import ModelError
from thermopolis.keys import make_key
from thermopolis.thermo import Gibbs, enumerate_states, logic_circuit, logic_gate, ripple_adder, sample
from thermopolis.thermo.logic import GATES

TABLES = {
    "and": lambda a, b: (a, b, a & b),
    "or": lambda a, b: (a, b, a | b),
    "xor": lambda a, b: (a, b, a ^ b, a & b),
    "half_adder": lambda a, b: (a, b, a ^ b, a & b),
    "full_adder": lambda a, b, c: (a, b, c, a ^ b ^ c, (a + b + c) // 2),
}


@pytest.mark.parametrize("name", GATES)
def test_ground_states_are_the_truth_table(name: str) -> None:
    exact = enumerate_states(logic_gate(name).energy)
    ground = np.isclose(exact.energies, exact.energies.min())
    rows = {tuple((column + 1) // 2) for column in exact.states[:, ground].T}
    inputs = 3 if name == "full_adder" else 2
    assert rows == {TABLES[name](*bits) for bits in itertools.product((0, 1), repeat=inputs)}
    assert exact.energies[~ground].min() > exact.energies.min() + 0.9


@pytest.mark.parametrize(
    ("name", "clamp"),
    [
        ("xor", {"a": 1, "b": 0}),
        ("xor", {"out": 1}),
        ("and", {"out": 0}),
        ("full_adder", {"a": 1, "b": 1, "carry_in": 0}),
        ("full_adder", {"sum": 0, "carry_out": 1}),
    ],
)
def test_clamped_either_way(name: str, clamp: dict[str, int]) -> None:
    """Shares of all rows against enumeration of the clamped law, 4.5 standard errors at 1/8 of the samples."""
    circuit = logic_gate(name, clamp)
    drawn = sample(make_key(1), circuit.sampled, Gibbs(), 0.35, chains=64, samples=500, burn_in=100)
    bits = circuit.bits(drawn.values)
    assert all((bits[terminal] == value).all() for terminal, value in clamp.items())
    whole = enumerate_states(circuit.energy, 0.35)
    states = (whole.states + 1) // 2
    fits = np.all([states[circuit.names.index(t)] == v for t, v in clamp.items()], axis=0)
    law = whole.probabilities[fits] / whole.probabilities[fits].sum()
    number = np.ravel_multi_index([bits[n].ravel() for n in circuit.names], (2,) * len(circuit.names))
    shares = np.bincount(number, minlength=len(fits))[fits] / number.size
    assert (np.abs(shares - law) < 4.5 * np.sqrt(law * (1 - law) / (number.size / 8)) + 1e-4).all()


@pytest.mark.long
def test_adder_adds_and_subtracts() -> None:
    """Two bits, annealed cold: clamped at the addends it gives the sum, clamped at sum and one addend the other."""
    from thermopolis.thermo import Geometric

    schedule = Geometric(2.0, 0.1)
    for clamp, asked, expected in (
        ({"a0": 1, "a1": 1, "b0": 0, "b1": 1}, ("s0", "s1", "s2"), 5),
        ({"s0": 1, "s1": 0, "s2": 1, "b0": 0, "b1": 1}, ("a0", "a1"), 3),
    ):
        circuit = ripple_adder(2, clamp)
        drawn = sample(make_key(2), circuit.sampled, Gibbs(), schedule, chains=64, samples=500, burn_in=0)
        bits = circuit.bits(drawn.values[-1])
        number = sum(bits[name] << place for place, name in enumerate(asked))
        assert (number == expected).mean() > 0.8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: logic_gate("maybe"), "no gate"),
        (lambda: logic_gate("xor", {"z": 1}), "no terminal"),
        (lambda: logic_gate("xor", {"a": 2}), "out of range"),
        (lambda: logic_gate("and", {"a": 1, "b": 1, "out": 0}), "every unit is held"),
        (lambda: logic_circuit([]), "empty circuit"),
        (lambda: logic_circuit([("and", ("a", "a", "b"))]), "terminals"),
        (lambda: ripple_adder(0), "at least 1 bit"),
    ],
)
def test_bad_circuits_are_refused(make: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make()  # type: ignore[operator]
