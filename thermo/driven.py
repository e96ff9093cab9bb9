"""Driven protocols: an energy that changes in time, work and heat booked move by move.

A protocol is a function of progress s from 0 to 1 that gives the energy. Time is cut into n steps; the energy jumps
at their middles, s = ½/n, 3/2n, …, and at last to 1. A jump at fixed state is work, W += E_new(x) − E_old(x);
what a move does at fixed energy is heat, Q −= ΔE(move) (Crooks 1998, J. Stat. Phys. 90, 1481). Nothing is
defined as a difference of the others, so the first law ΔE = W + W_shadow − Q is a check. The reverse of a
protocol is s → 1 − s; both obey ⟨e^{−W/T}⟩ = e^{−ΔF/T} whatever n (Jarzynski 1997).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.errors import ModelError, SimulationError
from thermopolis.keys import fold_in
from thermopolis.thermo.checks import whole
from thermopolis.thermo.ledger import Ledger, relaxation_ledger
from thermopolis.thermo.noise import lane_keys, positive_temperature
from thermopolis.thermo.protocols import total_energy

Protocol = Callable[[Any], Any]

_START, _BURN_IN = 0xFFFFFFFF, 0xFFFFFFFE


class Drive(NamedTuple):
    """What happened to each chain, in the unit of the energy (float64).

    Attributes
    ----------
    work, heat, shadow_work : Float[np.ndarray, "chains"]
        Done on the system by the protocol; given to the bath; done by an inexact integrator.
    energy_change : Float[np.ndarray, "chains"]
        E(end) − E(start), kinetic energy included.
    throughput : Float[np.ndarray, "chains"]
        Σ|W| + Σ|Q| over all moves: what the first law is measured against.
    start, end : np.ndarray
        States, (units, chains).
    path : dict of str to np.ndarray
        ``work``, ``heat`` (steps, chains) and ``values`` (steps, units, chains), where recorded.
    temperature : float
    """

    work: np.ndarray
    heat: np.ndarray
    shadow_work: np.ndarray
    energy_change: np.ndarray
    throughput: np.ndarray
    start: np.ndarray
    end: np.ndarray
    path: dict[str, np.ndarray]
    temperature: float

    @property
    def first_law_residual(self) -> np.ndarray:
        """|ΔE − (W + W_shadow − Q)| over the throughput, per chain."""
        residual = self.energy_change - (self.work + self.shadow_work - self.heat)
        return np.abs(residual) / np.maximum(self.throughput, np.finfo(float).tiny)

    def ledger(
        self,
        kelvin: float = 300.0,
        entropy_before: float = np.nan,
        entropy_after: float = np.nan,
        information: Any = 0.0,
    ) -> Ledger:
        """Joules per chain on a device at ``kelvin``; entropies (nats, of the ensemble) where they are known.

        ``information`` is what measurements told before the protocol was chosen, nats (``szilard_engine``).
        """
        heat, work = self.heat / self.temperature, self.work / self.temperature
        return relaxation_ledger(kelvin, heat, work, entropy_before, entropy_after, information)


def drive(
    key: Any,
    protocol: Protocol,
    sampler: Any,
    steps: int,
    *,
    temperature: float = 1.0,
    chains: int = 1000,
    moves: int = 1,
    burn_in: int = 200,
    start: Any = None,
    reverse: bool = False,
    record: bool = False,
) -> Drive:
    """Run a protocol on many chains that start in equilibrium.

    Parameters
    ----------
    key : scalar random key; chain c uses ``fold_in(key, c)``.
    protocol : progress (a traced scalar in [0, 1]) to energy; of one structure throughout. A callable pytree
        (see ``engines``) is compiled once for all values of its leaves, and so is a sampler.
    sampler : moves the state at fixed energy; ``moves`` of its steps follow each jump.
    steps : n ≥ 1, jumps before the last.
    temperature : of the bath.
    burn_in : sampler steps at s = 0 before the protocol, where the energy can't draw its own equilibrium.
    start : states (units, chains) to start from instead; the caller answers for their law.
    reverse : run s from 1 to 0.
    record : keep work, heat and values of every step.

    Raises
    ------
    ModelError
        A bad number of steps, chains or moves, a temperature that is not positive.
    SimulationError
        Work or heat left the numbers (a time step too long, usually).
    """
    positive_temperature(temperature)
    for name, value, least in (("steps", steps, 1), ("chains", chains, 1), ("moves", moves, 1)):
        whole(value, name, least)
    whole(burn_in, "burn_in", 0)
    if not callable(protocol):
        raise ModelError(f"protocol: expected a function of progress, got {protocol!r}")

    with jax.enable_x64(True):
        stops = np.concatenate([[0.0], (np.arange(steps) + 0.5) / steps, [1.0]])
        stops = 1 - stops if reverse else stops
        keys = lane_keys(key, chains)
        given = None if start is None else jnp.asarray(start)
        trees = tuple(x if _is_tree(x) else None for x in (protocol, sampler))
        static = {
            n: None if t else x
            for n, t, x in zip(("protocol", "sampler"), trees, (protocol, sampler), strict=True)
        }
        totals, path = jax.device_get(
            _run(
                trees,
                keys,
                stops,
                given,
                float(temperature),
                **static,
                moves=moves,
                burn_in=burn_in,
                record=record,
            )
        )
    for name in ("work", "heat"):
        if not np.isfinite(totals[name]).all():
            bad = int(np.argmin(np.isfinite(totals[name])))
            raise SimulationError(
                f"drive: {name} of chain {bad} is {totals[name][bad]}; try a shorter time step"
            )
    return Drive(**totals, path=path, temperature=float(temperature))


def _is_tree(x: Any) -> bool:
    return not jax.tree_util.all_leaves([x])


@partial(jax.jit, static_argnames=("protocol", "sampler", "moves", "burn_in", "record"))
def _run(
    trees: tuple[Any, Any],
    keys: Any,
    stops: Any,
    given: Any,
    temperature: Any,
    protocol: Any,
    sampler: Any,
    moves: int,
    burn_in: int,
    record: bool,
) -> Any:
    """The whole run, in float64 wherever the energy allows it; what is a pytree arrives in ``trees``, traced."""
    protocol, sampler = trees[0] or protocol, trees[1] or sampler

    def begin(keys: Any, energy: Any, given: Any) -> Any:
        continuous = not hasattr(energy, "sizes") and not hasattr(energy, "graph")
        options = {"dtype": jnp.float64} if continuous else {}
        first = fold_in(keys, _START)
        if given is not None and continuous:
            return sampler.init(first, energy, temperature, given, **options)
        if given is not None:
            return given
        if hasattr(energy, "equilibrium") and continuous:
            x = energy.equilibrium(fold_in(keys, _BURN_IN), temperature, jnp.float64)
            return sampler.init(first, energy, temperature, x, **options)
        state = sampler.init(first, energy, temperature, **options)
        warm = fold_in(keys, _BURN_IN)
        return jax.lax.fori_loop(
            0, burn_in, lambda t, s: sampler.step(fold_in(warm, t), s, energy, temperature)[0], state
        )

    def run() -> Any:
        zero = jnp.zeros(len(keys), jnp.float64)
        state = begin(keys, protocol(stops[0]), given)
        before, values = (
            total_energy(sampler, state, protocol(stops[0])).astype(jnp.float64),
            sampler.values(state),
        )

        def advance(carry: Any, t: Any) -> Any:
            state, work, heat, shadow, throughput = carry
            energy = protocol(stops[t + 1])
            x = sampler.values(state)
            done = (energy(x) - protocol(stops[t])(x)).astype(jnp.float64)

            def move(i: Any, carry: Any) -> Any:
                state, heat, shadow, throughput = carry
                state, info = sampler.step(fold_in(keys, t * moves + i), state, energy, temperature)
                given = -info.delta_energy.astype(jnp.float64)
                extra = getattr(state, "shadow_work", zero)
                return state, heat + given, shadow + extra, throughput + jnp.abs(given)

            inner = (state, zero, shadow, throughput + jnp.abs(done))
            state, given, shadow, throughput = jax.lax.fori_loop(0, moves, move, inner)
            kept = {"work": done, "heat": given, "values": sampler.values(state)} if record else {}
            return (state, work + done, heat + given, shadow, throughput), kept

        carry = (state, zero, zero, zero, zero)
        (state, work, heat, shadow, throughput), path = jax.lax.scan(
            advance, carry, jnp.arange(len(stops) - 2)
        )
        last, x = protocol(stops[-1]), sampler.values(state)
        done = (last(x) - protocol(stops[-2])(x)).astype(jnp.float64)
        totals = {
            "work": work + done,
            "heat": heat,
            "shadow_work": shadow,
            "energy_change": total_energy(sampler, state, last).astype(jnp.float64) - before,
            "throughput": throughput + jnp.abs(done),
            "start": values,
            "end": x,
        }
        return totals, path

    return run()
