"""The driver: any sampler on any energy at a temperature or along a schedule, metered by a device.

Lanes are chains; chain c's key is ``fold_in(key, c)`` and step n takes ``fold_in(chain key, n)``, so a chain
doesn't depend on how many run beside it. Heat is booked move by move, work where the temperature changes
(ledger: energies count in units of the temperature they were sampled at).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.errors import ModelError, SimulationError
from thermopolis.keys import fold_in
from thermopolis.thermo import diagnostics
from thermopolis.thermo.device import Device
from thermopolis.thermo.ledger import Ledger, relaxation_ledger
from thermopolis.thermo.schedules import as_schedule

_INIT = 0xFFFFFFFF


class Samples(NamedTuple):
    """What ``sample`` returns.

    Attributes
    ----------
    values : np.ndarray
        (samples, units, chains); Int32 for discrete units, ±1 for spins, Float32 for continuous units.
    ledger : Ledger
        Fields of shape (chains,), everything since the first step, burn-in included.
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
    energy : Energy
        Any energy the sampler can move.
    sampler : Sampler
        For example ``Gibbs()``.
    temperature : float, array (chains,) or schedule
        A schedule runs over burn-in and samples together.
    chains, samples, burn_in, thin : int
        Independent chains; samples kept per chain; steps before the first; steps per sample.
    device : str or Device
        Whose joules are booked, and whose imperfections (if it has any) bend the energy.

    Raises
    ------
    ModelError
        No samples or chains, a temperature that isn't positive, a device too small.
    SimulationError
        The energy left the numbers.
    """
    for name, value, least in (
        ("chains", chains, 1),
        ("samples", samples, 1),
        ("thin", thin, 1),
        ("burn_in", burn_in, 0),
    ):
        if value < least:
            raise ModelError(f"sample: {name}: expected at least {least}, got {value}")
    schedule = as_schedule(temperature)
    machine = Device.preset(device) if isinstance(device, str) else device
    machine.require(energy)
    keys = fold_in(jnp.broadcast_to(key, (chains,)), jnp.arange(chains))
    run = jax.jit(
        partial(trajectory, sampler=sampler, schedule=schedule, samples=samples, burn_in=burn_in, thin=thin)
    )
    record = jax.device_get(run(keys, energy))
    if not np.isfinite(record.energies).all():
        bad = np.argwhere(~np.isfinite(record.energies))[0]
        raise SimulationError(
            f"sample: energy {record.energies[tuple(bad)]} at sample {bad[0]}, chain {bad[1]}"
        )
    sweeps = burn_in + samples * thin
    ledger = machine.joules(machine.operations(energy, sweeps, reads=samples)) + relaxation_ledger(
        machine.temperature_kelvin, record.heat, record.work, jnp.nan, jnp.nan
    )
    quality = {"acceptance": float(record.accepted.mean()), "elapsed": float(record.elapsed.mean())}
    if samples >= 4:
        quality |= {
            "autocorrelation_time": diagnostics.autocorrelation_time(record.energies),
            "effective_samples": diagnostics.effective_sample_size(record.energies),
            "split_rhat": diagnostics.split_rhat(record.energies),
        }
    return Samples(record.values, ledger, quality, record.energies, record.temperatures)


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
        state, value, plan, heat, work, accepted, elapsed = carry
        now = plan.temperature
        state, info = sampler.step(fold_in(keys, number), state, ready, now)
        value = value + info.delta_energy
        plan = schedule.update(plan, value, (number + 1.0) / total)
        heat = heat - info.delta_energy / now
        work = work + value * (1.0 / plan.temperature - 1.0 / now)
        return state, value, plan, heat, work, accepted + info.accepted / total, elapsed + info.elapsed

    def keep(carry: Any, index: Any) -> Any:
        stop = burn_in + (index + 1) * thin
        carry = jax.lax.fori_loop(jnp.where(index == 0, 0, stop - thin), stop, one, carry)
        state, _, plan, *totals = carry
        values = sampler.values(state)
        value = energy(values)  # afresh, so that rounding doesn't pile up over a long run
        return (state, value, plan, *totals), (values, value, plan.temperature)

    carry = (state, energy(sampler.values(state)), plan, zero, zero, zero, zero)
    carry, (values, energies, temperatures) = jax.lax.scan(keep, carry, jnp.arange(samples))
    return Trajectory(values, energies, temperatures, *carry[3:])
