"""What a real device does to an energy and to its draws: weight precision, mismatch, coupling noise, dull noise.

- Weight precision: numbers are rounded to 2^bits − 1 levels, symmetric about zero, over the model's own range.
- Mismatch: fixed relative errors of the written numbers, one chip (seed) with its own.
- Coupling noise: relative errors drawn anew at every sweep.
- RNG autocorrelation: a cell's noise z is Gaussian with correlation ρ from one sweep to the next,
  z' = ρ z + √(1 − ρ²) ξ, and its uniform is Φ(z).

Forbidden states stay forbidden. The effect is measured by ``law_error``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Float

from thermopolis.errors import ModelError
from thermopolis.keys import draws, fold_in, make_key
from thermopolis.thermo import gibbs
from thermopolis.thermo.categorical import finite
from thermopolis.thermo.device import Device
from thermopolis.thermo.double_well import DoubleWell
from thermopolis.thermo.exact import enumerate_states
from thermopolis.thermo.linear_process import LinearProcess
from thermopolis.thermo.protocols import StepInfo
from thermopolis.thermo.quadratic import Quadratic


def quantised(energy: Any, bits: int) -> Any:
    """The energy with every programmed number rounded to ``bits`` bits of the largest one's range."""
    energy = jax.tree.map(jnp.asarray, energy)
    leaves = jax.tree.leaves(energy)
    largest = jnp.max(
        jnp.stack([jnp.max(jnp.where(jnp.isfinite(leaf), jnp.abs(leaf), 0.0)) for leaf in leaves])
    )
    step = jnp.where(largest > 0, largest, 1.0) / (2 ** (bits - 1) - 1)
    return jax.tree.map(lambda leaf: _kept(leaf, jnp.round(finite(leaf) / step) * step), energy)


def mismatched(key: Any, energy: Any, deviation: float) -> Any:
    """The energy with a relative Gaussian error of this standard deviation on every programmed number."""
    leaves, structure = jax.tree.flatten(jax.tree.map(jnp.asarray, energy))
    bent = []
    for number, leaf in enumerate(leaves):
        error = deviation * jax.random.normal(fold_in(key, number), leaf.shape, jnp.float32)
        if isinstance(energy, Quadratic) and number == 0:  # a pair's coupling is one number, written once
            upper = jnp.triu(jnp.ones(leaf.shape[:2], bool)).reshape(leaf.shape[:2] + (1,) * (leaf.ndim - 2))
            error = jnp.where(upper, error, jnp.swapaxes(error, 0, 1))
        bent.append(_kept(leaf, finite(leaf) * (1.0 + error)))
    return jax.tree.unflatten(structure, bent)


def realised(device: Device, energy: Any, chip: int = 0) -> Any:
    """What the device holds when told to hold ``energy``: rounded, then bent by its own mismatch."""
    if device.weight_bits is not None:
        energy = quantised(energy, device.weight_bits)
    if device.mismatch:
        energy = mismatched(make_key(chip), energy, device.mismatch)
    if isinstance(energy, Quadratic) and np.linalg.eigvalsh(np.asarray(energy.A, float).T).min() <= 0:
        raise ModelError(f"device {device.name}: couplings as it holds them are not positive definite")
    if isinstance(energy, LinearProcess):  # its quasi-potential follows from what the device holds
        diffusion = np.asarray(energy.D, float)
        energy = LinearProcess(energy.A, (diffusion + diffusion.T) / 2, energy.mean)
    if isinstance(energy, DoubleWell):
        for name in ("barrier", "position"):
            if np.asarray(getattr(energy, name)).min() <= 0:
                raise ModelError(f"device {device.name}: the {name} as it holds it is not positive")
    return energy


class NoisyState(NamedTuple):
    """The units' state and each unit's noise."""

    units: Any
    noise: Float[Array, "units lanes"]


@dataclass(frozen=True)
class NoisyGibbs:
    """Gibbs sampling with couplings that flicker and noise that remembers.

    Parameters
    ----------
    coupling_noise : float
        Standard deviation of relative errors drawn at every sweep, the same in all lanes of shared tables.
    correlation : float
        Of a cell's noise between sweeps, in [0, 1).
    """

    coupling_noise: float = 0.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.correlation < 1:
            raise ModelError(f"noise correlation: expected in [0, 1), got {self.correlation}")

    def init(self, keys: Any, energy: Any, temperature: Any = 1.0) -> NoisyState:
        """Units as Gibbs sampling starts them, noise from its stationary law."""
        units = gibbs.init(keys, energy)
        uniform = draws(fold_in(keys, 1), np.arange(gibbs.draws_per_sweep(energy)))
        return NoisyState(units, norm.ppf(jnp.clip(uniform, 1e-7, 1 - 1e-7)))

    def step(
        self, keys: Any, state: NoisyState, energy: Any, temperature: Any
    ) -> tuple[NoisyState, StepInfo]:
        """One sweep on the flickered energy, with the noise moved on."""
        if self.coupling_noise:
            energy = mismatched(fold_in(keys[0], 2), energy, self.coupling_noise)
        fresh = norm.ppf(jnp.clip(draws(keys, np.arange(state.noise.shape[0])), 1e-7, 1 - 1e-7))
        noise = self.correlation * state.noise + (1.0 - self.correlation**2) ** 0.5 * fresh
        uniform = jnp.clip(norm.cdf(noise), 0.0, 1.0 - 2.0**-24)
        units, info = gibbs.sweep(uniform, state.units, energy, temperature)
        return NoisyState(units, noise), info

    def values(self, state: NoisyState) -> Any:
        """The units' state."""
        return state.units


def law_error(energy: Any, device: Device, temperature: float = 1.0, chip: int = 0) -> dict[str, float]:
    """Exactly how far the law of what the device holds is from the law asked for (small energies).

    Returns
    -------
    dict
        ``total_variation``, ``kl`` (asked ‖ held, nats), ``mean_energy`` shift.
    """
    asked = enumerate_states(energy, temperature)
    held = enumerate_states(realised(device, energy, chip), temperature)
    p, q = asked.probabilities, held.probabilities
    seen = p > 0
    return {
        "total_variation": float(np.abs(p - q).sum() / 2),
        "kl": float((p[seen] * np.log(p[seen] / q[seen])).sum()),
        "mean_energy": float((q[seen] * asked.energies[seen]).sum() - asked.mean_energy),
    }


def _kept(leaf: Any, changed: Any) -> Any:
    return jnp.where(jnp.isfinite(leaf), changed, leaf).astype(leaf.dtype)
