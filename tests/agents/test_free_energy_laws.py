"""Laws of free energy and expected free energy on random models, against enumeration in float64."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.agents import ActiveInference, GenerativeModel, Learning
from thermopolis.keys import fold_in, make_key

LANES = 6


def random_model(
    seed: int, states: tuple[int, ...], outcomes: tuple[int, ...], controls: int
) -> GenerativeModel:
    """Random dense likelihoods over all factors, random transitions of each factor by itself."""
    rng = np.random.default_rng(seed)
    normal = lambda *shape: (lambda x: x / x.sum(axis=0))(rng.gamma(0.7, size=shape) + 1e-3)
    return GenerativeModel(
        [normal(o, *states) for o in outcomes],
        [normal(s, s, controls if f == 0 else 1) for f, s in enumerate(states)],
        [rng.normal(size=o) for o in outcomes],
        [normal(s) for s in states],
    )


def lanes_of(player: ActiveInference, lanes: int = LANES) -> tuple[Any, Any]:
    settings = {
        name: jnp.broadcast_to(
            jnp.asarray(v)[..., None], (*np.shape(v), 1 if name in player.shared else lanes)
        )
        for name, v in player.settings().items()
    }
    return fold_in(jnp.broadcast_to(make_key(5), (lanes,)), jnp.arange(lanes)), settings


def rollout(player: ActiveInference, steps: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Traces, beliefs before and after each outcome, under random outcomes."""
    keys, settings = lanes_of(player)
    outcomes = np.random.default_rng(seed).integers(player.num_observations, size=(steps, LANES))

    def body(state: Any, xs: Any) -> Any:
        time, seen = xs
        prior = state.prior
        state, action, trace = player.step(fold_in(keys, time), state, settings, seen)
        return state, {**trace, "action": action, "prior": prior, "qs": state.qs, "counts": state.counts}

    state = player.init(keys, settings)
    _, out = jax.jit(lambda s, xs: jax.lax.scan(body, s, xs))(
        state, (jnp.arange(steps), jnp.asarray(outcomes))
    )
    return {"outcome": outcomes, **jax.device_get(out)}


MODELS = [((4,), (3,), 2), ((3,), (2, 4), 3), ((2, 3), (4,), 2), ((3, 2, 2), (3, 2), 2)]


@pytest.mark.parametrize(("states", "outcomes", "controls"), MODELS)
def test_exact_perception_is_bayes(states: tuple[int, ...], outcomes: tuple[int, ...], controls: int) -> None:
    model = random_model(1, states, outcomes, controls)
    run = rollout(ActiveInference(model), 20)
    for t, lane in itertools.product(range(20), range(LANES)):
        seen = np.unravel_index(run["outcome"][t, lane], outcomes)
        joint = np.ones(())
        for q in run["prior"]:
            joint = np.multiply.outer(joint, q[t, :, lane].astype(float))
        for m, o in enumerate(seen):
            joint = joint * model.A[m][o]
        evidence = joint.sum()
        np.testing.assert_allclose(run["free_energy"][t, lane], -np.log(evidence), rtol=1e-5, atol=1e-6)
        for f in range(len(states)):
            others = tuple(g for g in range(len(states)) if g != f)
            marginal = joint.sum(axis=others) / evidence
            np.testing.assert_allclose(run["qs"][f][t, :, lane], marginal, atol=1e-6)
    parts = run["complexity"] - run["accuracy"]
    np.testing.assert_allclose(parts, run["free_energy"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("states", "outcomes", "controls"), MODELS)
@pytest.mark.parametrize("horizon", [1, 2])
def test_both_forms_of_expected_free_energy_agree(
    states: tuple[int, ...], outcomes: tuple[int, ...], controls: int, horizon: int
) -> None:
    model = random_model(2, states, outcomes, controls)
    run = rollout(ActiveInference(model, horizon=horizon), 10)
    np.testing.assert_allclose(run["expected_free_energy"], run["risk"] + run["ambiguity"], rtol=1e-5)
    assert (run["state_information_gain"] >= -1e-6).all()
    assert (run["ambiguity"] >= 0).all() and (run["risk"] >= -1e-5).all()
    assert (run["regret"] >= 0).all()


def test_core_perception_bounds_surprise_and_tends_to_bayes() -> None:
    """F ≥ -ln p(o) always; sampled frequencies lie within 4 standard errors of the posterior."""
    from thermopolis.agents import Core

    model = random_model(3, (4,), (3,), 2)
    samples = 4000
    exact = ActiveInference(model)
    core = ActiveInference(model, perception="core", core=Core("landauer", samples=samples, burn_in=0))
    keys, settings = lanes_of(exact, 64)
    seen = jnp.arange(64) % 3
    one, _, trace = exact.step(keys, exact.init(keys, settings), settings, seen)
    two, _, sampled = core.step(keys, core.init(keys, settings), settings, seen)
    assert (sampled["free_energy"] >= trace["free_energy"] - 1e-5).all()
    # what the outcome told, by the exact law, is the complexity of Bayes' beliefs; the mean is the mutual information
    np.testing.assert_allclose(sampled["information_gained"], trace["complexity"], atol=1e-5)
    p, q = np.asarray(one.qs[0], float), np.asarray(two.qs[0], float)
    deviation = np.abs(q - p) / np.sqrt(p * (1 - p) / samples + 1e-12)
    assert (deviation < 4.5).all()  # 256 comparisons
    assert 0.8 < np.sqrt((deviation**2).mean()) < 1.2


def test_sampled_zeros_stay_possible_and_forbidden_states_stay_impossible() -> None:
    from thermopolis.agents import Core

    likelihood = np.array([[0.5, 0.5, 0.0, 1.0], [0.5, 0.5, 1.0, 0.0]])
    initial = np.array([0.9999, 0.0001, 0.0, 0.0])
    model = GenerativeModel([likelihood], [np.full((4, 4, 2), 0.25)], D=[initial])
    player = ActiveInference(model, perception="core", core=Core("landauer", samples=8, burn_in=0))
    keys, settings = lanes_of(player, 512)
    state, _, trace = player.step(keys, player.init(keys, settings), settings, jnp.zeros(512, jnp.int32))
    q = np.asarray(state.qs[0])
    assert (q[:2] > 0).all() and (q[2:] == 0).all()
    assert np.isfinite(np.asarray(trace["free_energy"])).all()


def demekas(scale: np.ndarray, rates: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """First cooperation and start of lasting cooperation of two equal deterministic learners, by β and learning rate."""
    from thermopolis.agents import dilemma_model

    player = ActiveInference(
        dilemma_model([[3, 1], [4, 2]]),
        learning=Learning(0.1),
        selection="argmax",
        first_observation=1,
    )
    lanes = 2 * len(rates)
    keys, settings = lanes_of(player, lanes)
    settings["rate"] = jnp.asarray(np.tile(rates, 2), jnp.float32)
    wanted = np.array([3.0, 1.0, 4.0, 2.0])[:, None] * np.tile(scale, 2)
    settings["ln_C_0"] = jax.nn.log_softmax(jnp.asarray(wanted, jnp.float32), axis=0)

    def body(carry: Any, time: Any) -> Any:
        state, seen = carry
        state, action, _ = player.step(fold_in(keys, time), state, settings, seen)
        return (state, 2 * action + action.reshape(2, -1)[::-1].reshape(-1)), action

    start = (player.init(keys, settings), jnp.full(lanes, player.first_observation))
    _, actions = jax.jit(lambda s: jax.lax.scan(body, s, jnp.arange(steps)))(start)
    cooperates = np.asarray(actions)[:, : len(rates)] == 0
    return cooperates.argmax(axis=0), steps - (~cooperates[::-1]).argmax(axis=0)


def test_demekas_table() -> None:
    """Demekas, Heins & Klein 2023: all D until τ1, then alternation, then all C from τ2; τ2 = 3 τ1 - 2 at β = 1."""
    first, lasting = demekas(np.ones(4), np.array([0.05, 0.1, 0.3, 1.0]), 200)
    assert first.tolist() == [52, 27, 10, 4]
    assert lasting.tolist() == [154, 79, 28, 10]
    assert (lasting == 3 * first - 2).all()


def test_demekas_law() -> None:
    """τ1 = m + 1 and τ2 = 3m + 1 for 40 learning rates and β = 1, 2, 3, m = ⌈κ(β)/η⌉, in one program.

    Derivation. In DD, a defection that was tried n times predicts DD with p = (½ + ηn)/(1 + ηn), so that it is worth
    β(4 - 2p) + h(p) (h in nats); cooperation, untried, 2β + ln 2. They are equal where 2β(1 - p) + h(p) = ln 2, that is
    after κ/η = (p - ½)/((1 - p) η) trials; ties go to cooperation. The step that sees the opening CD tries nothing in
    DD, so the first C is at τ1 = m + 1. It brings CC, where D is untried again and preferred; from DD cooperation only
    gains by what it brings. So C and D alternate until D was tried m times in CC, by the same equation: 2m steps.
    """
    from scipy.optimize import brentq

    betas, rates = np.array([1.0, 2.0, 3.0]), np.geomspace(0.03, 2.0, 40)
    entropy = lambda p: -p * np.log(p) - (1 - p) * np.log(1 - p)
    kappa = []
    for beta in betas:
        p = brentq(lambda p, b=beta: 2 * b * (1 - p) + entropy(p) - np.log(2), 0.5 + 1e-9, 1 - 1e-12)
        kappa.append((p - 0.5) / (1 - p))
    trials = np.ceil(np.array(kappa)[:, None] / rates)
    scale, rate = np.repeat(betas, 40), np.tile(rates, 3)
    first, lasting = demekas(scale, rate, int(3 * trials.max()) + 20)
    np.testing.assert_array_equal(first.reshape(3, 40), trials + 1)
    np.testing.assert_array_equal(lasting.reshape(3, 40), 3 * trials + 1)


@pytest.mark.parametrize(("scale", "temperature"), [(1.0, 1.0), (2.0, 0.5), (0.5, 3.0)])
def test_cooperation_on_day_one(scale: float, temperature: float) -> None:
    """Before any learning q(C) = 1/(1 + exp(β/T)) where all outcomes of a move are equally likely."""
    from thermopolis.agents import dilemma_model

    player = ActiveInference(dilemma_model([[3, 1], [4, 2]], scale), temperature=temperature)
    keys, settings = lanes_of(player)
    _, _, trace = player.step(keys, player.init(keys, settings), settings, jnp.full(LANES, -1))
    q = 1.0 / (1.0 + np.exp(scale / temperature))
    entropy = -q * np.log(q) - (1 - q) * np.log(1 - q)
    np.testing.assert_allclose(trace["policy_entropy"], entropy, rtol=1e-5)
