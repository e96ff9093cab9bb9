"""Underdamped Langevin by the BAOAB splitting (Leimkuhler & Matthews 2013, Appl. Math. Res. eXpress 34).

dx = v dt, m dv = −∇E dt − γv dt + √(2γT) dW: half a kick B, half a drift A, the exact friction and noise O,
half a drift, half a kick. In a harmonic well the positions' law is exact for every stable step, dt < 2√(m/k).
Heat flows in O alone; what the other four change of the total energy is the integrator's shadow work (Sivak,
Chodera & Crooks 2013, PRX 3, 011007), given apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import continuous, refuse_unless
from thermopolis.thermo.noise import normals, positive_temperature
from thermopolis.thermo.overdamped import Overdamped
from thermopolis.thermo.protocols import StepInfo
from thermopolis.thermo.pytree import pytree
from thermopolis.thermo.sums import add_up


class PhaseState(NamedTuple):
    """Positions, velocities, and what the last step did: heat given to the bath, shadow work."""

    x: Float[Array, "dim lanes"]
    v: Float[Array, "dim lanes"]
    heat: Float[Array, " lanes"]
    shadow_work: Float[Array, " lanes"]


@pytree
@dataclass(frozen=True)
class Underdamped:
    """BAOAB at friction γ and mass m.

    Parameters
    ----------
    dt : time step > 0, stable below 2√(m/k).
    friction : γ > 0 (force per velocity); the velocity forgets itself in m/γ.
    mass : m > 0.
    """

    dt: Any
    friction: Any = 1.0
    mass: Any = 1.0

    def __post_init__(self) -> None:
        for name in ("dt", "friction", "mass"):
            refuse_unless(getattr(self, name), lambda v: (v > 0) & np.isfinite(v), name, "positive")

    def init(
        self, keys: Any, energy: Any, temperature: Any = 1.0, x: Any = None, dtype: Any = jnp.float32
    ) -> PhaseState:
        """Positions ``x`` (or the energy's own start), velocities from the Maxwell law."""
        positive_temperature(temperature)
        continuous(energy, "langevin", "gradient")
        x = energy.start(len(keys), dtype) if x is None else jnp.asarray(x, dtype)
        spread = jnp.sqrt(jnp.asarray(temperature, dtype) / jnp.asarray(self.mass, dtype))
        none = jnp.zeros(len(keys), dtype)
        return PhaseState(x, normals(keys, (energy.units,), dtype) * spread, none, none)

    def kinetic(self, v: Float[Array, "dim lanes"]) -> Float[Array, " lanes"]:
        """½ m v²."""
        return jnp.asarray(self.mass, v.dtype) / 2 * add_up(row * row for row in v)

    def total_energy(self, state: PhaseState, energy: Any) -> Float[Array, " lanes"]:
        """Potential plus kinetic energy."""
        return energy(state.x) + self.kinetic(state.v)

    def step(
        self, keys: Any, state: PhaseState, energy: Any, temperature: Any
    ) -> tuple[PhaseState, StepInfo]:
        """One BAOAB step; ``delta_energy`` is that of the O part, minus the heat."""
        positive_temperature(temperature)
        x, v, dtype = state.x, state.v, state.x.dtype
        dt, friction, mass = (jnp.asarray(p, dtype) for p in (self.dt, self.friction, self.mass))
        kept = jnp.exp(-friction / mass * dt)
        noise = jnp.sqrt(-jnp.expm1(-2 * friction / mass * dt) * jnp.asarray(temperature, dtype) / mass)
        before = energy(x) + self.kinetic(v)
        v = v - dt / 2 * energy.gradient(x) / mass
        x = x + dt / 2 * v
        moving = self.kinetic(v)
        v = kept * v + noise * normals(keys, (len(v),), dtype)
        exchanged = self.kinetic(v) - moving
        x = x + dt / 2 * v
        v = v - dt / 2 * energy.gradient(x) / mass
        shadow = energy(x) + self.kinetic(v) - before - exchanged
        after = PhaseState(x, v, -exchanged, shadow)
        return after, StepInfo(exchanged, jnp.ones_like(exchanged), jnp.full_like(exchanged, self.dt))

    def values(self, state: PhaseState) -> Float[Array, "dim lanes"]:
        """Positions."""
        return state.x


def Langevin(
    dt: Any = 0.01, friction: Any = None, *, mass: Any = 1.0, mobility: Any = 1.0, adjusted: bool = False
) -> Any:
    """Langevin dynamics: overdamped unless a ``friction`` is given, then underdamped (BAOAB).

    ``adjusted`` makes the overdamped step an exact Metropolis–Hastings kernel (MALA). See ``Overdamped`` and
    ``Underdamped`` for the parameters and errors.

    Raises
    ------
    ModelError
        ``adjusted`` with a ``friction``: BAOAB isn't adjusted.
    """
    if adjusted and friction is not None:
        raise ModelError("adjusted: only overdamped steps are; leave friction out, or adjusted")
    if friction is None:
        return Overdamped(dt, mobility, adjusted)
    return Underdamped(dt, friction, mass)
