"""Metropolis–Hastings moves: flips and swaps of discrete units, Gaussian proposals of continuous ones.

A proposal is accepted with chance min(1, exp(−ΔE/T)) (Metropolis et al. 1953). *flip* proposes for every unit,
one colour after another, any of its K states with equal chance (its own included, so that the chain is never
periodic). *swap* proposes to exchange the states of two units of equal size, drawn at random, as often per step
as there are units; it keeps how many units are in which state (Kawasaki 1966). Continuous and mixed energies take
the single-unit moves of ``gaussian_metropolis``. All leave exp(−E/T) unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Key

from thermopolis.errors import ModelError
from thermopolis.keys import draws
from thermopolis.thermo import gibbs
from thermopolis.thermo.batches import Prepared
from thermopolis.thermo.categorical import FORBIDDEN, Categorical
from thermopolis.thermo.conditionals import select
from thermopolis.thermo.gaussian_metropolis import GaussianMetropolis
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.noise import positive_temperature
from thermopolis.thermo.protocols import StepInfo


@dataclass(frozen=True)
class Metropolis:
    """The sampler, for every energy.

    Parameters
    ----------
    move : {"flip", "swap"}
        Of discrete energies. Swaps sample the law among states of the start's composition alone.
    scale : float
        σ of the Gaussian proposals of continuous units.
    """

    move: Literal["flip", "swap"] = "flip"
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.move not in ("flip", "swap"):
            raise ModelError(f"metropolis: move: expected 'flip' or 'swap', got {self.move!r}")
        GaussianMetropolis(self.scale)

    def init(self, keys: Key[Array, " lanes"], energy: Any, temperature: Any = 1.0, **start: Any) -> Any:
        """Discrete units drawn at random, in an allowed state; others where the energy lets chains start.

        ``start`` goes to ``GaussianMetropolis.init``.
        """
        if _is_discrete(energy):
            return gibbs.init(keys, energy)
        if self.move == "swap":
            raise ModelError("metropolis: swaps exchange units of a Categorical or Ising energy")
        return GaussianMetropolis(self.scale).init(keys, energy, temperature, **start)

    def prepare(self, energy: Any) -> Any:
        """Tables stacked once for many steps of flips."""
        return gibbs.prepare(energy) if self.move == "flip" else energy

    def step(self, keys: Any, state: Any, energy: Any, temperature: Any) -> tuple[Any, StepInfo]:
        """One sweep of flips or of Gaussian proposals, or as many swaps as there are units."""
        positive_temperature(temperature)
        if not _is_discrete(energy):
            return GaussianMetropolis(self.scale).step(keys, state, energy, temperature)
        if self.move == "swap":
            return _swaps(keys, state, energy, temperature)
        if isinstance(energy, Ising):
            return _spin_flips(keys, state, energy, temperature)
        return _flips(keys, state, energy, temperature)

    def values(self, state: Int32[Array, "units lanes"]) -> Int32[Array, "units lanes"]:
        """The state itself."""
        return state


def _is_discrete(energy: Any) -> bool:
    return isinstance(energy, Categorical | Ising | Prepared)


def acceptance(delta: Any, temperature: Any) -> Any:
    """min(1, exp(−ΔE/T))."""
    return jnp.exp(-jnp.maximum(delta, 0.0) / temperature)


def _flips(keys: Any, state: Any, energy: Any, temperature: Any) -> tuple[Any, StepInfo]:
    prepared = energy if isinstance(energy, Prepared) else Prepared(energy)
    layout, original = prepared.layout, prepared.energy
    joined = original.join(state)
    count = len(layout.order)
    uniform = jax.lax.optimization_barrier(draws(keys, np.arange(2 * count)))
    parts = [joined[group.units] for group in layout.colours]
    change = accepted = jnp.zeros(keys.shape, jnp.float32)
    first = 0
    for number, group in enumerate(layout.colours):
        energies, old = prepared.energies(group, jnp.concatenate(parts)), parts[number]
        last = first + len(group.units)
        proposal = jnp.floor(uniform[first:last] * group.sizes[:, None]).astype(old.dtype)
        delta = select(energies, proposal) - select(energies, old)
        taken = uniform[count + first : count + last] < acceptance(delta, temperature)
        parts[number] = jnp.where(taken, proposal, old)
        change = change + jnp.where(taken & (jnp.abs(delta) < 0.5 * FORBIDDEN), delta, 0.0).sum(axis=0)
        accepted = accepted + taken.sum(axis=0) / count
        first = last
    joined = jnp.concatenate(parts)[np.argsort(layout.order)]
    return original.split(joined), StepInfo(change, accepted, jnp.ones_like(change))


def _spin_flips(keys: Any, state: Any, energy: Ising, temperature: Any) -> tuple[Any, StepInfo]:
    change = accepted = jnp.zeros(keys.shape, jnp.float32)
    first = 0
    for units, others, numbers in energy.graph.groups:
        fields = jax.lax.optimization_barrier(energy.fields(state, units, others, numbers))
        place = 2 * (first + np.arange(len(units)))
        old = state[units]
        proposal = jnp.where(draws(keys, place) < 0.5, jnp.int8(-1), jnp.int8(1))
        delta = -fields * (proposal - old)
        taken = draws(keys, place + 1) < acceptance(delta, temperature)
        state = state.at[units].set(jnp.where(taken, proposal, old))
        change = change + jnp.where(taken, delta, 0.0).sum(axis=0)
        accepted = accepted + taken.sum(axis=0) / energy.units
        first += len(units)
    return state, StepInfo(change, accepted, jnp.ones_like(change))


def _swaps(keys: Any, state: Any, energy: Any, temperature: Any) -> tuple[Any, StepInfo]:
    pairs = swappable(energy)
    chosen = jnp.asarray(pairs)
    lanes = jnp.arange(keys.shape[0])

    def attempt(number: Any, carry: Any) -> Any:
        state, value, change, accepted = carry
        uniform = draws(keys, 2 * number + np.arange(2))
        pair = chosen[jnp.floor(uniform[0] * len(pairs)).astype(jnp.int32)]
        left, right = state[pair[:, 0], lanes], state[pair[:, 1], lanes]
        proposal = state.at[pair[:, 0], lanes].set(right).at[pair[:, 1], lanes].set(left)
        proposed = energy(proposal)
        delta = jnp.where(jnp.isfinite(value), proposed - value, -jnp.inf)
        taken = uniform[1] < acceptance(delta, temperature)
        state = jnp.where(taken, proposal, state)
        change = change + jnp.where(taken & jnp.isfinite(delta), delta, 0.0)
        return state, jnp.where(taken, proposed, value), change, accepted + taken / energy.units

    zero = jnp.zeros(keys.shape, jnp.float32)
    carry = (state, energy(state).astype(jnp.float32), zero, zero)
    state, _, change, accepted = jax.lax.fori_loop(0, energy.units, attempt, carry)
    return state, StepInfo(change, accepted, jnp.ones_like(change))


def swappable(energy: Any) -> np.ndarray:
    """Pairs of units of equal size, (pairs, 2).

    Raises
    ------
    ModelError
        None, or more than a million.
    """
    sizes = np.asarray(energy.sizes if isinstance(energy, Categorical) else [2] * energy.units)
    if len(sizes) > 1400:
        raise ModelError(
            f"metropolis: swaps among {len(sizes)} units make too many pairs; at most 1400 units"
        )
    left, right = np.triu_indices(len(sizes), 1)
    equal = sizes[left] == sizes[right]
    if not equal.any():
        raise ModelError("metropolis: no two units have the same number of states: nothing to swap")
    return np.stack([left[equal], right[equal]], axis=1).astype(np.int32)
