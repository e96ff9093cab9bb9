"""Perception by mean field: coordinate ascent, one factor after the other.

    ln q_f(s_f) ← ln prior_f(s_f) + Σ_m E_{q of the other factors}[ln p(o_m | s)]

with each factor's update seen by the next. Every update minimizes F in its factor, so F never rises; a lane stops
where the largest gradient of F in the logits, q_f (h_f - E[h_f]) with h_f = ln q_f - ln prior_f - Σ messages, is below
a tolerance, and is frozen there, so that it doesn't depend on the lanes beside it. (Bishop 2006, *Pattern Recognition
and Machine Learning*, §10.1.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from thermopolis.agents import lanes as ln
from thermopolis.agents.belief import Beliefs
from thermopolis.agents.fixed_point import Message, log_likelihoods, logits, percept_of
from thermopolis.agents.perception import Evidence, Percept

#: Gradient of F in the logits (nats) below which a lane has settled.
TOLERANCE = 5e-6
#: Sweeps over all factors after which a lane that hasn't settled is left as it is.
SWEEPS = 512

#: Turns so far; which lanes have settled, and after how many sweeps; beliefs.
Course: TypeAlias = tuple[Array, Array, Array, Beliefs]


def sweep(log_prior: Beliefs, messages: Sequence[Message], qs: Beliefs) -> Beliefs:
    """Every factor updated once, in order."""
    qs = list(qs)
    for f in range(len(qs)):
        qs[f] = ln.softmax(logits(log_prior[f], messages, qs, f))
    return qs


def gradient(log_prior: Beliefs, messages: Sequence[Message], qs: Beliefs) -> Float[Array, "lanes"]:
    """Largest absolute derivative of F in a logit, in nats."""
    largest = jnp.zeros(qs[0].shape[-1])
    for f, q in enumerate(qs):
        excess = ln.safe_log(q) - logits(log_prior[f], messages, qs, f)
        slope = q * (excess - ln.total(q * excess))
        largest = jnp.maximum(largest, ln.maximum(jnp.abs(slope)))
    return largest


def mean_field(
    given: Evidence,
    A: Sequence[Float[Array, "outcome joint lanes"]],
    dependencies: Sequence[tuple[int, ...]],
    prior: Beliefs,
    outcomes: Sequence[Int[Array, "lanes"]],
) -> Percept:
    """Beliefs at which no factor alone lowers F, starting from the prior's."""
    messages = log_likelihoods(A, dependencies, outcomes)
    log_prior = [ln.safe_log(q) for q in prior]
    start = sweep(log_prior, messages, prior)
    if len(prior) == 1:
        once = jnp.ones(prior[0].shape[-1], jnp.int32)
        return percept_of(start, given, once > 0)._replace(sweeps=once)

    def going(carry: Course) -> Bool[Array, ""]:
        turn, settled, _, _ = carry
        return (turn < SWEEPS) & ~settled.all()

    def turn(carry: Course) -> Course:
        count, settled, sweeps, qs = carry
        moved = sweep(log_prior, messages, qs)
        qs = [jnp.where(settled, q, p) for q, p in zip(qs, moved, strict=True)]
        sweeps = sweeps + ~settled
        return count + 1, settled | (gradient(log_prior, messages, qs) < TOLERANCE), sweeps, qs

    settled = gradient(log_prior, messages, start) < TOLERANCE
    first = jnp.ones(settled.shape, jnp.int32)
    _, settled, sweeps, qs = jax.lax.while_loop(going, turn, (jnp.int32(0), settled, first, start))
    return percept_of(qs, given, settled)._replace(sweeps=sweeps)
