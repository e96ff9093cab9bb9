"""One step of an active-inference agent: perceive → learn → plan → act, as pure functions over lanes.

    q(s) from its prediction and the outcome (:mod:`perception` and its kin),  counts from q (:mod:`parameters`),
    G(π) from both (:mod:`planning`),  π ~ q(π) ∝ E(π) exp(-G(π) / T)

What an agent is made of is its :class:`~thermopolis.agents.structure.Structure`; its numbers are settings.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from thermopolis.agents import budget, parameters, perception, planning, selection
from thermopolis.agents import lanes as ln
from thermopolis.agents.belief import outcomes_of
from thermopolis.agents.core_in_loop import CoreUse, perceive_on_core, select_on_core
from thermopolis.agents.counterfactual import action_probabilities, value_not_taken
from thermopolis.agents.fixed_point import fixed_point
from thermopolis.agents.given_policies import plan_given
from thermopolis.agents.mean_field import mean_field
from thermopolis.agents.perception_cost import operations
from thermopolis.agents.settings import Settings
from thermopolis.agents.sophisticated import sophisticated
from thermopolis.agents.structure import State, Structure
from thermopolis.keys import fold_in, uniforms
from thermopolis.thermo.controllers import CONTROLLERS, Signal

_CHOICE, _PERCEPTION, _REGISTER, _LEARNING, _TEAM, _FOLLOW = 1, 2, 3, 4, 5, 6  # streams of one step's key


def init(s: Structure, keys: Key[Array, "lanes"], settings: Settings) -> State:
    """State before the first step: beliefs are D, counts are the prior's."""
    n = keys.shape[-1]
    wide = lambda x: jnp.broadcast_to(x, (*x.shape[:-1], n))
    prior = [wide(settings[f"D_{f}"]) for f in range(len(s.num_states))]
    names = {"A": len(s.num_obs), "B": len(s.num_states), "D": len(s.num_states)}
    tables = [f"{k}_{i}" for k in s.learned if k != "E" for i in range(names[k])]
    counts = {name: wide(parameters.packed(s, name, settings[f"p{name}"])) for name in tables}
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


def step(
    s: Structure,
    keys: Key[Array, "lanes"],
    state: State,
    settings: Settings,
    observation: Int[Array, "lanes"],
) -> tuple[State, Int[Array, "lanes"], dict[str, Array]]:
    """One perceive → learn → plan → act of every lane."""
    seen = informed = observation >= 0
    outcomes = outcomes_of(s.num_obs, observation)
    core, taken = state.core, _paid_samples(s, settings)

    # perceive
    tables = [settings[f"A_{m}"] for m in range(len(s.num_obs))]
    if "A" in s.learned:
        tables = [state.counts[f"A_{m}"] for m in range(len(s.num_obs))]
        tables = [t / ln.total(t) for t in tables]
    shown = perception.evidence(tables, s.A_dependencies, state.prior, outcomes)
    if s.team is not None and "states" in s.team.of:
        shown = perception.pooled(shown, seen, s.team.heard, settings["team.weight"])
        informed = s.team.heard(seen.astype(jnp.float32)) * settings["team.weight"] + seen > 0
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
            taken,
        )
    elif s.perception == "exact":
        percept = perception.exact(shown, s.num_states)
    elif s.perception == "tempered":
        percept = perception.tempered(shown, s.num_states, settings["perception.beta"])
    else:
        iteration = {"fixed_point": fixed_point, "mean_field": mean_field}[s.perception]
        percept = iteration(shown, tables, s.A_dependencies, state.prior, outcomes)
    qs = [jnp.where(informed, q, p) for q, p in zip(percept.qs, state.prior, strict=True)]
    cost = [jnp.where(informed, x, jnp.nan) for x in percept.free_energy]
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
    elif s.given is not None:
        plan = plan_given(likelihoods, transitions, qs, s.actions, s.given, s.state_gain, s.parameter_gain)
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
    values = -plan.expected_free_energy
    utilities = (values - ln.held(ln.maximum(values))) / temperature  # the best is 0, however cold
    if log_habit is not None:
        utilities = utilities + log_habit
    rule = {k.split(".", 1)[1]: v for k, v in settings.items() if k.startswith("selection.")}
    utilities = jax.lax.optimization_barrier(utilities)
    q_pi = jax.lax.optimization_barrier(selection.RULES[s.selection](utilities, rule))

    # act
    if s.policy == "core":
        assert s.core is not None and core is not None
        policy, core = select_on_core(s.core, core, fold_in(keys, _REGISTER), utilities, q_pi, taken)
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
    action = _first_action(s, policy)
    prior = [ln.pick(jnp.swapaxes(q, 0, 1), action) for q in plan.next_beliefs]

    expected = lambda x: ln.total(q_pi * x)
    g = plan.expected_free_energy
    trace = {
        "belief": qs[0],
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
        "counterfactual_value": value_not_taken(-g, action, s.first_actions, len(s.actions)),
    }
    if s.selection == "adaptive_entmax":
        trace["entmax_alpha"] = selection.alpha(utilities, rule)
    if s.doom_outcome is not None:
        doomed = plan.next_outcomes[0][s.doom_outcome]
        trace["mutual_defection"] = ln.total(
            action_probabilities(q_pi, s.first_actions, len(s.actions)) * doomed
        )
    worked = operations(s, percept.sweeps)
    trace["perception_operations"] = jnp.where(informed, worked, 0).astype(jnp.float32)
    for name in s.readouts:
        trace[name] = ln.total(qs[0] * settings[f"readout.{name}"])
    if percept.converged is not None:
        trace["perception_converged"] = (percept.converged | ~seen).astype(jnp.float32)
    if core is not None:
        assert s.core is not None
        trace |= core.trace(s.core)
        core = core.settled()
    if taken is not None:
        trace["core_samples"] = taken.astype(jnp.float32)
    trace |= {f"temperature_{name}": jnp.broadcast_to(value, action.shape) for name, value in notes.items()}
    return State(prior, qs, action, counts, controller, core), action, trace


def _first_action(s: Structure, policy: Int[Array, "lanes"]) -> Int[Array, "lanes"]:
    """The action that a policy starts with."""
    if s.given is not None:
        return ln.pick(jnp.asarray(s.first_actions, jnp.int32)[:, None] + jnp.zeros_like(policy), policy)
    tail = s.policies // len(s.actions)
    return policy if tail == 1 else ln.held(policy) // tail


def _paid_samples(s: Structure, settings: Settings) -> Int[Array, "lanes"] | None:
    """Samples of the core that each lane can pay; ``None`` where no world charges for thinking."""
    if s.core is None or budget.SETTING not in settings:
        return None
    belief = budget.belief_size(s.num_states, s.A_dependencies) if s.perception == "core" else None
    policy = budget.policy_size(s.policies) if s.policy == "core" else None
    return budget.affordable(s.core, settings[budget.SETTING], belief, policy)


def _mutual_defection(
    s: Structure, plan: planning.Plan, log_habit: Array | None, settings: Settings
) -> Float[Array, "lanes"]:
    """Predicted probability of mutual defection next, under q(π) at the controller's resting temperature."""
    assert s.doom_outcome is not None
    utilities = -plan.expected_free_energy / settings["controller.temperature"]
    if log_habit is not None:
        utilities = utilities + log_habit
    q_pi = ln.softmax(utilities)
    return ln.total(
        action_probabilities(q_pi, s.first_actions, len(s.actions)) * plan.next_outcomes[0][s.doom_outcome]
    )
