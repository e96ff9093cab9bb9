"""Our agents infer, value, choose and learn as pymdp's do, fed the same outcomes and actions (relative 1e-5)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.agents import ActiveInference, GenerativeModel, Learning, dilemma_model, parameters, planning
from thermopolis.keys import fold_in

from .playing import lane_keys, lanes_of, whole_counts
from .pymdp_replay import agent_of, replay

STEPS, LANES = 200, 4


def random_model(
    seed: int,
    states: tuple[int, ...],
    outcomes: tuple[int, ...],
    controls: tuple[int, ...],
    learns: tuple[str, ...] = ("B",),
    habit: int = 0,
) -> GenerativeModel:
    """Dirichlet(1) columns everywhere, counts of total 3 a column."""
    rng = np.random.default_rng(seed)

    def column(*shape: int) -> np.ndarray:
        return np.moveaxis(rng.dirichlet(np.ones(shape[0]), shape[1:]), -1, 0) * 0.9 + 0.1 / shape[0]

    A = [column(o, *states) for o in outcomes]
    B = [column(n, n, u) for n, u in zip(states, controls, strict=True)]
    return GenerativeModel(
        A,
        B,
        C=[rng.normal(size=o) for o in outcomes],
        D=[column(n) for n in states],
        E=column(habit) if habit else None,
        pA=[3.0 * a for a in A] if "A" in learns else None,
        pB=[3.0 * b for b in B] if "B" in learns else None,
    )


def ours(player: ActiveInference, observations: np.ndarray, settings: dict[str, Any]) -> dict[str, Any]:
    """Every step's trace, beliefs, action, counts, and the values of all policies."""
    structure, lanes = player.structure, observations.shape[1]
    keys = lane_keys(9, lanes)

    def body(state: Any, now: Any) -> Any:
        t, seen = now
        state, action, trace = player.step(fold_in(keys, t), state, settings, seen)
        model = parameters.world_model(structure, settings, state.counts)
        plan = planning.plan(
            *model,
            state.qs,
            structure.actions,
            structure.horizon,
            structure.state_gain,
            structure.parameter_gain,
        )
        return state, {
            "trace": trace,
            "qs": state.qs,
            "action": action,
            "counts": whole_counts(structure, state.counts),
            "efe": plan.expected_free_energy,
            "state_gain": plan.state_information_gain,
            "utility": -plan.risk - plan.ambiguity - plan.state_information_gain,
            "parameter_gain": plan.parameter_information_gain,
        }

    run = jax.jit(lambda s, x: jax.lax.scan(body, s, x)[1])
    start = player.init(fold_in(keys, np.uint32(0xFFFFFFFF)), settings)
    out = run(start, (jnp.arange(len(observations)), jnp.asarray(observations, jnp.int32)))
    return jax.tree_util.tree_map(np.asarray, out)


def close(mine: Any, theirs: Any, what: str, nats: float = 0.01) -> None:
    """Relative 1e-5; ``nats`` is the size of what was subtracted to get there, where that is larger."""
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5 * nats, err_msg=what)


def lanes_first(x: np.ndarray) -> np.ndarray:
    """(step, …, lane) as (step, lane, …)."""
    return np.moveaxis(x, -1, 1)


def compare(
    player: ActiveInference, observations: np.ndarray, temperature: np.ndarray, rate: np.ndarray
) -> None:
    structure, model = player.structure, player.model
    lanes = observations.shape[1]
    settings = lanes_of(player.settings(), lanes)
    settings["controller.temperature"] = jnp.asarray(temperature, jnp.float32)
    if structure.learned:
        settings["rate"] = jnp.asarray(rate, jnp.float32)
    mine = ours(player, observations, settings)
    outcomes, rest = [], observations
    for n in reversed(structure.num_obs):
        outcomes.append(rest % n)
        rest = rest // n
    controls = np.asarray(structure.actions)[mine["action"]]
    agent = agent_of(
        model,
        lanes,
        structure.horizon,
        temperature,
        structure.learned,
        structure.parameter_gain,
        structure.state_gain,
    )
    theirs = replay(agent, outcomes[::-1], controls, rate)
    for f, q in enumerate(mine["qs"]):
        close(lanes_first(q), theirs.qs[f], f"posterior of factor {f}")
    close(mine["trace"]["free_energy"], theirs.free_energy, "F")
    close(
        mine["trace"]["complexity"] - mine["trace"]["accuracy"], theirs.free_energy, "complexity − accuracy"
    )
    entropies = structure.horizon * float(np.log(structure.num_obs).sum())  # the gain is a difference of such
    close(lanes_first(mine["utility"]), theirs.utility, "expected utility")
    close(lanes_first(mine["state_gain"]), theirs.state_gain, "state information gain", entropies)
    if structure.parameter_gain:
        close(
            lanes_first(mine["parameter_gain"]),
            theirs.parameter_gain,
            "parameter information gain",
            entropies,
        )
    close(lanes_first(-mine["efe"]), theirs.negative_efe, "−G", entropies)
    close(mine["trace"]["expected_free_energy"], -(theirs.q_pi * theirs.negative_efe).sum(-1), "⟨G⟩")
    entropy = -(theirs.q_pi * np.log(np.maximum(theirs.q_pi, 1e-30))).sum(-1)
    close(mine["trace"]["policy_entropy"], entropy, "entropy of q(π)", entropies)
    for f in range(len(structure.num_states) if "B" in structure.learned else 0):
        counts = lanes_first(mine["counts"][f"B_{f}"])
        close(counts, theirs.pB[f].reshape(counts.shape), f"pB[{f}]")
    for m in range(len(structure.num_obs) if "A" in structure.learned else 0):
        counts = lanes_first(mine["counts"][f"A_{m}"])
        close(counts, theirs.pA[m].reshape(counts.shape), f"pA[{m}]")


@lru_cache
def settings_of_lanes() -> tuple[np.ndarray, np.ndarray]:
    """A temperature and a learning rate for each lane."""
    return np.geomspace(0.3, 3.0, LANES), np.geomspace(0.05, 1.0, LANES)


@pytest.mark.parametrize("horizon, partner", [(1, "tit_for_tat"), (2, "sequence")])
def test_on_the_prisoners_dilemma(horizon, partner):
    """Outcomes follow from our agent's own moves, as in the game; all start having seen CC."""
    model = dilemma_model(np.array([[3.0, 0.0], [5.0, 1.0]]))
    player = ActiveInference(model, horizon=horizon, learning=Learning(rate=0.1))
    temperature, rate = settings_of_lanes()
    settings = lanes_of(player.settings(), LANES)
    settings |= {
        "controller.temperature": jnp.asarray(temperature, jnp.float32),
        "rate": jnp.asarray(rate, jnp.float32),
    }
    keys, rng = lane_keys(9, LANES), np.random.default_rng(3)
    drawn = rng.integers(0, 2, (STEPS, LANES))

    def body(carry: Any, now: Any) -> Any:
        t, other = now
        state, seen = carry
        last = seen // 2
        state, action, _ = player.step(fold_in(keys, t), state, settings, seen)
        move = last if partner == "tit_for_tat" else other
        return (state, action * 2 + move), seen

    start = player.init(fold_in(keys, np.uint32(0xFFFFFFFF)), settings), jnp.zeros(LANES, jnp.int32)
    run = jax.jit(lambda s, x: jax.lax.scan(body, s, x)[1])
    observations = np.asarray(run(start, (jnp.arange(STEPS), jnp.asarray(drawn))))
    assert len(np.unique(observations)) > 1
    compare(player, observations, temperature, rate)


CASES = [
    # states, outcomes, controls, horizon, learned, parameter gain
    ((3,), (3,), (2,), 1, ("B",), False),
    ((4,), (3, 2), (2,), 2, ("B",), False),
    ((5,), (4,), (3,), 2, ("A", "B"), False),
    ((3,), (4, 3), (3,), 1, ("A", "B"), True),
    ((2,), (5,), (2,), 3, ("B",), True),
    ((4,), (2, 3, 2), (2,), 2, (), False),
    ((3,), (3,), (4,), 2, ("A",), True),
    ((6,), (4, 4), (2,), 1, ("A",), False),
    ((2,), (2, 2), (2,), 3, ("A", "B"), True),
    ((5,), (5,), (2,), 2, ("B",), True),
]


@pytest.mark.parametrize(
    "case", [pytest.param(i, marks=[] if i in (0, 3) else pytest.mark.long) for i in range(len(CASES))]
)
def test_on_random_single_factor_models(case):
    states, outcomes, controls, horizon, learns, parameter_gain = CASES[case]
    model = random_model(
        case, states, outcomes, controls, learns, habit=controls[0] ** horizon if case % 2 else 0
    )
    player = ActiveInference(
        model,
        horizon=horizon,
        learning=Learning(of=learns) if learns else None,
        information_gain=(True, parameter_gain),
    )
    observations = np.random.default_rng(case).integers(0, int(np.prod(outcomes)), (STEPS, LANES))
    compare(player, observations, *settings_of_lanes())


FACTORED = [
    # states, outcomes, controls, horizon, learned, parameter gain
    ((2, 3), (4,), (2, 1), 1, ("B",), False),
    ((3, 2), (3, 2), (2, 2), 1, ("A", "B"), False),
    ((2, 2), (3,), (2, 1), 2, ("B",), True),
    ((2, 2), (2, 3, 2), (2, 1), 3, (), False),
    ((2, 3, 2), (4,), (2, 1, 1), 1, ("A",), False),
    ((2, 2, 2), (3, 2), (2, 1, 1), 2, ("A", "B"), True),
    ((3, 2, 2), (2, 2, 3), (2, 1, 1), 1, ("B",), True),
    ((2, 2, 2, 2), (4,), (2, 1, 1, 1), 1, ("A", "B"), False),
    ((2, 2, 2, 2), (3, 2), (2, 1, 1, 1), 2, ("B",), False),
    ((2, 2), (4, 3), (3, 1), 3, ("A", "B"), False),
]


@pytest.mark.long
@pytest.mark.parametrize("case", range(len(FACTORED)))
def test_on_random_models_of_several_factors(case):
    """Two to four factors, perceived by pymdp's own parallel iteration."""
    states, outcomes, controls, horizon, learns, parameter_gain = FACTORED[case]
    model = random_model(100 + case, states, outcomes, controls, learns)
    player = ActiveInference(
        model,
        horizon=horizon,
        learning=Learning(of=learns) if learns else None,
        information_gain=(True, parameter_gain),
        perception="fixed_point",
    )
    observations = np.random.default_rng(case).integers(0, int(np.prod(outcomes)), (STEPS // 2, LANES))
    compare(player, observations, *settings_of_lanes())
