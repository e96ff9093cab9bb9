"""The active-inference player: perceive → learn → plan → act.

Each step it infers states from its prior prediction and the outcome (:mod:`perception`), updates Dirichlet counts
(:mod:`learning`), values policies by expected free energy (:mod:`planning`), and draws one from

    q(π) ∝ E(π) exp(-G(π) / T)

at its exploration temperature T (pymdp's γ is 1/T). Every array has its lanes last; the player holds static
structure only, and what a sweep may vary is in its settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from thermopolis.agents import lanes as ln
from thermopolis.agents import learning, perception, planning, selection
from thermopolis.agents.belief import Beliefs
from thermopolis.agents.core_in_loop import Core, CoreUse, perceive_on_core, select_on_core
from thermopolis.agents.fixed_point import fixed_point
from thermopolis.agents.mean_field import mean_field
from thermopolis.agents.model import GenerativeModel
from thermopolis.agents.settings import Learning, Settings
from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, uniforms
from thermopolis.thermo.controllers import CONTROLLERS, Signal

POLICY_BUDGET = 4096
PERCEPTIONS = ("exact", "fixed_point", "mean_field", "core")
_CHOICE, _PERCEPTION, _REGISTER = 1, 2, 3  # streams of one step's key


class State(NamedTuple):
    """What an agent carries from step to step; every leaf ends in lanes."""

    prior: Beliefs  # prediction of the present states, before the outcome
    qs: Beliefs  # last step's posterior
    action: Int[Array, "lanes"]  # last step's action, -1 before any
    counts: dict[str, Array]  # Dirichlet counts: B_f, A_m, D_f, E
    controller: Array
    core: CoreUse | None


@dataclass(frozen=True)
class Structure:
    """What decides an agent's compiled program; hashable."""

    num_states: tuple[int, ...]
    num_obs: tuple[int, ...]
    A_dependencies: tuple[tuple[int, ...], ...]
    B_dependencies: tuple[tuple[int, ...], ...]
    num_controls: tuple[int, ...]
    actions: tuple[tuple[int, ...], ...]
    identity: tuple[bool, ...]
    horizon: int
    state_gain: bool
    parameter_gain: bool
    habit: bool
    learned: tuple[str, ...]
    forgets: bool
    perception: str
    policy: str
    selection: str
    controller: str
    doom_outcome: int | None
    core: Core | None


class ActiveInference:
    """An agent that minimizes free energy.

    Parameters
    ----------
    model : GenerativeModel
    temperature : float or mapping
        Exploration temperature T > 0, or ``{"kind": "constant" | "anneal" | "adaptive" | "entropy_target" |
        "entropy_feedback" | "doom", …}`` with that controller's settings (:mod:`thermopolis.thermo.controllers`).
    horizon : int
        Steps planned ahead, ≥ 1; all sequences of actions are policies.
    learning : Learning, optional
        What is learned, and how fast. ``None``: nothing.
    perception : "exact", "fixed_point", "mean_field" or "core"
        How beliefs are found: by enumeration, by iteration, or sampled on the core.
    policy : "exact" or "core"
        Whether the choice of a policy is computed or sampled on the core.
    core : Core, optional
        The core used where a kind above says so.
    information_gain : (state, parameter)
        Which gains count towards a policy's value.
    selection : str or mapping
        ``softmax``, ``argmax``, ``{"kind": "entmax", "alpha": …}``, ``{"kind": "min_p", "p": …}``.
    first_observation : int, optional
        Outcome the agent takes itself to have just seen. ``None``: none, beliefs start from D.
    doom_outcome : int, optional
        Outcome of the first modality that means mutual defection.

    Raises
    ------
    ModelError
        For settings that can't be, naming them.
    """

    def __init__(
        self,
        model: GenerativeModel,
        temperature: float | Mapping[str, Any] = 1.0,
        horizon: int = 1,
        learning: Learning | None = None,
        perception: str = "exact",
        policy: str = "exact",
        core: Core | None = None,
        information_gain: tuple[bool, bool] = (True, False),
        selection: str | Mapping[str, Any] = "softmax",
        first_observation: int | None = None,
        doom_outcome: int | None = None,
    ) -> None:
        policies = model.num_actions**horizon
        if horizon < 1:
            raise ModelError(f"horizon is {horizon}, expected at least 1")
        if policies > POLICY_BUDGET:
            raise ModelError(
                f"{model.num_actions} actions over horizon {horizon} make {policies} policies, more than "
                f"{POLICY_BUDGET}: shorten the horizon"
            )
        if model.E is not None and model.E.shape != (policies,):
            raise ModelError(f"E has shape {model.E.shape}, expected ({policies},), one entry a policy")
        core_used = "core" in (perception, policy)
        if core_used and core is None:
            core = Core()
        self.model = model
        self.first_observation = -1 if first_observation is None else int(first_observation)
        self.learning = learning
        self._controller = {"kind": "constant", "temperature": temperature}
        if isinstance(temperature, Mapping):
            self._controller = dict(temperature)
        kind = str(self._controller.pop("kind", "constant"))
        if kind not in CONTROLLERS:
            raise ModelError(f"temperature controller is {kind!r}, expected one of {', '.join(CONTROLLERS)}")
        if kind == "doom" and doom_outcome is None:
            raise ModelError(
                "the doom controller needs doom_outcome, the outcome that means mutual defection"
            )
        self._selection = dict(selection) if isinstance(selection, Mapping) else {"kind": selection}
        learned = () if learning is None else learning.of
        self.structure = Structure(
            num_states=model.num_states,
            num_obs=model.num_obs,
            A_dependencies=model.A_dependencies,
            B_dependencies=model.B_dependencies,
            num_controls=model.num_controls,
            actions=tuple(tuple(int(u) for u in row) for row in model.actions),
            identity=tuple(
                "A" not in learned and a.shape == (a.shape[0],) * 2 and bool((a == np.eye(a.shape[0])).all())
                for a in model.A
            ),
            horizon=horizon,
            state_gain=bool(information_gain[0]),
            parameter_gain=bool(information_gain[1]),
            habit=model.E is not None or "E" in learned,
            learned=tuple(learned),
            forgets=learning is not None and learning.forgetting > 0,
            perception=_known("perception", perception, PERCEPTIONS),
            policy=_known("policy", policy, ("exact", "core")),
            selection=_known("selection", str(self._selection["kind"]), selection_kinds()),
            controller=kind,
            doom_outcome=doom_outcome,
            core=core if core_used else None,
        )
        if core_used and core is not None:
            core.check(model, perception == "core", policies if policy == "core" else 0)

    @property
    def shared(self) -> frozenset[str]:
        """Settings that all lanes of a block have in common: likelihoods that aren't learned, D and E."""
        names = {f"D_{f}" for f in range(len(self.model.D))} | {"E"}
        if "A" not in self.structure.learned:
            names |= {f"A_{m}" for m in range(len(self.model.A))}
        return frozenset(names)

    @property
    def num_observations(self) -> int:
        """Number of joint outcomes over all modalities; an observation is their mixed-radix index."""
        return int(np.prod(self.structure.num_obs))

    def settings(self) -> Settings:
        """Arrays a sweep may vary, without lanes."""
        s, model = self.structure, self.model
        out: Settings = {f"controller.{k}": np.float32(v) for k, v in self._controller.items()}
        out |= {f"selection.{k}": np.float32(v) for k, v in self._selection.items() if k != "kind"}
        for m, a in enumerate(model.A):
            table = a.reshape(a.shape[0], -1)
            out[f"A_{m}"] = _f32(table)
            if "A" in s.learned:
                counts = self._prior_counts("A", m)
                out[f"pA_{m}"] = _f32(counts.reshape(table.shape))
            out[f"ln_C_{m}"] = _f32(model.C[m])
        for f, b in enumerate(model.B):
            table = b.reshape(b.shape[0], -1, b.shape[-1])
            if "B" in s.learned:
                out[f"pB_{f}"] = _f32(self._prior_counts("B", f).reshape(table.shape))
            else:
                out[f"B_{f}"] = _f32(table)
                if s.parameter_gain and model.pB is not None:
                    out[f"pB_{f}"] = _f32(model.pB[f].reshape(table.shape))
            out[f"D_{f}"] = _f32(model.D[f])
            if "D" in s.learned:
                out[f"pD_{f}"] = _f32(self._prior_counts("D", f))
        if s.habit:
            policies = len(s.actions) ** s.horizon
            habit = np.full(policies, 1.0 / policies) if model.E is None else model.E
            out["E"] = _f32(habit)
            if "E" in s.learned:
                assert self.learning is not None
                out["pE"] = _f32(habit * self.learning.concentration)
        if self.learning is not None:
            out["rate"] = np.float32(self.learning.rate)
            out["forgetting"] = np.float32(self.learning.forgetting)
        return out

    def _prior_counts(self, name: str, index: int) -> np.ndarray:
        given = getattr(self.model, f"p{name}")
        if given is not None:
            return np.asarray(given[index])
        assert self.learning is not None
        return np.asarray(getattr(self.model, name)[index]) * self.learning.concentration

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> State:
        """State before the first step."""
        return init(self.structure, keys, settings)

    def step(
        self, keys: Key[Array, "lanes"], state: State, settings: Settings, observation: Int[Array, "lanes"]
    ) -> tuple[State, Int[Array, "lanes"], dict[str, Array]]:
        """One perceive → learn → plan → act. ``observation`` -1 means nothing seen. Returns state, action, trace."""
        return step(self.structure, keys, state, settings, observation)


def selection_kinds() -> tuple[str, ...]:
    """Names of the selection rules."""
    return tuple(selection.RULES)


def _known(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise ModelError(f"{name} is {value!r}, expected one of {', '.join(known)}")
    return value


def _f32(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, dtype=np.float32)


def init(s: Structure, keys: Key[Array, "lanes"], settings: Settings) -> State:
    """State before the first step: beliefs are D, counts are the prior's."""
    n = keys.shape[-1]
    wide = lambda x: jnp.broadcast_to(x, (*x.shape[:-1], n))
    prior = [wide(settings[f"D_{f}"]) for f in range(len(s.num_states))]
    names = {"A": len(s.num_obs), "B": len(s.num_states), "D": len(s.num_states)}
    counts = {f"{k}_{i}": wide(settings[f"p{k}_{i}"]) for k in s.learned if k != "E" for i in range(names[k])}
    if "E" in s.learned:
        counts["E"] = wide(settings["pE"])
    control = {k.split(".", 1)[1]: v for k, v in settings.items() if k.startswith("controller.")}
    controller = jnp.broadcast_to(CONTROLLERS[s.controller].init(control), (n,)).astype(jnp.float32)
    core = None
    if s.core is not None:
        policies = len(s.actions) ** s.horizon
        core = CoreUse.fresh(
            s.num_states if s.perception == "core" else (), policies if s.policy == "core" else 0, n
        )
    return State(
        prior, [jnp.zeros_like(p) for p in prior], jnp.full(n, -1, jnp.int32), counts, controller, core
    )


def _outcomes(s: Structure, observation: Int[Array, "lanes"]) -> list[Int[Array, "lanes"]]:
    """An observation's outcome in each modality (mixed radix, last modality fastest)."""
    rest, out = jnp.maximum(observation, 0), []
    for n in reversed(s.num_obs):
        out.append(rest % n)
        rest = rest // n
    return out[::-1] if len(s.num_obs) > 1 else [jnp.maximum(observation, 0)]


def _learn(
    s: Structure,
    state: State,
    settings: Settings,
    qs: Beliefs,
    outcomes: list[Array],
    seen: Bool[Array, "lanes"],
) -> dict[str, Array]:
    counts = dict(state.counts)
    forgetting = settings["forgetting"] if s.forgets else None
    rate = settings.get("rate")
    moved = seen & (state.action >= 0)
    if "A" in s.learned:
        for m, factors in enumerate(s.A_dependencies):
            evidence = learning.likelihood_evidence(qs, factors, outcomes[m], s.num_obs[m])
            counts[f"A_{m}"] = learning.count(
                counts[f"A_{m}"], settings[f"pA_{m}"], evidence, rate, forgetting, seen
            )
    if "B" in s.learned:
        for f, factors in enumerate(s.B_dependencies):
            control = sum(
                (jnp.where(state.action == a, row[f], 0) for a, row in enumerate(s.actions)),
                start=jnp.zeros_like(state.action),
            )
            evidence = learning.transition_evidence(qs, state.qs, f, factors, control, s.num_controls[f])
            counts[f"B_{f}"] = learning.count(
                counts[f"B_{f}"], settings[f"pB_{f}"], evidence, rate, forgetting, moved
            )
    if "D" in s.learned:
        for f in range(len(s.num_states)):
            first = seen & (state.action < 0)
            counts[f"D_{f}"] = learning.count(
                counts[f"D_{f}"], settings[f"pD_{f}"], qs[f], rate, forgetting, first
            )
    return counts


def _world_model(
    s: Structure, settings: Settings, counts: dict[str, Array]
) -> tuple[list[planning.Likelihood], list[planning.Transition]]:
    likelihoods = []
    for m, factors in enumerate(s.A_dependencies):
        table, learned = settings[f"A_{m}"], counts.get(f"A_{m}")
        if learned is not None:
            table = learned / ln.total(learned)
        likelihoods.append(
            planning.Likelihood(
                table, factors, settings[f"ln_C_{m}"], s.identity[m], learned if s.parameter_gain else None
            )
        )
    transitions = []
    for f, factors in enumerate(s.B_dependencies):
        learned = counts.get(f"B_{f}")
        if learned is not None:
            sums = 1.0 / ln.total(learned)
            transitions.append(
                planning.Transition(learned, sums, factors, learned if s.parameter_gain else None)
            )
        else:
            given = settings.get(f"pB_{f}") if s.parameter_gain else None
            transitions.append(planning.Transition(settings[f"B_{f}"], None, factors, given))
    return likelihoods, transitions


def step(
    s: Structure,
    keys: Key[Array, "lanes"],
    state: State,
    settings: Settings,
    observation: Int[Array, "lanes"],
) -> tuple[State, Int[Array, "lanes"], dict[str, Array]]:
    """One perceive → learn → plan → act of every lane."""
    seen = observation >= 0
    outcomes = _outcomes(s, observation)
    core = state.core

    # perceive
    tables = [settings[f"A_{m}"] for m in range(len(s.num_obs))]
    if "A" in s.learned:
        tables = [state.counts[f"A_{m}"] for m in range(len(s.num_obs))]
        tables = [t / ln.total(t) for t in tables]
    given = perception.evidence(tables, s.A_dependencies, state.prior, outcomes)
    if s.perception == "core":
        assert s.core is not None and core is not None
        percept, core = perceive_on_core(
            s.core,
            core,
            fold_in(keys, _PERCEPTION),
            given,
            tables,
            s.A_dependencies,
            state.prior,
            outcomes,
            seen,
        )
    elif s.perception == "exact":
        percept = perception.exact(given, s.num_states)
    else:
        iteration = {"fixed_point": fixed_point, "mean_field": mean_field}[s.perception]
        percept = iteration(given, tables, s.A_dependencies, state.prior, outcomes)
    qs = [jnp.where(seen, q, p) for q, p in zip(percept.qs, state.prior, strict=True)]
    cost = [jnp.where(seen, x, jnp.nan) for x in percept.free_energy]
    qs, cost = jax.lax.optimization_barrier((qs, cost))

    # learn
    counts = _learn(s, state, settings, qs, outcomes, seen) if s.learned else state.counts
    counts = jax.lax.optimization_barrier(counts)

    # plan
    likelihoods, transitions = _world_model(s, settings, counts)
    plan = planning.plan(likelihoods, transitions, qs, s.actions, s.horizon, s.state_gain, s.parameter_gain)
    plan = jax.lax.optimization_barrier(plan)
    log_habit = None
    if s.habit:
        habit = counts["E"] / ln.total(counts["E"]) if "E" in s.learned else settings["E"]
        log_habit = ln.safe_log(habit)
    control = {k.split(".", 1)[1]: v for k, v in settings.items() if k.startswith("controller.")}
    doom = None
    if s.doom_outcome is not None:
        doom = _mutual_defection(s, plan, log_habit, settings, state)
    signal = Signal(-plan.expected_free_energy, log_habit, doom)
    controller, temperature, notes = CONTROLLERS[s.controller].step(state.controller, control, signal)
    utilities = -plan.expected_free_energy / temperature
    if log_habit is not None:
        utilities = utilities + log_habit
    rule = {k.split(".", 1)[1]: v for k, v in settings.items() if k.startswith("selection.")}
    utilities = jax.lax.optimization_barrier(utilities)
    q_pi = jax.lax.optimization_barrier(selection.RULES[s.selection](utilities, rule))

    # act
    if s.policy == "core":
        assert s.core is not None and core is not None
        policy, core = select_on_core(s.core, core, fold_in(keys, _REGISTER), utilities, q_pi)
    elif s.selection == "argmax":
        policy = ln.argmax(utilities)
    else:
        policy = ln.draw(q_pi, uniforms(fold_in(keys, _CHOICE)))
    if "E" in s.learned:
        chosen = jnp.stack([jnp.where(policy == p, 1.0, 0.0) for p in range(q_pi.shape[0])])
        forgetting = settings["forgetting"] if s.forgets else None
        counts = counts | {
            "E": learning.count(
                counts["E"], settings["pE"], chosen, settings["rate"], forgetting, policy >= 0
            )
        }
    action = policy // len(s.actions) ** (s.horizon - 1)
    prior = [ln.pick(jnp.swapaxes(q, 0, 1), action) for q in plan.next_beliefs]

    expected = lambda x: ln.total(q_pi * x)
    g = plan.expected_free_energy
    trace = {
        "belief_entropy": sum((ln.entropy(q) for q in qs), start=jnp.zeros(keys.shape[-1])),
        "policy_entropy": ln.entropy(q_pi),
        "policy_varentropy": ln.varentropy(q_pi),
        "free_energy": cost[0],
        "complexity": cost[1],
        "accuracy": cost[2],
        "expected_free_energy": expected(g),
        "risk": expected(plan.risk),
        "ambiguity": expected(plan.ambiguity),
        "state_information_gain": expected(plan.state_information_gain),
        "parameter_information_gain": expected(plan.parameter_information_gain),
        "exploration_temperature": jnp.broadcast_to(temperature, action.shape),
        "regret": ln.pick(g, policy) + ln.maximum(-g),
    }
    if percept.converged is not None:
        trace["perception_converged"] = jnp.where(seen, percept.converged.astype(jnp.float32), jnp.nan)
    if core is not None:
        assert s.core is not None
        trace |= core.trace(s.core)
        core = core.settled()
    trace |= {f"temperature_{name}": jnp.broadcast_to(value, action.shape) for name, value in notes.items()}
    return State(prior, qs, action, counts, controller, core), action, trace


def _mutual_defection(
    s: Structure, plan: planning.Plan, log_habit: Array | None, settings: Settings, state: State
) -> Float[Array, "lanes"]:
    """Predicted probability of mutual defection next, under q(π) at the controller's resting temperature."""
    assert s.doom_outcome is not None
    utilities = -plan.expected_free_energy / settings["controller.temperature"]
    if log_habit is not None:
        utilities = utilities + log_habit
    q_pi = ln.softmax(utilities)
    q_action = ln.total(jnp.swapaxes(q_pi.reshape(len(s.actions), -1, q_pi.shape[-1]), 0, 1))
    return ln.total(q_action * plan.next_outcomes[0][s.doom_outcome])
