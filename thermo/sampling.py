"""The driver: any sampler on any energy at a temperature or along a schedule, metered by a device.

Lanes are chains; chain c's key is ``fold_in(key, c)`` and step n takes ``fold_in(chain key, n)``, so a chain
doesn't depend on how many run beside it (where a lattice is packed 32 spins a word, on that of its word). Heat
is booked move by move, work where the temperature changes (ledger: energies count in units of the temperature
they were sampled at).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.errors import ModelError, SimulationError
from thermopolis.keys import as_key, fold_in, is_counter
from thermopolis.thermo import diagnostics, imperfections, lattice
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.checks import whole
from thermopolis.thermo.device import Device
from thermopolis.thermo.gibbs import Gibbs
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.laws_along import reduced_laws
from thermopolis.thermo.ledger import Ledger, relaxation_ledger
from thermopolis.thermo.protocols import lanes_of
from thermopolis.thermo.schedules import Constant, as_schedule, metered_step

_INIT = 0xFFFFFFFF
_SMALL = 16  # units, and temperatures, up to which the entropies of a run are worked out


class Samples(NamedTuple):
    """What ``sample`` returns.

    Attributes
    ----------
    values : np.ndarray
        (samples, units, chains); Int32 for discrete units, ±1 for spins, Float32 for continuous units.
    ledger : Ledger
        Fields of shape (chains,), everything since the first step, burn-in included. Entropies are the ensemble's: from
        the uniform law that discrete chains start in to the one they have relaxed to by the end; where that isn't
        known exactly (many units, forbidden states, continuous ones) entropy production and Landauer bound are NaN.
    diagnostics : dict of str to float
        Of the energy: ``effective_samples``, ``autocorrelation_time`` (in samples), ``split_rhat``; and the
        mean ``acceptance`` and ``elapsed`` time.
    energies : np.ndarray
        (samples, chains).
    temperatures : np.ndarray
        (samples, chains).
    """

    values: np.ndarray
    ledger: Ledger
    diagnostics: dict[str, float]
    energies: np.ndarray
    temperatures: np.ndarray


class Trajectory(NamedTuple):
    """Traced record of a run: leading axis samples, lanes last; totals per lane."""

    values: Any
    energies: Any
    temperatures: Any
    heat: Any
    work: Any
    accepted: Any
    elapsed: Any


def sample(
    key: jax.Array,
    energy: Any,
    sampler: Any,
    temperature: Any = 1.0,
    chains: int = 1,
    samples: int = 1000,
    burn_in: int = 100,
    thin: int = 1,
    device: str | Device = "landauer",
) -> Samples:
    """Draw samples of exp(−E/T) by a sampler, with a ledger of what it cost on a device.

    Parameters
    ----------
    key : Key[Array, ""]
        Of either kind; raw threefry words and seeds are taken too.
    energy : Energy
        Any energy the sampler can move.
    sampler : Sampler
        For example ``Gibbs()``.
    temperature : float, array (chains,) or schedule
        An array gives every chain its own (and as many chains as temperatures where ``chains`` is 1). A schedule
        runs over burn-in and samples together.
    chains, samples, burn_in, thin : int
        Independent chains; samples kept per chain; steps before the first; steps per sample.
    device : str or Device
        Whose joules are booked, and whose imperfections (if it has any) bend the energy.

    Raises
    ------
    ModelError
        No samples or chains, a temperature that isn't positive, a device too small, a sampler that can't move this
        energy.
    SimulationError
        The energy left the numbers.
    """
    chains = whole(chains, "sample: chains")
    samples, burn_in = whole(samples, "sample: samples"), whole(burn_in, "sample: burn_in", 0)
    thin, key = whole(thin, "sample: thin"), as_key(key)
    _usable(energy, sampler)
    schedule = as_schedule(temperature)
    chains = _checked_chains(chains, energy, schedule)
    machine = Device.preset(device) if isinstance(device, str) else device
    if not isinstance(machine, Device):
        raise ModelError(f"sample: device: expected a name or a Device, got {device!r}")
    copies = getattr(sampler, "copies", 1)
    machine.require(energy, copies)
    keys = fold_in(jnp.broadcast_to(key, (chains,)), jnp.arange(chains))
    asked = energy
    energy, sampler = on_device(machine, energy, sampler)
    lengths = {"samples": samples, "burn_in": burn_in, "thin": thin}
    if spins_can_be_packed(key, energy, sampler, schedule):
        packed = partial(packed_trajectory, key, energy, sampler, schedule.temperature, chains, **lengths)
        record = jax.device_get(jax.jit(packed)())
    else:
        moves = partial(trajectory, sampler=sampler, schedule=schedule, **lengths)
        record = jax.device_get(jax.jit(moves)(keys, energy))
    if energy is not asked:  # moves follow what the device holds, results are judged by what was asked for
        record = record._replace(energies=np.asarray(jax.jit(partial(jax.lax.map, asked))(record.values)))
    if not np.isfinite(record.energies).all():
        bad = np.argwhere(~np.isfinite(record.energies))[0]
        raise SimulationError(
            f"sample: energy {record.energies[tuple(bad)]} at sample {bad[0]}, chain {bad[1]}"
        )
    sweeps = burn_in + samples * thin
    uses = machine.operations(energy, sweeps * copies, reads=samples, writes=copies)
    before, after = _entropies(energy, copies, np.asarray(record.temperatures[-1], np.float64))
    ledger = machine.joules(uses) + relaxation_ledger(
        machine.temperature_kelvin, record.heat, record.work, before, after
    )
    ledger = jax.tree.map(lambda x: np.broadcast_to(np.asarray(x), (chains,)), ledger)
    quality = {"acceptance": float(record.accepted.mean()), "elapsed": float(record.elapsed.mean())}
    if samples >= 4:
        quality |= {
            "autocorrelation_time": diagnostics.autocorrelation_time(record.energies),
            "effective_samples": diagnostics.effective_sample_size(record.energies),
            "split_rhat": diagnostics.split_rhat(record.energies),
        }
    return Samples(record.values, ledger, quality, record.energies, record.temperatures)


def _usable(energy: Any, sampler: Any) -> None:
    if isinstance(sampler, type) or not all(hasattr(sampler, name) for name in ("init", "step", "values")):
        raise ModelError(f"sample: sampler: expected one such as Gibbs(), got {sampler!r:.80}")
    if not callable(energy) or not all(hasattr(energy, name) for name in ("units", "cells", "programmed")):
        raise ModelError(f"sample: energy: expected one such as Ising(edges, couplings), got {energy!r:.80}")


def _checked_chains(chains: int, energy: Any, schedule: Any) -> int:
    """The number of chains, against the widths of temperatures and of per-lane numbers of the energy."""
    given = np.shape(getattr(schedule, "temperature", 1.0))
    if len(given) > 1:
        raise ModelError(f"sample: temperature: expected a number or one per chain, got shape {given}")
    if chains == 1 and given:
        chains = given[0]
    if given and given[0] not in (1, chains):
        raise ModelError(f"sample: temperature: {given[0]} temperatures for {chains} chains")
    lanes = lanes_of(energy)
    if lanes not in (1, chains):
        raise ModelError(f"sample: chains: the energy has numbers for {lanes} chains, got {chains}")
    return chains


def _entropies(energy: Any, copies: int, temperatures: np.ndarray) -> tuple[Any, Any]:
    """Entropies in nats of the law that chains start in, and of the one at each chain's last temperature."""
    found = np.unique(temperatures)
    if (
        not isinstance(energy, Categorical | Ising)
        or energy.units > _SMALL
        or copies > 1
        or len(found) > _SMALL
    ):
        return np.nan, np.nan
    if any(bool(jnp.isinf(leaf).any()) for leaf in jax.tree.leaves(energy)) or lanes_of(energy) > 1:
        return np.nan, np.nan
    laws = reduced_laws([energy] * len(found), found)
    if laws is None:
        return np.nan, np.nan
    sizes = energy.sizes if isinstance(energy, Categorical) else (2,) * energy.units
    return float(np.log(sizes).sum()), laws[1][np.searchsorted(found, temperatures)]


def on_device(device: Device, energy: Any, sampler: Any) -> tuple[Any, Any]:
    """The energy as the device holds it and the sampler as the device runs it; both as given if it is ideal."""
    if device.weight_bits is not None or device.mismatch:
        energy = imperfections.realised(device, energy)
    if device.coupling_noise or device.noise_correlation:
        if not isinstance(sampler, Gibbs):
            raise ModelError(f"device {device.name}: noise that is simulated needs Gibbs(), got {sampler}")
        sampler = imperfections.NoisyGibbs(device.coupling_noise, device.noise_correlation)
    return energy, sampler


def trajectory(
    keys: Any, energy: Any, sampler: Any, schedule: Any, samples: int, burn_in: int, thin: int
) -> Trajectory:
    """The same, traced: jit it, or call it inside another program. Heat and work in units of T (nats)."""
    lanes, total = keys.shape[0], burn_in + samples * thin
    plan = schedule.init(lanes)
    state = sampler.init(fold_in(keys, _INIT), energy, plan.temperature)
    zero = jnp.zeros(lanes, jnp.float32)
    ready = sampler.prepare(energy) if hasattr(sampler, "prepare") else energy

    def one(number: Any, carry: Any) -> Any:
        state, plan, heat, work, accepted, elapsed = carry
        state, plan, info, given, taken = metered_step(
            fold_in(keys, number), state, plan, sampler, ready, energy, schedule, (number + 1.0) / total
        )
        heat, work = heat + given, work + taken
        return state, plan, heat, work, accepted + info.accepted / total, elapsed + info.elapsed

    def keep(carry: Any, index: Any) -> Any:
        stop = burn_in + (index + 1) * thin
        carry = jax.lax.fori_loop(jnp.where(index == 0, 0, stop - thin), stop, one, carry)
        values = sampler.values(carry[0])
        return carry, (values, energy(values), carry[1].temperature)

    carry = (state, plan, zero, zero, zero, zero)
    carry, (values, energies, temperatures) = jax.lax.scan(keep, carry, jnp.arange(samples))
    return Trajectory(values, energies, temperatures, *carry[2:])


def spins_can_be_packed(key: jax.Array, energy: Any, sampler: Any, schedule: Any) -> bool:
    """Whether a lattice, uniform and without bias, is swept 32 spins a word (``lattice``)."""
    return (
        isinstance(sampler, Gibbs)
        and isinstance(schedule, Constant)
        and isinstance(energy, Ising)
        and is_counter(key)
        and energy.graph.periodic
        and energy.couplings.ndim == 0
        and energy.biases.ndim == 0
        and not bool(energy.biases)
        and lattice.check(energy.shape, lattice.WORD) is None
    )


def packed_trajectory(
    key: jax.Array,
    energy: Any,
    sampler: Any,
    temperature: Any,
    chains: int,
    samples: int,
    burn_in: int,
    thin: int,
) -> Trajectory:
    """The same by packed spins. Chains are filled up to whole words; at fixed T heat is the drop in energy."""
    width = lattice.packed_width(energy.shape, chains)
    state = sampler.init(fold_in(jnp.broadcast_to(key, (width,)), jnp.arange(width)), energy)
    warmth = jnp.broadcast_to(jnp.asarray(temperature, jnp.float32), (chains,))
    every = jnp.concatenate([warmth, jnp.broadcast_to(warmth[-1:], (width - chains,))])
    keys = lattice.word_keys(fold_in(key, _INIT), width)

    def keep(packed: Any, index: Any) -> Any:
        stop = burn_in + (index + 1) * thin
        start = jnp.where(index == 0, 0, stop - thin)
        packed = lattice.run(keys, packed, energy.couplings, every, width, start, stop)
        values = lattice.unpack(packed, energy.shape, width)[:, :chains]
        return packed, (values, energy(values))

    _, (values, energies) = jax.lax.scan(keep, lattice.pack(state, energy.shape), jnp.arange(samples))
    heat = (energy(state)[:chains] - energies[-1]) / warmth
    one = jnp.ones(chains, jnp.float32)
    temperatures = jnp.broadcast_to(warmth, (samples, chains))
    return Trajectory(values, energies, temperatures, heat, 0.0 * one, one, one * (burn_in + samples * thin))
