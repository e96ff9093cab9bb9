"""A p-bit made of physics: a particle in a tilted double well, whose side is the bit.

The logical p-bit with input I shows +1 with probability σ(2I/T) = 1/(1 + e^{−2I/T}) (Camsari et al. 2017, PRX 7, 031014).
The physical one shows p(h) = ∫₀^∞ e^{−U_h/T} / ∫ e^{−U_h/T} at tilt h; calibration is the h with p(h) = σ(2I/T).
How fast it flips is a first-passage time: τ = (1/MT) ∫ dy e^{U(y)/T} ∫_{−∞}^y dz e^{−U(z)/T} (Gardiner, Stochastic
Methods, §5.5), which Kramers' formula only approaches for barriers far above T.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.integrate
import scipy.optimize
import scipy.special

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in
from thermopolis.thermo.checks import refuse_unless, whole
from thermopolis.thermo.double_well import DoubleWell
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.noise import lane_keys, normals, positive_temperature
from thermopolis.thermo.overdamped import Overdamped
from thermopolis.thermo.potential import Potential

_GRID = 20_001
_FADED = 40.0


def _energies(energy: Any, x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(energy(jnp.asarray(x)[None]), np.float64)


@dataclass(frozen=True)
class PBit:
    """A double well of given barrier at a temperature, read as the sign of x.

    Parameters
    ----------
    barrier, position : of the ``DoubleWell``, in its units.
    temperature : positive, in the unit of the barrier.
    """

    barrier: float = 4.0
    position: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        DoubleWell(self.barrier, self.position)
        positive_temperature(self.temperature)

    def well(self, tilt: Any = 0.0) -> DoubleWell:
        """The energy at a tilt (a number or one per lane)."""
        return DoubleWell(self.barrier, self.position, tilt)

    def probability(self, tilt: float) -> float:
        """p(x > 0) at a tilt, by quadrature out to where the law has faded."""
        well, reach = self.well(float(tilt)), 4.0
        while True:
            u = _energies(well, np.linspace(-reach, reach, _GRID) * self.position)
            if min(u[0], u[-1]) - u.min() > _FADED * self.temperature:
                break
            reach *= 1.5
        weights = np.exp(-(u - u.min()) / self.temperature)
        right = scipy.integrate.simpson(weights[_GRID // 2 :])
        return float(right / (scipy.integrate.simpson(weights[: _GRID // 2 + 1]) + right))

    def tilt(self, inputs: Any) -> np.ndarray:
        """Calibration: the tilt h of each logical input I, so that p(h) = σ(2I/T)."""
        values = np.atleast_1d(np.asarray(inputs, np.float64))
        refuse_unless(values, np.isfinite, "inputs", "finite numbers")
        # the share on the wrong side: no digits are lost where the bit is sure
        targets = scipy.special.expit(-2 * np.abs(values) / self.temperature)
        reach = 2 * np.abs(values).max(initial=0.0) + 4 * self.temperature
        solve = partial(scipy.optimize.brentq, a=-reach, b=reach, xtol=1e-10)
        found = np.array([solve(lambda h, p=p: self.probability(h) - p) for p in targets])
        return np.where(values > 0, -found, found)


def dwell_fraction(
    key: Any,
    bit: PBit,
    inputs: Any,
    *,
    time: float = 200.0,
    dt: float = 0.01,
    chains: int = 256,
    burn_in: float = 20.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Share of time the particle spends on the right at each logical input, by Langevin dynamics.

    Parameters
    ----------
    key : scalar random key.
    bit : the p-bit; its tilt is calibrated for each input.
    inputs : logical inputs I.
    time, dt, burn_in : of the (Metropolis-adjusted) overdamped dynamics, mobility 1.
    chains : independent particles per input; the error is their scatter.

    Returns
    -------
    fraction, standard_error : Float[np.ndarray, "inputs"]

    Raises
    ------
    ModelError
        Times that are not positive, fewer than 2 chains.
    """
    for name, value in (("time", time), ("dt", dt), ("burn_in", burn_in)):
        refuse_unless(value, lambda v: (v > 0) & np.isfinite(v), name, "positive")
    whole(chains, "chains", 2)
    tilts = np.repeat(bit.tilt(inputs), chains)
    keys = lane_keys(key, len(tilts))
    counts = (round(burn_in / dt), max(1, round(time / dt)))
    right = _dwell(keys, bit.well(tilts), bit.temperature, dt, counts)
    shares = np.asarray(right, np.float64).reshape(-1, chains)
    return shares.mean(axis=1), shares.std(axis=1, ddof=1) / np.sqrt(chains)


@partial(jax.jit, static_argnames="counts")
def _dwell(keys: Any, well: DoubleWell, temperature: Any, dt: Any, counts: tuple[int, int]) -> Any:
    sampler = Overdamped(dt, adjusted=True)
    burn_in, steps = counts

    def move(t: Any, carry: Any) -> Any:
        x, right = carry
        x, _ = sampler.step(fold_in(keys, t), x, well, temperature)
        return x, right + jnp.where((x[0] > 0) & (t >= burn_in), 1.0, 0.0)

    start = (well.start(len(keys)), jnp.zeros(len(keys)))
    return jax.lax.fori_loop(0, burn_in + steps, move, start)[1] / steps


def first_passage_time(
    energy: Any, temperature: float, start: float, end: float, mobility: float = 1.0, reach: float = 4.0
) -> float:
    """Mean time of overdamped motion from ``start`` to ``end`` > ``start``, exactly (a double integral).

    Parameters
    ----------
    energy : of one unit, rising without bound to the left.
    reach : how far left of ``start`` to integrate, in multiples of ``end − start``.

    Raises
    ------
    ModelError
        ``end`` not right of ``start``, a temperature or mobility that is not positive, a law that reaches beyond
        ``reach``.
    """
    positive_temperature(temperature)
    refuse_unless(mobility, lambda m: m > 0, "mobility", "positive")
    refuse_unless(end - start, lambda d: d > 0, "end minus start", "positive")
    width = end - start
    left, right = np.linspace(start - reach * width, start, 4 * _GRID), np.linspace(start, end, 2 * _GRID)
    u_left, u_right = (_energies(energy, x) / temperature for x in (left, right))
    lowest, highest = min(u_left.min(), u_right.min()), u_right.max()
    if not u_left[0] - lowest > _FADED / 2:
        raise ModelError(
            f"reach: the energy is only {u_left[0] - lowest:.3g} T above its lowest at {left[0]:.6g}; reach further left"
        )
    behind = scipy.integrate.simpson(np.exp(-(u_left - lowest)), x=left)
    inner = behind + scipy.integrate.cumulative_simpson(np.exp(-(u_right - lowest)), x=right, initial=0.0)
    total = scipy.integrate.simpson(np.exp(u_right - highest) * inner, x=right)
    return float(total * np.exp(highest - lowest) / (mobility * temperature))


def kramers_time(bit: PBit, mobility: float = 1.0) -> float:
    """Kramers' estimate of the mean time from well to well, no tilt: 2π e^{B/T}/(M √(U''(a)|U''(0)|))."""
    curvature = 8 * bit.barrier / bit.position**2
    saddle = 4 * bit.barrier / bit.position**2
    return float(2 * np.pi / (mobility * np.sqrt(curvature * saddle)) * np.exp(bit.barrier / bit.temperature))


def escape_times(
    key: Any, bit: PBit, *, tilt: float = 0.0, chains: int = 2000, dt: float = 0.002, limit: float = 1e4
) -> np.ndarray:
    """Times particles take from the left well's place (−position) to the right one's, by Euler–Maruyama.

    A passage between two steps is seen by the Brownian bridge's probability e^{−(b−x)(b−x')/(T dt)}, which takes
    away the error of order √dt.

    Raises
    ------
    ModelError
        A time step that is not positive, no chains, a particle that has not arrived by ``limit``.
    """
    refuse_unless(dt, lambda v: (v > 0) & np.isfinite(v), "dt", "positive")
    whole(chains, "chains")
    keys = lane_keys(key, chains)
    times = np.asarray(_escape(keys, bit.well(tilt), bit.temperature, dt, int(limit / dt)), np.float64)
    if not np.isfinite(times).all():
        raise ModelError(f"limit: {int((~np.isfinite(times)).sum())} particles had not crossed by {limit:g}")
    return times


@jax.jit
def _escape(keys: Any, well: DoubleWell, temperature: Any, dt: Any, most: Any) -> Any:
    end, chunk = jnp.asarray(well.position, jnp.float32), 32

    def step(carry: Any, t: Any) -> Any:
        x, times = carry
        draws = normals(fold_in(keys, t), (2,))
        y = x - dt * well.gradient(x) + jnp.sqrt(2 * temperature * dt) * draws[:1]
        missed = jnp.exp(-jnp.maximum(end - x, 0.0) * jnp.maximum(end - y, 0.0) / (temperature * dt))
        arrived = (jax.scipy.special.ndtr(draws[1]) < missed[0]) & jnp.isinf(times)
        # a bridge that ends inside has passed, on average, in the middle of the step
        return (y, jnp.where(arrived, (t + 0.5) * dt, times)), None

    def more(carry: Any) -> Any:
        t, _, times = carry
        return jnp.isinf(times).any() & (t < most)

    def advance(carry: Any) -> Any:
        t, x, times = carry
        (x, times), _ = jax.lax.scan(step, (x, times), t + jnp.arange(chunk))
        return t + chunk, x, times

    x = jnp.broadcast_to(-end, (1, len(keys)))
    return jax.lax.while_loop(more, advance, (jnp.int32(0), x, jnp.full(len(keys), jnp.inf)))[2]


def circuit(bits: Ising, barrier: float, position: float = 1.0) -> Potential:
    """Double wells coupled as spins are: Σ_i B(u_i² − 1)² − Σ J_ij u_i u_j − Σ h_i u_i, u = x/position.

    Read by sign, it tends to the spins' law as B/T grows; its own law is sampled by any continuous sampler.

    Raises
    ------
    ModelError
        A barrier or position that is not positive, couplings that differ from lane to lane.
    """
    DoubleWell(barrier, position)
    if np.ndim(bits.couplings) > 1 or np.ndim(bits.biases) > 1:
        raise ModelError("bits: expected couplings and biases for all lanes alike")
    edges = [(int(i), int(j)) for i, j in bits.edges]
    couplings = jnp.broadcast_to(jnp.asarray(bits.couplings), (len(edges),))
    biases = jnp.broadcast_to(jnp.asarray(bits.biases), (bits.units,))

    def energy(x: Any, couplings: Any, biases: Any) -> Any:
        u = x / position
        wells = sum(barrier * (u[i] ** 2 - 1) ** 2 - biases[i] * u[i] for i in range(bits.units))
        return wells - sum(couplings[n] * u[i] * u[j] for n, (i, j) in enumerate(edges))

    return Potential(energy, bits.units, (couplings, biases))
