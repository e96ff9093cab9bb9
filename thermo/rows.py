"""Rows of numbers by action, lanes last: brought to the front, checked, summed and compared.

Short axes are summed and compared as slices, which keeps lanes contiguous.
"""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import known, refuse_unless
from thermopolis.thermo.sums import add_up

SHORT = 12
"""Length of an axis up to which it is taken slice by slice."""


def leading(x: ArrayLike, axis: int) -> Array:
    """The axis first, in floating point; at least one action, none of them NaN or +∞."""
    x = jnp.asarray(x)
    if not x.ndim or not x.size:
        raise ModelError(f"values: expected at least one action on an axis, got shape {x.shape}")
    refuse_unless(x, lambda v: v < np.inf, "values", "numbers, or −inf where forbidden")
    return jnp.moveaxis(x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32), axis, 0)


def allowed(z: ArrayLike, axis: int) -> Array:
    """:func:`leading`, of values of which not all forbid."""
    rows = leading(z, axis)
    value = known(rows)
    if value is not None and (value == -np.inf).all(axis=0).any():
        raise ModelError("values: every action is forbidden (−inf)")
    return rows


def total(rows: Array) -> Array:
    """Sum over the first axis."""
    return add_up(rows) if len(rows) <= SHORT else rows.sum(axis=0)


def top(rows: Array) -> Array:
    """Largest along the first axis."""
    return functools.reduce(jnp.maximum, rows) if len(rows) <= SHORT else rows.max(axis=0)
