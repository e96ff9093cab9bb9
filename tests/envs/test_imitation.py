"""Imitation on graphs: Nowak & May's lattice, Fermi's rule, and sizes that only sparse graphs allow."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.envs.imitation import best_takes_over, evolve, fermi
from thermopolis.envs.matrix_game_v0 import matrix_game
from thermopolis.envs.topology import network, topology
from thermopolis.envs.world import cell_keys


def nowak_may(b, side, rounds, start):
    world, params = matrix_game(
        {"payoffs": [[1.0, 0.0], [b, 0.0]]},
        topology("lattice", shape=[side, side]),
        play="broadcast",
        accumulate="sum",
        self_interaction=True,
    )
    actions, shares = evolve(world, params, cell_keys(0, start.shape[1]), start, rounds)
    return np.asarray(actions), np.asarray(shares)


def test_nowak_may_cooperators_hold_out_and_every_b_in_the_window_plays_alike():
    side = 200
    start = (np.random.default_rng(0).random((side * side, 1)) > 0.9).astype(np.int32)
    _, shares = nowak_may(1.9, side, 220, start)
    late = shares[120:, 0]
    assert 0.29 < late.mean() < 0.34
    assert abs(late.mean() - (12 * math.log(2) - 8)) < 0.02
    last, shares = nowak_may(1.9, side, 60, start)
    for b in (1.801, 1.85, 1.999):
        again, same = nowak_may(b, side, 60, start)
        np.testing.assert_array_equal(again, last)
        np.testing.assert_array_equal(same, shares)
    assert not np.array_equal(nowak_may(1.79, side, 60, start)[0], last)


def test_a_lone_defector_grows_into_the_symmetric_kaleidoscope():
    side = 31
    start = np.zeros((side * side, 1), np.int32)
    start[side * side // 2] = 1
    last, _ = nowak_may(1.9, side, 12, start)
    field = last[:, 0].reshape(side, side)
    assert 9 < field.sum() < side * side
    for turned in (field.T, field[::-1], field[:, ::-1]):
        np.testing.assert_array_equal(field, turned)


@pytest.mark.parametrize("kind", ["ring", "scale_free"])
def test_best_takes_over_is_the_plain_rule(kind):
    found = topology(kind, n=30)
    graph = network(found, (1, 2))
    draws = np.random.default_rng(1)
    actions = draws.integers(3, size=(30, 2))
    earnings = draws.integers(5, size=(30, 2)).astype(np.float32)
    following = np.asarray(best_takes_over(graph, jnp.asarray(actions), jnp.asarray(earnings), 3))
    for c in range(2):
        column = min(c, graph.source.shape[1] - 1)
        for i in range(30):
            near = [i, *graph.target[graph.source[:, column] == i, column].tolist()]
            best = max(earnings[j, c] for j in near)
            among = {actions[j, c] for j in near if earnings[j, c] == best}
            expected = actions[i, c] if actions[i, c] in among else min(among)
            assert following[i, c] == expected


def test_fermi_copies_as_often_as_the_temperature_says():
    graph = network(topology("ring", n=4))
    cells = 5_000
    actions = jnp.broadcast_to(jnp.asarray([[0], [1], [0], [1]]), (4, cells))
    earnings = jnp.broadcast_to(jnp.asarray([[1.0], [2.0], [1.0], [2.0]]), (4, cells))
    shares = []
    for temperature in (0.5, 2.0, 50.0):
        following = np.asarray(fermi(cell_keys(3, cells), graph, actions, earnings, temperature))
        for player, gain in ((0, 1.0), (1, -1.0)):
            w = 1 / (1 + math.exp(-gain / temperature))
            copied = np.mean(following[player] != actions[player])
            assert abs(copied - w) < 4 * math.sqrt(w * (1 - w) / cells)
        shares.append(np.mean(following[0] != 0))
    assert shares[0] > shares[1] > shares[2]
    cold = np.asarray(fermi(cell_keys(3, cells), graph, actions, earnings, 1e-3))
    assert np.all(cold == 1)


def test_fermi_looks_at_every_neighbour_equally_often():
    found = topology("edges", edges=[[0, 1], [0, 2], [0, 3], [2, 3]])
    graph = network(found)
    cells = 5_000
    actions = jnp.broadcast_to(jnp.arange(4)[:, None], (4, cells))
    earnings = jnp.broadcast_to(jnp.asarray([[0.0], [9.0], [9.0], [9.0]]), (4, cells))
    copied = np.asarray(fermi(cell_keys(4, cells), graph, actions, earnings, 1e-2))[0]
    for other in (1, 2, 3):
        assert abs(np.mean(copied == other) - 1 / 3) < 4 * math.sqrt(2 / 9 / cells)


@pytest.mark.parametrize("n", [10_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_large_scale_free_society_runs(n):
    world, params = matrix_game(
        {"payoffs": [[1.0, 0.0], [1.3, 0.1]]},
        topology("scale_free", n=n, m=2),
        play="broadcast",
        accumulate="sum",
    )
    start = np.random.default_rng(0).integers(2, size=(n, 1))
    actions, shares = evolve(world, params, cell_keys(0, 1), start, 10, "fermi")
    assert actions.shape == (n, 1)
    assert np.all((np.asarray(shares) > 0) & (np.asarray(shares) < 1))
