"""Gibbs draws the law it should: against enumeration, forbidden states included, heat booked move by move."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from graphs import random_graph, total_variation_excess

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, make_key
from thermopolis.thermo import Categorical, Gibbs, Ising, coupled, enumerate_states, sample, sample_lanes


def lane_keys(seed: int, lanes: int) -> jax.Array:
    return fold_in(jnp.broadcast_to(make_key(seed), (lanes,)), jnp.arange(lanes))


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(s, marks=pytest.mark.long) for s in (2, 3, 4))])
def test_gibbs_matches_enumeration(seed: int) -> None:
    energy = random_graph(seed)
    drawn = sample(make_key(seed), energy, Gibbs(), temperature=0.8, chains=64, samples=600, burn_in=100)
    assert total_variation_excess(energy, 0.8, drawn.values) < 4


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5, 20))
def test_gibbs_matches_enumeration_on_more_graphs(seed: int) -> None:
    energy = random_graph(seed)
    drawn = sample(make_key(seed), energy, Gibbs(), temperature=0.8, chains=64, samples=2000, burn_in=200)
    assert total_variation_excess(energy, 0.8, drawn.values) < 4


def test_spins_match_enumeration() -> None:
    rng = np.random.default_rng(1)
    edges = [(i, j) for i in range(8) for j in range(i) if rng.random() < 0.5]
    energy = Ising(edges, rng.normal(size=len(edges)), rng.normal(size=8))
    drawn = sample(make_key(2), energy, Gibbs(), temperature=1.5, chains=64, samples=600)
    assert total_variation_excess(energy, 1.5, drawn.values) < 4


@pytest.mark.parametrize("kind", ["counter", "threefry"])
def test_core_counts_match_enumeration(kind: str) -> None:
    """Per-lane tables and temperatures, tabulated conditionals: counts of every unit within 4 standard errors."""
    lanes, samples = 6, 4000
    rng = np.random.default_rng(3)
    tables = {
        (0, 1): rng.normal(size=(4, 3, lanes)),
        (1, 2): rng.normal(size=(3, 2, lanes)),
        (2,): rng.normal(size=2),
    }
    energy = Categorical((4, 3, 2), tables)
    temperature = jnp.linspace(0.7, 2.0, lanes)
    keys = fold_in(jnp.broadcast_to(make_key(5, kind), (lanes,)), jnp.arange(lanes))
    drawn = sample_lanes(keys, energy, temperature, jnp.zeros((3, lanes), jnp.int32), 50, samples)
    for lane in range(lanes):
        exact = enumerate_states(energy, float(temperature[lane]), lane)
        for counts, marginal in zip(drawn.counts, exact.marginals, strict=True):
            share = np.asarray(counts)[:, lane] / samples
            # samples of coupled units are correlated: half of them count here
            error = np.sqrt(marginal * (1 - marginal) / (samples / 2))
            assert (np.abs(share - marginal) < 4 * error + 1e-6).all()


def test_core_counts_of_single_units() -> None:
    """Independent units of 2, 5 and 70 states with forbidden ones: multinomial, and never a forbidden state."""
    lanes, samples = 4, 3000
    rng = np.random.default_rng(4)
    tables = [rng.normal(size=(size, lanes)) for size in (2, 5, 70)]
    tables[1][0], tables[1][4], tables[2][::3] = np.inf, np.inf, np.inf
    energy = Categorical((2, 5, 70), [((unit,), table) for unit, table in enumerate(tables)])
    start = jnp.asarray([[0] * lanes, [1] * lanes, [1] * lanes], jnp.int32)
    drawn = sample_lanes(lane_keys(1, lanes), energy, 0.7, start, 3, samples)
    for table, counts in zip(tables, drawn.counts, strict=True):
        weights = np.exp(-table / 0.7)
        law = weights / weights.sum(axis=0)
        assert (np.asarray(counts)[law == 0] == 0).all()
        assert (np.asarray(counts).sum(axis=0) == samples).all()
        assert (np.abs(counts / samples - law) <= 5 * np.sqrt(law * (1 - law) / samples)).all()
    assert np.allclose(drawn.heat, energy(start) - energy(drawn.state), atol=1e-5)


@pytest.mark.parametrize("samples", [1, 255, 256, 511])
def test_counts_are_of_every_sample(samples: int) -> None:
    """Counts of coupled units of 2, 4 and 6 states, as many as samples, whatever has to be carried over."""
    rng = np.random.default_rng(4)
    energy = Categorical((2, 4, 6), {(0, 1): rng.normal(size=(2, 4)), (1, 2): 3 * rng.normal(size=(4, 6))})
    keys = fold_in(jnp.broadcast_to(make_key(8), (64,)), jnp.arange(64))
    state = jnp.zeros((3, 64), jnp.int32)
    drawn = sample_lanes(keys, energy, 0.5, state, 3, samples)
    for counts, row in zip(drawn.counts, drawn.state, strict=True):
        assert (np.asarray(counts).sum(axis=0) == samples).all() and (np.asarray(counts) >= 0).all()
        assert (np.take_along_axis(np.asarray(counts), np.asarray(row)[None], axis=0) >= 1).all()
    if samples > 1:  # the last sample is one more than all but the last
        fewer = sample_lanes(keys, energy, 0.5, state, 3, samples - 1)
        for counts, less, row in zip(drawn.counts, fewer.counts, drawn.state, strict=True):
            more = np.asarray(counts) - np.asarray(less)
            assert (more == (np.arange(len(more))[:, None] == np.asarray(row))).all()


@pytest.mark.parametrize("sizes", [(4, 4), pytest.param((2, 1, 6), marks=pytest.mark.long)])
def test_several_sweeps_a_word_are_sweeps_one_by_one(sizes: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit, with per-lane tables and lanes that take fewer samples."""
    lanes, samples, rng = 300, 261, np.random.default_rng(7)
    scopes = [(i, i + 1) for i in range(len(sizes) - 1)]
    energy = Categorical(sizes, [((i, j), rng.normal(size=(sizes[i], sizes[j], lanes))) for i, j in scopes])
    taken = jnp.asarray(rng.integers(0, samples + 1, lanes), jnp.int32)
    given = lane_keys(2, lanes), energy, 0.8, jnp.zeros((len(sizes), lanes), jnp.int32), 7, samples, taken
    configurations = [coupled.conditional_table(energy, unit).shape[1] for unit in range(len(sizes))]
    assert coupled._register(sizes, configurations, lanes, samples).sweeps > 1
    grouped = sample_lanes(*given)
    monkeypatch.setattr(coupled, "_MANY", 1 << 40)
    single = sample_lanes(*given)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), grouped, single))


def test_core_is_blind_to_batch() -> None:
    """A lane draws the same beside 3 lanes or 200."""
    energy = Categorical((4, 4), {(0, 1): np.random.default_rng(0).normal(size=(4, 4))})
    wide = sample_lanes(lane_keys(9, 200), energy, 1.0, jnp.zeros((2, 200), jnp.int32), 5, 40)
    narrow = sample_lanes(lane_keys(9, 200)[7:10], energy, 1.0, jnp.zeros((2, 3), jnp.int32), 5, 40)
    assert (wide.state[:, 7:10] == narrow.state).all()
    assert all((w[:, 7:10] == n).all() for w, n in zip(wide.counts, narrow.counts, strict=True))


@pytest.mark.parametrize("coupled", [True, False])
def test_taking_fewer_samples_is_a_smaller_core(coupled: bool) -> None:
    """A lane that takes k of the samples is a core of k samples to the last bit; one that takes none rests."""
    rng = np.random.default_rng(2)
    scopes = [(0, 1)] if coupled else [(0,), (1,)]
    energy = Categorical((4, 3), [(scope, rng.normal(size=[(4, 3)[u] for u in scope])) for scope in scopes])
    keys, start = lane_keys(6, 3), jnp.ones((2, 3), jnp.int32)
    taken = jnp.asarray([0, 7, 20], jnp.int32)
    drawn = sample_lanes(keys, energy, 1.0, start, 3, 20, taken)
    assert (drawn.state[:, 0] == 1).all() and float(drawn.heat[0]) == 0.0
    assert all(float(counts[:, 0].sum()) == 0.0 for counts in drawn.counts)
    for lane, samples in enumerate(taken.tolist()[1:], start=1):
        alone = sample_lanes(keys, energy, 1.0, start, 3, samples)
        assert (alone.state[:, lane] == drawn.state[:, lane]).all()
        assert float(alone.heat[lane]) == float(drawn.heat[lane])
        for mine, theirs in zip(drawn.counts, alone.counts, strict=True):
            assert (mine[:, lane] == theirs[:, lane]).all() and float(mine[:, lane].sum()) == samples


def test_heat_of_moves_is_the_drop_in_energy() -> None:
    energy = random_graph(11)
    keys = lane_keys(3, 32)
    sampler = Gibbs()
    state = sampler.init(keys, energy)
    before, booked = energy(state), jnp.zeros(32)
    assert bool(jnp.isfinite(before).all())
    step = jax.jit(lambda keys, state: sampler.step(keys, state, energy, 0.9))
    for number in range(50):
        state, info = step(fold_in(keys, number), state)
        booked = booked + info.delta_energy
    assert np.allclose(booked, energy(state) - before, atol=1e-4)


def test_a_support_that_falls_apart_is_refused_or_blocked() -> None:
    table = np.array([[0.0, np.inf], [np.inf, 0.5]])
    with pytest.raises(ModelError, match=r"units \(0, 1\) jointly"):
        Categorical((2, 2, 2), {(0, 1): table, (2,): [0.0, 1.0]})
    energy = Categorical((2, 2, 2), {(0, 1): table, (1, 2): [[0.0, 1.0], [0.5, 0.0]]}, blocks="auto")
    assert energy.blocks == ((0, 1), (2,))
    drawn = sample(make_key(0), energy, Gibbs(), chains=32, samples=500)
    assert total_variation_excess(energy, 1.0, drawn.values) < 4
    lanes = sample_lanes(lane_keys(0, 8), energy, 1.0, jnp.zeros((3, 8), jnp.int32), 5, 500)
    assert (lanes.state[0] == lanes.state[1]).all()
    assert (lanes.counts[0] == lanes.counts[1]).all()


def test_starting_forbidden_never_makes_nan_and_is_left() -> None:
    """A core told to start in a forbidden state leaves it, and books no infinite heat."""
    energy = Categorical((3, 2), {(0,): [np.inf, 0.0, 1.0], (0, 1): np.zeros((3, 2))})
    drawn = sample_lanes(lane_keys(0, 16), energy, 1.0, jnp.zeros((2, 16), jnp.int32), 0, 3)
    assert np.isfinite(drawn.energy).all() and (drawn.heat == 0).all()
    assert (drawn.counts[0][0] == 0).all()


def test_colouring_of_neighbours_is_refused() -> None:
    energy = Categorical((2, 2), {(0, 1): np.zeros((2, 2))})
    energy.verify(energy.colours)
    with pytest.raises(ModelError, match="units 0 and 1 share a factor"):
        energy.verify([(0, 1)])
    with pytest.raises(ModelError, match="missing"):
        energy.verify([(0,)])


@pytest.mark.parametrize(
    ("sizes", "factors", "message"),
    [
        ((), {(0,): [0.0]}, "empty graph"),
        ((2,), {}, "no factors"),
        ((2,), {(1,): [0.0, 0.0]}, "not among"),
        ((2,), {(0,): [0.0, 0.0, 0.0, 0.0]}, "expected a table of shape"),
        ((2,), {(0,): [0.0, np.nan]}, "NaN"),
        ((2,), {(0,): [0.0, -np.inf]}, "only .inf forbids"),
        ((2,), {(0,): [np.inf, np.inf]}, "every joint state is forbidden"),
        ((2, 2), {(0, 0): np.zeros((2, 2))}, "named twice"),
        ((0,), {(0,): []}, "at least 1 state"),
        ((2, 2), {(0,): np.zeros((2, 3)), (1,): np.zeros((2, 4))}, "number of lanes"),
    ],
)
def test_bad_models_are_refused(sizes: tuple, factors: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Categorical(sizes, factors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 0}, "samples"),
        ({"chains": 0}, "chains"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": np.nan}, "temperature"),
        ({"device": "abacus"}, "no preset"),
        ({"device": "rlc_stochastic_unit"}, "1 are missing"),
    ],
)
def test_bad_calls_are_refused(change: dict, message: str) -> None:
    energy = Ising([(i, i + 1) for i in range(8)])
    with pytest.raises(ModelError, match=message):
        sample(make_key(0), energy, Gibbs(), **change)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "empty graph"),
        (([(0, 0)],), "coupled to itself"),
        (([(0, 1), (1, 0)],), "named twice"),
        (([(0, 1)], [1.0, 2.0]), "couplings"),
        (([(0, 1)], np.nan), "NaN"),
        (([(0, 1)], 1.0, [0.0, 1.0, np.inf], 3), "NaN or infinite"),
    ],
)
def test_bad_spins_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Ising(*arguments)


def test_asymmetric_couplings_are_refused() -> None:
    with pytest.raises(ModelError, match="asymmetric"):
        Ising.from_matrix([[0.0, 1.0], [0.5, 0.0]])
