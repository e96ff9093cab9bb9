"""Sophisticated planning: what later choices will be, given what will have been seen by then.

    -G_τ(s, u) = r(s, u) + Σ_s' B[s', s, u] V_{τ+1}(s'),    V_τ(s) = Σ_u q_τ(u | s) (-G_τ(s, u)),
    q_τ(u | s) = softmax(-G_τ(s, u) / T')

r is the one-step value (utility, and information gain where it counts), T' the temperature at which later choices are
expected. (Friston, Da Costa, Hafner, Hesp & Parr 2021, Neural Computation 33:713; as pymdp's ``si_policy_search``
without pruning.) Where outcomes show the state, beliefs after seeing one are certain, so that the tree of beliefs folds
into a table over states: cost is linear in depth, and any horizon can be had. Where states are hidden the tree is grown
(:mod:`thermopolis.agents.belief_tree`).
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thermopolis.agents import lanes as ln
from thermopolis.agents.belief import Beliefs
from thermopolis.agents.belief_tree import plan_tree
from thermopolis.agents.planning import Likelihood, Plan, Transition, plan


def folds(factors: int, identity: Sequence[bool]) -> bool:
    """Whether outcomes show the state, so that the tree of beliefs is a table."""
    return factors == 1 and all(identity)


def _after(table: Float[Array, "next state action lanes"], values: Float[Array, "next lanes"]) -> Array:
    """Σ_s' B[s', s, u] V(s')."""
    return ln.total(table * values[:, None, None])


def sophisticated(
    likelihoods: Sequence[Likelihood],
    transitions: Sequence[Transition],
    qs: Beliefs,
    actions: Sequence[Sequence[int]],
    horizon: int,
    state_gain: bool,
    parameter_gain: bool,
    temperature: Float[Array, "lanes"],
) -> Plan:
    """Expected free energy of every first action (rows), with later actions chosen when their time comes.

    ``temperature`` is T'.
    """
    if not folds(len(transitions), [like.identity for like in likelihoods]):
        model = (likelihoods, transitions, qs, actions, horizon, state_gain, parameter_gain)
        return plan_tree(*model, temperature)
    (transition,) = transitions
    lanes = qs[0].shape[-1]
    now = plan(likelihoods, transitions, qs, actions, 1, state_gain, parameter_gain)
    if horizon == 1:
        return now
    states = qs[0].shape[0]
    table = transition.table
    if transition.inverse_sums is not None:
        table = table * transition.inverse_sums[None]
    table = jnp.stack([table[:, :, row[0]] for row in actions], axis=2)
    table = ln.held(jnp.broadcast_to(table, (*table.shape[:3], lanes)))
    certain = [jnp.broadcast_to(jnp.eye(states)[:, :, None], (states, states, lanes)).reshape(states, -1)]
    wide = lambda x: jnp.broadcast_to(x[..., None, :], (*x.shape[:-1], states, lanes)).reshape(
        *x.shape[:-1], -1
    )
    one = plan(
        [
            like._replace(
                A=wide(like.A),
                log_preferences=wide(like.log_preferences),
                counts=None if like.counts is None else wide(like.counts),
            )
            for like in likelihoods
        ],
        [
            transition._replace(
                table=wide(transition.table),
                inverse_sums=None if transition.inverse_sums is None else wide(transition.inverse_sums),
                counts=None if transition.counts is None else wide(transition.counts),
            )
        ],
        certain,
        actions,
        1,
        state_gain,
        parameter_gain,
    )
    # rewards of every part: (action, state, lanes) -> (state, action, lanes)
    by_state = lambda x: jnp.swapaxes(x.reshape(len(actions), states, lanes), 0, 1)
    parts = [by_state(x) for x in one[:5]]

    def back(_: int, ahead: list[Array]) -> list[Array]:
        totals = [x + _after(table, v) for x, v in zip(parts, ahead, strict=True)]
        q = ln.softmax(jnp.swapaxes(-totals[0] / temperature, 0, 1))
        return [ln.total(q * jnp.swapaxes(x, 0, 1)) for x in totals]

    ahead = jax.lax.fori_loop(0, horizon - 1, back, [jnp.zeros((states, lanes))] * 5)
    later = [ln.total(now.next_beliefs[0] * v[:, None]) for v in ahead]
    a, b, c, d, e = (x + y for x, y in zip(now[:5], later, strict=True))
    return Plan(a, b, c, d, e, now.next_beliefs, now.next_outcomes)
