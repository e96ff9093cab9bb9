"""Accuracy against complexity: tempered free energy, its frontier for a likelihood, and rate–distortion curves.

Three problems that are often mixed up, each with its own curve over β:

- tempered posterior: F_β(q) = E_q[L] − H(q)/β, least at q ∝ e^{−βL}, where it is −ln(Σe^{−βL})/β;
- complexity–accuracy: KL[q‖prior]/β − E_q ln p(o|s), least at q ∝ prior·p(o|s)^β; at β = 1, Bayes;
- rate–distortion: I(x; x̂) + β⟨d⟩ over channels, whose marginal q(x̂) is free as well (Blahut 1972; Arimoto 1972).
  With d = −ln p(o|s) and source p(o), it touches the second at β = 1 (the marginal of Bayes' posteriors is the
  prior) and lies below it elsewhere.

All in nats, float64 where the caller enables it; β may be an array, which becomes the last axis.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp, xlogy
from jaxtyping import Array, ArrayLike, Float

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import known, refuse_unless, whole


def tempered_posterior(
    losses: Float[ArrayLike, "state"], beta: Float[ArrayLike, "*beta"]
) -> Float[Array, "state *beta"]:
    """q ∝ exp(−βL), which minimizes F_β."""
    _positive_beta(beta)
    losses = jnp.asarray(losses)
    refuse_unless(losses, lambda v: v > -np.inf, "losses", "numbers, or +inf where forbidden")
    return jax.nn.softmax(-jnp.multiply.outer(losses, jnp.asarray(beta)), axis=0)


def tempered_free_energy(
    q: Float[ArrayLike, "state *beta"], losses: Float[ArrayLike, "state"], beta: Float[ArrayLike, "*beta"]
) -> Float[Array, "*beta"]:
    """F_β(q) = E_q[L] − H(q)/β, at least −ln(Σe^{−βL})/β."""
    _positive_beta(beta)
    q = jnp.asarray(q)
    losses = jnp.asarray(losses).reshape(-1, *[1] * (q.ndim - 1))
    return (q * losses).sum(axis=0) + xlogy(q, q).sum(axis=0) / jnp.asarray(beta)


class Frontier(NamedTuple):
    """A curve over β: complexity (or rate) and accuracy (or minus distortion), nats.

    Attributes
    ----------
    beta, complexity, accuracy : Float[Array, "beta"]
    law : Float[Array, "... beta"]
        The optimal posteriors (or channel), states first.
    gap : Float[Array, "beta"]
        Upper bound of how far the optimum lies below what was found, nats (0 for closed forms).
    """

    beta: Array
    complexity: Array
    accuracy: Array
    law: Array
    gap: Array


def complexity_accuracy(
    likelihood: Float[ArrayLike, "observation state"],
    prior: Float[ArrayLike, "state"],
    beta: Float[ArrayLike, "beta"],
) -> Frontier:
    """The frontier of an agent: E_{p(o)} of complexity and accuracy under q_β(s|o) ∝ prior(s)·p(o|s)^β.

    Parameters
    ----------
    likelihood : p(o|s), columns sum to 1.
    prior : p(s).
    beta : > 0; small: the prior is kept, large: the likelihood alone counts.

    Returns
    -------
    Frontier
        ``law`` is q_β(s|o), (state, observation, beta).

    Raises
    ------
    ModelError
        Columns or prior that are no distributions, shapes that don't fit, β ≤ 0.
    """
    _positive_beta(beta)
    likelihood, prior, beta = (jnp.asarray(x) for x in (likelihood, prior, jnp.atleast_1d(beta)))
    if likelihood.ndim != 2 or prior.shape != likelihood.shape[1:]:
        raise ModelError(
            f"prior: expected one entry per column of the likelihood {likelihood.shape}, got {prior.shape}"
        )
    _distribution(likelihood, "likelihood")
    _distribution(prior, "prior")
    return _bayes(likelihood, prior, beta)


@jax.jit
def _bayes(likelihood: Array, prior: Array, beta: Array) -> Frontier:
    log_likelihood = jnp.log(jnp.maximum(likelihood, jnp.finfo(likelihood.dtype).tiny)).T
    log_prior = jnp.log(jnp.maximum(prior, jnp.finfo(prior.dtype).tiny))
    logits = log_prior[:, None, None] + log_likelihood[:, :, None] * beta
    q = jax.nn.softmax(logits, axis=0)
    seen = likelihood @ prior
    divergence = (xlogy(q, q) - q * log_prior[:, None, None]).sum(axis=0)
    accuracy = (q * log_likelihood[:, :, None]).sum(axis=0)
    return Frontier(beta, seen @ divergence, seen @ accuracy, q, jnp.zeros_like(beta))


def rate_distortion(
    source: Float[ArrayLike, "x"],
    distortion: Float[ArrayLike, "x reproduction"],
    beta: Float[ArrayLike, "beta"],
    iterations: int = 2000,
) -> Frontier:
    """R(D) by Blahut–Arimoto: the channel that minimizes I(x; x̂) + β⟨d(x, x̂)⟩, at each slope −β of the curve.

    Returns
    -------
    Frontier
        ``complexity`` is the rate, ``accuracy`` minus the mean distortion, ``law`` the channel
        q(x̂|x), (reproduction, x, beta); ``gap`` Blahut's bound after the last iteration.

    Raises
    ------
    ModelError
        A source that is no distribution, a distortion that is not finite or does not fit, β ≤ 0.

    References
    ----------
    Blahut 1972, IEEE Trans. Inf. Theory 18, 460; Arimoto 1972, ibid. 18, 14.
    """
    _positive_beta(beta)
    whole(iterations, "iterations")
    source, distortion, beta = (jnp.asarray(x) for x in (source, distortion, jnp.atleast_1d(beta)))
    if distortion.ndim != 2 or source.shape != distortion.shape[:1]:
        raise ModelError(f"distortion: expected {source.size} rows, got shape {distortion.shape}")
    _distribution(source, "source")
    refuse_unless(distortion, np.isfinite, "distortion", "finite numbers")
    return _blahut_arimoto(source, distortion, beta, iterations)


@partial(jax.jit, static_argnames="iterations")
def _blahut_arimoto(source: Array, distortion: Array, beta: Array, iterations: int) -> Frontier:
    kernel = -beta * distortion.T[:, :, None]  # (reproduction, x, beta)

    def channel(log_q: Array) -> tuple[Array, Array]:
        logits = log_q[:, None] + kernel
        normalizer = logsumexp(logits, axis=0)
        return logits - normalizer, normalizer

    def iterate(_: Any, log_q: Array) -> Array:
        log_channel, _ = channel(log_q)
        return logsumexp(log_channel, axis=1, b=source[None, :, None])

    start = jnp.full((distortion.shape[1], beta.shape[0]), -jnp.log(float(distortion.shape[1])))
    log_q = jax.lax.fori_loop(0, iterations, iterate, start.astype(kernel.dtype))
    log_channel, normalizer = channel(log_q)
    law = jnp.exp(log_channel)
    mean = (law * source[None, :, None] * distortion.T[:, :, None]).sum(axis=(0, 1))
    marginal = (law * source[None, :, None]).sum(axis=1)
    rate = (xlogy(law, law) * source[None, :, None]).sum(axis=(0, 1)) - xlogy(marginal, marginal).sum(axis=0)
    factor = logsumexp(kernel - normalizer, axis=1, b=source[None, :, None])  # ln c(x̂) ≤ 0 at the optimum
    return Frontier(beta, rate, -mean, law, jnp.maximum(factor.max(axis=0), 0.0))


def _positive_beta(beta: ArrayLike) -> None:
    refuse_unless(beta, lambda b: (b > 0) & np.isfinite(b), "beta", "positive")


def _distribution(p: Array, name: str) -> None:
    value = known(p)
    if value is None:
        return
    refuse_unless(value, lambda v: v >= 0, name, "non-negative numbers")
    refuse_unless(value.sum(axis=0), lambda v: np.abs(v - 1) < 1e-5, f"sum of {name}", "1")
