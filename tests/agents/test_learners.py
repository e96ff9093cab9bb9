"""Q-learning and logit response settle where their theory says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from thermopolis.agents.logit_response import LogitResponse
from thermopolis.agents.memory_one import MemoryOne
from thermopolis.agents.q_learning import QLearning
from thermopolis.agents.random_player import RandomPlayer
from thermopolis.errors import ModelError

from .playing import lanes_of, play

TEMPERATURES = np.geomspace(0.25, 10.0, 12)
R, S, T, P = 3.0, 0.0, 5.0, 1.0


def logit_equilibrium(temperature: float) -> float:
    """p = 1/(1 + exp{[p(T−R) + (1−p)(P−S)]/temperature})."""
    gap = lambda p: p - 1 / (1 + np.exp((p * (T - R) + (1 - p) * (P - S)) / temperature))
    return float(brentq(gap, 0.0, 1.0, xtol=1e-14))


def test_published_logit_equilibria():
    for rate, expected in ((0.1, 0.463478), (0.5, 0.338648), (1, 0.226751), (4, 0.016835)):
        assert logit_equilibrium(1 / rate) == pytest.approx(expected, abs=1e-6)


def test_rest_points_of_the_boltzmann_flow_are_logit_equilibria():
    """Kianercy & Galstyan: ẋ = x(1−x)[(R−S−T+P)y + (S−P) − τ ln(x/(1−x))], and the same for y."""

    def flow(_: float, z: np.ndarray, tau: float) -> np.ndarray:
        x, y = z
        pull = lambda a, b: a * (1 - a) * ((R - S - T + P) * b + (S - P) - tau * np.log(a / (1 - a)))
        return np.array([pull(x, y), pull(y, x)])

    for tau in TEMPERATURES:
        rest = solve_ivp(flow, (0, 400 / min(tau, 1)), (0.6, 0.3), args=(tau,), rtol=1e-10, atol=1e-13).y[
            :, -1
        ]
        np.testing.assert_allclose(rest, logit_equilibrium(tau), atol=1e-6)


def test_two_logit_responders_settle_on_the_logit_equilibrium():
    """Mean response over lanes after 4,000 rounds, all temperatures as lanes of one program: within 1e-3."""
    replicates, rounds = 256, 4000
    lanes = replicates * len(TEMPERATURES)
    player = LogitResponse()
    settings = lanes_of(player.settings(), lanes)
    settings["temperature"] = np.repeat(TEMPERATURES, replicates).astype(np.float32)
    *_, first, second = play(player, player, rounds, lanes, seed=3, settings=[settings, settings])
    expected = [logit_equilibrium(t) for t in TEMPERATURES]
    for counts in (first, second):
        p = np.asarray(player.response(counts, settings))[0].reshape(len(TEMPERATURES), -1)
        np.testing.assert_allclose(p.mean(1), expected, atol=1e-3)


def test_slow_boltzmann_learners_rest_near_the_logit_equilibrium():
    """Cooperation over the last half, within 4 standard errors and the O(rate) bias of noisy values."""
    replicates, rounds, rate = 64, 6000, 0.01
    temperatures = TEMPERATURES[3:]
    lanes = replicates * len(temperatures)
    player = QLearning(rate=rate)
    settings = lanes_of(player.settings(), lanes)
    settings["temperature"] = np.repeat(temperatures, replicates).astype(np.float32)
    own, *_ = play(player, player, rounds, lanes, seed=5, settings=[settings, settings])
    per_lane = (own[rounds // 2 :] == 0).mean(0).reshape(len(temperatures), -1)
    error = per_lane.std(1, ddof=1) / replicates**0.5
    expected = np.array([logit_equilibrium(t) for t in temperatures])
    assert (np.abs(per_lane.mean(1) - expected) <= 4 * error + rate).all()


def test_q_learning_solves_the_bellman_equation_against_tit_for_tat():
    """With memory, a patient discount and moves at random the values become Q*, off policy."""
    learner = QLearning(rate=0.3, discount=0.9, epsilon=1.0, exploration="epsilon_greedy", memory=1)
    *_, state, _ = play(learner, MemoryOne.TIT_FOR_TAT, 3000, 64, seed=1)
    values = np.asarray(state.values)  # outcome, action, lane
    exact = np.zeros((4, 2))
    for _ in range(500):
        best = exact.max(1)
        # after own last move m, tit for tat plays m: outcome of action a is (a, m)
        exact = np.array(
            [[[R, S], [T, P]][a][s // 2] + 0.9 * best[2 * a + s // 2] for s in range(4) for a in (0, 1)]
        )
        exact = exact.reshape(4, 2)
    np.testing.assert_allclose(values, np.broadcast_to(exact[..., None], values.shape), atol=1e-2)
    assert (exact.argmax(1) == 0).all()  # cooperation is the best reply


def test_random_players_play_their_distribution():
    p = (0.1, 0.2, 0.7)
    player = RandomPlayer(p)
    own, *_ = play(player, player, 50, 2000, seed=2)
    n = own.size
    for action, expected in enumerate(p):
        assert abs((own == action).mean() - expected) <= 4 * (expected * (1 - expected) / n) ** 0.5


@pytest.mark.parametrize(
    "make, what",
    [
        (lambda: QLearning(rate=0), "rate"),
        (lambda: QLearning(discount=1), "discount"),
        (lambda: QLearning(payoffs=((1, 2),)), "payoffs"),
        (lambda: QLearning(exploration="softmax"), "exploration"),
        (lambda: LogitResponse(0), "temperature"),
        (lambda: LogitResponse(forgetting=1), "forgetting"),
        (lambda: RandomPlayer(1.5), "p must"),
    ],
)
def test_impossible_settings_are_refused_by_name(make, what):
    with pytest.raises(ModelError, match=what):
        make()
