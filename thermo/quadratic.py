"""Quadratic energy of continuous units, E(x) = ½ xᵀA x − bᵀx + c: a Gaussian law, mean A⁻¹b, covariance T A⁻¹.

Coupled RLC cells relax in such an energy (Coles et al. 2023, arXiv 2302.06584). A and b may be traced, and
may vary from step to step: a sampler is given the energy at every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import known, matrix, numeric, refuse_unless, same_lanes
from thermopolis.thermo.noise import normals
from thermopolis.thermo.pytree import pytree, repeated
from thermopolis.thermo.sums import add_up


@pytree
@dataclass(frozen=True, eq=False)
class Quadratic:
    """E(x) = ½ xᵀA x − bᵀx + offset.

    Parameters
    ----------
    A : Float[Array, "dim dim"] or Float[Array, "dim dim lanes"]
        Couplings: symmetric, positive definite.
    b : Float[Array, "dim"] or Float[Array, "dim lanes"], optional
        Forces at the origin; zero unless given.
    offset : number or Float[Array, "lanes"]
        Energy at the origin: it matters to work where it changes.

    Raises
    ------
    ModelError
        A not square, not symmetric, not positive definite or not finite; b of another size (where known).
    """

    A: Any
    b: Any = 0.0
    offset: Any = 0.0

    def __post_init__(self) -> None:
        couplings, forces, offset = (
            numeric(leaf, name)
            for leaf, name in ((self.A, "couplings"), (self.b, "b"), (self.offset, "offset"))
        )
        if couplings is not None:
            if couplings.ndim < 2 or not couplings.size:
                raise ModelError(f"couplings: expected a matrix of at least one unit, got {self.A!r:.80}")
            couplings = couplings.astype(np.float64)
            for one in np.moveaxis(couplings, -1, 0) if couplings.ndim == 3 else (couplings,):
                one = matrix(one, "couplings", symmetric=True)
                lowest = np.linalg.eigvalsh(one)[0]
                if lowest <= 0:
                    raise ModelError(
                        f"couplings: expected a positive definite matrix, got an eigenvalue of {lowest:.6g}"
                    )
            object.__setattr__(self, "A", couplings)
        if forces is not None:
            refuse_unless(forces.astype(np.float64), np.isfinite, "b", "finite numbers")
            if forces.ndim == 0:
                forces = np.full(self.A.shape[0], float(forces))
            object.__setattr__(self, "b", forces.astype(np.float64))
        if offset is not None:
            refuse_unless(offset.astype(np.float64), np.isfinite, "offset", "finite numbers")
        if self.b.shape[0] != self.A.shape[0]:
            raise ModelError(f"b: expected shape ({self.A.shape[0]},), got {self.b.shape}")
        same_lanes({"couplings": self.A.shape[2:], "b": self.b.shape[1:], "offset": np.shape(self.offset)})

    @classmethod
    def trap(cls, stiffness: Any, center: Any = 0.0) -> Quadratic:
        """One unit in ½k(x − center)²; both traced if need be, numbers or one per lane."""
        refuse_unless(stiffness, lambda k: (k > 0) & np.isfinite(k), "stiffness", "positive")
        refuse_unless(center, np.isfinite, "center", "finite numbers")
        known_both = known(stiffness) is not None and known(center) is not None
        k, c = (np.asarray(v, np.float64) if known_both else jnp.asarray(v) for v in (stiffness, center))
        return cls(k[None, None], (k * c)[None], k * c**2 / 2)

    @property
    def units(self) -> int:
        """Number of continuous units: rows of a state."""
        return int(self.A.shape[0])

    @property
    def lanes(self) -> int | None:
        """Width of per-lane couplings, forces or offsets; ``None`` where all are shared."""
        pairs = ((self.A, 2), (self.b, 1), (self.offset, 0))
        widths = [np.shape(leaf)[-1] for leaf, shared in pairs if np.ndim(leaf) > shared]
        return max(widths) if widths else None

    def tiled(self, count: int) -> Quadratic:
        """For ``count`` times as many lanes: per-lane numbers repeated, shared ones left alone."""
        pairs = ((self.A, 2), (self.b, 1), (self.offset, 0))
        return Quadratic(
            *(repeated(leaf, count) if jnp.ndim(leaf) > shared else leaf for leaf, shared in pairs)
        )

    @property
    def cells(self) -> int:
        """One cell per unit."""
        return self.units

    @property
    def programmed(self) -> int:
        """Couplings (the upper triangle) and forces."""
        return self.units * (self.units + 3) // 2

    def _product(self, x: Array) -> tuple[Array, Array]:
        couplings, forces = jnp.asarray(self.A, x.dtype), jnp.asarray(self.b, x.dtype)
        if couplings.ndim == 2:
            couplings = couplings[..., None]
        return add_up(couplings[:, j] * x[j] for j in range(self.units)), forces.reshape(self.units, -1)

    def __call__(self, x: Float[Array, "dim lanes"]) -> Float[Array, " lanes"]:
        """Energy of each lane."""
        product, forces = self._product(x)
        total = add_up(x[i] * (product[i] / 2 - forces[i]) for i in range(self.units))
        return total + jnp.asarray(self.offset, x.dtype)

    def gradient(self, x: Float[Array, "dim lanes"]) -> Float[Array, "dim lanes"]:
        """A x − b."""
        product, forces = self._product(x)
        return product - forces

    def equilibrium(self, keys: Any, temperature: Any, dtype: Any = jnp.float32) -> Float[Array, "dim lanes"]:
        """Independent draws of the Gaussian law exp(−E/T) (couplings shared by all lanes)."""
        couplings = jnp.asarray(self.A, dtype)
        root = jnp.linalg.cholesky(couplings)
        noise = normals(keys, (self.units,), dtype) * jnp.sqrt(jnp.asarray(temperature, dtype))
        spread = jax.scipy.linalg.solve_triangular(root.T, noise, lower=False)
        return jnp.linalg.solve(couplings, jnp.asarray(self.b, dtype).reshape(self.units, -1)) + spread

    def start(self, lanes: int, dtype: Any = jnp.float32) -> Float[Array, "dim lanes"]:
        """Where a chain starts unless told: the origin."""
        return jnp.zeros((self.units, lanes), dtype)
