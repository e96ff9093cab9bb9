"""Linear algebra by letting a linear system relax (Aifer et al. 2023, arXiv 2308.05660).

In ½xᵀAx − bᵀx at temperature T the mean is A⁻¹b and the covariance TA⁻¹; the work of turning one matrix into another
gives ln det; the correlation of a system with covariance 1 after a time t is e^{−At} (Duffield et al. 2023,
arXiv 2311.12759). The trajectories are drawn exactly (``linear_process``): what is measured is what the machine
would show after a given time and number of readings, free of errors of integration. float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.keys import as_key, fold_in
from thermopolis.thermo.bar import Estimate, bennett
from thermopolis.thermo.checks import matrix, refuse_unless, vector, whole
from thermopolis.thermo.driven import drive
from thermopolis.thermo.linear_process import check_drift, noise_root, transition
from thermopolis.thermo.noise import lane_keys, normals, positive_temperature
from thermopolis.thermo.ornstein_uhlenbeck import OrnsteinUhlenbeck
from thermopolis.thermo.pytree import pytree
from thermopolis.thermo.quadratic import Quadratic


class Relaxed(NamedTuple):
    """An answer read off a relaxing system.

    Attributes
    ----------
    value, standard_error : np.ndarray
        The average over readings and chains, and its error from the scatter between chains.
    times : Float[np.ndarray, "samples"]
        Simulated time of each reading since the start at rest, in units of the inverse of A.
    trace : np.ndarray
        Running average after each reading, (samples, *value.shape): error against time and samples.
    """

    value: np.ndarray
    standard_error: np.ndarray
    times: np.ndarray
    trace: np.ndarray

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """``value``, so that the answer may stand where an array is wanted."""
        return np.array(self.value, dtype=dtype)


def solve(
    key: Any,
    A: Any,
    b: Any,
    *,
    temperature: float = 1.0,
    time: float | None = None,
    samples: int = 500,
    chains: int = 32,
    burn_in: float | None = None,
) -> Relaxed:
    """A⁻¹b as the mean position of a system with drift −(Ax − b), started at rest at 0.

    The error falls as √(2T/(chains · time))·|A⁻¹| once the start is forgotten.

    Parameters
    ----------
    key : scalar random key.
    A : stable matrix (eigenvalues of positive real part), symmetric or not.
    b : right-hand side.
    temperature : of the noise, > 0; a colder system has smaller errors.
    time : over which to read; default 100 relaxation times of the slowest mode.
    samples, chains : readings per chain (evenly spaced), independent chains (≥ 2).
    burn_in : time before the first reading; default 10 relaxation times.

    Raises
    ------
    ModelError
        An unstable or non-square A, b of another size, numbers that are not finite or not positive.
    """
    A = check_drift(A)
    b = vector(b, "b", len(A))
    return _read(key, A, b, "mean", temperature, time, samples, chains, burn_in)


def inv(
    key: Any,
    A: Any,
    *,
    temperature: float = 1.0,
    time: float | None = None,
    samples: int = 500,
    chains: int = 32,
    burn_in: float | None = None,
) -> Relaxed:
    """A⁻¹ as the covariance of a system in ½xᵀAx, over T. A symmetric and positive definite; else as ``solve``."""
    A = np.asarray(Quadratic(A).A)
    return _read(key, A, np.zeros(len(A)), "square", temperature, time, samples, chains, burn_in)


def logdet(
    key: Any,
    A: Any,
    *,
    temperature: float = 1.0,
    time: float | None = None,
    steps: int = 64,
    chains: int = 512,
) -> Estimate:
    """ln det A from the work of deforming a system of known determinant into A and back, by Bennett's ratio.

    The path runs from c·1 (c the mean diagonal entry) straight to A; ΔF = (T/2)(ln det A − d ln c).

    Parameters
    ----------
    A : symmetric, positive definite.
    time : of one deformation; default 20 relaxation times of the slowest mode.
    steps, chains : jumps of the matrix, independent systems in either direction.

    Raises
    ------
    ModelError
        As ``inv``.
    """
    A = np.asarray(Quadratic(A).A)
    positive_temperature(temperature)
    whole(steps, "steps")
    scale = float(np.trace(A)) / len(A)
    slowest = min(float(np.linalg.eigvalsh(A)[0]), scale)
    duration = 20 / slowest if time is None else time
    refuse_unless(duration, lambda t: (t > 0) & np.isfinite(t), "time", "positive")
    sampler, ramp = OrnsteinUhlenbeck(dt=duration / steps), _Ramp(scale * np.eye(len(A)), A)
    forward, reverse = (
        drive(
            fold_in(as_key(key)[None], i)[0],
            ramp,
            sampler,
            steps,
            temperature=temperature,
            chains=chains,
            reverse=r,
        )
        for i, r in enumerate((False, True))
    )
    free = bennett(forward.work, reverse.work, temperature)
    known = len(A) * math.log(scale)
    return Estimate(known + 2 * free / temperature, 2 * free.standard_error / temperature)


def expm(key: Any, M: Any, *, time: float = 1.0, chains: int = 10_000) -> Relaxed:
    """e^{Mt} as the correlation ⟨x(t)x(0)ᵀ⟩ of a system with covariance 1, drift A = c − M, noise A + Aᵀ.

    c ≥ 0 is the least shift for which the noise is positive semi-definite; the answer carries e^{ct}, and its error
    with it.

    Parameters
    ----------
    M : any square matrix.
    time : t > 0.
    chains : independent pairs of readings (≥ 2).

    Raises
    ------
    ModelError
        M not square or not finite, a time that is not positive, fewer than 2 chains.
    """
    M = matrix(M, "M")
    refuse_unless(time, lambda t: (t > 0) & np.isfinite(t), "time", "positive")
    whole(chains, "chains", 2)
    lift = np.linalg.eigvalsh(M + M.T)[-1] / 2
    shift = max(0.0, lift) + 1e-3 * max(1.0, abs(lift))
    A = shift * np.eye(len(M)) - M
    phi, q = transition(A, A + A.T, time)
    with jax.enable_x64(True):
        keys = lane_keys(key, chains)
        before, noise = jax.device_get(_pairs(keys, len(M)))
        after = phi @ before + noise_root(q) @ noise
        products = after[:, None] * before[None] * math.exp(shift * time)
    value = products.mean(axis=-1)
    error = products.std(axis=-1, ddof=1) / math.sqrt(chains)
    return Relaxed(value, error, np.array([float(time)]), value[None])


@pytree
@dataclass(frozen=True, eq=False)
class _Ramp:
    """½xᵀ[(1 − s)A₀ + sA₁]x."""

    before: Any
    after: Any

    def __call__(self, s: Any) -> Quadratic:
        return Quadratic((1 - s) * self.before + s * self.after)


def _read(
    key: Any,
    A: np.ndarray,
    b: np.ndarray,
    what: str,
    temperature: float,
    time: float | None,
    samples: int,
    chains: int,
    burn_in: float | None,
) -> Relaxed:
    positive_temperature(temperature)
    whole(samples, "samples")
    whole(chains, "chains", 2)
    slowest = float(np.linalg.eigvals(A).real.min())
    duration = 100 / slowest if time is None else float(time)
    wait = 10 / slowest if burn_in is None else float(burn_in)
    refuse_unless(duration, lambda t: (t > 0) & np.isfinite(t), "time", "positive")
    refuse_unless(wait, lambda t: (t >= 0) & np.isfinite(t), "burn_in", "non-negative")
    spacing, diffusion = duration / samples, 2 * temperature * np.eye(len(A))
    phi0, q0 = transition(A, diffusion, wait) if wait else (np.eye(len(A)), np.zeros_like(A))
    phi, q = transition(A, diffusion, spacing)
    with jax.enable_x64(True):
        keys = lane_keys(key, chains)
        center = np.linalg.solve(A, b)[:, None]
        kernels = (center - phi0 @ center, noise_root(q0)), (phi, noise_root(q))
        last, trace = jax.device_get(_trajectory(keys, center, kernels, what, samples))
    scale = temperature if what == "square" else 1.0
    last, trace = last / scale, trace / scale
    error = last.std(axis=-1, ddof=1) / math.sqrt(chains)
    return Relaxed(last.mean(axis=-1), error, wait + spacing * np.arange(1, samples + 1), trace)


@partial(jax.jit, static_argnames=("what", "samples"))
def _trajectory(keys: Any, center: Any, kernels: Any, what: str, samples: int) -> Any:
    """Average of each chain over its readings, and the running average over chains."""
    (mean, first_root), (phi, root) = kernels
    x = mean + first_root @ normals(fold_in(keys, samples), (len(phi),), jnp.float64)

    def reading(x: Any) -> Any:
        return x if what == "mean" else x[:, None] * x[None]

    def advance(carry: Any, t: Any) -> Any:
        x, total = carry
        x = center + phi @ (x - center) + root @ normals(fold_in(keys, t), (len(phi),), jnp.float64)
        total = total + reading(x)
        return (x, total), total.mean(axis=-1) / (t + 1)

    (_, total), trace = jax.lax.scan(advance, (x, jnp.zeros_like(reading(x))), jnp.arange(samples))
    return total / samples, trace


@partial(jax.jit, static_argnames="size")
def _pairs(keys: Any, size: int) -> Any:
    """Two independent draws of standard normals for each chain."""
    return tuple(normals(fold_in(keys, i), (size,), jnp.float64) for i in (0, 1))
