"""Arithmetic on arrays whose last axis is the lanes.

Small static axes lead and are summed as a Python sum of slices: XLA's CPU backend compiles a reduction over a
leading axis badly, and an elementwise chain over lanes well (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

#: Below this an axis is unrolled into slices; above it a reduction compiles in reasonable time and runs as fast.
UNROLL = 32

#: ln of it stands for ln 0 where a finite number must stand there (pymdp's floor: ln → -36.04).
TINY = 2.220446049250313e-16

_ROOT_HALF = 0x3F3504F3  # bits of √½
_LN2 = 0.6931471805599453
_LOG = (0.33333910, -0.25001338, 0.19963063, -0.16577584, 0.14914770, -0.14267494, 0.08700435)


def total(x: Float[Array, "n *rest"]) -> Float[Array, "*rest"]:
    """Sum over the leading axis."""
    if x.shape[0] > UNROLL:
        return jnp.sum(x, axis=0)
    return sum((x[i] for i in range(1, x.shape[0])), start=x[0])


def held(x: Any) -> Any:
    """x, worked out once: without it XLA recomputes a cheap value for every slice that is read from it."""
    return jax.lax.optimization_barrier(x)


def maximum(x: Float[Array, "n *rest"]) -> Float[Array, "*rest"]:
    """Maximum over the leading axis."""
    if x.shape[0] > UNROLL:
        return jnp.max(x, axis=0)
    top = x[0]
    for i in range(1, x.shape[0]):
        top = jnp.maximum(top, x[i])
    return top


def rows_of(table: Float[Array, "n *rest"], states: Sequence[int]) -> Float[Array, "rows *rest"]:
    """table[states], as a slice where it is one."""
    lo, hi = states[0], states[-1] + 1
    if tuple(states) == tuple(range(lo, hi)):
        return table[lo:hi]
    return jnp.stack([table[i] for i in states])


def log(x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """ln x for x from 2^-126 to 2^126 to about an ulp, in two thirds of the time of XLA's, which also minds the others.

    x = (1 + f) 2^k with 1 + f in [√½, √2), and ln(1 + f) = f - f²/2 + f³ P(f) with the minimax polynomial P of degree
    6, whose relative error is 3e-8. What isn't a number, or is infinite, stays no finite number.
    """
    k = (jax.lax.bitcast_convert_type(x, jnp.int32) - _ROOT_HALF) >> 23
    f = x * jax.lax.bitcast_convert_type((127 - k) << 23, jnp.float32) - 1.0
    p = jnp.full_like(f, _LOG[-1])
    for c in _LOG[-2::-1]:
        p = p * f + c
    return k.astype(jnp.float32) * _LN2 + (f + f * f * (f * p - 0.5))


def xlogy(x: Float[Array, "*n"], y: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """x ln y with 0 ln 0 = 0 and ln 0 floored at ln(TINY)."""
    return x * log(jnp.maximum(y, TINY))


def safe_log(x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """ln x, floored at ln(TINY)."""
    return log(jnp.maximum(x, TINY))


def entropy(p: Float[Array, "n *rest"]) -> Float[Array, "*rest"]:
    """Shannon entropy in nats over the leading axis."""
    return -total(xlogy(p, p))


def varentropy(p: Float[Array, "n *rest"]) -> Float[Array, "*rest"]:
    """Variance of -ln p under p, in nats²."""
    log_p = safe_log(p)
    mean = total(p * log_p)
    return total(p * (log_p - mean) ** 2)


def log_softmax(x: Float[Array, "n *rest"]) -> Float[Array, "*n rest"]:
    """ln softmax over the leading axis."""
    shifted = x - maximum(x)
    return shifted - log(total(jnp.exp(shifted)))


def softmax(x: Float[Array, "n *rest"]) -> Float[Array, "n *rest"]:
    """Softmax over the leading axis."""
    x = held(x)
    weights = held(jnp.exp(x - held(maximum(x))))
    return weights * held(1.0 / total(weights))


def argmax(x: Float[Array, "n lanes"]) -> Int[Array, "lanes"]:
    """Index of the first maximum over the leading axis."""
    if x.shape[0] > UNROLL:
        return jnp.argmax(x, axis=0).astype(jnp.int32)
    best, index = x[0], jnp.zeros(x.shape[1:], jnp.int32)
    for i in range(1, x.shape[0]):
        better = x[i] > best
        best, index = jnp.where(better, x[i], best), jnp.where(better, i, index)
    return index


def draw(probabilities: Float[Array, "n lanes"], uniform: Float[Array, "lanes"]) -> Int[Array, "lanes"]:
    """Inverse-CDF draw over the leading axis; a zero probability is never drawn."""
    threshold = held(held(uniform) * total(probabilities))
    none = jnp.zeros(threshold.shape, jnp.int32)
    # the last positive entry is guarded against rounding of the sum
    carry = (jnp.zeros_like(threshold), none, none)

    def passed(i: Any, carry: Any) -> Any:
        cumulative, index, last = carry
        cumulative = cumulative + probabilities[i]
        index = jnp.where(cumulative <= threshold, i + 1, index)
        return cumulative, index, jnp.where(probabilities[i] > 0, i, last)

    if probabilities.shape[0] > UNROLL:
        carry = jax.lax.fori_loop(0, probabilities.shape[0], passed, carry)
    else:
        for i in range(probabilities.shape[0]):
            carry = passed(i, carry)
    return jnp.minimum(*carry[1:])


def pick(x: Float[Array, "n *rest"], index: Int[Array, "lanes"]) -> Float[Array, "*rest"]:
    """x[index] lane by lane, as a chain of selects (a gather is slower for small n)."""
    if x.shape[0] > UNROLL:
        expand = (None,) * (x.ndim - 1)
        return jnp.take_along_axis(x, index[expand], axis=0)[0]
    out = x[0]
    for i in range(1, x.shape[0]):
        out = jnp.where(index == i, x[i], out)
    return out


def is_one_of(index: Int[Array, "lanes"], members: Sequence[int]) -> Bool[Array, "lanes"]:
    """Whether each lane's index is among the static members."""
    out = jnp.zeros(index.shape, bool)
    for member in members:
        out = out | (index == member)
    return out
