"""Learning by natural gradient, with steps bounded in KL divergence, and by a relaxing thermodynamic system.

A column p of a table (a categorical law) that sees evidence e of weight w = Σe has log-likelihood Σ e ln p - w Σp, with
gradient g = e/p - w and Fisher information F = diag(1/p) (of the Poisson counts; on the simplex it is the categorical
one). The natural gradient is F⁻¹g = e - w p; a linear system dx = -(Fx - g) dt + √(2T) dW left to relax from 0 has

    x_i(t) ~ N((1 - e^{-t/p_i}) (e_i - w p_i),  T p_i (1 - e^{-2t/p_i}))

t·g at first, the natural gradient at last (Donatella et al. 2024, arXiv 2405.13817). The step p' = p + η x is cut so
that KL[p' ‖ p] ≤ Σ (p' - p)² / p ≤ bound: no single event makes an agent forget more than ``bound`` nats. Dirichlet
counting is the same natural gradient with η = rate / (counts so far + rate).

Counts keep their sum: what is stored is that sum times p.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from thermopolis.agents import lanes as ln
from thermopolis.thermo.noise import normals


def relaxed(
    p: Float[Array, "n *rest lanes"],
    natural: Float[Array, "n *rest lanes"],
    time: Float[Array, "lanes"],
    temperature: Float[Array, "lanes"],
    keys: Key[Array, "lanes"],
) -> Float[Array, "n *rest lanes"]:
    """What the relaxing system shows at ``time`` where it would show ``natural`` in the end."""
    safe = jnp.maximum(p, ln.TINY)
    mean = -jnp.expm1(-time / safe) * natural
    spread = jnp.sqrt(temperature * p * -jnp.expm1(-2.0 * time / safe))
    noise = normals(keys, p.shape[:-1], jnp.float32)
    return mean + jnp.where(p > 0, spread * noise, 0.0)


def step(
    counts: Float[Array, "n *rest lanes"],
    prior_counts: Float[Array, "n *rest lanes"],
    evidence: Float[Array, "n *rest lanes"],
    rate: Float[Array, "lanes"],
    bound: Float[Array, "lanes"],
    forgetting: Float[Array, "lanes"] | None,
    happened: Bool[Array, "lanes"],
    relaxation: tuple[Float[Array, "lanes"], Float[Array, "lanes"], Key[Array, "lanes"]] | None = None,
) -> Float[Array, "n *rest lanes"]:
    """One update of a table of columns (leading axis); ``relaxation`` = (time, temperature, keys) or ``None``."""
    mass = ln.total(counts)
    p = counts / mass
    evidence = jnp.where(prior_counts > 0, evidence, 0.0)
    weight = ln.total(evidence)
    direction = evidence - weight * p
    if relaxation is not None:
        time, temperature, keys = relaxation
        # a column that sees nothing is not driven, and its system is not run
        direction = jnp.where(weight > 0, relaxed(p, direction, time, temperature, keys), 0.0)
    allowed = prior_counts > 0
    proposal = jnp.where(allowed, jnp.maximum(p + jnp.minimum(rate, 1.0) * direction, ln.TINY), 0.0)
    move = proposal / ln.total(proposal) - p
    squares = ln.total(jnp.where(allowed, move**2 / jnp.maximum(p, ln.TINY), 0.0))
    cut = jnp.minimum(1.0, jnp.sqrt(bound / jnp.maximum(squares, ln.TINY)))
    # a floor, so that what was once ruled out can still be learned
    moved = jnp.where(allowed, jnp.maximum(p + jnp.where(happened, cut, 0.0) * move, ln.TINY), 0.0)
    learned = mass * moved
    if forgetting is None:
        return learned
    return learned - jnp.where(happened, forgetting, 0.0) * (counts - prior_counts)
