"""ln Z of any energy: exactly, or estimated with a standard error along a path from a known one (see ``path``).

integration: ln Z = ln Z_ref − ∫₀¹ ⟨E − E_ref⟩_λ dλ/T, Gauss–Legendre in λ (Kirkwood 1935). annealed: ⟨e^{−W/T}⟩ of
works along the path (Jarzynski 1997; annealed importance sampling, Neal 2001). bar: Bennett's acceptance ratio
between neighbouring λ. F = −T ln Z.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, make_key
from thermopolis.thermo.bar import Estimate, bennett, jarzynski
from thermopolis.thermo.checks import whole
from thermopolis.thermo.elimination import discrete_log_partition
from thermopolis.thermo.gaussian_metropolis import GaussianMetropolis
from thermopolis.thermo.gibbs import Gibbs
from thermopolis.thermo.noise import lane_keys, one_temperature
from thermopolis.thermo.path import Blend, draw_reference, is_discrete, reference_log_partition
from thermopolis.thermo.quadrature import checked_log_partition

METHODS = ("exact", "integration", "annealed", "bar")


def log_partition(
    energy: Any,
    temperature: float = 1.0,
    method: str = "exact",
    *,
    key: Any = None,
    chains: int = 256,
    points: int = 12,
    samples: int = 64,
    burn_in: int = 64,
    sampler: Any = None,
    width: float = 1.0,
) -> Estimate:
    """ln Z = ln Σ exp(−E/T), or ln ∫ exp(−E/T) dx: a float with a ``standard_error``.

    Parameters
    ----------
    energy : discrete, continuous or mixed energy, one for all lanes.
    temperature : positive, in the unit of the energy.
    method : ``exact`` (elimination of discrete units, closed form, or quadrature in up to two continuous
        dimensions), ``integration``, ``annealed`` or ``bar``.
    key : random key; that of seed 0 unless given. Not used by ``exact``.
    chains : independent chains per point of the path; the error is their scatter.
    points : values of λ (``annealed``: ``points · samples`` small steps).
    samples, burn_in : sweeps per point that are averaged, and before them.
    sampler : default Gibbs for discrete energies, single-unit Metropolis with scale ``width`` otherwise.
    width : spread of the continuous reference; choose it like that of the law itself.

    Raises
    ------
    ModelError
        Unknown method, an energy that can't be summed exactly, forbidden states with an estimator, a bad number.
    """
    temperature = one_temperature(temperature)
    if method not in METHODS:
        raise ModelError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if method == "exact":
        if is_discrete(energy):
            return Estimate(discrete_log_partition(energy, temperature))
        return Estimate(checked_log_partition(energy, temperature))
    for name, number, least in (("chains", chains, 2), ("points", points, 2), ("samples", samples, 1)):
        whole(number, name, least)
    whole(burn_in, "burn_in", 0)
    start = reference_log_partition(energy, temperature, width)
    key = make_key(0) if key is None else key
    run = _Path(energy, temperature, sampler or _default(energy, width), float(width))
    if method == "annealed":
        work = run.anneal(lane_keys(key, chains), points * samples)
        free = jarzynski(work, temperature)
        return Estimate(start - free / temperature, free.standard_error / temperature)
    if method == "integration":
        nodes, weights = scipy.special.roots_legendre(points)
        nodes, weights = (nodes + 1) / 2, weights / 2
        slopes = run.mean_slopes(lane_keys(key, points * chains), np.repeat(nodes, chains), burn_in, samples)
        slopes = slopes.reshape(points, chains) / temperature
        error = np.sqrt((weights**2 * slopes.var(axis=1, ddof=1) / chains).sum())
        return Estimate(start - weights @ slopes.mean(axis=1), error)
    fractions = (
        np.linspace(0, 1, points) ** 2
    )  # closer together where the law changes fastest, near the reference
    slopes = run.last_slopes(lane_keys(key, points * chains), np.repeat(fractions, chains), burn_in + samples)
    slopes = slopes.reshape(points, chains)
    variance = 0.0
    value = float(start)
    for i in range(points - 1):
        gap = fractions[i + 1] - fractions[i]
        step = bennett(gap * slopes[i], -gap * slopes[i + 1], temperature)
        value -= step / temperature
        variance += (step.standard_error / temperature) ** 2
    # neighbouring steps share a point's samples: 2·variance bounds the error of the sum from above
    return Estimate(value, np.sqrt(2 * variance))


def _default(energy: Any, width: float) -> Any:
    return Gibbs() if is_discrete(energy) else GaussianMetropolis(width)


class _Path:
    """Sampling along E_λ; ``slope`` is dE_λ/dλ = E − E_ref."""

    def __init__(self, energy: Any, temperature: float, sampler: Any, width: float) -> None:
        self.energy, self.temperature, self.sampler, self.width = energy, temperature, sampler, width
        self.discrete = is_discrete(energy)

    def _at(self, fraction: Any) -> tuple[Any, Any]:
        if self.discrete:
            return self.energy, self.temperature / jnp.maximum(fraction, 1e-9)
        return Blend(self.energy, fraction, self.temperature / self.width**2), self.temperature

    def _slope(self, state: Any) -> Any:
        x = self.sampler.values(state)
        if self.discrete:
            return self.energy(x)
        blend, _ = self._at(1.0)
        return self.energy(x) - blend.reference(x)

    def _start(self, keys: Any, fraction: Any) -> Any:
        energy, temperature = self._at(fraction)
        if self.discrete:
            return self.sampler.init(keys, energy, temperature)
        return self.sampler.init(keys, energy, temperature, draw_reference(keys, self.energy, self.width))

    def _step(self, keys: Any, state: Any, fraction: Any) -> Any:
        energy, temperature = self._at(fraction)
        return self.sampler.step(keys, state, energy, temperature)[0]

    def mean_slopes(self, keys: Any, fractions: np.ndarray, burn_in: int, samples: int) -> np.ndarray:
        """⟨dE/dλ⟩ of each lane over its samples."""

        @jax.jit
        def run(keys: Any, fraction: Any) -> Any:
            def sweep(t: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
                state, total = carry
                state = self._step(fold_in(keys, t + 1), state, fraction)
                return state, total + jnp.where(t >= burn_in, self._slope(state), 0.0)

            state = self._start(fold_in(keys, 0), fraction)
            nothing = jnp.zeros_like(self._slope(state))
            return jax.lax.fori_loop(0, burn_in + samples, sweep, (state, nothing))[1] / samples

        return np.asarray(run(keys, jnp.asarray(fractions, jnp.float32)), np.float64)

    def last_slopes(self, keys: Any, fractions: np.ndarray, sweeps: int) -> np.ndarray:
        """dE/dλ of each lane's last state: lanes are independent, so are these."""

        @jax.jit
        def run(keys: Any, fraction: Any) -> Any:
            state = self._start(fold_in(keys, 0), fraction)
            body = lambda t, state: self._step(fold_in(keys, t + 1), state, fraction)
            return self._slope(jax.lax.fori_loop(0, sweeps, body, state))

        return np.asarray(run(keys, jnp.asarray(fractions, jnp.float32)), np.float64)

    def anneal(self, keys: Any, steps: int) -> np.ndarray:
        """Work of each lane as λ goes from 0 to 1 in equal steps, one sweep after each."""

        @jax.jit
        def run(keys: Any) -> Any:
            def move(t: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
                state, work = carry
                fraction = jnp.asarray(t + 1, jnp.float32) / steps
                work = work + self._slope(state) / steps
                return self._step(fold_in(keys, t + 1), state, jnp.full(len(keys), fraction)), work

            state = self._start(fold_in(keys, 0), jnp.zeros(len(keys)))
            return jax.lax.fori_loop(0, steps, move, (state, jnp.zeros_like(self._slope(state))))[1]

        return np.asarray(run(keys), np.float64)
