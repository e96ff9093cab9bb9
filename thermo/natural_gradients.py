"""Natural gradient by algebra or by relaxation of a physical system, and steps bounded in KL divergence.

The natural gradient is F⁻¹g, F the Fisher information (Amari 1998). A linear system left to relax,
dx = −(Fx − g) dt + √(2/β) dW from x = 0, has mean (I − e^{−Ft})F⁻¹g at time t: the plain gradient t·g at first, the
natural gradient at last, and covariance (I − e^{−2Ft})F⁻¹/β (Donatella et al. 2024, arXiv 2405.13817). A step
θ' = θ − ηd changes the law by KL ≈ ½η² dᵀFd: η is cut so that this stays below a bound.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from thermopolis.errors import ModelError
from thermopolis.keys import as_key
from thermopolis.thermo.checks import known, refuse_unless
from thermopolis.thermo.noise import lane_keys, normals
from thermopolis.thermo.sums import add_up


def natural_gradient(
    fisher: Float[ArrayLike, "dim dim"], gradient: Float[ArrayLike, "dim *lane"], damping: ArrayLike = 0.0
) -> Float[Array, "dim *lane"]:
    """(F + damping·I)⁻¹ g.

    Parameters
    ----------
    fisher : symmetric, positive definite once damped.
    gradient : of the loss; further axes are lanes.
    damping : ≥ 0; for singular F.

    Raises
    ------
    ModelError
        F not symmetric or not positive definite, a negative damping, shapes that don't fit (where known).
    """
    fisher, gradient = _checked(fisher, gradient, damping)
    return jnp.linalg.solve(fisher, gradient.reshape(len(fisher), -1)).reshape(gradient.shape)


def thermodynamic_natural_gradient(
    keys: Any,
    fisher: Float[ArrayLike, "dim dim"],
    gradient: Float[ArrayLike, "dim *lane"],
    time: ArrayLike,
    temperature: ArrayLike = 0.0,
    damping: ArrayLike = 0.0,
) -> Float[Array, "dim *lane"]:
    """What a linear system in the energy ½xᵀFx − gᵀx shows at ``time``, started at rest at 0.

    The law is drawn exactly (by F's eigenvectors), not stepped.

    Parameters
    ----------
    keys : one key per lane, or a single one.
    time : > 0 in units of the system's relaxation; large: the natural gradient.
    temperature : 1/β ≥ 0 of its noise; 0: the mean.

    Raises
    ------
    ModelError
        As ``natural_gradient``; time ≤ 0; a negative temperature.
    """
    refuse_unless(time, lambda t: t > 0, "time", "positive")
    refuse_unless(temperature, lambda t: (t >= 0) & np.isfinite(t), "temperature", "non-negative")
    fisher, gradient = _checked(fisher, gradient, damping)
    rates, axes = jnp.linalg.eigh(fisher)
    rates, time = rates[:, None], jnp.asarray(time)
    columns = axes.T @ gradient.reshape(len(fisher), -1)
    mean = columns * (-jnp.expm1(-rates * time) / rates)
    spread = jnp.sqrt(-jnp.expm1(-2 * rates * time) / rates * jnp.asarray(temperature))
    noise = normals(_one_per_lane(keys, columns.shape[1]), (len(fisher),), columns.dtype)
    return (axes @ (mean + spread * noise)).reshape(gradient.shape)


def kl_bounded_step(
    direction: Float[ArrayLike, "dim *lane"],
    fisher: Float[ArrayLike, "dim dim"],
    rate: ArrayLike,
    bound: ArrayLike,
) -> Float[Array, "dim *lane"]:
    """−η·direction with η = min(rate, √(2·bound/dᵀFd)): a step whose KL (to second order) is at most ``bound``.

    Raises
    ------
    ModelError
        A bound or rate that is not positive.
    """
    refuse_unless(bound, lambda b: b > 0, "bound", "positive")
    refuse_unless(rate, lambda r: r > 0, "rate", "positive")
    direction, fisher = jnp.asarray(direction), jnp.asarray(fisher)
    if fisher.shape != (len(direction), len(direction)):
        raise ModelError(f"fisher: expected ({len(direction)}, {len(direction)}), got {fisher.shape}")
    refuse_unless(direction, np.isfinite, "direction", "finite numbers")
    refuse_unless(fisher, np.isfinite, "fisher", "finite numbers")
    square = jnp.einsum("i...,ij,j...->...", direction, fisher, direction)
    limit = jnp.sqrt(2 * jnp.asarray(bound) / jnp.maximum(square, jnp.finfo(direction.dtype).tiny))
    return -jnp.minimum(jnp.asarray(rate), limit) * direction


def categorical_natural_step(
    probabilities: Float[ArrayLike, "state *lane"],
    gradient: Float[ArrayLike, "state *lane"],
    rate: ArrayLike,
    bound: ArrayLike,
) -> Float[Array, "state *lane"]:
    """A natural-gradient step of categorical laws: p' ∝ p·exp(−η g), with KL[p'‖p] ≤ ``bound`` exactly.

    In logits the natural gradient of a loss L(p) is ∂L/∂p, up to a constant; η = ``rate`` or, where that
    would go too far, the largest that keeps the bound (found by bisection: KL rises with η).

    Parameters
    ----------
    probabilities : p, states first, lanes last.
    gradient : ∂L/∂p (for instance expected energies).
    rate, bound : > 0, nats for the bound.

    Raises
    ------
    ModelError
        A bound or rate that is not positive (where known).
    """
    refuse_unless(bound, lambda b: b > 0, "bound", "positive")
    refuse_unless(rate, lambda r: r > 0, "rate", "positive")
    p, slope = jnp.asarray(probabilities), jnp.asarray(gradient)
    refuse_unless(p, lambda v: v >= 0, "probabilities", "no negative number")
    refuse_unless(slope, np.isfinite, "gradient", "finite numbers")
    log_p = jnp.log(jnp.maximum(p, jnp.finfo(p.dtype).tiny))

    def stepped(eta: Array) -> tuple[Array, Array]:
        log_q = jax.nn.log_softmax(jnp.where(p > 0, log_p - eta * slope, -jnp.inf), axis=0)
        q = jnp.exp(log_q)
        return q, add_up(jnp.where(p > 0, q * (log_q - log_p), 0.0))

    largest = jnp.broadcast_to(jnp.asarray(rate, p.dtype), p.shape[1:])
    limit = jnp.asarray(bound, p.dtype)

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        fits = stepped(middle)[1] <= limit
        return jnp.where(fits, middle, low), jnp.where(fits, high, middle)

    low, _ = jax.lax.fori_loop(0, 30, halve, (jnp.zeros_like(largest), largest))
    return stepped(jnp.where(stepped(largest)[1] <= limit, largest, low))[0]


def _one_per_lane(keys: Any, lanes: int) -> Any:
    """Keys of each lane, as given or from a single one."""
    typed = jnp.issubdtype(getattr(keys, "dtype", np.dtype(int)), jax.dtypes.prng_key)
    if typed and keys.size == lanes:
        return keys.reshape(-1)
    return lane_keys(keys, lanes) if lanes > 1 else as_key(keys)[None]


def _checked(fisher: ArrayLike, gradient: ArrayLike, damping: ArrayLike) -> tuple[Array, Array]:
    refuse_unless(damping, lambda d: (d >= 0) & np.isfinite(d), "damping", "non-negative")
    fisher, gradient = jnp.asarray(fisher), jnp.asarray(gradient)
    if not gradient.ndim:
        raise ModelError("gradient: expected a vector, got a number")
    if fisher.ndim != 2 or fisher.shape[0] != fisher.shape[1] or gradient.shape[:1] != fisher.shape[:1]:
        raise ModelError(
            f"fisher: expected ({len(gradient)}, {len(gradient)}) for the gradient, got {fisher.shape}"
        )
    fisher = fisher + jnp.asarray(damping, fisher.dtype) * jnp.eye(len(fisher), dtype=fisher.dtype)
    refuse_unless(gradient, np.isfinite, "gradient", "finite numbers")
    value = known(fisher)
    if value is not None:
        refuse_unless(value, np.isfinite, "fisher", "finite numbers")
        if not np.allclose(value, value.T, rtol=1e-4, atol=1e-6 * np.abs(value).max(initial=1)):
            raise ModelError("fisher: expected a symmetric matrix")
        if np.linalg.eigvalsh(value)[0] <= 0:
            raise ModelError("fisher: expected a positive definite matrix; damping > 0 makes it so")
    return fisher, gradient
