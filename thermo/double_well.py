"""Double well with tilt, E(x) = Σ_i [B ((x_i/a)² − 1)² − h x_i/a]: a bit held by a barrier.

Wells at x = ±a (untilted), barrier B between them; the wells differ by about 2h, so that p(right) tends
to the logistic law 1/(1 + e^{−2h/T}) for B ≫ T. B, a and h may be traced and may vary in time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermopolis.thermo.checks import known, refuse_unless, same_lanes, whole
from thermopolis.thermo.pytree import STATIC, pytree, repeated
from thermopolis.thermo.sums import add_up


@pytree
@dataclass(frozen=True, eq=False)
class DoubleWell:
    """E(x) = Σ_i [barrier ((x_i/position)² − 1)² − tilt x_i/position].

    Parameters
    ----------
    barrier : > 0, in units of energy; a number or one per lane.
    position : > 0, distance of the wells from the origin.
    tilt : positive values favour the right well.
    dim : number of independent wells.

    Raises
    ------
    ModelError
        A barrier or position that is not positive, a tilt that is not finite (where known).
    """

    barrier: Any
    position: Any = 1.0
    tilt: Any = 0.0
    dim: int = field(metadata=STATIC, default=1)

    def __post_init__(self) -> None:
        refuse_unless(self.barrier, lambda v: (v > 0) & np.isfinite(v), "barrier", "positive")
        refuse_unless(self.position, lambda v: (v > 0) & np.isfinite(v), "position", "positive")
        refuse_unless(self.tilt, np.isfinite, "tilt", "finite numbers")
        whole(self.dim, "dim")
        same_lanes({name: np.shape(getattr(self, name)) for name in ("barrier", "position", "tilt")})
        for name in ("barrier", "position", "tilt"):
            value = known(getattr(self, name))
            if value is not None:
                object.__setattr__(self, name, value.astype(np.float64))

    @property
    def units(self) -> int:
        """Number of wells: rows of a state."""
        return self.dim

    @property
    def lanes(self) -> int | None:
        """Width of per-lane parameters; ``None`` where all are shared."""
        widths = [np.shape(v)[-1] for v in (self.barrier, self.position, self.tilt) if np.ndim(v)]
        return max(widths) if widths else None

    def tiled(self, count: int) -> DoubleWell:
        """For ``count`` times as many lanes: per-lane numbers repeated, shared ones left alone."""
        leaves = (self.barrier, self.position, self.tilt)
        barrier, position, tilt = (repeated(leaf, count) if jnp.ndim(leaf) else leaf for leaf in leaves)
        return DoubleWell(barrier, position, tilt, self.dim)

    @property
    def cells(self) -> int:
        """One cell per well."""
        return self.dim

    @property
    def programmed(self) -> int:
        """Barrier, position and tilt of each well."""
        return 3 * self.dim

    def _scaled(self, x: Array) -> tuple[Array, Array, Array, Array]:
        barrier, position, tilt = (jnp.asarray(v, x.dtype) for v in (self.barrier, self.position, self.tilt))
        return x / position, barrier, position, tilt

    def __call__(self, x: Float[Array, "dim lanes"]) -> Float[Array, " lanes"]:
        """Energy of each lane."""
        u, barrier, _, tilt = self._scaled(x)
        well = barrier * (u * u - 1) ** 2 - tilt * u
        return add_up(well)

    def gradient(self, x: Float[Array, "dim lanes"]) -> Float[Array, "dim lanes"]:
        """dE/dx."""
        u, barrier, position, tilt = self._scaled(x)
        return (4 * barrier * u * (u * u - 1) - tilt) / position

    def start(self, lanes: int, dtype: Any = jnp.float32) -> Float[Array, "dim lanes"]:
        """Where a chain starts unless told: alternately in the left and the right well."""
        side = jnp.where(jnp.arange(lanes) % 2 == 0, -1.0, 1.0).astype(dtype)
        return jnp.broadcast_to(side * jnp.asarray(self.position, dtype), (self.dim, lanes))
