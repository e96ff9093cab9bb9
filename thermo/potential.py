"""Any differentiable energy of continuous units, given as a function; its force is found by JAX."""

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
class Potential:
    """E(x) = fn(x, *parameters).

    Parameters
    ----------
    fn : callable
        ``(dim, lanes), *parameters -> (lanes,)``, each lane by itself, differentiable by JAX.
    dim : int
        Number of continuous units.
    parameters : tuple of arrays
        Passed on to ``fn``; traced, so that they may vary in time.

    Raises
    ------
    ModelError
        ``fn`` does not give one energy per lane, a parameter is NaN, or ``dim`` is no positive integer.
    """

    fn: Callable[..., Any] = field(metadata=STATIC)
    dim: int = field(metadata=STATIC)
    parameters: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        whole(self.dim, "dim")
        if not callable(self.fn):
            raise ModelError(f"fn: expected a function of a state, got {self.fn!r}")
        for number, leaf in enumerate(jax.tree.leaves(self.parameters)):
            refuse_unless(leaf, lambda v: ~np.isnan(v), f"parameters[{number}]", "numbers")
        found = jax.eval_shape(self.fn, jax.ShapeDtypeStruct((self.dim, 3), jnp.float32), *self.parameters)
        if getattr(found, "shape", None) != (3,):
            raise ModelError(f"fn: expected one energy per lane, shape (3,) for 3 lanes, got {found}")

    @property
    def units(self) -> int:
        """Rows of a state."""
        return self.dim

    @property
    def cells(self) -> int:
        """One cell per unit."""
        return self.dim

    @property
    def programmed(self) -> int:
        """Numbers among the parameters."""
        return sum(int(jnp.size(p)) for p in jax.tree.leaves(self.parameters))

    def __call__(self, x: Float[Array, "dim lanes"]) -> Float[Array, " lanes"]:
        """Energy of each lane."""
        return self.fn(x, *self.parameters)

    def gradient(self, x: Float[Array, "dim lanes"]) -> Float[Array, "dim lanes"]:
        """dE/dx by reverse-mode differentiation; lanes don't mix."""
        return jax.grad(lambda x: jnp.sum(self(x)))(x)

    def start(self, lanes: int, dtype: Any = jnp.float32) -> Float[Array, "dim lanes"]:
        """Where a chain starts unless told: the origin."""
        return jnp.zeros((self.dim, lanes), dtype)
