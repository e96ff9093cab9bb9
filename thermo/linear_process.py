"""Exact transitions of the linear process dx = −A(x − μ) dt + N(0, D dt), for any stable A and PSD D.

Over a time t: x' ~ N(μ + Φ(x − μ), Q), Φ = e^{−At}, Q = ∫₀ᵗ e^{−As} D e^{−Aᵀs} ds. Van Loan (1978): the
exponential of [[−A, D], [0, Aᵀ]] t holds Φ and Q, which is accurate for ‖A‖t ≤ 1 only; longer times are
reached by doubling, Q ← Q + ΦQΦᵀ, Φ ← ΦΦ, in float64. As t → ∞, Q solves AΣ + ΣAᵀ = D.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import known, matrix, refuse_unless, vector
from thermopolis.thermo.pytree import pytree
from thermopolis.thermo.sums import add_up

_TAYLOR = 24  # ‖·‖ ≤ 2: the remainder 2²⁵/25! is below float64's epsilon


def check_drift(A: Any) -> np.ndarray:
    """A as a finite square matrix whose eigenvalues have positive real parts, or ModelError."""
    drift = matrix(A, "drift")
    slowest = np.linalg.eigvals(drift).real.min(initial=np.inf)
    if slowest <= 0:
        raise ModelError(
            f"drift: expected a stable matrix (eigenvalues of positive real part), got one of {slowest:.6g}"
        )
    return drift


def check_diffusion(D: Any, size: int) -> np.ndarray:
    """D as a symmetric positive semi-definite matrix, or ModelError."""
    diffusion = matrix(D, "diffusion", symmetric=True, size=size)
    lowest = np.linalg.eigvalsh(diffusion)[0] if size else 0.0
    if lowest < -1e-9 * max(1.0, np.abs(diffusion).max(initial=0.0)):
        raise ModelError(
            f"diffusion: expected a positive semi-definite matrix, got an eigenvalue of {lowest:.6g}"
        )
    return diffusion


def _repeat(times: Any, body: Any, start: Any) -> Any:
    """``body`` applied a number of times, traced or not."""
    if known(times) is None:
        return jax.lax.fori_loop(0, times, lambda _, x: body(x), start)
    for _ in range(int(times)):
        start = body(start)
    return start


def _van_loan(A: Any, D: Any, dt: Any) -> tuple[Any, Any]:
    """In NumPy where all numbers are known, else in JAX."""
    xp = jnp if any(known(x) is None for x in (A, D, dt)) else np
    size, one = len(A), xp.eye(2 * len(A), dtype=A.dtype)
    norm = xp.maximum(xp.maximum(abs(A).sum(axis=0).max(), abs(A).sum(axis=1).max()), 1e-300)
    doublings = xp.maximum(xp.ceil(xp.log2(xp.maximum(norm * dt, 1e-300))), 0.0).astype("int32")
    size_of_noise = xp.maximum(abs(D).max(), 1e-300)
    upper = xp.concatenate([-A, D * (norm / size_of_noise)], axis=1)
    lower = xp.concatenate([xp.zeros_like(A), A.T], axis=1)
    generator = xp.concatenate([upper, lower]) * (dt / 2.0**doublings)
    # Horner's rule: 1 + G(1 + G/2(1 + G/3(…)))
    exponential, _ = _repeat(
        _TAYLOR, lambda c: (one + generator @ c[0] / c[1], c[1] - 1), (one, _TAYLOR * 1.0)
    )
    phi = exponential[:size, :size]
    q = exponential[:size, size:] @ phi.T * (size_of_noise / norm)
    phi, q = _repeat(
        doublings, lambda both: (both[0] @ both[0], both[1] + both[0] @ both[1] @ both[0].T), (phi, q)
    )
    return phi, (q + q.T) / 2


def transition(A: Any, D: Any, dt: Any) -> tuple[Float[Array, "dim dim"], Float[Array, "dim dim"]]:
    """Φ and Q of one step of length ``dt``, in float64.

    Parameters
    ----------
    A : Float[Array, "dim dim"]
        Drift, per unit time; stable, not necessarily symmetric or normal.
    D : Float[Array, "dim dim"]
        Diffusion: the noise of a short time has covariance D dt; positive semi-definite.
    dt : float
        Positive time.

    Raises
    ------
    ModelError
        Unstable drift, indefinite or asymmetric diffusion, dt ≤ 0 (where known).

    References
    ----------
    Van Loan 1978, IEEE Trans. Automat. Contr. 23, 395.
    """
    refuse_unless(dt, lambda t: (t > 0) & np.isfinite(t), "dt", "positive")
    if known(A) is not None:
        A = check_drift(A)
        if known(D) is not None:
            D = check_diffusion(D, len(A))
    with jax.enable_x64(True):
        return _van_loan(*(double(x) for x in (A, D, dt)))


def double(x: Any) -> Any:
    """float64: of NumPy where the value is known, traced otherwise (inside ``jax.enable_x64``)."""
    value = known(x)
    return jnp.asarray(x, jnp.float64) if value is None else value.astype(np.float64)


def noise_root(Q: Any) -> Float[Array, "dim dim"]:
    """R with RRᵀ = Q for a positive semi-definite Q, in float64 (by eigenvalues: Q may be singular)."""
    with jax.enable_x64(True):
        Q = double(Q)
        xp = jnp if known(Q) is None else np
        values, vectors = xp.linalg.eigh(Q)
        return vectors * xp.sqrt(xp.maximum(values, 0.0))


def stationary_covariance(A: Any, D: Any) -> np.ndarray:
    """Σ with AΣ + ΣAᵀ = D, by Bartels and Stewart's method (SciPy); errors as ``transition``."""
    drift = check_drift(A)
    return scipy.linalg.solve_continuous_lyapunov(drift, check_diffusion(D, len(drift)))


@pytree
@dataclass(frozen=True, eq=False)
class LinearProcess:
    """dx = −A(x − μ) dt + N(0, T·D dt), in equilibrium or not, for the ``OrnsteinUhlenbeck`` sampler.

    Its energy is the quasi-potential ½(x−μ)ᵀΣ⁻¹(x−μ), so that exp(−E/T) is the stationary law at T.

    Parameters
    ----------
    A : Float[Array, "dim dim"]
        Stable drift.
    D : Float[Array, "dim dim"]
        Diffusion at T = 1, positive semi-definite; every direction must be reached by the noise.
    mean : Float[Array, "dim"], optional

    Raises
    ------
    ModelError
        Unstable drift, indefinite diffusion, noise that does not reach every direction, wrong shapes.
    """

    A: Any
    D: Any
    mean: Any = 0.0
    stiffness: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        drift = check_drift(self.A)
        diffusion = check_diffusion(self.D, len(drift))
        covariance = stationary_covariance(drift, diffusion)
        values = np.linalg.eigvalsh(covariance)
        if values[0] <= 1e-12 * values[-1]:
            raise ModelError(
                "diffusion: the noise does not reach every direction; the stationary law is singular"
            )
        object.__setattr__(self, "A", drift)
        object.__setattr__(self, "D", diffusion)
        object.__setattr__(self, "mean", vector(self.mean, "mean", len(drift)))
        object.__setattr__(self, "stiffness", np.linalg.inv(covariance))

    @property
    def units(self) -> int:
        """Rows of a state."""
        return int(self.A.shape[0])

    @property
    def cells(self) -> int:
        """One cell per unit."""
        return self.units

    @property
    def programmed(self) -> int:
        """Drift, diffusion (upper triangle) and mean."""
        return self.units**2 + self.units * (self.units + 3) // 2

    def __call__(self, x: Float[Array, "dim lanes"]) -> Float[Array, " lanes"]:
        """Quasi-potential of each lane."""
        away = x - jnp.asarray(self.mean, x.dtype)[:, None]
        stiffness = jnp.asarray(self.stiffness, x.dtype)
        size = range(self.units)
        return add_up(away[i] * stiffness[i, j] * away[j] for i in size for j in size) / 2

    def start(self, lanes: int, dtype: Any = jnp.float32) -> Float[Array, "dim lanes"]:
        """Where a chain starts unless told: the mean."""
        return jnp.broadcast_to(jnp.asarray(self.mean, dtype)[:, None], (self.units, lanes))
