"""Energy of discrete and continuous units together, given as a function of both.

A state is a float array whose first rows hold the discrete units' numbers 0 … K−1, the others the continuous
units. Sample it by ``GaussianMetropolis``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import refuse_unless, whole
from thermopolis.thermo.pytree import STATIC, pytree


@pytree
@dataclass(frozen=True, eq=False)
class Mixed:
    """E(k, x) = fn(k, x, *parameters).

    Parameters
    ----------
    sizes : tuple of int
        Number of states of each discrete unit.
    dim : int
        Number of continuous units.
    fn : callable
        ``Int32[units, lanes], Float[dim, lanes], *parameters -> Float[lanes]``, each lane by itself.
    parameters : tuple of arrays
        Traced; may vary in time.

    Raises
    ------
    ModelError
        Sizes below 2, a parameter that is NaN, ``fn`` not giving one energy per lane.
    """

    sizes: tuple[int, ...] = field(metadata=STATIC)
    dim: int = field(metadata=STATIC)
    fn: Callable[..., Any] = field(metadata=STATIC)
    parameters: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(whole(k, "sizes", 2) for k in self.sizes))
        whole(self.dim, "dim", 0)
        if not self.units:
            raise ModelError("mixed: expected at least one unit, got none")
        for number, leaf in enumerate(jax.tree.leaves(self.parameters)):
            refuse_unless(leaf, lambda v: ~np.isnan(v), f"parameters[{number}]", "numbers")
        shapes = (
            jax.ShapeDtypeStruct((len(self.sizes), 3), jnp.int32),
            jax.ShapeDtypeStruct((self.dim, 3), jnp.float32),
        )
        found = jax.eval_shape(self.fn, *shapes, *self.parameters)
        if getattr(found, "shape", None) != (3,):
            raise ModelError(f"fn: expected one energy per lane, shape (3,) for 3 lanes, got {found}")

    @property
    def units(self) -> int:
        """Rows of a state: discrete units, then continuous ones."""
        return len(self.sizes) + self.dim

    @property
    def cells(self) -> int:
        """K − 1 cells per discrete unit of K states, one per continuous unit."""
        return sum(k - 1 for k in self.sizes) + self.dim

    @property
    def programmed(self) -> int:
        """Numbers among the parameters."""
        return sum(int(jnp.size(p)) for p in jax.tree.leaves(self.parameters))

    def __call__(self, state: Float[Array, "units lanes"]) -> Float[Array, " lanes"]:
        """Energy of each lane."""
        discrete = jnp.round(state[: len(self.sizes)]).astype(jnp.int32)
        return self.fn(discrete, state[len(self.sizes) :], *self.parameters)

    def start(self, lanes: int, dtype: Any = jnp.float32) -> Float[Array, "units lanes"]:
        """Where a chain starts unless told: all zeros."""
        return jnp.zeros((self.units, lanes), dtype)
