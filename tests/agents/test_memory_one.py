"""Memory-one players against the exact Markov chain, and zero-determinant lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermopolis.agents.markov import limit, long_run_payoffs, stationary, transition_matrix
from thermopolis.agents.memory_one import MemoryOne
from thermopolis.errors import ModelError

from .playing import lanes_of, play

inside = st.floats(0.02, 0.98)
four = st.tuples(inside, inside, inside, inside)


def test_published_self_play_cooperation_under_noise():
    generous = MemoryOne(1, 1 / 3, 1, 1 / 3)
    for player, expected in (
        (MemoryOne.TIT_FOR_TAT, 0.5),
        (MemoryOne.WIN_STAY_LOSE_SHIFT, 0.9706),
        (generous, 0.97115),
    ):
        v = stationary(player.cooperation, player.cooperation, noise=0.01)
        assert v[0] + v[1] == pytest.approx(expected, abs=5e-5)


@given(four, four, st.floats(0, 0.2))
@settings(max_examples=50, deadline=None)
def test_the_limit_is_stationary_and_a_distribution(p, q, noise):
    v = stationary(p, q, noise)
    np.testing.assert_allclose(v @ transition_matrix(p, q, noise), v, atol=1e-12)
    assert v.min() >= -1e-12 and v.sum() == pytest.approx(1)


def test_reducible_and_periodic_chains_have_their_cesaro_limit():
    tft = MemoryOne.TIT_FOR_TAT.cooperation
    np.testing.assert_allclose(stationary(tft, tft, opening=(1, 1)), [1, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(stationary(tft, tft, opening=(1, 0)), [0, 0.5, 0.5, 0], atol=1e-12)
    p = transition_matrix(tft, tft)
    power, mean = np.eye(4), np.zeros((4, 4))
    for _ in range(400):
        mean, power = mean + power / 400, power @ p
    np.testing.assert_allclose(limit(p), mean, atol=1e-12)


PAIRS = [
    (MemoryOne.TIT_FOR_TAT, MemoryOne.TIT_FOR_TAT),
    (MemoryOne.WIN_STAY_LOSE_SHIFT, MemoryOne.TIT_FOR_TAT),
    (MemoryOne.GENEROUS_TIT_FOR_TAT, MemoryOne.EXTORT_2),
    (MemoryOne(0.7, 0.2, 0.4, 0.6), MemoryOne(0.3, 0.9, 0.1, 0.5)),
    (MemoryOne.FIRM_BUT_FAIR, MemoryOne.ALWAYS_DEFECT),
]


def test_pairs_match_the_exact_chain_within_four_standard_errors():
    """Outcome frequencies over rounds 200 to 600 of 2,048 lanes; each lane is one independent sample."""
    lanes, rounds, burn = 2048, 600, 200
    for noise in (0.0, 0.05):
        for seed, (a, b) in enumerate(PAIRS):
            own, partner, *_ = play(a, b, rounds, lanes, noise, seed)
            exact = stationary(a.cooperation, b.cooperation, noise, (a.opening, b.opening))
            for outcome in range(4):
                per_lane = (own * 2 + partner == outcome)[burn:].mean(0)
                error = per_lane.std(ddof=1) / lanes**0.5
                assert abs(per_lane.mean() - exact[outcome]) <= 4 * error + 1e-9, (noise, a, b, outcome)


@given(four, st.floats(1, 8), st.floats(0.05, 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_zero_determinant_players_force_their_line(q, chi, share, where):
    """s_x − κ = χ(s_y − κ) against any memory-one partner."""
    baseline = 1 + 2 * where
    largest = MemoryOne.zero_determinant(chi, baseline)
    direction = np.subtract(largest.cooperation, (1, 1, 0, 0))
    phi = share / (1e-9 + np.max(np.abs([(5 - baseline) * chi + baseline, (5 - baseline) + chi * baseline])))
    player = MemoryOne.zero_determinant(chi, baseline, phi)
    own, partner = long_run_payoffs(player.cooperation, q)
    assert own - baseline == pytest.approx(chi * (partner - baseline), abs=1e-6)
    assert (
        np.linalg.matrix_rank(np.stack([direction, np.subtract(player.cooperation, (1, 1, 0, 0))]), 1e-6) == 1
    )


def test_named_zero_determinant_players_are_the_published_ones():
    np.testing.assert_allclose(MemoryOne.EXTORT_2.cooperation, (8 / 9, 1 / 2, 1 / 3, 0), atol=1e-12)
    np.testing.assert_allclose(MemoryOne.GENEROUS_2.cooperation, (1, 1 / 8, 1, 1 / 4), atol=1e-12)
    np.testing.assert_allclose(
        MemoryOne.extort(3, 1 / 26).cooperation, (11 / 13, 1 / 2, 7 / 26, 0), atol=1e-12
    )


@pytest.mark.parametrize(
    "make, what",
    [
        (lambda: MemoryOne(1.2, 0, 0, 0), "p_cc"),
        (lambda: MemoryOne(1, 0, 0, 0, opening=float("nan")), "opening"),
        (lambda: MemoryOne.extort(0.5), "chi"),
        (lambda: MemoryOne.extort(2, phi=0.5), "phi"),
        (lambda: MemoryOne.zero_determinant(2, 4.0), "baseline"),
    ],
)
def test_impossible_settings_are_refused_by_name(make, what):
    with pytest.raises(ModelError, match=what):
        make()


def test_only_settings_are_read():
    """A program compiled for one player plays another one from its settings."""
    a, b = MemoryOne.ALWAYS_COOPERATE, MemoryOne.ALWAYS_DEFECT
    own, *_ = play(a, a, 5, 3, settings=[lanes_of(b.settings(), 3), lanes_of(a.settings(), 3)])
    assert (own == 1).all()
