"""The public names with odd but legitimate arguments, and what they say to wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import thermopolis as tp
from thermopolis.errors import ModelError
from thermopolis.keys import make_key
from thermopolis.thermo.clamp import clamp
from thermopolis.thermo.colouring import verify_colouring

KEY = make_key(0)
RING = tp.thermo.Ising([(0, 1), (1, 2), (2, 0)], 0.5, 0.1)
QUADRATIC = tp.thermo.Quadratic([[2.0, 0.5], [0.5, 1.0]], [1.0, 0.0])
MATRIX = np.array([[2.0, 0.5], [0.5, 1.0]])


def draw(
    energy: Any = RING, sampler: Any = None, temperature: Any = 1.0, key: Any = KEY, **changes: Any
) -> Any:
    options = {"samples": 6, "burn_in": 2} | changes
    return tp.thermo.sample(key, energy, sampler or tp.thermo.Gibbs(), temperature, **options)


@pytest.mark.parametrize(
    "key", [jax.random.key(3), jax.random.PRNGKey(3), 3, np.int64(3), make_key(3)], ids=str
)
def test_keys_of_every_kind(key: Any) -> None:
    assert draw(key=key).values.shape == (6, 3, 1)
    assert np.isfinite(tp.thermo.solve(key, MATRIX, [1, 0], samples=2, chains=2).value).all()


def test_raw_words_are_the_typed_key() -> None:
    raw, typed = (draw(key=key, chains=2).values for key in (jax.random.PRNGKey(5), jax.random.key(5)))
    np.testing.assert_array_equal(raw, typed)


@pytest.mark.parametrize(
    "temperature", [2, np.float32(2), [2.0, 2.0], (2, 2), np.array([2.0, 2.0]), jnp.full(2, 2.0)]
)
def test_temperature_as_number_or_array(temperature: Any) -> None:
    """All the same law at the same keys; an array alone says how many chains there are."""
    expected = draw(temperature=2.0, chains=2)
    np.testing.assert_array_equal(draw(temperature=temperature, chains=2).values, expected.values)
    if np.ndim(temperature):
        np.testing.assert_array_equal(draw(temperature=temperature).values, expected.values)


def test_whole_numbers_of_any_type() -> None:
    drawn = draw(chains=np.int64(2), samples=5.0, burn_in=np.int32(1), thin=np.int8(2))
    assert drawn.values.shape == (5, 3, 2)
    ledger = drawn.ledger
    assert all(np.shape(leaf) == (2,) for leaf in jax.tree.leaves(ledger))


@pytest.mark.parametrize(
    "edges",
    [
        {(0, 1), (1, 2)},
        ((i, i + 1) for i in range(2)),
        zip(range(2), range(1, 3), strict=True),
        [(1.0, 0.0), [2, 1]],
    ],
)
def test_edges_as_any_collection(edges: Any) -> None:
    energy = tp.thermo.Ising(edges)
    assert sorted(map(tuple, energy.edges.tolist())) == [(0, 1), (1, 2)]


def test_fields_alone_gaps_in_numbers_and_lattices_of_any_shape() -> None:
    alone = tp.thermo.log_partition(tp.thermo.Ising([], 1.0, [0.5]), 1)
    assert alone == pytest.approx(np.log(2 * np.cosh(0.5)))
    assert tp.thermo.log_partition(tp.thermo.Ising([(0, 1), (1, 4)], 0.0), 2.0) == pytest.approx(
        5 * np.log(2)
    )
    assert draw(tp.thermo.Ising([(0, 5)], 0.7)).values.shape == (6, 6, 1)
    chain = tp.thermo.Ising.lattice(5, 0.4)
    ring = tp.thermo.Ising([(i, (i + 1) % 5) for i in range(5)], 0.4)
    assert tp.thermo.log_partition(chain) == pytest.approx(tp.thermo.log_partition(ring))


def test_categorical_takes_sizes_from_its_factors() -> None:
    rng = np.random.default_rng(0)
    factors = {(0, 1, 2): rng.normal(size=(2, 3, 2)), 1: [0, 1, 0]}
    bare, sized = tp.thermo.Categorical(factors), tp.thermo.Categorical((2, 3, 2), factors)
    assert bare.sizes == sized.sizes == (2, 3, 2)
    assert tp.thermo.log_partition(bare) == tp.thermo.log_partition(sized)
    with pytest.raises(ModelError, match="unit 0 has 2 states in one factor, 3 in another"):
        tp.thermo.Categorical({(0,): [0.0, 1.0], (0, 1): np.zeros((3, 2))})


def test_metropolis_moves_every_energy() -> None:
    mixed = tp.thermo.Mixed((2,), 1, lambda k, x: (x[0] - k[0]) ** 2)
    for energy in (RING, QUADRATIC, tp.thermo.DoubleWell(1.0), mixed):
        drawn = draw(energy, tp.thermo.Metropolis(), chains=3)
        assert drawn.values.shape == (6, energy.units, 3) and 0 < drawn.diagnostics["acceptance"] < 1


def test_tempering_of_wells_that_differ_from_chain_to_chain() -> None:
    wells = tp.thermo.DoubleWell(np.array([1.0, 3.0]))
    sampler = tp.thermo.Tempering([1.0, 2.0], tp.thermo.Metropolis(scale=1.5))
    drawn = draw(wells, sampler, chains=2, samples=2000, burn_in=50)
    within = (np.abs(np.abs(drawn.values[:, 0]) - 1) < 0.5).mean(axis=0)
    x = np.linspace(-4, 4, 4001)
    for chain, barrier in enumerate((1.0, 3.0)):
        weight = np.exp(-barrier * (x**2 - 1) ** 2)
        exact = weight[np.abs(np.abs(x) - 1) < 0.5].sum() / weight.sum()
        assert abs(within[chain] - exact) < 0.06


def test_devices_hold_quadratic_couplings_symmetrically() -> None:
    from thermopolis.thermo.imperfections import realised

    device = tp.thermo.Device.preset("landauer", weight_bits=6, mismatch=0.1)
    held = np.asarray(realised(device, QUADRATIC).A)
    assert held[0, 1] == held[1, 0] != 0.5


def test_answers_stand_for_their_values() -> None:
    found = tp.thermo.inv(1, [[4]], samples=4, chains=2)
    np.testing.assert_array_equal(np.asarray(found), found.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw(samples=0), "samples: expected an integer of at least 1, got 0"),
        (lambda: draw(samples=2.5), "samples"),
        (lambda: draw(chains=True), "chains"),
        (lambda: draw(thin="2"), "thin"),
        (lambda: draw(temperature=[1.0, 2.0], chains=3), "2 temperatures for 3 chains"),
        (lambda: draw(temperature="hot"), "temperature"),
        (lambda: draw(temperature=None), "temperature"),
        (lambda: draw(key="seed"), "key"),
        (lambda: draw(key=jax.random.split(jax.random.key(0), 2)), "expected one key"),
        (lambda: draw(sampler=tp.thermo.Gibbs), "sampler"),
        (lambda: draw(device=None), "device"),
        (lambda: draw(tp.thermo.Ising([(0, 1)], np.ones((1, 4))), chains=3), "numbers for 4 chains, got 3"),
        (lambda: draw(QUADRATIC), "Quadratic has no discrete units"),
        (lambda: draw(RING, tp.thermo.Langevin()), "a force, which Ising has not"),
        (lambda: draw(QUADRATIC, tp.thermo.Metropolis("swap")), "swaps"),
        (lambda: tp.thermo.Ising([(0, 1, 2), (1, 2, 3)]), "edges: expected pairs"),
        (lambda: tp.thermo.Ising([(0.5, 1)]), "edges"),
        (lambda: tp.thermo.Ising([(-1, 1)]), "names spin -1"),
        (lambda: tp.thermo.Ising.lattice((4.5, 4)), "sides"),
        (lambda: tp.thermo.Categorical((2.5,), {(0,): [0, 1]}), "unit 0"),
        (lambda: tp.thermo.Quadratic(np.zeros((0, 0))), "at least one unit"),
        (lambda: tp.thermo.log_partition(RING, [1.0, 2.0]), "temperature: expected one number"),
        (lambda: tp.thermo.natural_gradient(MATRIX, [np.nan, 0.0]), "gradient"),
        (lambda: tp.thermo.natural_gradient(2.0, 4.0), "gradient"),
        (lambda: tp.thermo.entmax([1.0, 2.0], [1.5, 2.0]), "alpha"),
        (lambda: tp.thermo.entmax([], 1.5), "at least one action"),
        (lambda: tp.thermo.Device.preset("cmos_pbit", cels=4), "unknown field 'cels'"),
        (lambda: tp.thermo.Device.preset("cmos_pbit", cells=-4), "cells"),
        (lambda: tp.thermo.Device.preset("cmos_pbit", weight_bits=4.5), "weight_bits"),
    ],
)
def test_wrong_arguments_are_refused_by_name(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tp.thermo.LinearProcess([[-1.0]], [[1.0]]), "drift: expected a stable matrix"),
        (lambda: tp.thermo.solve(KEY, [[1.0, 2.0], [2.0, 1.0]], [1, 0]), "stable"),
        (
            lambda: tp.thermo.Ising.from_matrix([[0, 1], [2, 0]]),
            r"asymmetric: J\[0,1\] = 1.0, J\[1,0\] = 2.0",
        ),
        (lambda: tp.thermo.Quadratic([[1.0, 0.2], [0.0, 1.0]]), "symmetric"),
        (lambda: draw(temperature=0.0), "temperature must be > 0"),
        (lambda: draw(temperature=-1.0), "temperature must be > 0"),
        (lambda: tp.thermo.Tempering([0.0, 1.0]), "temperature must be > 0"),
        (lambda: draw(temperature=np.nan), "temperature"),
        (lambda: tp.thermo.Ising([(0, 1)], np.nan), "couplings: NaN"),
        (lambda: tp.thermo.Ising([(0, 1)], 1.0, [0.0, np.nan]), r"biases: NaN or infinite at \[1\]"),
        (lambda: tp.thermo.Categorical({(0,): [0.0, np.nan]}), "NaN"),
        (lambda: tp.thermo.Ising([]), "empty graph"),
        (lambda: tp.thermo.Categorical({}), "empty graph"),
        (lambda: clamp(RING, {0: 2}), "unit 0: 2 is out of range"),
        (lambda: clamp(RING, {7: 1}), "unit 7"),
        (lambda: tp.thermo.logic_gate("xor", {"out": 2}), "out is out of range"),
        (lambda: verify_colouring(3, ((0, 1), (1, 2)), [(0, 1), (2,)]), "0 and 1"),
        (lambda: draw(samples=0), "samples"),
        (lambda: draw(tp.thermo.Ising.lattice((4, 4)), device="rlc_stochastic_unit"), "8 are missing"),
    ],
)
def test_bad_physics_is_refused_by_name(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        call()
