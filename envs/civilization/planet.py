"""A planet's heat: starlight in, thermal radiation out, waste heat added; energy and entropy of one substep.

C_A dT/dt = A[(1−a)S/4 − εσT⁴] + Q. The step is implicit (backward Euler): T' solves
C_A(T'−T) + δt AεσT'⁴ = δt(A(1−a)S/4 + Q), and the emission booked is that of T', so energy closes by
construction for any heat capacity, and so does the second law: C_A ln(T'/T) ≥ C_A(T'−T)/T'.
Radiation of energy flux F carries the entropy flux 4F/3T.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thermopolis.envs.civilization.quantities import (
    REFERENCE_TEMPERATURE,
    STEFAN_BOLTZMANN,
    SUN_TEMPERATURE,
    CivilizationParams,
    area,
)

NEWTON_STEPS = 12


class Sky(NamedTuple):
    """What passes between planets and sky in one substep, watts and watts per kelvin ``(planets, cells)``."""

    temperature: Float[Array, "planets cells"]
    absorbed: Float[Array, "planets cells"]
    emitted: Float[Array, "planets cells"]
    entropy_planet: Float[Array, "planets cells"]
    entropy_radiated: Float[Array, "planets cells"]
    entropy_starlight: Float[Array, "planets cells"]


def capacity(params: CivilizationParams) -> Float[Array, "planets c"]:
    """C_A = C·A in J/K."""
    return params.heat_capacity * area(params.radius)


def temperature(
    heat: Float[Array, "planets cells"], params: CivilizationParams
) -> Float[Array, "planets cells"]:
    """Kelvin, from the heat above 288 K."""
    return REFERENCE_TEMPERATURE + heat / capacity(params)


def absorbed(params: CivilizationParams) -> Float[Array, "planets c"]:
    """Starlight taken up, W."""
    return area(params.radius) * (1.0 - params.albedo) * params.starlight / 4.0


def exchange(
    heat: Float[Array, "planets cells"],
    warming: Float[Array, "planets cells"],
    grown: Float[Array, "planets cells"],
    dt: float,
    params: CivilizationParams,
) -> tuple[Float[Array, "planets cells"], Sky]:
    """One substep: the new heat, and what passed.

    Parameters
    ----------
    heat : J above 288 K.
    warming : waste heat put on the planet, W.
    grown : starlight that became fuel instead of heat, W.
    """
    c_a, before, light = capacity(params), temperature(heat, params), absorbed(params)
    stefan = area(params.radius) * params.emissivity * STEFAN_BOLTZMANN
    gain = jax.lax.optimization_barrier(light - grown + warming)
    # F(T) = C_A(T − T₀) + δt(stefan T⁴ − gain) is increasing and convex: Newton descends to its root from above,
    # here from the lesser of equilibrium and of warming without emission
    balanced = jnp.sqrt(jnp.sqrt(gain / stefan))
    t = jnp.maximum(before, jnp.minimum(balanced, before + dt * gain / c_a))

    def newton(_: Array, t: Array) -> Array:
        cube = stefan * t * t * t
        return t - (c_a * (t - before) + dt * (cube * t - gain)) / (c_a + 4.0 * dt * cube)

    t = jax.lax.fori_loop(0, NEWTON_STEPS, newton, t)
    t = jax.lax.optimization_barrier(t)
    cube = stefan * t * t * t
    emitted = cube * t
    after = heat + dt * (gain - emitted)
    ratio = temperature(after, params) / before
    sky = Sky(
        temperature=t,
        absorbed=jnp.broadcast_to(light, t.shape),
        emitted=emitted,
        entropy_planet=c_a * jnp.log(ratio) / dt,
        entropy_radiated=4.0 / 3.0 * cube,
        entropy_starlight=jnp.broadcast_to(-4.0 / 3.0 * light / SUN_TEMPERATURE, t.shape),
    )
    return after, sky
