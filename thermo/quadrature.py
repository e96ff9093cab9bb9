"""ln Z of continuous and mixed energies: the Gaussian's closed form, or the trapezoidal rule in u, x = sinh u.

The rule converges exponentially for smooth integrands that fade at both ends (Trefethen & Weideman 2014, SIAM Rev.
56, 385); the substitution keeps points dense near the origin and reaches |x| ≈ 550. Laws too narrow for the points,
or reaching beyond them, are told by every second point giving another answer, and refused.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from thermopolis.errors import ModelError
from thermopolis.thermo.double_well import DoubleWell
from thermopolis.thermo.quadratic import Quadratic

_POINTS = {1: 20_001, 2: 801}
_REACH = 7.0
_RESOLVED = 1e-4  # of ln Z: every second point may differ so much; all points are then far nearer


class Sums(NamedTuple):
    """ln ∫ exp(−E/T) dx over all points, over every second one, and the largest term at the ends."""

    all_points: Float[Array, ""]
    every_second: Float[Array, ""]
    ends: Float[Array, ""]


def grid(dim: int) -> tuple[Float[Array, "dim points"], Float[Array, " points"]]:
    """Points and the logarithm of their weights."""
    n = _POINTS[dim]
    u = jnp.linspace(-_REACH, _REACH, n)
    x, log_weight = jnp.sinh(u), jnp.log(jnp.cosh(u)) + math.log(2 * _REACH / (n - 1))
    if dim == 1:
        return x[None], log_weight
    return jnp.stack([jnp.repeat(x, n), jnp.tile(x, n)]), (log_weight[:, None] + log_weight).ravel()


def checked_log_partition(energy: Any, temperature: float) -> float:
    """``continuous_log_partition`` in float64 as a number.

    Raises
    ------
    ModelError
        As there; a law that the points don't resolve: narrower than they are dense, or reaching beyond them.
    """
    with jax.enable_x64(True):
        double = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf, np.float64)), energy)
        if isinstance(energy, Quadratic):
            return float(_value(double, temperature))
        found, halved, ends = (float(part) for part in _sums(double, temperature))
    if not (abs(found - halved) < _RESOLVED and ends - found < math.log(_RESOLVED)):
        raise ModelError(
            "log_partition: exact integration doesn't resolve this law: it is narrower than the points are dense, or "
            "reaches beyond them (|x| < 500); measure x in its own width from its middle, or use method 'bar'"
        )
    return found


def continuous_log_partition(energy: Any, temperature: Any = 1.0) -> Float[Array, ""]:
    """ln ∫ exp(−E/T) dx (summed over discrete units); traced and differentiable in the energy's parameters.

    Raises
    ------
    ModelError
        More than two continuous dimensions without a closed form, couplings that differ from lane to lane.
    """
    if isinstance(energy, Quadratic):
        if jnp.ndim(energy.A) != 2 or jnp.ndim(energy.b) != 1:
            raise ModelError("energy: expected couplings and forces for all lanes alike")
        A, b = jnp.asarray(energy.A), jnp.asarray(energy.b)
        _, log_determinant = jnp.linalg.slogdet(A)
        gaussian = energy.units * jnp.log(2 * jnp.pi * temperature) - log_determinant
        return gaussian / 2 + (b @ jnp.linalg.solve(A, b) / 2 - energy.offset) / temperature
    return _integrals(energy, temperature).all_points


def _integrals(energy: Any, temperature: Any) -> Sums:
    """Of wells: in units of their position, one for all."""
    if isinstance(energy, DoubleWell):
        single = DoubleWell(energy.barrier, 1.0, energy.tilt)
        found = _integral(single, (), 1, temperature)
        return Sums(*(energy.dim * (part + jnp.log(energy.position)) for part in found))
    sizes = getattr(energy, "sizes", ())
    return _integral(energy, sizes, energy.units - len(sizes), temperature)


def _integral(energy: Any, sizes: tuple[int, ...], dim: int, temperature: Any) -> Sums:
    if dim not in _POINTS:
        raise ModelError(
            f"log_partition: exact integration works in 1 or 2 continuous dimensions, not {dim}; "
            "use method 'integration', 'annealed' or 'bar'"
        )
    x, log_weight = grid(dim)
    place = jnp.stack(jnp.unravel_index(jnp.arange(x.shape[1]), (_POINTS[dim],) * dim))
    even = (place % 2 == 0).all(axis=0)
    end = ((place == 0) | (place == _POINTS[dim] - 1)).any(axis=0)
    parts = []
    for labels in itertools.product(*(range(k) for k in sizes)):
        rows = jnp.broadcast_to(jnp.asarray(labels, x.dtype)[:, None], (len(sizes), x.shape[1]))
        terms = -energy(jnp.concatenate([rows, x])) / temperature + log_weight
        halved = logsumexp(jnp.where(even, terms, -jnp.inf)) + dim * math.log(2)
        parts.append((logsumexp(terms), halved, jnp.where(end, terms, -jnp.inf).max()))
    whole, halved, ends = (jnp.stack(part) for part in zip(*parts, strict=True))
    return Sums(logsumexp(whole), logsumexp(halved), ends.max())


_value = jax.jit(continuous_log_partition)
_sums = jax.jit(_integrals)
