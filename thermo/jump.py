"""Continuous-time jumps between discrete states: rejection-free, with waiting times.

From state x every change of one unit (or block) to another state has a rate; the waiting time is exponential
with the sum of the rates, and the change is drawn in proportion to them (Bortz, Kalos & Lebowitz 1975;
Gillespie 1977). Rates obey detailed balance at T, in units of the attempt rate:

- heat_bath: p(x'_i | rest), the conditional law;
- metropolis: min(1, exp(−ΔE/T));
- arrhenius: exp(−ΔE/2T).

A step lasts a fixed physical time, so that samples weigh equally; being memoryless, the process may be cut there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int8, Int32, Key

from thermopolis.errors import ModelError
from thermopolis.keys import draws
from thermopolis.thermo import gibbs
from thermopolis.thermo.batches import Prepared
from thermopolis.thermo.categorical import FORBIDDEN, Categorical
from thermopolis.thermo.conditionals import select
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.noise import positive_temperature
from thermopolis.thermo.protocols import StepInfo

Rates = Literal["heat_bath", "metropolis", "arrhenius"]
RATES = ("heat_bath", "metropolis", "arrhenius")
_LARGEST = (
    60.0  # exponent of a rate: thousands of such still sum up in float32; faster ones are counted in e^faster
)


@dataclass(frozen=True)
class Jump:
    """The sampler, for ``Categorical`` and ``Ising``.

    Parameters
    ----------
    interval : float
        Physical time of a step, in units of the inverse attempt rate.
    rates : {"heat_bath", "metropolis", "arrhenius"}
    """

    interval: float = 1.0
    rates: Rates = "heat_bath"

    def __post_init__(self) -> None:
        if self.rates not in RATES:
            raise ModelError(f"jump: rates: expected one of {RATES}, got {self.rates!r}")
        if not (self.interval > 0 and np.isfinite(self.interval)):
            raise ModelError(f"jump: interval must be > 0 and finite, got {self.interval}")

    def init(self, keys: Key[Array, " lanes"], energy: Any, temperature: Any = 1.0) -> Any:
        """As Gibbs sampling starts."""
        return gibbs.init(keys, energy)

    def prepare(self, energy: Any) -> Any:
        """Tables stacked once for many steps."""
        return gibbs.prepare(energy)

    def step(self, keys: Any, state: Any, energy: Any, temperature: Any) -> tuple[Any, StepInfo]:
        """All the jumps of one interval."""
        positive_temperature(temperature)
        ready = energy if isinstance(energy, Prepared | Ising) else Prepared(energy)
        start = state if isinstance(ready, Ising) else ready.energy.join(state).astype(jnp.int32)

        def unfinished(carry: Any) -> Any:
            return (carry[2] > 0).any()

        def event(carry: Any) -> Any:
            state, change, left, number = carry
            new, waited, delta = jump(
                draws(keys, 2 * number + np.arange(2)), state, ready, temperature, self.rates
            )
            inside = waited < left
            state = jnp.where(inside, new, state)
            change = change + jnp.where(inside, delta, 0.0)
            return state, change, jnp.where(inside, left - waited, 0.0), number + 1

        zero = jnp.zeros(keys.shape, jnp.float32)
        carry = (start, zero, zero + self.interval, jnp.int32(0))
        last, change, _, _ = jax.lax.while_loop(unfinished, event, carry)
        last = last if isinstance(ready, Ising) else ready.energy.split(last)
        return last, StepInfo(change, zero + 1.0, zero + self.interval)

    def values(self, state: Int32[Array, "units lanes"]) -> Int32[Array, "units lanes"]:
        """The state itself."""
        return state


class Moves(NamedTuple):
    """All single moves from the states of some lanes: rates over e^faster, energy changes, and how one is made."""

    rate: Float[Array, "moves lanes"]
    delta: Float[Array, "moves lanes"]
    faster: Any
    make: Callable[[Int32[Array, " lanes"]], Any]


def jump(
    uniform: Float[Array, "2 lanes"],
    state: Int32[Array, "units lanes"],
    energy: Prepared | Ising,
    temperature: Any,
    rates: Rates,
) -> tuple[Any, Any, Any]:
    """One jump of every lane: the new state, the time waited before it, its energy change."""
    if isinstance(energy, Ising):
        moves = flips(state, energy, temperature, rates)
    else:
        moves = changes(state, energy, temperature, rates)
    cumulative = jnp.cumsum(moves.rate, axis=0)
    total = cumulative[-1]
    waited = -jnp.log1p(-uniform[0]) / jnp.maximum(total, 1e-30) * jnp.exp(-moves.faster)
    chosen = (uniform[1] * total >= cumulative).sum(axis=0, dtype=jnp.int32)
    chosen = jnp.minimum(chosen, cumulative.shape[0] - 1)
    delta = jnp.take_along_axis(moves.delta, chosen[None], axis=0)[0]
    delta = jnp.where((total > 0) & (jnp.abs(delta) < 0.5 * FORBIDDEN), delta, 0.0)
    return jnp.where(total > 0, moves.make(chosen), state), waited, delta


def flips(state: Int8[Array, "units lanes"], energy: Ising, temperature: Any, rates: Rates) -> Moves:
    """Every spin may turn, ΔE = 2 s (Σ J s + h)."""
    groups = energy.graph.groups
    order = np.concatenate([units for units, _, _ in groups])
    fields = jnp.concatenate([energy.fields(state, *group) for group in groups])
    delta = 2.0 * state[order] * fields
    faster: Any = 0.0
    if rates == "heat_bath":
        rate = jax.nn.sigmoid(-delta / temperature)
    elif rates == "metropolis":
        rate = jnp.exp(-jnp.maximum(delta, 0.0) / temperature)
    else:
        steepness = -delta / (2.0 * temperature)
        faster = jnp.maximum(steepness.max(axis=0) - _LARGEST, 0.0)
        rate = jnp.exp(steepness - faster)
    lanes = jnp.arange(state.shape[-1])
    return Moves(rate, delta, faster, lambda move: state.at[jnp.asarray(order)[move], lanes].multiply(-1))


def changes(state: Int32[Array, "units lanes"], prepared: Prepared, temperature: Any, rates: Rates) -> Moves:
    """Every unit (or block) may change to any other of its states."""
    layout = prepared.layout
    ordered = state[layout.order]
    all_rates, deltas, moves = [], [], []
    faster: Any = 0.0
    if rates == "arrhenius":
        faster = _steepest(prepared, ordered, temperature)
    first = 0
    for group in layout.colours:
        energies = prepared.energies(group, ordered)
        old = ordered[first : first + len(group.units)]
        now = select(energies, old)
        weights = [jnp.exp(-jnp.maximum(row - now, 0.0) / temperature) for row in energies]
        if rates == "heat_bath":
            lowest = energies[0]
            for row in energies[1:]:
                lowest = jnp.minimum(lowest, row)
            weights = [jnp.exp((lowest - row) / temperature) for row in energies]
            total = sum(weights[1:], weights[0])
            weights = [weight / total for weight in weights]
        elif rates == "arrhenius":
            weights = [
                jnp.exp(-jnp.clip(row - now, -FORBIDDEN, FORBIDDEN) / (2.0 * temperature) - faster)
                for row in energies
            ]
        for k, (row, weight) in enumerate(zip(energies, weights, strict=True)):
            all_rates.append(jnp.where(old == k, 0.0, weight))
            deltas.append(row - now)
            moves += [(first + place, k) for place in range(len(group.units))]
        first += len(group.units)
    table, lanes = jnp.asarray(moves, jnp.int32), jnp.arange(state.shape[-1])

    def make(move: Int32[Array, " lanes"]) -> Any:
        return ordered.at[table[move, 0], lanes].set(table[move, 1])[np.argsort(layout.order)]

    return Moves(jnp.concatenate(all_rates), jnp.concatenate(deltas), faster, make)


def _steepest(prepared: Prepared, ordered: Any, temperature: Any) -> Any:
    """What the largest exponent of Arrhenius' rates exceeds _LARGEST by, per lane."""
    steepest: Any = 0.0
    first = 0
    for group in prepared.layout.colours:
        energies = prepared.energies(group, ordered)
        now = select(energies, ordered[first : first + len(group.units)])
        for row in energies:
            steepest = jnp.maximum(steepest, jnp.clip(now - row, -FORBIDDEN, FORBIDDEN).max(axis=0))
        first += len(group.units)
    return jnp.maximum(steepest / (2.0 * temperature) - _LARGEST, 0.0)


def as_categorical(energy: Any) -> Categorical:
    """Spins as two-state units (state 1 is up); other energies as they are."""
    if isinstance(energy, Categorical):
        return energy
    if not isinstance(energy, Ising):
        raise ModelError(f"jump: expected Categorical or Ising, got {type(energy).__name__}")
    couplings, biases = energy.couplings, energy.biases
    couplings = jnp.broadcast_to(couplings, (len(energy.edges), *couplings.shape[1:]))
    biases = jnp.broadcast_to(biases, (energy.units, *biases.shape[1:]))
    signs = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)
    factors: list[tuple[Any, Any]] = [
        (edge, -jnp.multiply.outer(signs, couplings[number])) for number, edge in enumerate(energy.edges)
    ]
    factors += [
        ((unit,), jnp.multiply.outer(np.array([1.0, -1.0], np.float32), biases[unit]))
        for unit in range(energy.units)
    ]
    return Categorical((2,) * energy.units, factors)
