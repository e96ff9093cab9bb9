"""Learning as Dirichlet counting.

A transition from s to s' under control u adds rate · q(s') q(s) to the counts of B[s', s, u]; counts decay towards
the prior's: p ← p₀ + (1 - forgetting)(p - p₀) + rate · evidence. Entries without a prior count are never learned.
(Da Costa et al. 2020, J. Math. Psychol. 99, eq. 21.)
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from thermopolis.agents.belief import Beliefs, outer
from thermopolis.agents.lanes import held, pick, rows_of


def count(
    counts: Float[Array, "*table lanes"],
    prior_counts: Float[Array, "*table lanes"],
    evidence: Float[Array, "*table lanes"],
    rate: Float[Array, "lanes"],
    forgetting: Float[Array, "lanes"] | None,
    happened: Bool[Array, "lanes"],
) -> Float[Array, "*table lanes"]:
    """One update of Dirichlet counts; ``forgetting=None`` compiles without decay."""
    step = held(jnp.where(happened, rate, 0.0))
    learned = counts + step * jnp.where(prior_counts > 0, evidence, 0.0)
    if forgetting is None:
        return learned
    return learned - jnp.where(happened, forgetting, 0.0) * (counts - prior_counts)


def transition_evidence(
    qs: Beliefs,
    qs_before: Beliefs,
    factor: int,
    dependencies: Sequence[int],
    control: Int[Array, "lanes"],
    num_controls: int,
    reachable: Sequence[Sequence[int]] | None = None,
) -> Float[Array, "next joint control lanes"]:
    """q(s') q(s) for the control that was set, zero for the others; of ``reachable`` next states alone, by control."""
    joint = outer([qs_before[d] for d in dependencies])
    steered = held(jnp.stack([jnp.where(control == u, joint, 0.0) for u in range(num_controls)], axis=1))
    q = qs[factor]
    if reachable is not None:
        q = held(pick(jnp.stack([rows_of(q, states) for states in reachable]), control))
    return q[:, None, None] * steered[None]


def likelihood_evidence(
    qs: Beliefs, dependencies: Sequence[int], outcome: Int[Array, "lanes"], num_outcomes: int
) -> Float[Array, "outcome joint lanes"]:
    """q(s) for the outcome that was seen, zero for the others."""
    joint = outer([qs[d] for d in dependencies])
    return jnp.stack([jnp.where(outcome == o, joint, 0.0) for o in range(num_outcomes)])
