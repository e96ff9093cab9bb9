"""A path of energies from one whose ln Z is known to the one asked for: E_λ = (1 − λ) E_ref + λ E.

Discrete: E_ref = 0 (all states alike), so that λ acts as T/λ. Continuous: E_ref is an isotropic well of a given
width, from which independent samples are drawn. Mixed: both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, uniforms
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.checks import refuse_unless
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.noise import normals
from thermopolis.thermo.pytree import pytree


@pytree
@dataclass(frozen=True, eq=False)
class Blend:
    """(1 − λ) T r²/(2 width²) + λ E(x) over the continuous rows; λ a number or one per lane."""

    energy: Any
    fraction: Any
    stiffness: Any

    @property
    def units(self) -> int:
        """Rows of a state."""
        return self.energy.units

    @property
    def sizes(self) -> tuple[int, ...]:
        """States of the discrete units, which come first."""
        return getattr(self.energy, "sizes", ())

    def reference(self, x: Float[Array, "units lanes"]) -> Float[Array, " lanes"]:
        """Energy of the isotropic well."""
        rows = x[len(self.sizes) :]
        return sum((row * row for row in rows), jnp.zeros(x.shape[-1], x.dtype)) * self.stiffness / 2

    def __call__(self, x: Float[Array, "units lanes"]) -> Float[Array, " lanes"]:
        """Energy of each lane."""
        return (1 - self.fraction) * self.reference(x) + self.fraction * self.energy(x)

    def gradient(self, x: Float[Array, "dim lanes"]) -> Float[Array, "dim lanes"]:
        """dE/dx."""
        return (1 - self.fraction) * self.stiffness * x + self.fraction * self.energy.gradient(x)


def is_discrete(energy: Any) -> bool:
    """Whether all units are discrete."""
    return isinstance(energy, Categorical | Ising)


def reference_log_partition(energy: Any, temperature: float, width: float) -> float:
    """ln Z of the reference: ln of the number of states, plus d ln(width √(2π))."""
    if isinstance(energy, Ising):
        return energy.units * math.log(2)
    if isinstance(energy, Categorical):
        if any(np.isinf(np.asarray(t)).any() for t in energy.tables):
            raise ModelError("log_partition: forbidden states (+inf) need method 'exact'")
        return sum(math.log(k) for k in energy.sizes)
    refuse_unless(width, lambda w: (w > 0) & np.isfinite(w), "width", "positive")
    sizes = getattr(energy, "sizes", ())
    dim = energy.units - len(sizes)
    return sum(math.log(k) for k in sizes) + dim * (math.log(width) + 0.5 * math.log(2 * math.pi))


def draw_reference(keys: Any, energy: Any, width: float) -> Any:
    """Independent states of a continuous or mixed energy's reference."""
    sizes = getattr(energy, "sizes", ())
    x = width * normals(fold_in(keys, 0), (energy.units - len(sizes),))
    if not sizes:
        return x
    k = jnp.asarray(sizes, jnp.float32)[:, None]
    return jnp.concatenate([jnp.floor(uniforms(fold_in(keys, 1), (len(sizes),)) * k), x])
