"""What an agent learns of its model's parameters, and the model that it then plans with.

``learning.method`` decides how evidence moves a table: Dirichlet counting (:mod:`learning`), or a natural gradient with
steps bounded in KL, computed or left to a relaxing system (:mod:`natural_learning`). Members of a team hear each other's
evidence (:mod:`team`).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from thermopolis.agents import lanes as ln
from thermopolis.agents import learning, natural_learning, planning
from thermopolis.agents.belief import Beliefs
from thermopolis.agents.settings import Settings
from thermopolis.agents.structure import State, Structure
from thermopolis.keys import fold_in


def update(
    s: Structure,
    name: str,
    counts: Mapping[str, Float[Array, "*table lanes"]],
    settings: Settings,
    evidence: Float[Array, "*table lanes"],
    happened: Bool[Array, "lanes"],
    keys: Key[Array, "lanes"],
) -> Float[Array, "*table lanes"]:
    """One table's counts after evidence, by the agent's method."""
    old, prior = counts[name], packed(s, name, settings[f"p{name}"])
    forgetting = settings["forgetting"] if s.forgets else None
    if s.method != "dirichlet":
        relaxation = None
        if s.method == "thermodynamic_natural_gradient":
            own = fold_in(keys, zlib.crc32(name.encode()))
            relaxation = (settings["relaxation.time"], settings["relaxation.temperature"], own)
        bound = settings["kl_bound"]
        return natural_learning.step(
            old, prior, evidence, settings["rate"], bound, forgetting, happened, relaxation
        )
    if s.team is not None and "parameters" in s.team.of:
        evidence = jnp.where(happened, evidence, 0.0)
        evidence = evidence + settings["team.weight"] * s.team.heard(evidence)
        happened = s.team.heard(happened.astype(jnp.float32)) * settings["team.weight"] + happened > 0
    return learning.count(old, prior, evidence, settings["rate"], forgetting, happened)


def packed(
    s: Structure, name: str, table: Float[Array, "next joint control lanes"]
) -> Float[Array, "row joint control lanes"]:
    """A table as its counts are kept: of transitions, by control, the rows that can be reached (``Structure.packed``)."""
    if not name.startswith("B_") or not s.packed[int(name[2:])]:
        return table
    reachable = s.reachable[int(name[2:])]
    assert reachable is not None
    columns = [ln.rows_of(table[:, :, u], states) for u, states in enumerate(reachable)]
    return jnp.stack(columns, axis=2)


def learn(
    s: Structure,
    state: State,
    settings: Settings,
    qs: Beliefs,
    outcomes: list[Array],
    seen: Bool[Array, "lanes"],
    keys: Key[Array, "lanes"],
) -> dict[str, Array]:
    """Counts after an outcome: of A, B and D (habits are learned once a policy is chosen)."""
    counts = dict(state.counts)
    moved = seen & (state.action >= 0)
    if "A" in s.learned:
        for m, factors in enumerate(s.A_dependencies):
            evidence = learning.likelihood_evidence(qs, factors, outcomes[m], s.num_obs[m])
            counts[f"A_{m}"] = update(s, f"A_{m}", state.counts, settings, evidence, seen, keys)
    if "B" in s.learned:
        for f, factors in enumerate(s.B_dependencies):
            control = sum(
                (jnp.where(state.action == a, row[f], 0) for a, row in enumerate(s.actions)),
                start=jnp.zeros_like(state.action),
            )
            reachable = s.reachable[f] if s.packed[f] else None
            evidence = learning.transition_evidence(
                qs, state.qs, f, factors, control, s.num_controls[f], reachable
            )
            counts[f"B_{f}"] = update(s, f"B_{f}", state.counts, settings, evidence, moved, keys)
    if "D" in s.learned:
        for f in range(len(s.num_states)):
            first = seen & (state.action < 0)
            counts[f"D_{f}"] = update(s, f"D_{f}", state.counts, settings, qs[f], first, keys)
    return counts


def world_model(
    s: Structure, settings: Settings, counts: dict[str, Array]
) -> tuple[list[planning.Likelihood], list[planning.Transition]]:
    """Likelihoods and transitions as planning sees them, from settings or from what was learned."""
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
        learned, reachable = counts.get(f"B_{f}"), s.reachable[f]
        if learned is not None:
            sums = 1.0 / ln.total(learned)
            transitions.append(
                planning.Transition(
                    learned,
                    sums,
                    factors,
                    learned if s.parameter_gain else None,
                    reachable,
                    s.num_states[f] if s.packed[f] else None,
                )
            )
        else:
            given = settings.get(f"pB_{f}") if s.parameter_gain else None
            transitions.append(planning.Transition(settings[f"B_{f}"], None, factors, given, reachable))
    return likelihoods, transitions
