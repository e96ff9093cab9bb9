"""How temperature controllers answer a step: how far, how fast, how exactly (drawn in docs/figures/controllers.png)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.agents import ActiveInference, GenerativeModel, options, perception_ledger
from thermopolis.agents.perception_cost import SIMPLE_PROCESSOR, host_operations
from thermopolis.errors import ModelError
from thermopolis.thermo.controllers import CONTROLLERS, Signal, policy_entropy

STEPS, STEP_AT = 120, 40


def respond(kind: str, **told: Any) -> dict[str, np.ndarray]:
    """Temperature, entropy and notes while the gap of two values steps from 1 to 5 and doom from 0 to 0.9."""
    settings = {k: jnp.asarray(float(v)) for k, v in {**options.CONTROLLERS[kind], **told}.items()}
    controller = CONTROLLERS[kind]

    def body(state: Any, time: Any) -> Any:
        after = time >= STEP_AT
        values = jnp.stack([jnp.zeros(1), -jnp.where(after, 5.0, 1.0) * jnp.ones(1)])
        signal = Signal(values, None, jnp.where(after, 0.9, 0.0) * jnp.ones(1))
        state, temperature, notes = controller.step(state, settings, signal)
        return state, {"T": temperature, "H": policy_entropy(values, temperature), **notes}

    start = jnp.broadcast_to(controller.init(settings), (1,)).astype(jnp.float32)
    _, out = jax.jit(lambda s: jax.lax.scan(body, s, jnp.arange(STEPS)))(start)
    return {name: np.asarray(x, float).ravel() for name, x in out.items()}


def test_entropy_target_holds_at_once() -> None:
    out = respond("entropy_target", entropy=0.4)
    assert (np.abs(out["H"] - 0.4) < 0.05 * 0.4).all() and out["attained"].all()
    assert out["T"][-1] / out["T"][0] == pytest.approx(5.0, rel=1e-3)  # it follows the scale of the values


def test_entropy_feedback_moves_by_its_gain_and_settles() -> None:
    out = respond("entropy_feedback", entropy=0.4, gain=0.5)
    assert (np.abs(np.diff(np.log(out["T"]))) <= 0.5 * np.log(2) + 1e-6).all()
    for late in (slice(STEP_AT - 10, STEP_AT), slice(STEPS - 20, STEPS)):
        assert (np.abs(out["H"][late] - 0.4) < 0.05 * 0.4).all()


@pytest.mark.parametrize("rate", [0.05, 0.2, 1.0])
def test_doom_rises_as_its_smoothing_says_and_never_over_its_ceiling(rate: float) -> None:
    """doom_n = 0.9 (1 - (1 - rate)^n), T = rest · (ceiling/rest)^alarm: at rest before, monotone after, bounded."""
    out = respond("doom", temperature=0.5, ceiling=4.0, threshold=0.3, rate=rate)
    since = np.maximum(np.arange(STEPS) - STEP_AT + 1, 0)
    doom = 0.9 * (1 - (1 - rate) ** since)
    np.testing.assert_allclose(out["doom"], doom, atol=1e-5)
    alarm = np.clip((doom - 0.3) / 0.7, 0, 1)
    np.testing.assert_allclose(out["T"], 0.5 * 8.0**alarm, rtol=1e-5)
    assert (out["T"][:STEP_AT] == 0.5).all() and (np.diff(out["T"]) >= -1e-6).all() and out["T"].max() < 4.0


def test_adaptive_only_ever_cools_and_anneal_keeps_its_schedule() -> None:
    out = respond("adaptive", temperature=2.0)
    assert (out["T"] <= 2.0 + 1e-6).all() and (out["T"] > 0.2).all()
    assert len(np.unique(out["T"][STEP_AT:])) == 1  # it has no memory
    out = respond("anneal", start=4.0, stop=0.1, steps=60)
    np.testing.assert_allclose(out["T"], 4.0 * (0.1 / 4.0) ** np.minimum(np.arange(STEPS) / 60, 1), rtol=1e-5)


def test_a_perceptions_ledger_knows_what_it_does_not_know() -> None:
    """Host joules are NaN without a figure and operations times the figure with one; the core's are its device's."""
    rng = np.random.default_rng(0)
    law = lambda *shape: (lambda x: x / x.sum(axis=0))(rng.random(shape))
    model = GenerativeModel([law(3, 2, 4)], [law(2, 2, 2), law(4, 4, 1)])
    for kind in ("exact", "tempered", "fixed_point", "mean_field"):
        player = ActiveInference(model, perception=kind)
        sweeps = 5 if kind == "mean_field" else None
        unknown = perception_ledger(player, sweeps=sweeps)
        assert np.isnan(unknown.host_joules) and unknown.update_joules == unknown.write_joules == 0.0
        known = perception_ledger(player, SIMPLE_PROCESSOR, sweeps=sweeps)
        assert known.running_joules == pytest.approx(70e-12 * host_operations(player, sweeps))
    assert host_operations(ActiveInference(model)) == (2 + 1 + 3) * 8 + 2 * 8 + 6 * 8
    with pytest.raises(ModelError, match="sweeps"):
        perception_ledger(ActiveInference(model, perception="mean_field"))
    core = ActiveInference(
        model, perception="core", core={"device": "cmos_pbit", "samples": 16, "burn_in": 4}
    )
    spent = perception_ledger(core, SIMPLE_PROCESSOR)
    assert spent.read_joules == pytest.approx(16 * (1 + 3) * 1.692e-12)  # a read of four cells a sample
    assert spent.write_joules == pytest.approx((2 + 4 + 8) * 153.6e-12)
