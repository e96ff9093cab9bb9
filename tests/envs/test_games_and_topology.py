"""Named games are what they're called; graphs are the graphs they claim to be."""

from __future__ import annotations

import warnings

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermopolis.envs.games import GameWarning, dilemma_faults, game, is_prisoners_dilemma, warn_if_no_dilemma
from thermopolis.envs.topology import TopologyWarning, network, topology


def test_named_games_are_of_their_class():
    def letters(name):
        (r, s), (t, p) = game(name).array()[0].tolist()
        return t, r, p, s

    assert game("prisoners_dilemma").payoffs == (((3.0, 0.0), (5.0, 1.0)),)
    assert dilemma_faults("prisoners_dilemma") == []
    t, r, p, s = letters("stag_hunt")
    assert r > t > p > s
    for name in ("chicken", "hawk_dove", "snowdrift"):
        t, r, p, s = letters(name)
        assert t > r > s > p, name
    t, r, p, s = letters("deadlock")
    assert t > p > r > s
    t, r, p, s = letters("harmony")
    assert r > t and s > p
    for name in ("matching_pennies", "rock_paper_scissors"):
        table = game(name).array()
        np.testing.assert_array_equal(table[0], -table[-1].T)


def test_a_game_claimed_a_dilemma_that_is_none_is_warned_of():
    with pytest.warns(GameWarning, match="T=2 > R=3 fails"):
        warn_if_no_dilemma({"name": "my_dilemma", "payoffs": [[3, 0], [2, 1]]})
    with pytest.warns(GameWarning, match="taking turns"):
        warn_if_no_dilemma({"payoffs": [[3, 0], [9, 1]]}, "prisoners_dilemma")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_no_dilemma("prisoners_dilemma")
        warn_if_no_dilemma("chicken")
    assert is_prisoners_dilemma("prisoners_dilemma") and not is_prisoners_dilemma("chicken")


SPECS = st.one_of(
    st.builds(lambda n: {"kind": "complete", "n": n}, st.integers(2, 12)),
    st.builds(lambda n, k: {"kind": "ring", "n": n, "k": 2 * k}, st.integers(7, 20), st.integers(1, 3)),
    st.builds(
        lambda r, c, nb, b: {"kind": "lattice", "shape": [r, c], "neighbourhood": nb, "boundary": b},
        st.integers(3, 6),
        st.integers(3, 6),
        st.sampled_from(["moore", "von_neumann"]),
        st.sampled_from(["torus", "open"]),
    ),
    st.builds(
        lambda n, k, p: {"kind": "small_world", "n": n, "k": 2 * k, "p": p},
        st.integers(9, 30),
        st.integers(2, 4),
        st.floats(0, 1),
    ),
    st.builds(lambda n, m: {"kind": "scale_free", "n": n, "m": m}, st.integers(6, 40), st.integers(1, 5)),
)


@settings(max_examples=60, deadline=None)
@given(SPECS, st.integers(0, 2**63 - 1))
def test_links_come_in_two_directions_and_number_what_the_spec_says(spec, seed):
    found = topology(spec)
    graph = network(found, (seed, seed + 1))
    for c in range(graph.source.shape[1]):
        source, target, reverse = graph.source[:, c], graph.target[:, c], graph.reverse[:, c]
        assert source.size == found.links
        assert len({*zip(source.tolist(), target.tolist(), strict=True)}) == source.size
        assert not np.any(source == target)
        np.testing.assert_array_equal(source[reverse], target)
        np.testing.assert_array_equal(target[reverse], source)
        np.testing.assert_array_equal(np.bincount(source, minlength=found.n), graph.degree[:, c])
        assert np.all(np.diff(source) >= 0)
    if graph.neighbours is not None:
        for i in range(found.n):
            own = graph.target[graph.source[:, 0] == i, 0]
            assert sorted(graph.neighbours[:, i, 0].tolist()) == sorted(own.tolist())


def test_lattices_have_their_neighbourhoods():
    for spec, degrees in [
        ({"shape": [4, 5]}, {8: 20}),
        ({"shape": [4, 5], "neighbourhood": "von_neumann"}, {4: 20}),
        ({"shape": [4, 5], "boundary": "open"}, {8: 6, 5: 10, 3: 4}),
        ({"shape": [4, 5], "boundary": "open", "neighbourhood": "von_neumann"}, {4: 6, 3: 10, 2: 4}),
    ]:
        count = np.unique_counts(network(topology("lattice", **spec)).degree)
        assert dict(zip(count.values.tolist(), count.counts.tolist(), strict=True)) == degrees
    corner = network(topology("lattice", shape=[4, 5])).neighbours[:, 0, 0]
    assert sorted(corner.tolist()) == [1, 4, 5, 6, 9, 15, 16, 19]


def test_random_graphs_follow_their_seed():
    found = topology("scale_free", n=60, m=2)
    one, two = network(found, (1, 2)), network(found, (2, 1))
    np.testing.assert_array_equal(one.source[:, 0], two.source[:, 1])
    assert not np.array_equal(one.target[:, 0], one.target[:, 1])


def test_scale_free_graphs_have_hubs_and_small_worlds_short_paths():
    graph = network(topology("scale_free", n=2000, m=2), (0,))
    assert graph.degree.max() > 10 * graph.degree.mean()
    lengths = {}
    for p in (0.0, 0.2):
        graph = network(topology("small_world", n=200, k=4, p=p), (0,))
        links = zip(graph.source[:, 0].tolist(), graph.target[:, 0].tolist(), strict=True)
        lengths[p] = nx.average_shortest_path_length(nx.Graph(links))
    assert lengths[0.2] < lengths[0.0] / 3


def test_a_society_in_two_parts_is_warned_of():
    with pytest.warns(TopologyWarning, match="not connected"):
        topology("edges", edges=[[0, 1], [2, 3]])
