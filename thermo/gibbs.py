"""Chromatic block Gibbs sampling: every unit is redrawn from its conditional law, one colour after another.

p(x_i | rest) ∝ exp(−E(x_i | neighbours)/T); units of one colour share no factor, so drawing them at once is
drawing them one by one (Gonzalez et al. 2011). A sweep leaves exp(−E/T)/Z unchanged, but is not reversible.
Draws are by inverse CDF (``conditionals``). The heat of a sweep is summed move by move.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from thermopolis.errors import ModelError
from thermopolis.keys import draws
from thermopolis.thermo import ising
from thermopolis.thermo.batches import Prepared
from thermopolis.thermo.categorical import FORBIDDEN, Categorical
from thermopolis.thermo.conditionals import draw, select, thresholds
from thermopolis.thermo.noise import positive_temperature
from thermopolis.thermo.protocols import StepInfo
from thermopolis.thermo.support import feasible_state


@dataclass(frozen=True)
class Gibbs:
    """The sampler: ``init`` and ``step`` below, for ``Categorical`` and ``Ising``."""

    def init(self, keys: Any, energy: Any, temperature: Any = 1.0) -> Any:
        """A state drawn at random (see ``init``)."""
        return init(keys, energy)

    def prepare(self, energy: Any) -> Any:
        """The energy with its tables stacked once for many steps."""
        return prepare(energy)

    def step(self, keys: Any, state: Any, energy: Any, temperature: Any) -> tuple[Any, StepInfo]:
        """One sweep (see ``step``)."""
        return step(keys, state, energy, temperature)

    def values(self, state: Any) -> Any:
        """The state itself."""
        return state


def init(keys: Key[Array, " lanes"], energy: Any) -> Any:
    """Units drawn independently and uniformly; units tied by forbidden states start in an allowed state.

    Parameters
    ----------
    keys : Key[Array, "lanes"]
    energy : Categorical or Ising

    Returns
    -------
    Int32[Array, "units lanes"]
        (Int8 of −1 and +1 for spins.)
    """
    if isinstance(energy, ising.Ising):
        return ising.init(keys, energy)
    if not isinstance(energy, Categorical):
        raise ModelError(
            f"energy: a {type(energy).__name__} has no discrete units to be drawn; expected Categorical or Ising "
            "(continuous units: OrnsteinUhlenbeck, Langevin, Metropolis)"
        )
    uniform = draws(keys, jnp.arange(energy.units))
    sizes = jnp.asarray(energy.sizes, jnp.float32)[:, None]
    return feasible_state(energy, jnp.floor(uniform * sizes).astype(jnp.int32))


def step(
    keys: Key[Array, " lanes"], state: Int32[Array, "units lanes"], energy: Any, temperature: Any
) -> tuple[Any, StepInfo]:
    """One chromatic sweep over all units (all blocks, where the energy names blocks).

    Parameters
    ----------
    keys : Key[Array, "lanes"]
    state : Int32[Array, "units lanes"]
    energy : Categorical or Ising
    temperature : float or Float[Array, "lanes"]

    Returns
    -------
    state, info
        ``info.delta_energy`` is the sum of the energy changes of the moves.
    """
    positive_temperature(temperature)
    if isinstance(energy, ising.Ising):
        return ising.gibbs_sweep(partial(draws, keys), state, energy, temperature)
    return sweep(draws(keys, np.arange(draws_per_sweep(energy))), state, energy, temperature)


def draws_per_sweep(energy: Any) -> int:
    """Uniforms a sweep takes: one per spin or block."""
    if isinstance(energy, Prepared):
        energy = energy.energy
    return energy.units if isinstance(energy, ising.Ising) else len(energy.blocks)


def sweep(
    uniform: Float[Array, "draws lanes"], state: Any, energy: Any, temperature: Any
) -> tuple[Any, StepInfo]:
    """``step`` from given uniforms, in the order of the colours."""
    if isinstance(energy, ising.Ising):
        return ising.gibbs_sweep(lambda numbers: uniform[numbers], state, energy, temperature)
    prepared = energy if isinstance(energy, Prepared) else prepare(energy)
    original, layout = prepared.energy, prepared.layout
    joined = original.join(state)
    uniform = jax.lax.optimization_barrier(uniform)
    parts = [joined[group.units] for group in layout.colours]
    change: Any = jnp.zeros(uniform.shape[-1], jnp.float32)
    first = 0
    for number, group in enumerate(layout.colours):
        energies = prepared.energies(group, jnp.concatenate(parts))
        last = first + len(group.units)
        new = draw(uniform[first:last], thresholds(energies, temperature))
        change = change + sum_of_moves(energies, parts[number], new)
        parts[number], first = new, last
    joined = jnp.concatenate(parts)[np.argsort(layout.order)]
    one = jnp.ones_like(change)
    return original.split(joined), StepInfo(change, one, one)


def prepare(energy: Any) -> Any:
    """The energy with its tables stacked for sweeping; ``step`` takes it in the energy's place."""
    return Prepared(energy) if isinstance(energy, Categorical) else energy


def sum_of_moves(energies: list[Any], old: Any, new: Any) -> Any:
    """Energy change of the moves old → new, summed over units.

    Leaving a forbidden state (a start given by hand) has no finite energy change: it is not booked.
    """
    delta = select(energies, new) - select(energies, old)
    delta = jnp.where(jnp.abs(delta) > 0.5 * FORBIDDEN, 0.0, delta)
    return delta.sum(axis=0)
