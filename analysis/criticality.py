"""Where order gives way: susceptibility, Binder's cumulant, and a critical temperature with its interval.

For an order parameter m per site of N sites, sampled over steps and replicates,

    χ = N (⟨m²⟩ − ⟨|m|⟩²)/T,        U = 1 − ⟨m⁴⟩ / (3⟨m²⟩²)

U is 2/3 in the ordered state, 0 for Gaussian fluctuations, and curves of different sizes cross at the critical
temperature (Binder 1981, *Z. Phys. B* 43, 119). A single size has its crossing with the universal value
(.61069 for the 2-D Ising model with periodic borders; Kamieniarz & Blöte 1993, *J. Phys. A* 26, 201).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from thermopolis.errors import StoreError

BINDER_ISING_2D = 0.61069


def _over(order: xr.DataArray) -> list[str]:
    dims: list[str] = [d for d in ("replicate", "step", "chain") if d in order.dims]
    if not dims:
        raise StoreError("an order parameter needs a dimension of samples: replicate, chain or step")
    return dims


def susceptibility(
    order: xr.DataArray, sites: float, temperature: xr.DataArray | float = 1.0
) -> xr.DataArray:
    """χ = N(⟨m²⟩ − ⟨|m|⟩²)/T over replicates and steps; ``order`` is m per site."""
    over = _over(order)
    square, absolute = (order**2).mean(over), abs(order).mean(over)
    out = sites * (square - absolute**2) / temperature
    return out.rename("susceptibility").assign_attrs(long_name="susceptibility", units="1")


def binder_cumulant(order: xr.DataArray) -> xr.DataArray:
    """U = 1 − ⟨m⁴⟩/(3⟨m²⟩²) over replicates and steps; NaN where m is always 0."""
    over = _over(order)
    square, fourth = (order**2).mean(over), (order**4).mean(over)
    out = 1.0 - fourth / (3.0 * square.where(square > 0) ** 2)
    return out.rename("binder_cumulant").assign_attrs(long_name="Binder cumulant", units="1")


def _crossing(x: np.ndarray, y: np.ndarray) -> float:
    """Where y falls through zero, by a shape-preserving cubic (PCHIP) in its bracket; NaN if nowhere.

    Noise crosses zero in many places; the one meant has most of the positive part before it and most of the
    negative after.
    """
    change = np.flatnonzero((y[:-1] > 0) & (y[1:] <= 0))
    if not len(change):
        return float("nan")
    at = int(change[np.argmax(np.cumsum(y)[change])])
    near = slice(max(0, at - 1), min(len(x), at + 3))
    curve = PchipInterpolator(x[near], y[near])
    return float(brentq(curve, x[at], x[at + 1]))


def _peak(x: np.ndarray, y: np.ndarray) -> float:
    """Place of the maximum, by a parabola through its neighbours; NaN at a border."""
    if not np.isfinite(y).all():
        return float("nan")
    top = int(np.argmax(y))
    if top in (0, len(y) - 1):
        return float("nan")
    a, b, _ = np.polyfit(x[top - 1 : top + 2], y[top - 1 : top + 2], 2)
    return float(-b / (2 * a)) if a < 0 else float(x[top])


def critical_temperature(
    order: xr.DataArray | dict[float, xr.DataArray],
    dim: str = "temperature",
    method: str = "binder",
    universal: float = BINDER_ISING_2D,
    level: float = 0.95,
    resamples: int = 400,
    seed: int = 1944,
) -> dict[str, float]:
    """The critical temperature and its bootstrap interval over replicates.

    Parameters
    ----------
    order : DataArray (temperature, replicate, step), or two or more of them by linear size
        Order parameter per site.
    method : {"binder", "susceptibility"}
        Crossing of Binder's cumulants (of two sizes; with ``universal`` for one), or the peak of Var|m|.

    Returns
    -------
    dict
        ``value``, ``low``, ``high``; NaN where there is no crossing (or peak) in the range swept.
    """
    arrays = [order[size] for size in sorted(order)] if isinstance(order, dict) else [order]
    arrays = [a.sortby(dim) if dim in a.coords else a for a in arrays]
    for array in arrays:
        if dim not in array.dims or array.sizes[dim] < 3:
            raise StoreError(f"a critical temperature needs at least three values of {dim!r}")
        if dim not in array.coords:
            raise StoreError(f"the values of {dim!r} aren't given: assign_coords({dim}=…)")
    x = np.asarray(arrays[0][dim].values, float)
    if any(not np.array_equal(np.asarray(a[dim].values, float), x) for a in arrays):
        raise StoreError(f"the sizes must share their values of {dim!r}")
    moments = [_moments(a, dim) for a in arrays]

    def binder(m: np.ndarray) -> np.ndarray:
        return 1.0 - m[2] / (3.0 * m[1] ** 2)

    def estimate(parts: list[np.ndarray]) -> float:
        if method == "susceptibility":
            return _peak(x, parts[-1][1] - parts[-1][0] ** 2)
        if len(parts) == 1:
            return _crossing(x, binder(parts[0]) - universal)
        return _crossing(x, binder(parts[-1]) - binder(parts[-2]))

    return _bootstrapped(estimate, moments, level, resamples, seed)


def _moments(order: xr.DataArray, dim: str) -> np.ndarray:
    """⟨|m|⟩, ⟨m²⟩, ⟨m⁴⟩ of every replicate: (3, temperature, replicate)."""
    own = [d for d in ("replicate", "chain") if d in order.dims]
    if "moment" in order.dims:  # a digest's, taken chain by chain already
        return np.asarray(order.stack(world=("replicate", "agent")).transpose("moment", dim, "world").values)
    if not own:
        raise StoreError("an interval is over replicates or chains, and this order parameter has neither")
    m = order.stack(world=own).transpose(dim, "world", ...).values
    m = np.asarray(m, np.float64).reshape(*m.shape[:2], -1)
    return np.stack([np.abs(m).mean(-1), (m**2).mean(-1), (m**4).mean(-1)])


def _bootstrapped(
    estimate: Callable[[list[np.ndarray]], float],
    moments: list[np.ndarray],
    level: float,
    resamples: int,
    seed: int,
) -> dict[str, float]:
    generator = np.random.default_rng(seed)
    value = estimate([m.mean(-1) for m in moments])
    draws = []
    for _ in range(resamples):
        picked = [m[..., generator.integers(0, m.shape[-1], m.shape[-1])].mean(-1) for m in moments]
        draws.append(estimate(picked))
    known = np.array([d for d in draws if np.isfinite(d)])
    low, high = (
        np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if len(known) > 10 else (np.nan, np.nan)
    )
    return {"value": value, "low": float(low), "high": float(high)}
