"""Expected free energy of policies.

A policy is a sequence of actions up to the horizon. Its value is summed over its steps and the modalities:

    -G(π) = Σ_τ Σ_m E_q(o)[ln C(o_m)] + I_q(s; o_m)  (+ information gained on parameters)
     G(π) = Σ_τ Σ_m KL[q(o_m) ‖ C_m] + E_q(s) H[p(o_m | s)]      risk + ambiguity, the same where C is normalised

(Parr, Pezzulo & Friston 2022, *Active Inference*, eq. 2.6; information gain is per modality and summed, as in pymdp.)
The gain on parameters is the exact expected Dirichlet divergence of one more count.

Policies share their beginnings, so beliefs are rolled out on a tree: level τ holds actions^τ nodes, and the order of
the leaves is that of ``itertools.product`` (first action slowest). A node's belief holds the states that its last
action can lead to and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma
from jaxtyping import Array, Float

from thermopolis.agents.belief import Beliefs, contract, outer
from thermopolis.agents.lanes import TINY, held, rows_of, total, xlogy

#: Levels of the tree with more nodes than this are a loop, not written out: that would compile for ever.
WRITTEN_OUT = 8


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
    reachable: tuple[tuple[int, ...], ...] | None = None  # by control, the states it can lead to; None: any
    packed: int | None = None  # number of states, where the table's rows are the reachable ones alone


class Plan(NamedTuple):
    """Values of every policy (rows) and the first step's predictions."""

    expected_free_energy: Float[Array, "policy lanes"]
    risk: Float[Array, "policy lanes"]
    ambiguity: Float[Array, "policy lanes"]
    state_information_gain: Float[Array, "policy lanes"]
    parameter_information_gain: Float[Array, "policy lanes"]
    next_beliefs: list[Float[Array, "states action lanes"]]  # of the first step, by action
    next_outcomes: list[Float[Array, "outcome action lanes"]]


#: What is summed along a policy. The value comes by itself so that a run which records no parts works none out.
_TERMS = ("value", "utility", "entropy of outcomes", "ambiguity", "parameter gain")


class _Belief(NamedTuple):
    """A factor's belief on the states it can be in; the others have none."""

    q: Float[Array, "rows lanes"]
    states: tuple[int, ...]


class _Node(NamedTuple):
    """A place in the tree of policies: what is believed there, and the terms summed on the way."""

    beliefs: list[_Belief]
    terms: list[
        Float[Array, "lanes"] | None
    ]  # in the order of _TERMS; None where zero for every model of the kind
    outcomes: list[Float[Array, "outcome lanes"]]


def dirichlet_gain(counts: Float[Array, "n *rest"]) -> Float[Array, "n *rest"]:
    """Expected KL of one more count on each category: ln Σa - ln a + ψ(a + 1) - ψ(Σa + 1); 0 where there is no count.

    Source: Da Costa et al. 2020, J. Math. Psychol. 99, eq. D.15, with ψ(a) + 1/a = ψ(a + 1) so that nothing cancels.
    """
    a = jnp.maximum(counts, TINY)
    sums = total(a)
    gain = jnp.log(sums) - jnp.log(a) + digamma(a + 1.0) - digamma(sums + 1.0)
    return jnp.where(counts > 0, gain, 0.0)


def _joint(beliefs: Sequence[_Belief], sizes: Sequence[int]) -> _Belief:
    """Product belief over joint states, first factor slowest."""
    states: list[int] = [0]
    for belief, size in zip(beliefs, sizes, strict=True):
        states = [i * size + j for i in states for j in belief.states]
    return _Belief(outer([b.q for b in beliefs]), tuple(states))


def _whole(belief: _Belief, size: int) -> Float[Array, "states lanes"]:
    """A belief on all states of its factor."""
    if len(belief.states) == size:
        return belief.q
    row = {state: belief.q[k] for k, state in enumerate(belief.states)}
    none = jnp.zeros_like(belief.q[0])
    return jnp.stack([row.get(i, none) for i in range(size)])


class _Model(NamedTuple):
    """What is worked out once a step, before any policy is looked at."""

    likelihoods: Sequence[Likelihood]
    transitions: Sequence[Transition]
    conditional: list[Array | None]  # entropy of outcomes by joint state; None where outcomes are certain
    likelihood_gain: list[Array | None]
    transition_gain: list[Array | None]
    sizes: tuple[int, ...]
    state_gain: bool


def _plus(x: Array | None, y: Array | None) -> Array | None:
    if x is None or y is None:
        return x if y is None else y
    return x + y


def _prepare(
    likelihoods: Sequence[Likelihood],
    transitions: Sequence[Transition],
    horizon: int,
    state_gain: bool,
    parameter_gain: bool,
) -> _Model:
    if horizon > 1:  # one normalisation serves all nodes
        transitions = [
            t
            if t.inverse_sums is None
            else t._replace(table=held(t.table * t.inverse_sums[None]), inverse_sums=None)
            for t in transitions
        ]
    gains: Any = lambda parts: [
        held(dirichlet_gain(p.counts)) if parameter_gain and p.counts is not None else None for p in parts
    ]
    return _Model(
        likelihoods,
        transitions,
        [None if like.identity else held(-total(xlogy(like.A, like.A))) for like in likelihoods],
        [None if like.identity else gain for like, gain in zip(likelihoods, gains(likelihoods), strict=True)],
        gains(transitions),
        tuple(t.packed or t.table.shape[0] for t in transitions),
        state_gain,
    )


def _expand(
    model: _Model, node: _Node, actions: Sequence[Sequence[int]], last: bool, first: bool
) -> list[_Node]:
    """The nodes that each action leads to."""
    sizes, out = model.sizes, []
    for action in actions:
        nexts: list[_Belief] = []
        utility = entropy = ambiguity = gain = None
        for f, t in enumerate(model.transitions):
            control = action[f]
            before = _joint([node.beliefs[d] for d in t.factors], [sizes[d] for d in t.factors])
            states = tuple(range(sizes[f])) if t.reachable is None else t.reachable[control]
            columns = lambda x, s=before.states: rows_of(x, s)
            weights = before.q
            if t.inverse_sums is not None:
                weights = weights * columns(t.inverse_sums[:, control])
            rows = states if t.packed is None else tuple(range(len(states)))
            read: Any = lambda table, s=rows, c=control, columns=columns: jnp.swapaxes(
                columns(jnp.swapaxes(rows_of(table[:, :, c], s), 0, 1)), 0, 1
            )
            q = contract(read(t.table), weights)
            weighed = model.transition_gain[f]
            if weighed is not None:
                q = held(q)
                gain = _plus(gain, total(q * contract(read(weighed), before.q)))
            nexts.append(_Belief(q if last and not first else held(q), states))
        outcomes = []
        for m, like in enumerate(model.likelihoods):
            joint = _joint([nexts[f] for f in like.factors], [sizes[f] for f in like.factors])
            conditional = model.conditional[m]
            if conditional is None:
                q_o, preferences = joint.q, rows_of(like.log_preferences, joint.states)
            else:
                table = jnp.swapaxes(rows_of(jnp.swapaxes(like.A, 0, 1), joint.states), 0, 1)
                q_o, preferences = held(contract(table, joint.q)), like.log_preferences
                ambiguity = _plus(ambiguity, total(joint.q * rows_of(conditional, joint.states)))
                weighed = model.likelihood_gain[m]
                if weighed is not None:
                    table = jnp.swapaxes(rows_of(jnp.swapaxes(weighed, 0, 1), joint.states), 0, 1)
                    gain = _plus(gain, total(q_o * contract(table, joint.q)))
            utility = _plus(utility, total(q_o * preferences))
            entropy = _plus(entropy, -total(xlogy(q_o, q_o)))
            if first:
                size = like.A.shape[0]
                outcomes.append(_whole(_Belief(q_o, joint.states), size) if like.identity else q_o)
        value = _plus(utility, gain)
        if model.state_gain:
            value = _plus(value, entropy)
            value = value if ambiguity is None else _plus(value, -ambiguity)
        terms = [
            _plus(x, y) for x, y in zip(node.terms, (value, utility, entropy, ambiguity, gain), strict=True)
        ]
        out.append(_Node(nexts, [x if x is None else held(x) for x in terms], outcomes))
    return out


class _Level(NamedTuple):
    """All nodes of a level as arrays, so that what is compiled doesn't grow with their number."""

    beliefs: list[Float[Array, "nodes states lanes"]]
    terms: list[Float[Array, "nodes lanes"] | None]


def _level(nodes: Sequence[_Node], sizes: Sequence[int]) -> _Level:
    beliefs = [
        jnp.stack([_whole(n.beliefs[f], size) for n in nodes]) if nodes[0].beliefs else jnp.zeros(())
        for f, size in enumerate(sizes)
    ]
    terms = [None if x[0] is None else jnp.stack(x) for x in zip(*(n.terms for n in nodes), strict=True)]
    return _Level(beliefs, terms)


def _expand_level(model: _Model, level: _Level, actions: Sequence[Sequence[int]], last: bool) -> _Level:
    """The next level, by a loop over nodes."""
    everything = [tuple(range(size)) for size in model.sizes]

    def one(here: _Level) -> _Level:
        beliefs = [_Belief(q, states) for q, states in zip(here.beliefs, everything, strict=True)]
        grown = _expand(model, _Node(beliefs, here.terms, []), actions, last, False)
        return _level([n._replace(beliefs=[]) for n in grown] if last else grown, model.sizes)

    join = lambda x: x.reshape(-1, *x.shape[2:])  # (node, action, …): first action slowest
    return jax.tree_util.tree_map(join, jax.lax.map(one, level))


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
    model = _prepare(likelihoods, transitions, horizon, state_gain, parameter_gain)
    first = _expand(model, root(qs), actions, horizon == 1, True)
    nodes, depth = first, 1
    while depth < horizon and len(nodes) <= WRITTEN_OUT:
        depth += 1
        nodes = [child for node in nodes for child in _expand(model, node, actions, depth == horizon, False)]
    if depth == horizon:
        return values_of(nodes, first, model.sizes, jnp.zeros(qs[0].shape[-1]))
    level = _level(nodes, model.sizes)
    while depth < horizon:
        depth += 1
        level = _expand_level(model, level, actions, depth == horizon)
    zeros = jnp.zeros((len(actions) ** horizon, qs[0].shape[-1]))
    return _plan_of(level.terms, first, model.sizes, zeros)


def root(qs: Beliefs) -> _Node:
    """The present, before any action."""
    return _Node([_Belief(q, tuple(range(q.shape[0]))) for q in qs], [None] * len(_TERMS), [])


def growth(
    likelihoods: Sequence[Likelihood],
    transitions: Sequence[Transition],
    horizon: int,
    state_gain: bool,
    parameter_gain: bool,
) -> Callable[[_Node, Sequence[Sequence[int]], bool, bool], list[_Node]]:
    """``grow(node, actions, last, first)``: the nodes that actions lead to."""
    model = _prepare(likelihoods, transitions, horizon, state_gain, parameter_gain)
    return lambda node, actions, last, first: _expand(model, node, actions, last, first)


def values_of(leaves: Sequence[_Node], first: Sequence[_Node], sizes: Sequence[int], zero: Array) -> Plan:
    """The plan whose policies end in these leaves; ``first`` are the nodes that each action leads to."""
    terms = [
        jnp.stack([zero if x is None else jnp.broadcast_to(x, zero.shape) for x in term])
        for term in zip(*(n.terms for n in leaves), strict=True)
    ]
    return _plan_of(terms, first, sizes, jnp.zeros_like(terms[0]))


def _plan_of(
    terms: Sequence[Array | None], first: Sequence[_Node], sizes: Sequence[int], zeros: Array
) -> Plan:
    """The plan from the terms of all policies (rows), in the order of _TERMS."""
    value, utility, outcome_entropy, ambiguity, gain = (zeros if x is None else x for x in terms)
    by_action: Any = lambda f: jnp.stack([_whole(n.beliefs[f], sizes[f]) for n in first], axis=1)
    return Plan(
        expected_free_energy=-value,
        risk=-outcome_entropy - utility,
        ambiguity=ambiguity,
        state_information_gain=outcome_entropy - ambiguity,
        parameter_information_gain=gain,
        next_beliefs=[by_action(f) for f in range(len(sizes))],
        next_outcomes=[jnp.stack(x, axis=1) for x in zip(*(n.outcomes for n in first), strict=True)],
    )
