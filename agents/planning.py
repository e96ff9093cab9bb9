"""Expected free energy of policies.

A policy is a sequence of actions up to the horizon. Its value is summed over its steps and the modalities:

    -G(π) = Σ_τ Σ_m E_q(o)[ln C(o_m)] + I_q(s; o_m)  (+ information gained on parameters)
     G(π) = Σ_τ Σ_m KL[q(o_m) ‖ C_m] + E_q(s) H[p(o_m | s)]      risk + ambiguity, the same where C is normalised

(Parr, Pezzulo & Friston 2022, *Active Inference*, eq. 2.6; information gain is per modality and summed, as in pymdp.)
The gain on parameters is the exact expected Dirichlet divergence of one more count.

Policies share their beginnings, so beliefs are rolled out on a tree: level τ holds actions^τ nodes, and the order of
the leaves is that of ``itertools.product`` (first action slowest).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.special import digamma
from jaxtyping import Array, Float

from thermopolis.agents.belief import Beliefs, contract, outer
from thermopolis.agents.lanes import TINY, total, xlogy


class Likelihood(NamedTuple):
    """One modality as planning sees it."""

    A: Float[Array, "outcome joint lanes"]
    factors: tuple[int, ...]
    log_preferences: Float[Array, "outcome lanes"]
    identity: bool  # outcome i is state i for certain
    counts: Float[Array, "outcome joint lanes"] | None = None  # Dirichlet counts, where their gain is valued


class Transition(NamedTuple):
    """One factor as planning sees it."""

    table: Float[Array, "next joint control lanes"]  # probabilities, or counts with their inverse column sums
    inverse_sums: Float[Array, "joint control lanes"] | None
    factors: tuple[int, ...]
    counts: Float[Array, "next joint control lanes"] | None = None


class Plan(NamedTuple):
    """Values of every policy (rows) and the first step's predictions."""

    expected_free_energy: Float[Array, "policy lanes"]
    risk: Float[Array, "policy lanes"]
    ambiguity: Float[Array, "policy lanes"]
    state_information_gain: Float[Array, "policy lanes"]
    parameter_information_gain: Float[Array, "policy lanes"]
    next_beliefs: list[Float[Array, "states action lanes"]]  # of the first step, by action
    next_outcomes: list[Float[Array, "outcome action lanes"]]


def dirichlet_gain(counts: Float[Array, "n *rest"]) -> Float[Array, "n *rest"]:
    """Expected KL of one more count on each category: ln Σa - ln a + ψ(a + 1) - ψ(Σa + 1); 0 where there is no count.

    Source: Da Costa et al. 2020, J. Math. Psychol. 99, eq. D.15, with ψ(a) + 1/a = ψ(a + 1) so that nothing cancels.
    """
    a = jnp.maximum(counts, TINY)
    sums = total(a)
    gain = jnp.log(sums) - jnp.log(a) + digamma(a + 1.0) - digamma(sums + 1.0)
    return jnp.where(counts > 0, gain, 0.0)


def predict(transitions: Sequence[Transition], qs: Beliefs, actions: Sequence[Sequence[int]]) -> Beliefs:
    """Beliefs after one step, by action: list of (states_f, actions, *nodes, lanes) from (states_f, *nodes, lanes)."""
    out = []
    for f, transition in enumerate(transitions):
        joint = outer([qs[d] for d in transition.factors])
        nodes = joint.shape[1:-1]
        by_control = {}
        for control in {a[f] for a in actions}:
            weights = joint
            if transition.inverse_sums is not None:
                inverse = transition.inverse_sums[:, control]
                weights = joint * inverse.reshape(inverse.shape[0], *(1,) * len(nodes), inverse.shape[-1])
            table = transition.table[:, :, control]
            table = table.reshape(*table.shape[:2], *(1,) * len(nodes), table.shape[-1])
            by_control[control] = contract(table, weights)
        out.append(jnp.stack([by_control[a[f]] for a in actions], axis=1))
    return out


class _Terms(NamedTuple):
    utility: Array
    outcome_entropy: Array
    ambiguity: Array
    parameter_gain: Array


def _step_terms(
    likelihoods: Sequence[Likelihood],
    transitions: Sequence[Transition],
    qs: Beliefs,
    nexts: Beliefs,
    outcomes: list[Array],
    actions: Sequence[Sequence[int]],
    parameter_gain: bool,
) -> _Terms:
    lead = nexts[0].shape[1:]
    utility = outcome_entropy = ambiguity = gain = jnp.zeros(lead)
    for m, like in enumerate(likelihoods):
        q_o = outcomes[m]
        spread = lambda x, n=q_o.ndim: x.reshape(x.shape[0], *(1,) * (n - 2), x.shape[-1])
        utility = utility + total(q_o * spread(like.log_preferences))
        outcome_entropy = outcome_entropy - total(xlogy(q_o, q_o))
        if not like.identity:
            joint = outer([nexts[f] for f in like.factors])
            conditional = spread(-total(xlogy(like.A, like.A)))
            ambiguity = ambiguity + total(joint * conditional)
            if parameter_gain and like.counts is not None:
                weights = dirichlet_gain(like.counts)
                weights = weights.reshape(*weights.shape[:2], *(1,) * (q_o.ndim - 2), weights.shape[-1])
                gain = gain + total(q_o * contract(weights, joint))
    if parameter_gain:
        for f, transition in enumerate(transitions):
            if transition.counts is not None:
                weights = dirichlet_gain(transition.counts)
                (expected,) = predict(
                    [Transition(weights, None, transition.factors)], qs, [(a[f],) for a in actions]
                )
                gain = gain + total(nexts[f] * expected)
    return _Terms(utility, outcome_entropy, ambiguity, gain)


def plan(
    likelihoods: Sequence[Likelihood],
    transitions: Sequence[Transition],
    qs: Beliefs,
    actions: Sequence[Sequence[int]],
    horizon: int,
    state_gain: bool,
    parameter_gain: bool,
) -> Plan:
    """Expected free energy and its parts for every sequence of actions.

    Parameters
    ----------
    qs : list of (states_f, lanes)
        Present beliefs.
    actions : (actions, factors)
        Control index that each action sets on each factor.

    Returns
    -------
    Plan
        Rows are policies; all in nats.
    """
    lanes = qs[0].shape[-1]
    nodes = [q[:, None] for q in qs]  # (states, nodes, lanes)
    totals = [jnp.zeros((1, lanes)) for _ in range(4)]
    first: tuple[Beliefs, list[Array]] | None = None
    for _ in range(horizon):
        nexts = predict(transitions, nodes, actions)  # (states, actions, nodes, lanes)
        outcomes = []
        for like in likelihoods:
            joint = outer([nexts[f] for f in like.factors])
            table = like.A.reshape(*like.A.shape[:2], *(1,) * (joint.ndim - 2), like.A.shape[-1])
            outcomes.append(joint if like.identity else contract(table, joint))
        terms = _step_terms(likelihoods, transitions, nodes, nexts, outcomes, actions, parameter_gain)
        branch = lambda x: jnp.swapaxes(x, 0, 1).reshape(-1, lanes)
        totals = [jnp.repeat(t, len(actions), axis=0) + branch(x) for t, x in zip(totals, terms, strict=True)]
        if first is None:
            first = ([q[:, :, 0] for q in nexts], [o[:, :, 0] for o in outcomes])
        nodes = [jnp.swapaxes(q, 1, 2).reshape(q.shape[0], -1, lanes) for q in nexts]
    assert first is not None
    utility, outcome_entropy, ambiguity, gain = totals
    information = outcome_entropy - ambiguity
    value = utility + gain
    if state_gain:
        value = value + information
    return Plan(
        expected_free_energy=-value,
        risk=-outcome_entropy - utility,
        ambiguity=ambiguity,
        state_information_gain=information,
        parameter_information_gain=gain,
        next_beliefs=first[0],
        next_outcomes=first[1],
    )
