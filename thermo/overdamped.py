"""Overdamped Langevin steps: Euler–Maruyama, and the same as a Metropolis proposal (MALA).

dx = −M ∇E dt + √(2TM) dW, stepped as x' = x − M∇E(x) dt + √(2TM dt) z. Of itself this has a law of its own:
in E = ½k x² its variance is T/k / (1 − kM dt/2). Accepting with min(1, p(x')q(x|x') / p(x)q(x'|x)) makes it
exact (Roberts & Tweedie 1996, Bernoulli 2, 341).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermopolis.thermo.checks import continuous, refuse_unless
from thermopolis.thermo.noise import normals, positive_temperature
from thermopolis.thermo.protocols import StepInfo
from thermopolis.thermo.pytree import STATIC, pytree
from thermopolis.thermo.sums import add_up


@pytree
@dataclass(frozen=True)
class Overdamped:
    """Euler–Maruyama (``adjusted=False``) or MALA (``adjusted=True``).

    Parameters
    ----------
    dt : time step > 0; unadjusted, its error is of first order and it is unstable beyond 2/(M k).
    mobility : M > 0.
    adjusted : accept or reject each step, so that the law sampled is exactly exp(−E/T).
    """

    dt: Any
    mobility: Any = 1.0
    adjusted: bool = field(metadata=STATIC, default=False)

    def __post_init__(self) -> None:
        for name in ("dt", "mobility"):
            refuse_unless(getattr(self, name), lambda v: (v > 0) & np.isfinite(v), name, "positive")

    def init(
        self, keys: Any, energy: Any, temperature: Any = 1.0, x: Any = None, dtype: Any = jnp.float32
    ) -> Float[Array, "dim lanes"]:
        """Positions ``x``, or where the energy lets chains start."""
        positive_temperature(temperature)
        continuous(energy, "langevin", "gradient")
        return energy.start(len(keys), dtype) if x is None else jnp.asarray(x, dtype)

    def step(
        self, keys: Any, x: Float[Array, "dim lanes"], energy: Any, temperature: Any
    ) -> tuple[Float[Array, "dim lanes"], StepInfo]:
        """One step of every lane."""
        positive_temperature(temperature)
        dtype, dim = x.dtype, len(x)
        rate = jnp.asarray(self.mobility, dtype) * jnp.asarray(self.dt, dtype)
        temperature = jnp.asarray(temperature, dtype)
        proposal_keys = jax.vmap(lambda key: jax.random.fold_in(key, 0))(keys) if self.adjusted else keys
        kick = jnp.sqrt(2 * temperature * rate) * normals(proposal_keys, (dim,), dtype)
        slope = energy.gradient(x)
        after = x - rate * slope + kick
        change = energy(after) - energy(x)
        if not self.adjusted:
            return after, StepInfo(change, jnp.ones_like(change), jnp.full_like(change, self.dt))
        back = x - after + rate * energy.gradient(after)
        forward_square = add_up(row * row for row in kick)
        back_square = add_up(row * row for row in back)
        log_ratio = -change / temperature - (back_square - forward_square) / (4 * temperature * rate)
        coin = jax.vmap(lambda key: jax.random.uniform(jax.random.fold_in(key, 1), (), dtype))(keys)
        accepted = jnp.log(coin) < log_ratio  # a proposal of NaN energy is rejected
        after = jnp.where(accepted, after, x)
        change = jnp.where(accepted, change, 0.0)
        return after, StepInfo(change, accepted.astype(dtype), jnp.full_like(change, self.dt))

    def values(self, state: Array) -> Float[Array, "dim lanes"]:
        """Positions."""
        return state
