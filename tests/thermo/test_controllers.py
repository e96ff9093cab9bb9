"""Temperature controllers: targets are met, or it is said that they can't be."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.errors import ModelError
from thermopolis.thermo.controllers import CONTROLLERS, Signal, policy_entropy, temperature_for_entropy

RNG = np.random.default_rng(1)
VALUES = jnp.asarray(RNG.normal(size=(4, 64)), jnp.float32)


def run(name: str, settings: dict, signals: list[Signal]):
    controller = CONTROLLERS[name]
    settings = {k: jnp.asarray(v, jnp.float32) for k, v in settings.items()}
    state = controller.init(settings)
    step = jax.jit(controller.step)
    seen = []
    for signal in signals:
        state, temperature, trace = step(state, settings, signal)
        seen.append((np.asarray(temperature), {k: np.asarray(v) for k, v in trace.items()}))
    return seen


def test_constant_is_constant() -> None:
    for temperature, _ in run("constant", {"temperature": 0.7}, [Signal(VALUES)] * 3):
        np.testing.assert_allclose(temperature, np.full(64, 0.7, np.float32))


@pytest.mark.parametrize(("geometric", "half"), [(False, 5.05), (True, 1.0)])
def test_annealing_reaches_its_end_and_stays(geometric: bool, half: float) -> None:
    settings = {"start": 10.0, "stop": 0.1, "steps": 10, "geometric": geometric}
    temperatures = [t[0] for t, _ in run("anneal", settings, [Signal(VALUES)] * 14)]
    assert temperatures[0] == pytest.approx(10) and temperatures[5] == pytest.approx(half, rel=1e-4)
    np.testing.assert_allclose(temperatures[10:], 0.1, rtol=1e-4)
    assert np.all(np.diff(temperatures) <= 0)


def test_solver_meets_the_entropy_target() -> None:
    target = jnp.linspace(0.05, 1.3, 64)
    temperature, attained = temperature_for_entropy(VALUES, target)
    assert bool(attained.all())
    np.testing.assert_allclose(policy_entropy(VALUES, temperature), target, atol=1e-4)


def test_solver_meets_the_target_under_a_habit() -> None:
    habit = jnp.log(jnp.asarray([0.7, 0.1, 0.1, 0.1]))[:, None] + jnp.zeros((4, 64))
    goal = 0.6
    temperature, attained = temperature_for_entropy(VALUES, goal, log_prior=habit)
    h = policy_entropy(VALUES, temperature, habit)
    np.testing.assert_allclose(np.asarray(h)[np.asarray(attained)], goal, atol=1e-3)
    assert bool(attained.all())  # H(E) = .94 above at T → ∞, 0 at T → 0


def test_unattainable_targets_are_reported() -> None:
    temperature, attained = temperature_for_entropy(VALUES, 1.5)  # above ln 4
    assert not bool(attained.any())
    np.testing.assert_allclose(temperature, 1e3, rtol=1e-3)
    tie = jnp.zeros((2, 1)) + jnp.asarray([[0.0], [0.0]])
    _, attained = temperature_for_entropy(tie, 0.3)  # two equal values: entropy ln 2 at every temperature
    assert not bool(attained.any())


def test_feedback_settles_within_five_percent_and_tells_when_it_cannot() -> None:
    settings = {"temperature": 5.0, "entropy": 0.8, "lower": 0.01, "upper": 100.0, "gain": 1.0}
    seen = run("entropy_feedback", settings, [Signal(VALUES)] * 150)
    final = np.asarray(policy_entropy(VALUES, jnp.asarray(seen[-1][0])))
    assert seen[-1][1]["attained"].all()
    np.testing.assert_allclose(final, 0.8, rtol=0.05)
    shifted = [Signal(VALUES * 3)] * 150  # the values change: it settles again
    seen = run("entropy_feedback", settings, [Signal(VALUES)] * 50 + shifted)
    np.testing.assert_allclose(
        np.asarray(policy_entropy(VALUES * 3, jnp.asarray(seen[-1][0]))), 0.8, rtol=0.05
    )
    cold = run("entropy_feedback", {**settings, "temperature": 0.02, "upper": 0.05}, [Signal(VALUES)] * 20)
    stuck = np.asarray(policy_entropy(VALUES, jnp.float32(0.05))) < 0.8
    assert stuck.any() and not cold[-1][1]["attained"][stuck].any()


def test_direct_target_holds_entropy_while_values_change() -> None:
    settings = {"entropy": 0.5, "lower": 1e-3, "upper": 1e3}
    signals = [Signal(VALUES * scale) for scale in (0.1, 1.0, 30.0)]
    for signal, (temperature, trace) in zip(signals, run("entropy_target", settings, signals), strict=True):
        assert trace["attained"].all()
        np.testing.assert_allclose(policy_entropy(signal.values, jnp.asarray(temperature)), 0.5, atol=1e-3)


def test_doom_raises_the_temperature_with_predicted_mutual_defection() -> None:
    settings = {"temperature": 0.2, "ceiling": 5.0, "threshold": 0.25, "rate": 1.0}
    alarm = jnp.linspace(0, 1, 64)
    ((temperature, trace),) = run("doom", settings, [Signal(VALUES, mutual_defection=alarm)])
    assert np.all(np.diff(temperature) >= 0)
    np.testing.assert_allclose(temperature[alarm <= 0.25], 0.2, rtol=1e-5)
    assert temperature[-1] == pytest.approx(5.0, rel=1e-5)
    np.testing.assert_allclose(trace["doom"], alarm, atol=1e-6)
    slow = run("doom", {**settings, "rate": 0.1}, [Signal(VALUES, mutual_defection=jnp.ones(64))] * 60)
    assert slow[0][0][0] == pytest.approx(0.2, rel=1e-5) and slow[-1][0][0] == pytest.approx(5.0, rel=0.02)


def test_adaptive_cools_an_undecided_policy() -> None:
    seen = run(
        "adaptive",
        {"temperature": 1.0},
        [Signal(jnp.asarray([[20.0, 0.5], [0.0, 0.2], [0.0, 0.1], [0.0, 0.0]]))],
    )
    assert seen[0][0][0] == pytest.approx(1.0) and seen[0][0][1] < 1.0


def test_bad_settings_are_refused_by_name() -> None:
    with pytest.raises(ModelError, match="lower temperature"):
        temperature_for_entropy(VALUES, 0.5, lower=0.0)
    with pytest.raises(ModelError, match="target"):
        temperature_for_entropy(VALUES, -0.5)
    with pytest.raises(ModelError, match="mutual defection"):
        run("doom", {"temperature": 0.2, "ceiling": 5.0, "threshold": 0.25, "rate": 1.0}, [Signal(VALUES)])
