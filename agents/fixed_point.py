"""Perception by fixed-point iteration: every factor at once, a fixed number of times (pymdp's ``fpi``).

    ln q_f(s_f) ← ln prior_f(s_f) + Σ_m E_{q of the other factors}[ln p(o_m | s)]        for all f in parallel

from uniform q. With one factor the first iteration is exact; with several the iteration may cycle, which the percept
tells (``converged``). F ≥ -ln p(o) is all that holds. (Parr, Markovic, Kiebel & Friston 2019, Sci. Rep. 9:13889.)
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from thermopolis.agents import lanes as ln
from thermopolis.agents.belief import Beliefs, likelihood, outer
from thermopolis.agents.free_energy import FreeEnergy, of_joint
from thermopolis.agents.perception import Evidence, Percept

#: pymdp's number of iterations.
ITERATIONS = 16
#: Largest change of a belief in the last iteration that counts as convergence.
TOLERANCE = 1e-4

Message = tuple[tuple[int, ...], Float[Array, "joint lanes"]]


def log_likelihoods(
    A: Sequence[Float[Array, "outcome joint lanes"]],
    dependencies: Sequence[tuple[int, ...]],
    outcomes: Sequence[Int[Array, "lanes"]],
) -> list[Message]:
    """(factors, ln p(o_m | their joint states)) of every modality."""
    tables = (ln.safe_log(likelihood(table, o)) for table, o in zip(A, outcomes, strict=True))
    return list(zip(dependencies, tables, strict=True))


def message(
    log_likelihood: Float[Array, "joint lanes"], factors: Sequence[int], qs: Beliefs, to: int
) -> Float[Array, "states lanes"]:
    """E[ln p(o_m | s)] for every state of factor ``to``, over the beliefs of the modality's other factors."""
    sizes = [qs[f].shape[0] for f in factors]
    lanes = qs[0].shape[-1]
    table = jnp.broadcast_to(log_likelihood, (log_likelihood.shape[0], lanes)).reshape(*sizes, lanes)
    table = jnp.moveaxis(table, list(factors).index(to), 0)
    others = [qs[f] for f in factors if f != to]
    if not others:
        return table
    weights = outer(others)
    return ln.total(jnp.swapaxes(table.reshape(table.shape[0], -1, lanes) * weights[None], 0, 1))


def logits(
    log_prior: Float[Array, "states lanes"], messages: Sequence[Message], qs: Beliefs, factor: int
) -> Float[Array, "states lanes"]:
    """What ln q of a factor is set to, up to a constant."""
    terms = (message(table, factors, qs, factor) for factors, table in messages if factor in factors)
    return sum(terms, start=log_prior)


def percept_of(qs: Beliefs, given: Evidence, converged: Bool[Array, "lanes"]) -> Percept:
    """Beliefs with their free energy (infinite where the model holds the outcome impossible)."""
    possible = ln.total(given.prior * given.likelihood) > 0
    cost = of_joint(outer(qs), given.prior, given.likelihood)
    cost = FreeEnergy(
        jnp.where(possible, cost.free_energy, jnp.inf),
        jnp.where(possible, cost.complexity, jnp.inf),
        cost.accuracy,
    )
    return Percept(qs, cost, converged)


def fixed_point(
    given: Evidence,
    A: Sequence[Float[Array, "outcome joint lanes"]],
    dependencies: Sequence[tuple[int, ...]],
    prior: Beliefs,
    outcomes: Sequence[Int[Array, "lanes"]],
) -> Percept:
    """Beliefs after sixteen parallel iterations, and whether they had settled."""
    messages = log_likelihoods(A, dependencies, outcomes)
    log_prior = [ln.safe_log(q) for q in prior]
    factors = range(len(prior))

    def iterate(qs: Beliefs) -> Beliefs:
        return [ln.softmax(logits(log_prior[f], messages, qs, f)) for f in factors]

    qs = iterate([jnp.full_like(q, 1.0 / q.shape[0]) for q in prior])
    if len(prior) == 1:
        return percept_of(qs, given, jnp.ones(prior[0].shape[-1], bool))
    before = jax.lax.fori_loop(0, ITERATIONS - 2, lambda _, qs: iterate(qs), qs)
    qs = iterate(before)
    moved = [ln.maximum(jnp.abs(q - p)) for q, p in zip(qs, before, strict=True)]
    return percept_of(qs, given, ln.maximum(jnp.stack(moved)) < TOLERANCE)
