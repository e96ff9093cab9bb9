"""Choice rules: Boltzmann's, min-p, adaptive temperature; entropies. All jit, vmap and grad.

Sparse choice is :mod:`thermopolis.thermo.sparse_choice`'s. All functions work over one axis (the first unless told),
lanes last.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy
from jaxtyping import Array, ArrayLike, Float

from thermopolis.thermo.checks import refuse_unless
from thermopolis.thermo.rows import allowed, leading, top, total

_VELICKOVIC = (-0.037, 0.481, -2.3, 4.917, -1.791)


@jax.jit
def _entropy(p: Array) -> Array:
    return -total(xlogy(p, p))


@jax.jit
def _varentropy(p: Array) -> Array:
    surprise = -jnp.log(jnp.where(p > 0, p, 1.0))
    return total(p * (surprise - total(p * surprise)) ** 2)


@jax.jit
def _softmax(z: Array, temperature: Array) -> Array:
    z = z / temperature
    weights = jnp.exp(z - jax.lax.stop_gradient(top(z)))
    return weights / total(weights)


@jax.jit
def _min_p(p: Array, p_min: Array) -> Array:
    kept = jnp.where(p >= p_min * top(p), p, 0.0)
    return kept / total(kept)


@jax.jit
def _adaptive(logits: Array) -> Array:
    h = jnp.minimum(_entropy(_softmax(logits, 1.0)), 5.0)
    inverse = jnp.zeros_like(h)
    for coefficient in _VELICKOVIC:
        inverse = inverse * h + coefficient
    return jnp.where(h > 0.5, 1 / jnp.maximum(inverse, 1.0), 1.0)


def entropy(p: Float[ArrayLike, "action *lane"], axis: int = 0) -> Float[Array, "*lane"]:
    """Shannon entropy −Σ p ln p in nats over ``axis``; 0 ln 0 = 0."""
    return _entropy(leading(p, axis))


def varentropy(p: Float[ArrayLike, "action *lane"], axis: int = 0) -> Float[Array, "*lane"]:
    """Variance of the surprise −ln p in nats² over ``axis``; equals β²Var(E) of a Boltzmann law."""
    return _varentropy(leading(p, axis))


def softmax_T(
    z: Float[ArrayLike, "action *lane"], temperature: Float[ArrayLike, "*lane"] = 1.0, axis: int = 0
) -> Float[Array, "action *lane"]:
    """Boltzmann choice, p ∝ exp(z / T); −inf forbids an action.

    Parameters
    ----------
    z : values in the units of ``temperature``, the action on ``axis``.
    temperature : positive, a scalar or one per lane.

    Raises
    ------
    ModelError
        for a temperature that is not positive, values that are NaN or all −inf (where known, that is outside jit).
    """
    refuse_unless(temperature, lambda t: t > 0, "temperature", "positive")
    return jnp.moveaxis(_softmax(allowed(z, axis), jnp.asarray(temperature)), 0, axis)


def min_p(
    p: Float[ArrayLike, "action *lane"], p_min: Float[ArrayLike, "*lane"], axis: int = 0
) -> Float[Array, "action *lane"]:
    """Keep the options with p ≥ p_min · max p and renormalize (Nguyen et al. 2024, arXiv 2407.01082).

    Parameters
    ----------
    p : probabilities, the action on ``axis``.
    p_min : within [0, 1]; 0 keeps all, 1 the best alone (ties share).

    Raises
    ------
    ModelError
        for p_min outside [0, 1] (where its value is known).
    """
    refuse_unless(p_min, lambda v: (v >= 0) & (v <= 1), "p_min", "within [0, 1]")
    return jnp.moveaxis(_min_p(leading(p, axis), jnp.asarray(p_min)), 0, axis)


def adaptive_temperature(logits: Float[ArrayLike, "action *lane"], axis: int = 0) -> Float[Array, "*lane"]:
    """Temperature θ ≤ 1 that keeps a softmax sharp as options multiply.

    1/θ = max(1, −.037H⁴ + .481H³ − 2.3H² + 4.917H − 1.791) where H > .5 nats, else 1; H the entropy of
    softmax(logits). The polynomial is a fit made for H up to about 5: H is clipped there.

    References
    ----------
    Veličković et al. 2024, arXiv 2410.01104.
    """
    return _adaptive(allowed(logits, axis))
