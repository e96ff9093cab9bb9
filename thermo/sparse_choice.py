"""α-entmax: sparse choice between softmax and sparsemax, and beyond; jit, vmap and grad.

entmax_α maximizes p·z + H_α(p), H_α the Tsallis entropy (Peters, Niculae & Martins 2019, arXiv 1905.05702):
p_i = [1 + (α−1)(z_i − λ)]₊^{1/(α−1)} with λ such that Σp = 1; α = 1 is softmax, α = 2 sparsemax. Written
so, the form is smooth through α = 1. Its derivatives (Correia, Niculae & Martins 2019, arXiv 1909.00015) are
s_i = p_i^{2−α}: ∂p/∂z = diag(s) − s sᵀ/Σs.

Functions work over one axis (the first unless told), lanes last.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import known, refuse_unless
from thermopolis.thermo.choice import entropy, varentropy
from thermopolis.thermo.rows import SHORT, allowed, leading, top, total


def _descending(z: Array) -> Array:
    """Sorted from high to low on the first axis; a transposition network keeps short axes elementwise."""
    if len(z) > SHORT:
        return -jnp.sort(-z, axis=0)
    rows = list(z)
    for turn in range(len(rows)):
        for i in range(turn % 2, len(rows) - 1, 2):
            rows[i], rows[i + 1] = jnp.maximum(rows[i], rows[i + 1]), jnp.minimum(rows[i], rows[i + 1])
    return jnp.stack(rows)


def _cumulative(ordered: Array) -> Array:
    if len(ordered) > SHORT:
        return jnp.cumsum(ordered, axis=0)
    return jnp.stack(list(itertools.accumulate(ordered)))


def _counts(z: Array) -> Array:
    return jnp.arange(1, len(z) + 1, dtype=z.dtype).reshape(-1, *[1] * (z.ndim - 1))


def _sparsemax(z: Array) -> Array:
    ordered = _descending(jnp.maximum(z, -2.0))
    return jnp.maximum(z - top((_cumulative(ordered) - 1) / _counts(z)), 0.0)


def _entmax15(z: Array) -> Array:
    half = jnp.maximum(z / 2, -2.0)
    ordered, k = _descending(half), _counts(z)
    summed = _cumulative(ordered)
    mean = summed / k
    spread = _cumulative(ordered**2) - summed * mean
    candidate = mean - jnp.sqrt(jnp.maximum(1 - spread, 0.0) / k)
    inside = (candidate <= ordered) & (spread <= 1)  # holds for the first k alone, up to the support's size
    return jnp.maximum(half - top(jnp.where(inside, candidate, -jnp.inf)), 0.0) ** 2


def _q_exponential(y: Array, d: Array) -> Array:
    """[1 + d y]₊^{1/d}, and exp(y) at d = 0."""
    safe = jnp.where(d == 0, 1.0, d)
    inside = d * y > -1
    power = jnp.log1p(jnp.where(inside, d * y, 0.0)) / safe
    return jnp.where(d == 0, jnp.exp(y), jnp.where(inside, jnp.exp(power), 0.0))


def _bisection(z: Array, d: Array) -> Array:
    """λ lies between max z and max z − ln_α(1/K): bisect Σ [1 + d(z−λ)]₊^{1/d} = 1 (max z = 0 here)."""
    d = jnp.broadcast_to(d, z.shape[1:])
    finite = jnp.maximum(z, -1e30)
    safe = jnp.where(d == 0, 1.0, d)
    width = jnp.where(d == 0, jnp.log(float(len(z))), -jnp.expm1(-safe * jnp.log(float(len(z)))) / safe)

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = (low + high) / 2
        over = total(_q_exponential(finite - middle, d)) > 1
        return jnp.where(over, middle, low), jnp.where(over, high, middle)

    iterations = 52 if z.dtype == jnp.float64 else 28
    low, high = jax.lax.fori_loop(0, iterations, halve, (jnp.zeros_like(width), width))
    return _q_exponential(finite - (low + high) / 2, d)


_CLOSED_FORMS: dict[float, Callable[[Array], Array]] = {1.0: jnp.exp, 1.5: _entmax15, 2.0: _sparsemax}


@functools.partial(jax.jit, static_argnames="known_alpha")
def _entmax_primal(z: Array, alpha: Array, known_alpha: float | None) -> Array:
    z = jnp.minimum(z - top(z), 0.0)  # z may be worked out twice, and differ in its last digit
    if known_alpha in _CLOSED_FORMS:
        p = _CLOSED_FORMS[known_alpha](z)
    else:
        p = _bisection(z, alpha - 1)
    if known_alpha is None:
        for value, form in _CLOSED_FORMS.items():
            p = jnp.where(alpha == value, form(z), p)
    return p / total(p)


def _phi(x: Array) -> Array:
    """(eˣ − 1 − x)/x², by its series near 0."""
    small = jnp.abs(x) < 0.5
    series = jnp.full_like(x, 1 / 3628800)
    for divisor in (362880, 40320, 5040, 720, 120, 24, 6, 2):
        series = series * x + 1 / divisor
    safe = jnp.where(small, 1.0, x)
    return jnp.where(small, series, (jnp.expm1(safe) - safe) / safe**2)


@jax.jit
def _entmax_derivative(p: Array, alpha: Array, z_dot: Array, alpha_dot: Array) -> Array:
    support = p > 0
    log_p = jnp.log(jnp.where(support, p, 1.0))
    d = alpha - 1
    slope = jnp.where(support, jnp.exp((1 - d) * log_p), 0.0)
    z_dot = jnp.where(support, z_dot, 0.0)
    own = slope * z_dot - alpha_dot * p * log_p**2 * _phi(-d * log_p)
    return own - slope * (total(own) / total(slope))


@jax.custom_jvp
def _entmax_traced(z: Array, alpha: Array) -> Array:
    return _entmax_primal(z, alpha, None)


@_entmax_traced.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    p = _entmax_traced(*primals)
    return p, _entmax_derivative(p, primals[1], *tangents)


@functools.cache
def _entmax_known(alpha: float) -> Callable[[Array], Array]:
    @jax.custom_jvp
    def rule(z: Array) -> Array:
        return _entmax_primal(z, jnp.asarray(alpha, z.dtype), alpha)

    @rule.defjvp
    def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        p = rule(*primals)
        return p, _entmax_derivative(p, jnp.asarray(alpha, p.dtype), tangents[0], jnp.zeros((), p.dtype))

    return rule


def entmax(
    z: Float[ArrayLike, "action *lane"], alpha: Float[ArrayLike, "*lane"] = 1.5, axis: int = 0
) -> Float[Array, "action *lane"]:
    """α-entmax: sparse choice between softmax (α = 1) and sparsemax (α = 2), and beyond.

    Closed forms at α = 1, 1.5 and 2, bisection to float precision elsewhere. A Python number selects its
    form when traced; an array (one α per lane, traced) computes all and picks per lane. Differentiable in
    both arguments.

    Parameters
    ----------
    z : values (already divided by a temperature), the action on ``axis``; −inf forbids an action.
    alpha : ≥ 1, a scalar or one per lane.

    Raises
    ------
    ModelError
        for α < 1, infinite or NaN, values that are NaN or all −inf (where known).

    References
    ----------
    Peters, Niculae & Martins 2019, arXiv 1905.05702; Correia, Niculae & Martins 2019, arXiv 1909.00015.
    """
    refuse_unless(alpha, lambda a: (a >= 1) & np.isfinite(a), "alpha", "at least 1 and finite")
    z = allowed(z, axis)
    value = known(alpha)
    if value is not None and value.ndim == 0 and isinstance(alpha, int | float):
        return jnp.moveaxis(_entmax_known(float(value))(z), 0, axis)
    if np.ndim(alpha) > z.ndim - 1:
        raise ModelError(
            f"alpha: expected a number or one per lane {z.shape[1:]}, got shape {np.shape(alpha)}"
        )
    per_lane = jnp.broadcast_to(jnp.asarray(alpha, z.dtype), z.shape[1:])
    return jnp.moveaxis(_entmax_traced(z, per_lane), 0, axis)


@jax.jit
def _alpha_of(p: Array, alpha_max: Array, scale: Array) -> Array:
    sureness = jnp.clip(1 - entropy(p) / math.log(max(len(p), 2)), 0.0, 1.0)
    return 1 + (alpha_max - 1) * sureness / (1 + varentropy(p) / scale)


def entropy_varentropy_alpha(
    p: Float[ArrayLike, "action *lane"],
    alpha_max: Float[ArrayLike, "*lane"] = 2.0,
    varentropy_scale: Float[ArrayLike, "*lane"] = 1.0,
    axis: int = 0,
) -> Float[Array, "*lane"]:
    """α of entmax from the entropy H and varentropy V of a softmax policy; falls as either rises.

    α = 1 + (α_max − 1) · (1 − H/ln K) / (1 + V/V₀). A sure policy (H = V = 0) is cut as sparsely as
    ``alpha_max`` allows; an undecided one (H = ln K) stays softmax; at equal H, a high varentropy (a few
    strong rivals among many weak options) keeps more options alive. The law is ours.

    Parameters
    ----------
    p : probabilities, the action on ``axis``; at least two actions.
    alpha_max : α of a sure policy, ≥ 1.
    varentropy_scale : V₀ > 0 in nats².
    """
    refuse_unless(alpha_max, lambda a: a >= 1, "alpha_max", "at least 1")
    refuse_unless(varentropy_scale, lambda v: v > 0, "varentropy_scale", "positive")
    return _alpha_of(leading(p, axis), jnp.asarray(alpha_max), jnp.asarray(varentropy_scale))
