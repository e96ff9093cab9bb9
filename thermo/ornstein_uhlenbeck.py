"""Exact Ornstein–Uhlenbeck sampler of a quadratic energy, overdamped or underdamped, at any step length.

Overdamped: dx = −M(Ax − b) dt + N(0, 2TM dt). Underdamped, friction γ, mass m: dx = v dt,
m dv = −(Ax − b) dt − γv dt + N(0, 2Tγ dt). Both leave exp(−E/T) (times the Maxwell law) invariant, with no
error of discretization (``linear_process``). A ``LinearProcess`` brings a drift and a diffusion of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import known, refuse_unless
from thermopolis.thermo.linear_process import LinearProcess, double, noise_root, transition
from thermopolis.thermo.noise import normals, positive_temperature
from thermopolis.thermo.protocols import StepInfo
from thermopolis.thermo.pytree import pytree
from thermopolis.thermo.quadratic import Quadratic
from thermopolis.thermo.sums import add_up


class OUState(NamedTuple):
    """Positions and, underdamped, velocities (otherwise None)."""

    x: Float[Array, "dim lanes"]
    v: Float[Array, "dim lanes"] | None


class Prepared(NamedTuple):
    """An energy with its transition: Φ, the root of the noise's covariance at T = 1, the center."""

    energy: Quadratic | LinearProcess
    phi: Float[Array, "phase phase"]
    root: Float[Array, "phase phase"]
    center: Float[Array, "dim lanes"]


@pytree
@dataclass(frozen=True)
class OrnsteinUhlenbeck:
    """Exact relaxation of a ``Quadratic`` (couplings shared by all lanes) or a ``LinearProcess``.

    Parameters
    ----------
    dt : time of one step, > 0, of any length.
    friction : γ > 0 for underdamped motion; None for overdamped motion.
    mobility : M > 0 of overdamped motion.
    mass : m > 0 of underdamped motion.
    """

    dt: Any = 1.0
    friction: Any = None
    mobility: Any = 1.0
    mass: Any = 1.0

    def __post_init__(self) -> None:
        for name in ("dt", "friction", "mobility", "mass"):
            if getattr(self, name) is not None:
                refuse_unless(getattr(self, name), lambda v: (v > 0) & np.isfinite(v), name, "positive")

    def init(
        self,
        keys: Any,
        energy: Quadratic | LinearProcess,
        temperature: Any = 1.0,
        x: Any = None,
        dtype: Any = jnp.float32,
    ) -> OUState:
        """Positions ``x`` (the origin unless given); velocities from the Maxwell law at ``temperature``."""
        positive_temperature(temperature)
        if not isinstance(energy, Quadratic | LinearProcess) or np.ndim(energy.A) != 2:
            raise ModelError("energy: expected a Quadratic of shared couplings or a LinearProcess")
        if isinstance(energy, LinearProcess) and self.friction is not None:
            raise ModelError("friction: a LinearProcess has its friction in its drift; leave friction out")
        x = energy.start(len(keys), dtype) if x is None else jnp.asarray(x, dtype)
        if self.friction is None:
            return OUState(x, None)
        spread = jnp.sqrt(jnp.asarray(temperature, dtype) / jnp.asarray(self.mass, dtype))
        return OUState(x, normals(keys, (energy.units,), dtype) * spread)

    def kernel(self, energy: Quadratic | LinearProcess) -> tuple[Array, Array]:
        """Φ, and R with RRᵀ the covariance of one step's noise at T = 1; positions first, then velocities."""
        with jax.enable_x64(True):
            A, one = double(energy.A), np.eye(energy.units)
            if isinstance(energy, LinearProcess):
                drift, diffusion = A, energy.D
            elif self.friction is None:
                drift, diffusion = self.mobility * A, 2 * self.mobility * one
            else:
                xp = jnp if any(known(x) is None for x in (A, self.mass, self.friction)) else np
                zero, damping = np.zeros_like(one), self.friction / self.mass
                drift = xp.block([[zero, -one], [A / self.mass, damping * one]])
                diffusion = xp.block([[zero, zero], [zero, 2 * damping / self.mass * one]])
            phi, q = transition(drift, diffusion, self.dt)
            return phi, noise_root(q)

    def center(self, energy: Quadratic | LinearProcess) -> Float[Array, "dim lanes"]:
        """The mean of the stationary law, one column or one per lane, in float64."""
        with jax.enable_x64(True):
            if isinstance(energy, LinearProcess):
                return double(energy.mean)[:, None]
            A, forces = double(energy.A), double(energy.b)
            xp = jnp if known(A) is None or known(forces) is None else np
            return xp.linalg.solve(A, forces.reshape(energy.units, -1))

    def prepare(self, energy: Quadratic | LinearProcess) -> Prepared:
        """The kernel worked out once for many steps; ``step`` takes it in the energy's place."""
        dtype = jnp.zeros(()).dtype
        return Prepared(energy, *(jnp.asarray(m, dtype) for m in (*self.kernel(energy), self.center(energy))))

    def total_energy(self, state: OUState, energy: Quadratic | LinearProcess) -> Float[Array, " lanes"]:
        """Potential plus, underdamped, kinetic energy."""
        total = energy(state.x)
        if state.v is None:
            return total
        return total + jnp.asarray(self.mass, state.v.dtype) / 2 * add_up(row * row for row in state.v)

    def step(
        self, keys: Any, state: OUState, energy: Quadratic | LinearProcess | Prepared, temperature: Any
    ) -> tuple[OUState, StepInfo]:
        """One exact step of length ``dt``; ``delta_energy`` includes the kinetic energy."""
        positive_temperature(temperature)
        ready = energy if isinstance(energy, Prepared) else self.prepare(energy)
        energy, dtype, units = ready.energy, state.x.dtype, ready.energy.units
        phi, root, center = (m.astype(dtype) for m in ready[1:])
        away = state.x - center
        full = away if state.v is None else jnp.concatenate([away, state.v])
        noise = normals(keys, (len(phi),), dtype) * jnp.sqrt(jnp.asarray(temperature, dtype))
        size = range(len(phi))
        full = add_up(phi[:, j, None] * full[j] + root[:, j, None] * noise[j] for j in size)
        after = OUState(full[:units] + center, None if state.v is None else full[units:])
        change = self.total_energy(after, energy) - self.total_energy(state, energy)
        return after, StepInfo(change, jnp.ones_like(change), jnp.full_like(change, self.dt))

    def values(self, state: OUState) -> Float[Array, "dim lanes"]:
        """Positions."""
        return state.x
