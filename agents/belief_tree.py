"""Sophisticated planning with hidden states: a tree of actions and of outcomes, each with the beliefs it would leave.

    -G_k(q, u) = r(q, u) + Σ_o p(o | q, u) V_{k-1}(q_{u,o}),    q_{u,o}(s) ∝ p(o | s) Σ_s' B[s, s', u] q(s')
      V_k(q)   = Σ_u q_k(u | q) (-G_k(q, u)),    q_k(u | q) = softmax(-G_k(q, u) / T'),    V_0 = 0

with k steps to go, r the one-step value and o a joint outcome of all modalities, weighed by its exact probability
(Friston, Da Costa, Hafner, Hesp & Parr 2021, Neural Computation 33:713). What is carried from node to node is the
product of exact marginals, as an agent with exact perception carries it. Nothing is pruned: after k steps there are
(actions · outcomes)^k beliefs, so depths are small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from thermopolis.agents import lanes as ln
from thermopolis.agents.belief import Beliefs, marginals, outer, spread
from thermopolis.agents.planning import Likelihood, Plan, Transition, growth, root, values_of


def beliefs_weighed(actions: int, outcomes: int, horizon: int) -> int:
    """How many (belief, action) pairs the last level of a tree holds."""
    return actions * (actions * outcomes) ** (horizon - 1)


def plan_tree(
    likelihoods: Sequence[Likelihood],
    transitions: Sequence[Transition],
    qs: Beliefs,
    actions: Sequence[Sequence[int]],
    horizon: int,
    state_gain: bool,
    parameter_gain: bool,
    temperature: Float[Array, "lanes"],
) -> Plan:
    """Expected free energy of every first action (rows), with later actions chosen when their time comes."""
    num_states = [q.shape[0] for q in qs]
    likelihoods = [
        like._replace(
            A=_opened(like.A),
            log_preferences=_opened(like.log_preferences),
            counts=_opened(like.counts),
        )
        for like in likelihoods
    ]
    transitions = [
        t._replace(table=_opened(t.table), inverse_sums=_opened(t.inverse_sums), counts=_opened(t.counts))
        for t in transitions
    ]
    grow = growth(likelihoods, transitions, 1, state_gain, parameter_gain)
    told = _joint_likelihood(likelihoods, num_states) if horizon > 1 else None

    def weighed(beliefs: Beliefs, depth: int) -> Plan:
        """Every action at each of some nodes: rows (action, node, lanes)."""
        first = grow(root(beliefs), actions, True, True)
        nodes, lanes = beliefs[0].shape[1:]
        now = values_of(first, first, num_states, jnp.zeros((nodes, lanes)))
        if depth == 1:
            return now
        assert told is not None
        prior = ln.held(outer(now.next_beliefs).reshape(-1, len(actions) * nodes, lanes))
        joint = ln.held(jnp.swapaxes(told * prior[None], 0, 1))  # (state, outcome, action · node, lanes)
        chance = ln.held(ln.total(joint))
        posterior = (joint / jnp.maximum(chance, ln.TINY)).reshape(prior.shape[0], -1, lanes)
        later = weighed(marginals(posterior, num_states), depth - 1)
        q = ln.softmax(-later.expected_free_energy / temperature)
        ahead = [
            ln.total(chance * ln.total(q * part).reshape(chance.shape)).reshape(len(actions), nodes, lanes)
            for part in later[:5]
        ]
        a, b, c, d, e = (x + y for x, y in zip(now[:5], ahead, strict=True))
        return Plan(a, b, c, d, e, now.next_beliefs, now.next_outcomes)

    found = weighed([q[:, None] for q in qs], horizon)
    closed: Any = lambda x: x[..., 0, :]
    a, b, c, d, e = (closed(x) for x in found[:5])
    beliefs, outcomes = ([closed(x) for x in rows] for rows in (found.next_beliefs, found.next_outcomes))
    return Plan(a, b, c, d, e, beliefs, outcomes)


def _opened(table: Array | None) -> Any:
    """With an axis of nodes before the lanes."""
    return None if table is None else table[..., None, :]


def _joint_likelihood(
    likelihoods: Sequence[Likelihood], num_states: Sequence[int]
) -> Float[Array, "outcome joint node lanes"]:
    """p(o | s) of every joint outcome (last modality fastest) and joint state."""
    joint: Array | None = None
    for like in likelihoods:
        rows = jnp.stack([spread(a[:, 0], like.factors, num_states) for a in like.A])[:, :, None]
        joint = rows if joint is None else (joint[:, None] * rows[None]).reshape(-1, *rows.shape[1:])
    assert joint is not None
    return joint
