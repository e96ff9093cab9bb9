"""The ledger: every joule of a core's use, by kind, and what thermodynamics says of it.

Operations (update, read, write, rng, host) are the machine's running costs. Work, heat, entropy production
and the Landauer bound belong to the sampled system itself: its energy E at temperature T stands for
k_B T_device (E/T) joules, so that U = k_B T_device E/T, ΔU = work − heat. A change of couplings *or of T* is
work. Information gained is what measurements told of the system: ⟨W⟩ ≥ ΔF − k_B T·I (Sagawa & Ueda 2010).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import jax
import jax.numpy as jnp

BOLTZMANN = 1.380649e-23  # J/K, exact by definition of the kelvin

OPERATIONS = ("update", "read", "write", "rng", "host")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Ledger:
    """Joules (entropy production in J/K, information in nats); every field a number or an array over lanes.

    Ledgers add up. A field is NaN where the device's figure is not known: an unknown cost is not zero.

    Attributes
    ----------
    update_joules, read_joules, write_joules, rng_joules, host_joules : float or array
        Running costs of the machine by kind of operation.
    work : float or array
        Work done on the sampled system by reprogramming it, J.
    heat : float or array
        Heat given to the bath by the sampled system's own moves, J.
    entropy_production : float or array
        Entropy made by system and bath together, J/K: change of the system's entropy plus heat/T_device.
    landauer_bound : float or array
        Least heat for the entropy the system lost: k_B T_device · max(0, H_before − H_after), J.
    information_gained : float or array
        What measuring the system told, ln p(y | x)/p(y) or its mean, nats; 0 where nothing was measured.
    """

    update_joules: Any = 0.0
    read_joules: Any = 0.0
    write_joules: Any = 0.0
    rng_joules: Any = 0.0
    host_joules: Any = 0.0
    work: Any = 0.0
    heat: Any = 0.0
    entropy_production: Any = 0.0
    landauer_bound: Any = 0.0
    information_gained: Any = 0.0

    def __add__(self, other: Ledger) -> Ledger:
        """Field by field."""
        if not isinstance(other, Ledger):
            return NotImplemented
        return Ledger(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __radd__(self, other: Any) -> Ledger:
        """So that ``sum(ledgers)`` works."""
        return self if isinstance(other, int) and other == 0 else NotImplemented

    @property
    def running_joules(self) -> Any:
        """All operations together: what the machine draws from its supply, J."""
        return self.update_joules + self.read_joules + self.write_joules + self.rng_joules + self.host_joules

    @property
    def operations(self) -> jax.Array:
        """The five running costs stacked on a last axis in the order of ``OPERATIONS``."""
        parts = jnp.broadcast_arrays(*(jnp.asarray(getattr(self, f"{name}_joules")) for name in OPERATIONS))
        return jnp.stack(parts, axis=-1)


def relaxation_ledger(
    temperature_kelvin: float,
    reduced_heat: Any = 0.0,
    reduced_work: Any = 0.0,
    entropy_before: Any = 0.0,
    entropy_after: Any = 0.0,
    information: Any = 0.0,
) -> Ledger:
    """The thermodynamic fields from reduced quantities (energies over temperature, entropies in nats).

    Parameters
    ----------
    temperature_kelvin : float
        Of the device's bath.
    reduced_heat, reduced_work : float or array
        Σ Q/T and Σ ΔW/T in the energy's unit over the model's temperature.
    entropy_before, entropy_after : float or array
        Entropy of the system's law before and after, nats (ensemble quantities).
    information : float or array
        Gained by measurements, nats.
    """
    thermal = BOLTZMANN * temperature_kelvin
    drop = entropy_before - entropy_after
    return Ledger(
        work=thermal * reduced_work,
        heat=thermal * reduced_heat,
        entropy_production=BOLTZMANN * (reduced_heat - drop),
        landauer_bound=thermal * jnp.maximum(0.0, drop),
        information_gained=information,
    )
