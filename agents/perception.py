"""Perception: from prior beliefs and an outcome to posterior beliefs.

``exact`` enumerates the joint posterior q(s) ∝ Π_f prior_f(s_f) Π_m p(o_m | s) and returns its marginals; its free
energy is -ln p(o). ``tempered`` weighs the outcome by β: q(s) ∝ prior(s) p(o | s)^β minimizes
KL[q ‖ prior]/β - E_q[ln p(o | s)], so that a sweep of β traces an agent's complexity-accuracy frontier.
:mod:`fixed_point`, :mod:`mean_field` and the core (:mod:`core_in_loop`) approximate Bayes. The belief that an agent
carries from step to step is the product of those marginals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from thermopolis.agents.belief import Beliefs, likelihood, marginals, outer, spread
from thermopolis.agents.free_energy import FreeEnergy, of_joint
from thermopolis.agents.lanes import TINY, held, safe_log, total


class Evidence(NamedTuple):
    """What an outcome says: the joint prior, and its likelihood, over joint states (rows)."""

    prior: Float[Array, "joint lanes"]
    likelihood: Float[Array, "joint lanes"]


class Percept(NamedTuple):
    """Posterior marginals and what they cost."""

    qs: Beliefs
    free_energy: FreeEnergy
    converged: Bool[Array, "lanes"] | None = None  # of iterations; None where there is nothing to converge
    sweeps: Int[Array, "lanes"] | None = None  # that mean field took; None elsewhere


def evidence(
    A: Sequence[Float[Array, "outcome joint lanes"]],
    dependencies: Sequence[Sequence[int]],
    prior: Beliefs,
    outcomes: Sequence[Int[Array, "lanes"]],
) -> Evidence:
    """Joint prior and likelihood of the outcomes, one a modality."""
    num_states = [q.shape[0] for q in prior]
    joint_likelihood: Array | None = None
    for table, factors, outcome in zip(A, dependencies, outcomes, strict=True):
        term = spread(likelihood(table, outcome), factors, num_states)
        joint_likelihood = term if joint_likelihood is None else joint_likelihood * term
    assert joint_likelihood is not None
    return Evidence(outer(prior), held(joint_likelihood))


def pooled(
    given: Evidence,
    seen: Bool[Array, "lanes"],
    heard: Callable[[Float[Array, "joint lanes"]], Float[Array, "joint lanes"]],
    weight: Float[Array, "lanes"],
) -> Evidence:
    """Evidence with what others say of the same states: Π_j p(o_j | s)^w, counted once and without their priors.

    ``heard`` sums what each lane hears. (Friston et al. 2024, Neurosci. Biobehav. Rev. 156:105500.)
    """
    said = jnp.where(seen, safe_log(given.likelihood), 0.0)
    ruled_out = seen & (given.likelihood <= 0)
    return Evidence(given.prior, jnp.where(ruled_out, 0.0, jnp.exp(said + weight * heard(said))))


def tempered(given: Evidence, num_states: Sequence[int], beta: Float[Array, "lanes"]) -> Percept:
    """Marginals of the tempered posterior, with the free energy that it has for the outcome as it is."""
    powered = jnp.where(given.likelihood > 0, jnp.exp(beta * safe_log(given.likelihood)), 0.0)
    weights = given.prior * powered
    found = exact(Evidence(given.prior, powered), num_states)
    q = weights / jnp.maximum(total(weights), TINY)
    cost = of_joint(q, given.prior, given.likelihood)
    possible = total(weights) > 0
    free_energy = jnp.where(possible, cost.free_energy, jnp.inf)
    return Percept(found.qs, FreeEnergy(free_energy, found.free_energy.complexity, cost.accuracy))


def exact(given: Evidence, num_states: Sequence[int]) -> Percept:
    """The exact posterior's marginals.

    An outcome that the model holds impossible has no posterior: beliefs are then the normalised likelihood (uniform
    where that vanishes too), and the free energy is infinite, which a run reports and stops at.
    """
    weights = held(given.prior * given.likelihood)
    impossible = held(jnp.where(total(weights) > 0, 0.0, 1.0))
    flat = held(jnp.where(total(given.likelihood) > 0, 0.0, impossible))
    weights = held(weights + impossible * given.likelihood + flat)
    q = weights * held(1.0 / total(weights))
    cost, possible = of_joint(q, given.prior, given.likelihood), impossible == 0
    cost = FreeEnergy(
        jnp.where(possible, cost.free_energy, jnp.inf),
        jnp.where(possible, cost.complexity, jnp.inf),
        cost.accuracy,
    )
    return Percept(marginals(q, num_states), cost)


def support(given: Evidence, num_states: Sequence[int]) -> list[Bool[Array, "states lanes"]]:
    """Which states of each factor the posterior allows."""
    allowed = (given.prior > 0) & (given.likelihood > 0)
    return [m > 0 for m in marginals(allowed.astype(jnp.float32), num_states)]
