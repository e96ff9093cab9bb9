"""Counterfactuals, controllers, other minds, teams and deep plans."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.agents import (
    ActiveInference,
    CentralPlanner,
    GenerativeModel,
    Learning,
    Team,
    dilemma_model,
    group_model,
    selection,
)
from thermopolis.agents.central import joint_model
from thermopolis.agents.counterfactual import action_probabilities, value_not_taken
from thermopolis.agents.opponent import LEVEL_0, opponent_model, partner_types, response
from thermopolis.agents.planning import Likelihood, Transition
from thermopolis.agents.sophisticated import sophisticated
from thermopolis.errors import ModelError
from thermopolis.keys import fold_in

from .models import lanes_of, random_model

DILEMMA = np.array([[3.0, 0.0], [5.0, 1.0]])


def play(player: Any, answers: Any, lanes: int, steps: int) -> dict[str, np.ndarray]:
    """A player against partners whose moves are ``answers(time, own last action, lanes)``, in one scan."""
    keys, settings = lanes_of(player, lanes)

    def body(carry: Any, time: Any) -> Any:
        state, seen, last = carry
        state, action, trace = player.step(fold_in(keys, time), state, settings, seen)
        partner = answers(time, last)
        return (state, 2 * action + partner, action), {
            **trace,
            "action": action,
            "counts": getattr(state, "counts", {}),
        }

    start = (player.init(keys, settings), jnp.full(lanes, -1), jnp.zeros(lanes, jnp.int32))
    _, out = jax.jit(lambda s: jax.lax.scan(body, s, jnp.arange(steps)))(start)
    return jax.device_get(out)


def test_value_of_the_action_not_taken() -> None:
    values = jnp.asarray(np.random.default_rng(0).normal(size=(9, 50)))  # 3 actions, horizon 2
    first = tuple(range(3)) * 3
    order = np.argsort(first, kind="stable")  # the same policies in another order
    np.testing.assert_array_equal(
        value_not_taken(values[order], jnp.zeros(50, jnp.int32), (0,) * 3 + (1,) * 3 + (2,) * 3, 3),
        value_not_taken(values, jnp.zeros(50, jnp.int32), first, 3),
    )
    first = (0,) * 3 + (1,) * 3 + (2,) * 3
    action = jnp.asarray(np.arange(50) % 3)
    best = np.asarray(values).reshape(3, 3, 50).max(axis=1)
    for lane in range(50):
        others = [best[a, lane] for a in range(3) if a != lane % 3]
        assert float(value_not_taken(values, action, first, 3)[lane]) == pytest.approx(max(others))
    q = jnp.full((9, 2), 1 / 9)
    np.testing.assert_allclose(action_probabilities(q, first, 3), 1 / 3, rtol=1e-6)
    assert bool(jnp.isnan(value_not_taken(values[:1], jnp.zeros(50, jnp.int32), (0,), 1)).all())


def test_counterfactuals_and_doom_on_day_one() -> None:
    """Before learning -G(C) = mean ln C over CC, CD + ln 2, and mutual defection has probability q(D)/2."""
    player = ActiveInference(dilemma_model(DILEMMA), doom_outcome=3)
    out = play(player, lambda t, last: jnp.zeros_like(last), 64, 1)
    log_c = DILEMMA.reshape(-1) - np.log(np.exp(DILEMMA).sum())
    value = np.array([log_c[:2].mean(), log_c[2:].mean()]) + np.log(2)
    taken = out["action"][0]
    np.testing.assert_allclose(out["counterfactual_value"][0], value[1 - taken], rtol=1e-5)
    np.testing.assert_allclose(out["regret"][0], np.where(taken == 1, 0.0, value[1] - value[0]), atol=1e-5)
    q_defect = 1 / (1 + np.exp(value[0] - value[1]))
    np.testing.assert_allclose(out["mutual_defection"][0], q_defect / 2, rtol=1e-5)


def test_doom_heats_up_within_its_ceiling_and_cools_down() -> None:
    """A partner who defects for 60 rounds and cooperates for 100: T rises above rest, never over the ceiling, and
    returns (but where an agent comes back to an outcome that it hasn't met since); its smoothed prediction moves by
    at most ``rate`` a step."""
    doom = {"kind": "doom", "temperature": 0.5, "ceiling": 4.0, "threshold": 0.2, "rate": 0.3}
    player = ActiveInference(dilemma_model(DILEMMA), doom, learning=Learning(1.0, 0.1), doom_outcome=3)
    answers = lambda t, last: jnp.where(t < 60, 1, 0) * jnp.ones_like(last)
    out = play(player, answers, 32, 160)
    t, smoothed = out["exploration_temperature"], out["temperature_doom"]
    assert (t >= 0.5 - 1e-6).all() and (t <= 4.0 + 1e-5).all()
    assert (np.abs(np.diff(smoothed, axis=0)) <= 0.3).all()
    assert t[40:60].mean() > 1.0
    assert (t[-20:] < 0.5 + 1e-4).mean() > 0.95


@pytest.mark.parametrize("kind", ["entropy_target", pytest.param("entropy_feedback", marks=pytest.mark.long)])
def test_policy_entropy_is_held_where_it_can_be(kind: str) -> None:
    """Solved for anew, it is within 5 % of the target wherever ``attained`` says that a temperature attains it; by
    feedback, which can't follow values that jump from state to state, it is so on average over rounds."""
    hold: dict[str, Any] = {"kind": kind, "entropy": 0.4, "lower": 1e-2, "upper": 1e2}
    if kind == "entropy_feedback":
        hold |= {"temperature": 1.0, "gain": 0.5}
    player = ActiveInference(dilemma_model(DILEMMA), hold, learning=Learning(0.05))
    out = play(player, lambda t, last: last, 32, 250)
    attained = out["temperature_attained"][150:].astype(bool)
    entropy = out["policy_entropy"][150:]
    assert attained.mean() > 0.9
    if kind == "entropy_target":
        assert (np.abs(entropy[attained] - 0.4) < 0.05 * 0.4).all()
    else:
        assert (np.abs(entropy.mean(axis=0) - 0.4) < 0.05 * 0.4).mean() > 0.9
    t = out["exploration_temperature"]
    assert (t >= 1e-2 * (1 - 1e-5)).all() and (t <= 1e2 * (1 + 1e-5)).all()


def test_an_entropy_that_no_temperature_has_is_told() -> None:
    hold = {"kind": "entropy_target", "entropy": 0.69, "lower": 0.01, "upper": 0.5}
    out = play(ActiveInference(dilemma_model(DILEMMA), hold), lambda t, last: last, 4, 3)
    assert not out["temperature_attained"].any()
    np.testing.assert_allclose(out["exploration_temperature"], 0.5, rtol=1e-5)


@pytest.mark.parametrize(
    "temperature", [1e-9, 1.0, *(pytest.param(t, marks=pytest.mark.long) for t in (1e-4, 1e9))]
)
def test_entmax_is_a_law_at_any_temperature(temperature: float) -> None:
    """For every α from softmax to sparsemax: no NaN, an entropy between 0 and ln 2, and one action alone when cold."""
    player = ActiveInference(
        dilemma_model(DILEMMA),
        temperature,
        selection={"kind": "entmax", "alpha": 1.5},
        learning=Learning(0.3),
    )
    keys, settings = lanes_of(player, 33)
    settings["selection.alpha"] = jnp.linspace(1.0, 2.0, 33)
    state, seen = player.init(keys, settings), jnp.full(33, -1)
    step = jax.jit(player.step)
    for time in range(6):
        state, action, trace = step(fold_in(keys, time), state, settings, seen)
        seen = 2 * action + jnp.arange(33) % 2
        entropy = np.asarray(trace["policy_entropy"])
        assert (entropy >= -1e-6).all() and (entropy <= np.log(2) + 1e-6).all()
        if time == 0 and temperature < 1e-3:
            assert (entropy == 0).all() and (np.asarray(action) == 1).all()  # defection, for certain
        if time == 0 and temperature > 1e3:
            np.testing.assert_allclose(entropy, np.log(2), rtol=1e-5)


def test_adaptive_entmax_cuts_the_sure_and_keeps_the_undecided() -> None:
    """α is 1 at equal values and rises towards its largest with sureness; the policy is entmax at that α."""
    rule = {"alpha_max": jnp.full(3, 2.0), "varentropy_scale": jnp.full(3, 1.0)}
    values = jnp.asarray([[1.0, 1.0, 9.0], [1.0, 0.0, 0.0], [1.0, -0.5, -9.0]])
    alpha = selection.alpha(values, rule)
    assert float(alpha[0]) == pytest.approx(1.0, abs=1e-6) and 1.0 < float(alpha[1]) < float(alpha[2]) <= 2.0
    q = selection.RULES["adaptive_entmax"](values, rule)
    np.testing.assert_allclose(q, selection.RULES["entmax"](values, {"alpha": alpha}), atol=1e-6)
    np.testing.assert_allclose(q[:, 0], 1 / 3, atol=1e-6)
    assert float(q[2, 2]) == 0.0
    out = play(
        ActiveInference(dilemma_model(DILEMMA), 0.5, selection="adaptive_entmax"), lambda t, x: x, 4, 5
    )
    assert ((out["entmax_alpha"] >= 1) & (out["entmax_alpha"] <= 2)).all()


@pytest.mark.parametrize("alpha", [1.5, pytest.param(1.7, marks=pytest.mark.long)])
def test_entmax_policies_have_exact_zeros_and_no_nan(alpha: float) -> None:
    """Cold, the worse action gets probability 0: entropy is exactly 0 and it is never taken."""
    player = ActiveInference(
        dilemma_model(DILEMMA), 0.2, selection={"kind": "entmax", "alpha": alpha}, learning=Learning(0.1)
    )
    out = play(player, lambda t, last: jnp.ones_like(last), 32, 40)
    for name, values in out.items():
        if name not in ("counts", "free_energy", "complexity", "accuracy"):
            assert np.isfinite(values).all(), name
    assert (out["policy_entropy"] == 0.0).any()
    sure = out["policy_entropy"] == 0.0
    assert (out["regret"][sure] <= 1e-5).all()


def test_a_player_of_bounded_steps_keeps_its_old_partner() -> None:
    """A partner who cooperates nineteen times in twenty is replaced by one who tosses a coin, for six rounds or for good.

    What a player expects after exploiting cooperation has moved by fewer nats in a bounded player than in a plain one of
    the same rate, whose last events outweigh the hundred before; if the new partner stays, both come to know it.
    """
    rng, lanes = np.random.default_rng(4), 64
    chance = np.where(np.arange(400) < 100, 0.05, 0.5)[:, None]
    moves = jnp.asarray(rng.random((400, lanes)) < chance, jnp.int32)
    moved, settled = {}, {}
    for name, bound in (("plain", 1.0), ("bounded", 0.02)):
        learning = Learning(0.3, method="natural_gradient", kl_bound=bound)
        player = ActiveInference(dilemma_model(DILEMMA), 0.1, learning=learning)
        counts = play(player, lambda t, last: moves[t], lanes, 400)["counts"]["B_0"]
        told = counts[:, 2:, 2, 1]  # own defection answered by C or D, from DC
        p = np.clip(told[:, 0] / told.sum(axis=1), 1e-6, 1 - 1e-6)
        old, new = p[100], p[107]
        moved[name] = (old * np.log(old / new) + (1 - old) * np.log((1 - old) / (1 - new))).mean()
        settled[name] = p[250:].mean()
    assert moved["bounded"] < 0.25 * moved["plain"]
    assert all(value < 0.7 for value in settled.values()), settled


# --- policies that are given


@pytest.mark.parametrize("horizon", [2, pytest.param(3, marks=pytest.mark.long)])
def test_given_policies_are_worth_what_they_are_among_all(horizon: int) -> None:
    """All of them given: the same run as enumerated ones; some of them, in any order: those rows."""
    model = random_model(6, (2, 2), (3,), 2, counts=True)
    every = list(itertools.product(range(model.num_actions), repeat=horizon))
    plain = ActiveInference(model, 0.7, horizon, information_gain=(True, True))
    given = ActiveInference(model, 0.7, policies=every, information_gain=(True, True))
    keys, settings = lanes_of(plain, 6)
    seen = jnp.arange(6) % 3
    one, two = (jax.jit(p.step)(keys, p.init(keys, settings), settings, seen) for p in (plain, given))
    np.testing.assert_array_equal(one[1], two[1])
    for name in one[2]:
        np.testing.assert_allclose(one[2][name], two[2][name], rtol=1e-5, atol=1e-6, err_msg=name)
    picked = [every[-1], every[0]]
    few = ActiveInference(model, 1e-3, policies=picked)
    _, action, trace = jax.jit(few.step)(keys, few.init(keys, settings), settings, seen)
    assert set(np.asarray(action)) <= {picked[0][0], picked[1][0]}
    assert (trace["policy_entropy"] <= np.log(2) + 1e-5).all()


@pytest.mark.long
def test_given_policies_reach_where_sequences_cannot() -> None:
    """Three sequences of 24 actions out of 2^24: the one that ends where it wants to be is taken."""
    turn = np.stack([np.eye(6), np.roll(np.eye(6), 1, axis=0)], axis=-1)
    ring = GenerativeModel([np.eye(6)], [turn], [np.array([0, 0, 0, 0, 4.0, 0])], [np.eye(6)[0]])
    policies = [[0] * 24, [1] * 4 + [0] * 20, [1] * 24]
    player = ActiveInference(ring, 0.1, policies=policies)
    keys, settings = lanes_of(player, 8)
    _, action, trace = jax.jit(player.step)(keys, player.init(keys, settings), settings, jnp.full(8, -1))
    assert (np.asarray(action) == 1).all() and (np.asarray(trace["policy_entropy"]) < 1e-4).all()
    assert player.structure.horizon == 24
    for wrong, word in (([[0, 1], [1]], "equally long"), ([[0], [0]], "twice"), ([[7]], "action 7")):
        with pytest.raises(ModelError, match=word):
            ActiveInference(ring, policies=wrong)


# --- other minds


def test_best_responses_of_the_dilemma() -> None:
    """Defect on who never reciprocates; cooperate with tit for tat where the future counts."""
    assert (response(DILEMMA, LEVEL_0["always_cooperate"], temperature=0.1) < 0.01).all()
    assert (response(DILEMMA, LEVEL_0["always_defect"], temperature=0.1) < 0.01).all()
    assert (response(DILEMMA, LEVEL_0["tit_for_tat"], discount=0.9, temperature=0.1)[[0, 2]] > 0.9).all()
    types, level = partner_types(DILEMMA, 2)
    assert types.shape == (10, 4) and level.sum() == 5
    assert ((types >= 0.05 - 1e-12) & (types <= 0.95 + 1e-12)).all()


def test_the_partners_type_is_inferred_as_bayes_says() -> None:
    """Posterior over types after a sequence of moves, against a filter in float64."""
    model = opponent_model(DILEMMA, volatility=0.1)
    player = ActiveInference(model, temperature=2.0)
    rng = np.random.default_rng(0)
    moves = jnp.asarray(rng.integers(2, size=20))
    out = play(player, lambda t, last: moves[t] * jnp.ones_like(last), 16, 20)
    types, _ = partner_types(DILEMMA, 1)
    mirror = [0, 2, 1, 3]
    for lane in range(16):
        belief = np.full(5, 0.2)
        for t in range(1, 20):
            own, partner = out["action"][t - 1, lane], int(moves[t - 1])
            if t > 1:
                seen = 2 * out["action"][t - 2, lane] + int(moves[t - 2])
                chance = types[:, mirror[seen]]
            else:
                chance = types.mean(axis=1)  # the first round's "last outcome" is unknown: uniform
            belief = belief * (chance if partner == 0 else 1 - chance)
            belief = 0.9 * belief / belief.sum() + 0.1 * 0.2
            now = types[:, mirror[2 * own + partner]]
            assert out["partner_cooperates"][t, lane] == pytest.approx(belief @ now, abs=2e-5)


def test_opponent_models_need_two_actions() -> None:
    with pytest.raises(ModelError, match="2 actions"):
        opponent_model(np.zeros((3, 3)))
    with pytest.raises(ModelError, match="levels"):
        opponent_model(DILEMMA, levels=3)


# --- teams


def members_apart(x: Any) -> np.ndarray:
    return np.asarray(x).reshape(*np.shape(x)[:-1], 2, -1)


@pytest.mark.parametrize("kind", [pytest.param("share", marks=pytest.mark.long), "merge"])
def test_a_team_of_weight_zero_is_independent_agents(kind: str) -> None:
    answers = lambda t, last: last
    alone = ActiveInference(dilemma_model(DILEMMA), learning=Learning(0.3))
    team = ActiveInference(
        dilemma_model(DILEMMA), learning=Learning(0.3), team=Team(2, kind), team_weight=0.0
    )
    one, two = play(alone, answers, 16, 30), play(team, answers, 16, 30)
    np.testing.assert_array_equal(one["action"], two["action"])
    np.testing.assert_allclose(one["counts"]["B_0"], two["counts"]["B_0"], rtol=1e-6)


def test_a_merge_of_weight_one_is_one_body_with_pooled_observations() -> None:
    """All members do the same; their counts are equal, and grow by the sum of their evidence."""
    learning = Learning(0.3)
    team = ActiveInference(dilemma_model(DILEMMA), learning=learning, team=Team(2, "merge"), team_weight=1.0)
    parity = jnp.arange(16) // 8  # the two bodies meet different partners
    out = play(team, lambda t, last: parity, 16, 20)
    first, second = np.moveaxis(members_apart(out["action"]), -2, 0)
    np.testing.assert_array_equal(first, second)
    counts = members_apart(out["counts"]["B_0"][-1])
    np.testing.assert_allclose(counts[..., 0, :], counts[..., 1, :], rtol=1e-5)
    np.testing.assert_allclose(counts[..., 0, :].sum(axis=(0, 1, 2)), 8.0 + 0.3 * 2 * 19, rtol=1e-3)


def test_who_hears_whom() -> None:
    own = jnp.asarray([1.0, 10.0, 100.0, 1000.0]).repeat(3)  # four members, three cells
    np.testing.assert_allclose(Team(4).heard(own)[::3], [1110, 1101, 1011, 111])
    np.testing.assert_allclose(Team(4, graph="ring").heard(own)[::3], [1010, 101, 1010, 101])
    np.testing.assert_allclose(Team(4).mean(own), 277.75)
    np.testing.assert_allclose(Team(4).first(own), 1.0)
    line = Team(4, graph=((0, 1), (1, 2), (3, 2)))
    np.testing.assert_allclose(line.heard(own)[::3], [10, 101, 1010, 100])
    with pytest.raises(ModelError, match="at least 2"):
        Team(1)
    with pytest.raises(ModelError, match="joins 1 and 4"):
        Team(4, graph=((1, 4),))


def test_shared_beliefs_about_states_are_those_of_one_who_saw_all() -> None:
    """Three members see the same hidden state through three glasses: at weight 1 each has the posterior of all three
    outcomes, at weight 0 its own; on a line the ends hear the middle alone."""
    rng = np.random.default_rng(2)
    a = rng.dirichlet(np.ones(4), 3).T  # 4 outcomes of 3 states
    d = rng.dirichlet(np.ones(3))
    model = GenerativeModel([a], [np.full((3, 3, 2), 1 / 3)], D=[d])
    seen = rng.integers(4, size=(3, 5))  # members, cells
    line = ((0, 1), (1, 2))
    hears = {"complete": [[1, 2], [0, 2], [0, 1]], line: [[1], [0, 2], [1]]}
    for graph, weight in (("complete", 1.0), ("complete", 0.4), (line, 1.0), ("complete", 0.0)):
        player = ActiveInference(model, team=Team(3, graph=graph, of=("states",)), team_weight=weight)
        keys, settings = lanes_of(player, 15)
        state, _, trace = jax.jit(player.step)(
            keys, player.init(keys, settings), settings, jnp.asarray(seen.reshape(-1))
        )
        q = np.asarray(state.qs[0]).reshape(3, 3, 5)
        for i in range(3):
            others = np.prod([a[seen[j]].T ** weight for j in hears[graph][i]], axis=0)
            joint = d[:, None] * a[seen[i]].T * others
            np.testing.assert_allclose(q[:, i], joint / joint.sum(axis=0), atol=1e-5)
            np.testing.assert_allclose(
                np.asarray(trace["free_energy"]).reshape(3, 5)[i],
                -np.log(joint.sum(axis=0)),
                rtol=1e-4,
                atol=1e-5,
            )
    with pytest.raises(ModelError, match="perception is exact"):
        ActiveInference(model, team=Team(3, of=("states",)), perception="mean_field")


def test_a_central_planner_takes_the_sum_of_both() -> None:
    """Cold, it plays the joint action of the largest total: CC in the dilemma, CD or DC where taking turns pays."""
    for payoffs, total in ((DILEMMA, 6.0), (np.array([[1.0, 0.0], [9.0, 1.0]]), 9.0)):
        planner = ActiveInference(joint_model(payoffs, payoffs), 0.05, information_gain=(False, False))
        player = CentralPlanner(planner, 2)
        keys, settings = lanes_of(player, 8)  # type: ignore[arg-type]
        _, action, trace = jax.jit(player.step)(keys, player.init(keys, settings), settings, jnp.full(8, -1))
        a, b = np.asarray(action).reshape(2, 4)
        assert (payoffs[a, b] + payoffs[b, a] == total).all()
        assert trace["policy_entropy"].shape == (8,)


def test_a_central_planner_of_a_small_group_takes_what_is_worth_most_to_all() -> None:
    """Four bodies whose worth is largest where exactly one defects: cold, the planner has one defect; each body's share
    of the joint action is its own digit, and outcomes are put together from what each shows of itself."""
    worth = np.zeros((2,) * 4)
    worth[0, 0, 1, 0] = 9.0
    planner = ActiveInference(group_model(worth), 0.05, information_gain=(False, False))
    player = CentralPlanner(planner, 2, bodies=4, others=5)
    keys, settings = lanes_of(player, 12)  # type: ignore[arg-type]
    state, action, trace = jax.jit(player.step)(keys, player.init(keys, settings), settings, jnp.full(12, -1))
    np.testing.assert_array_equal(np.asarray(action).reshape(4, 3)[:, 0], [0, 0, 1, 0])
    assert trace["regret"].shape == (12,) and np.isnan(trace["free_energy"]).all()
    shown = jnp.asarray(np.array([0, 0, 1, 0]) * 5 + np.array([2, 2, 3, 2])).repeat(3)
    _, _, trace = jax.jit(player.step)(keys, state, settings, shown)
    np.testing.assert_allclose(trace["free_energy"], 0.0, atol=1e-5)  # it saw what it had done
    with pytest.raises(ModelError, match=r"2\^7 = 128 joint actions, more than 64"):
        group_model(np.zeros((2,) * 7))


# --- deep plans


def by_hand(b: np.ndarray, c: np.ndarray, q: np.ndarray, depth: int, temperature: float) -> np.ndarray:
    """-G of every first action by recursion over what will be seen, in float64."""
    values = []
    for u in range(b.shape[2]):
        law = b[:, :, u] @ q
        value = law @ c - law @ np.log(np.maximum(law, 1e-300))
        if depth > 1:
            for state in np.flatnonzero(law):
                later = by_hand(b, c, np.eye(len(c))[state], depth - 1, temperature)
                weights = np.exp((later - later.max()) / temperature)
                value += law[state] * (weights / weights.sum()) @ later
        values.append(value)
    return np.array(values)


@pytest.mark.parametrize("horizon", [1, 2, 4])
def test_sophisticated_plans_against_the_tree(horizon: int) -> None:
    rng = np.random.default_rng(horizon)
    b = rng.gamma(0.5, size=(3, 3, 2)) + 1e-3
    b /= b.sum(axis=0)
    c = rng.normal(size=3)
    c -= np.log(np.exp(c).sum())
    q = np.array([0.2, 0.5, 0.3])
    plan = sophisticated(
        [Likelihood(jnp.eye(3)[:, :, None], (0,), jnp.asarray(c, jnp.float32)[:, None], True)],
        [Transition(jnp.asarray(b, jnp.float32)[..., None], None, (0,))],
        [jnp.broadcast_to(jnp.asarray(q, jnp.float32)[:, None], (3, 2))],
        [(0,), (1,)],
        horizon,
        True,
        False,
        jnp.asarray([0.7, 0.7]),
    )
    np.testing.assert_allclose(-plan.expected_free_energy[:, 0], by_hand(b, c, q, horizon, 0.7), rtol=1e-5)
    np.testing.assert_allclose(plan.expected_free_energy, plan.risk + plan.ambiguity, rtol=1e-5)


@pytest.mark.long
def test_sophisticated_plans_reach_where_sequences_cannot() -> None:
    """Cold and noise-free, a sophisticated plan is that of the best of all sequences."""
    turn = np.stack([np.eye(6), np.roll(np.eye(6), 1, axis=0)], axis=-1)  # stay, or go on round a ring of six
    wanted = np.array([0.0, -1.0, -1.0, -1.0, 5.0, -1.0])
    ring = GenerativeModel([np.eye(6)], [turn], [wanted], [np.eye(6)[0]])
    values = {}
    for planner, horizon in (("enumerate", 4), ("sophisticated", 4), ("sophisticated", 3)):
        kind = {"kind": planner} if planner == "enumerate" else {"kind": planner, "temperature": 0.01}
        player = ActiveInference(ring, 0.1, horizon=horizon, planner=kind)
        keys, settings = lanes_of(player, 4)
        _, action, trace = jax.jit(player.step)(keys, player.init(keys, settings), settings, jnp.full(4, -1))
        values[planner, horizon] = (int(action[0]), float(trace["expected_free_energy"][0]))
    assert values["enumerate", 4][0] == values["sophisticated", 4][0] == 1
    assert values["sophisticated", 3][0] == 0  # too short to see the end: staying costs less
    assert values["enumerate", 4][1] == pytest.approx(values["sophisticated", 4][1], rel=1e-3)
