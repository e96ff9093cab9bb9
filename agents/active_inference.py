"""The active-inference player: perceive → learn → plan → act.

Each step it infers states from its prior prediction and the outcome (:mod:`perception`), updates Dirichlet counts
(:mod:`learning`), values policies by expected free energy (:mod:`planning`), and draws one from

    q(π) ∝ E(π) exp(-G(π) / T)

at its exploration temperature T (pymdp's γ is 1/T). Every array has its lanes last; the player holds static
structure only, and what a sweep may vary is in its settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from thermopolis.agents import lanes as ln
from thermopolis.agents import parameters, perception, planning, selection
from thermopolis.agents.core_in_loop import Core, CoreUse, perceive_on_core, select_on_core
from thermopolis.agents.counterfactual import action_probabilities, value_not_taken
from thermopolis.agents.fixed_point import fixed_point
from thermopolis.agents.mean_field import mean_field
from thermopolis.agents.model import GenerativeModel
from thermopolis.agents.settings import Learning, Settings
from thermopolis.agents.sophisticated import sophisticated
from thermopolis.agents.structure import State, Structure
from thermopolis.agents.team import Team
from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, uniforms
from thermopolis.thermo.controllers import CONTROLLERS, Signal

POLICY_BUDGET = 4096
#: Transitions with more entries than this, and not learned, are one table for all lanes of a block.
LARGE = 1024
PLANNERS = ("enumerate", "sophisticated")
PERCEPTIONS = ("exact", "tempered", "fixed_point", "mean_field", "core")
_CHOICE, _PERCEPTION, _REGISTER, _LEARNING, _TEAM, _FOLLOW = 1, 2, 3, 4, 5, 6  # streams of one step's key


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
    perception : "exact", "tempered", "fixed_point", "mean_field" or "core"
        How beliefs are found: by enumeration (at ``perception_beta``), by iteration, or sampled on the core.
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
    planner : str or mapping
        ``enumerate`` weighs all sequences of actions; ``sophisticated`` (with ``temperature``, at which later choices
        are expected) weighs first actions at any depth, for models of one factor seen as it is.
    team : Team, optional
        Who shares evidence, or acts as one, with this agent.
    team_weight : float
        How much is shared, in [0, 1].
    perception_beta : float
        β of tempered perception, above 0.

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
        planner: str | Mapping[str, Any] = "enumerate",
        team: Team | None = None,
        team_weight: float = 1.0,
        perception_beta: float = 1.0,
    ) -> None:
        if horizon < 1:
            raise ModelError(f"horizon is {horizon}, expected at least 1")
        self._planner = dict(planner) if isinstance(planner, Mapping) else {"kind": planner}
        deep = _known("planner", str(self._planner["kind"]), PLANNERS) == "sophisticated"
        policies = model.num_actions ** (1 if deep else horizon)
        if policies > POLICY_BUDGET:
            raise ModelError(
                f"{model.num_actions} actions over horizon {horizon} make {policies} policies, more than "
                f"{POLICY_BUDGET}: shorten the horizon"
            )
        if model.E is not None and model.E.shape != (policies,):
            raise ModelError(f"E has shape {model.E.shape}, expected ({policies},), one entry a policy")
        if team is not None:
            _check_team(team_weight, learning, policy, selection)
        self.team_weight = team_weight
        if perception_beta <= 0:
            raise ModelError(f"perception beta is {perception_beta:g}, expected above 0")
        self.perception_beta = perception_beta
        core_used = "core" in (perception, policy)
        if core_used and core is None:
            core = Core()
        self.model = model
        self.first_observation = -1 if first_observation is None else int(first_observation)
        self.learning = learning
        self._controller: dict[str, Any] = {"kind": "constant", "temperature": temperature}
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
        identity = tuple(
            "A" not in learned and a.shape == (a.shape[0],) * 2 and bool((a == np.eye(a.shape[0])).all())
            for a in model.A
        )
        if deep and (len(model.B) > 1 or not all(identity)):
            raise ModelError(
                "planner sophisticated needs a model of one factor whose outcomes show the state "
                "(a fixed identity likelihood): use planner enumerate"
            )
        self.structure = Structure(
            num_states=model.num_states,
            num_obs=model.num_obs,
            A_dependencies=model.A_dependencies,
            B_dependencies=model.B_dependencies,
            num_controls=model.num_controls,
            actions=tuple(tuple(int(u) for u in row) for row in model.actions),
            identity=identity,
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
            planner=str(self._planner["kind"]),
            method="dirichlet" if learning is None else learning.method,
            team=team,
            readouts=tuple(model.readouts),
            reachable=tuple(_reachable(b) for b in model.B),
        )
        if core_used and core is not None:
            core.check(model, perception == "core", policies if policy == "core" else 0)

    @property
    def shared(self) -> frozenset[str]:
        """Settings that all lanes of a block have in common: D, E, likelihoods and large transitions, if not learned."""
        names = {f"D_{f}" for f in range(len(self.model.D))} | {"E"}
        names |= {f"readout.{name}" for name in self.structure.readouts}
        if "B" not in self.structure.learned:
            names |= {f"B_{f}" for f, b in enumerate(self.model.B) if b.size > LARGE}
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
            table: np.ndarray = a.reshape(a.shape[0], -1)
            out[f"A_{m}"] = _f32(table)
            if "A" in s.learned:
                counts = self._prior_counts("A", m)
                out[f"pA_{m}"] = _f32(counts.reshape(table.shape))
            out[f"ln_C_{m}"] = _f32(model.C[m])
        for f, b in enumerate(model.B):
            table = np.asarray(b).reshape(b.shape[0], -1, b.shape[-1])
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
            habit = np.full(s.policies, 1.0 / s.policies) if model.E is None else model.E
            out["E"] = _f32(habit)
            if "E" in s.learned:
                assert self.learning is not None
                out["pE"] = _f32(habit * self.learning.concentration)
        if self.learning is not None:
            out["rate"] = np.float32(self.learning.rate)
            out["forgetting"] = np.float32(self.learning.forgetting)
            if s.method != "dirichlet":
                out["kl_bound"] = np.float32(self.learning.kl_bound)
            if s.method == "thermodynamic_natural_gradient":
                out["relaxation.time"] = np.float32(self.learning.relaxation_time)
                out["relaxation.temperature"] = np.float32(self.learning.relaxation_temperature)
        if s.perception == "tempered":
            out["perception.beta"] = np.float32(self.perception_beta)
        if s.planner == "sophisticated":
            out["planner.temperature"] = np.float32(self._planner.get("temperature", 1.0))
        if s.team is not None:
            out["team.weight"] = np.float32(self.team_weight)
        for name in s.readouts:
            out[f"readout.{name}"] = _f32(model.readouts[name])
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


def _reachable(transitions: np.ndarray) -> tuple[tuple[int, ...], ...] | None:
    """By control, the states that B can lead to (learning keeps its zeros); ``None`` if all of them can."""
    likeliest = transitions.reshape(transitions.shape[0], -1, transitions.shape[-1]).max(axis=1)
    if (likeliest > 0).all():
        return None
    return tuple(tuple(int(i) for i in np.flatnonzero(column)) for column in likeliest.T)


def selection_kinds() -> tuple[str, ...]:
    """Names of the selection rules."""
    return tuple(selection.RULES)


def _known(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise ModelError(f"{name} is {value!r}, expected one of {', '.join(known)}")
    return value


def _check_team(
    weight: float, learning: Learning | None, policy: str, selection: str | Mapping[str, Any]
) -> None:
    if not 0 <= weight <= 1:
        raise ModelError(f"team weight is {weight:g}, expected a share in [0, 1]")
    if learning is not None and learning.method != "dirichlet":
        raise ModelError(f"a team pools counts: learning.method is {learning.method!r}, expected dirichlet")
    if policy == "core" or (selection["kind"] if isinstance(selection, Mapping) else selection) == "argmax":
        raise ModelError(
            "a team draws its policy from q(π): policy core and selection argmax can't be shared"
        )


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
        core = CoreUse.fresh(
            s.num_states if s.perception == "core" else (), s.policies if s.policy == "core" else 0, n
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
    shown = perception.evidence(tables, s.A_dependencies, state.prior, outcomes)
    if s.perception == "core":
        assert s.core is not None and core is not None
        percept, core = perceive_on_core(
            s.core,
            core,
            fold_in(keys, _PERCEPTION),
            shown,
            tables,
            s.A_dependencies,
            state.prior,
            outcomes,
            seen,
        )
    elif s.perception == "exact":
        percept = perception.exact(shown, s.num_states)
    elif s.perception == "tempered":
        percept = perception.tempered(shown, s.num_states, settings["perception.beta"])
    else:
        iteration = {"fixed_point": fixed_point, "mean_field": mean_field}[s.perception]
        percept = iteration(shown, tables, s.A_dependencies, state.prior, outcomes)
    qs = [jnp.where(seen, q, p) for q, p in zip(percept.qs, state.prior, strict=True)]
    cost = [jnp.where(seen, x, jnp.nan) for x in percept.free_energy]
    qs, cost = jax.lax.optimization_barrier((qs, cost))

    # learn
    counts = state.counts
    if s.learned:
        counts = parameters.learn(s, state, settings, qs, outcomes, seen, fold_in(keys, _LEARNING))
    counts = jax.lax.optimization_barrier(counts)

    # plan
    likelihoods, transitions = parameters.world_model(s, settings, counts)
    given = (likelihoods, transitions, qs, s.actions, s.horizon, s.state_gain, s.parameter_gain)
    if s.planner == "sophisticated":
        plan = sophisticated(*given, settings["planner.temperature"])
    else:
        plan = planning.plan(*given)
    plan = jax.lax.optimization_barrier(plan)
    log_habit = None
    if s.habit:
        habit = counts["E"] / ln.total(counts["E"]) if "E" in s.learned else settings["E"]
        log_habit = ln.safe_log(habit)
    control = {k.split(".", 1)[1]: v for k, v in settings.items() if k.startswith("controller.")}
    doom = None
    if s.controller == "doom":
        doom = _mutual_defection(s, plan, log_habit, settings)
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
    if s.team is not None and s.team.kind == "merge":
        weight = settings["team.weight"]
        shared = selection.RULES[s.selection](s.team.mean(utilities), rule)
        common = ln.draw(shared, s.team.first(uniforms(fold_in(keys, _TEAM))))
        policy = jnp.where(uniforms(fold_in(keys, _FOLLOW)) < weight, common, policy)
        q_pi = weight * shared + (1.0 - weight) * q_pi
    if "E" in s.learned:
        chosen = jnp.stack([jnp.where(policy == p, 1.0, 0.0) for p in range(q_pi.shape[0])])
        enacted = parameters.update(s, "E", counts, settings, chosen, policy >= 0, fold_in(keys, _LEARNING))
        counts = counts | {"E": enacted}
    action = policy if s.tail == 1 else policy // s.tail
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
        "counterfactual_value": value_not_taken(-g, action, len(s.actions)),
    }
    if s.doom_outcome is not None:
        doomed = plan.next_outcomes[0][s.doom_outcome]
        trace["mutual_defection"] = ln.total(action_probabilities(q_pi, len(s.actions)) * doomed)
    for name in s.readouts:
        trace[name] = ln.total(qs[0] * settings[f"readout.{name}"])
    if percept.converged is not None:
        trace["perception_converged"] = (percept.converged | ~seen).astype(jnp.float32)
    if core is not None:
        assert s.core is not None
        trace |= core.trace(s.core)
        core = core.settled()
    trace |= {f"temperature_{name}": jnp.broadcast_to(value, action.shape) for name, value in notes.items()}
    return State(prior, qs, action, counts, controller, core), action, trace


def _mutual_defection(
    s: Structure, plan: planning.Plan, log_habit: Array | None, settings: Settings
) -> Float[Array, "lanes"]:
    """Predicted probability of mutual defection next, under q(π) at the controller's resting temperature."""
    assert s.doom_outcome is not None
    utilities = -plan.expected_free_energy / settings["controller.temperature"]
    if log_habit is not None:
        utilities = utilities + log_habit
    q_pi = ln.softmax(utilities)
    return ln.total(action_probabilities(q_pi, len(s.actions)) * plan.next_outcomes[0][s.doom_outcome])
