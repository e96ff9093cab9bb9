"""Metropolis sampling of continuous and mixed units: Gaussian proposals, and uniform ones for discrete units.

A step visits every unit in turn. A continuous unit proposes x + σz; a discrete unit of K states one of the
K − 1 others; accepted with min(1, exp(−ΔE/T)) (Metropolis et al. 1953). No gradient is needed, so energies
may have corners.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, uniforms
from thermopolis.thermo.checks import continuous, refuse_unless
from thermopolis.thermo.noise import normals, positive_temperature
from thermopolis.thermo.protocols import StepInfo
from thermopolis.thermo.pytree import pytree


@pytree
@dataclass(frozen=True)
class GaussianMetropolis:
    """Single-unit Metropolis for ``Quadratic``, ``DoubleWell``, ``Potential`` and ``Mixed`` energies.

    Parameters
    ----------
    scale : σ > 0 of the proposals, a number or one per continuous unit.
    """

    scale: Any = 1.0

    def __post_init__(self) -> None:
        refuse_unless(self.scale, lambda v: (v > 0) & np.isfinite(v), "scale", "positive")

    def init(
        self, keys: Any, energy: Any, temperature: Any = 1.0, x: Any = None, dtype: Any = jnp.float32
    ) -> Float[Array, "units lanes"]:
        """The state ``x``, or where the energy lets chains start."""
        positive_temperature(temperature)
        if x is not None:
            return jnp.asarray(x, dtype)
        continuous(energy, "metropolis")
        return energy.start(len(keys), dtype)

    def step(
        self, keys: Any, x: Float[Array, "units lanes"], energy: Any, temperature: Any
    ) -> tuple[Float[Array, "units lanes"], StepInfo]:
        """One sweep over the units of every lane."""
        positive_temperature(temperature)
        dtype, sizes = x.dtype, getattr(energy, "sizes", ())
        dim = energy.units - len(sizes)
        scale = jnp.asarray(self.scale, dtype)
        if scale.shape not in ((), (1,), (dim,)):
            raise ModelError(
                f"scale: expected a number or one per continuous unit ({dim}), got {scale.shape}"
            )
        scale = jnp.broadcast_to(scale, (dim,))
        jumps = normals(fold_in(keys, 0), (dim,), dtype) * scale[:, None]
        coins = uniforms(fold_in(keys, 1), (energy.units,)).astype(dtype)
        choices = uniforms(fold_in(keys, 2), (len(sizes),)).astype(dtype)
        temperature = jnp.asarray(temperature, dtype)
        current, total, accepted = energy(x), jnp.zeros(x.shape[-1], dtype), jnp.zeros(x.shape[-1], dtype)
        for unit in range(energy.units):
            if unit < len(sizes):
                other = jnp.minimum(jnp.floor(choices[unit] * (sizes[unit] - 1)), sizes[unit] - 2)
                proposed = x[unit] + 1 + other
                proposed = jnp.where(proposed >= sizes[unit], proposed - sizes[unit], proposed)
            else:
                proposed = x[unit] + jumps[unit - len(sizes)]
            candidate = x.at[unit].set(proposed)
            change = energy(candidate) - current
            # −T ln u ≥ ΔE; u = 0 accepts anything finite, NaN is never accepted
            taken = (-temperature * jnp.log(coins[unit]) >= change) & (change < jnp.inf)
            x = jnp.where(taken, candidate, x)
            change = jnp.where(taken, change, 0.0)
            current, total, accepted = current + change, total + change, accepted + taken
        return x, StepInfo(total, accepted / energy.units, jnp.ones_like(total))

    def values(self, state: Array) -> Float[Array, "units lanes"]:
        """The state itself."""
        return state
