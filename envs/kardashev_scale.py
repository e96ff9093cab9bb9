"""The Kardashev scale as Sagan interpolated it: K = (log10 P − 6) / 10, P in watts (1973).

Accounting matters more than the formula: power here is substitution-accounted primary power where it is
compared with humanity's history (±.004 in K by convention), and fuel drawn plus starlight collected in a
civilization.
"""

from __future__ import annotations

from typing import Any

import numpy as np

TYPE_I, TYPE_II, TYPE_III = 1.0, 2.0, 3.0

HUMANITY = {1800: 6.45e11, 1900: 1.38e12, 1950: 3.25e12, 2000: 1.393e13, 2018: 1.954e13}
"""Primary power in watts by year, substitution method (after Smil and BP, tabulated by Our World in Data)."""


def kardashev(power_watts: Any) -> Any:
    """K of a power: float64, array in, array out.

    Parameters
    ----------
    power_watts : watts, not negative. Zero gives -inf; NaN stays NaN.

    Raises
    ------
    ValueError : a negative power.
    """
    power = np.asarray(power_watts, np.float64)
    if np.any(power < 0):
        raise ValueError("kardashev: power_watts must not be negative")
    with np.errstate(divide="ignore"):
        scale = (np.log10(power) - 6.0) / 10.0
    return scale if scale.ndim else float(scale)


def power_watts(kardashev_number: Any) -> Any:
    """The inverse: watts of a K; -inf gives 0."""
    watts = 10.0 ** (10.0 * np.asarray(kardashev_number, np.float64) + 6.0)
    return watts if watts.ndim else float(watts)


def growth_of_kardashev(rate: Any) -> Any:
    """dK/dt per year at a fixed growth rate of power: ln(1 + g) / (10 ln 10)."""
    growth = np.log1p(np.asarray(rate, np.float64)) / (10.0 * np.log(10.0))
    return growth if growth.ndim else float(growth)


def milestone(years: Any, power: Any, kardashev_number: float = TYPE_I) -> Any:
    """First year a civilization reaches K, interpolated linearly in K between the records.

    Parameters
    ----------
    years : (time,), increasing.
    power : (time, …) in watts.
    kardashev_number : 1 for Type I, 2 for Type II, ….

    Returns
    -------
    (…), NaN where it is never reached.
    """
    when = np.asarray(years, np.float64)
    scale = np.asarray(kardashev(np.asarray(power, np.float64)))
    flat = scale.reshape(when.size, -1)
    found = np.full(flat.shape[1], np.nan)
    for column in range(flat.shape[1]):
        there = np.flatnonzero(flat[:, column] >= kardashev_number)
        if not there.size:
            continue
        after = there[0]
        found[column] = when[after]
        if after and np.isfinite(flat[after - 1, column]):
            below, above = flat[after - 1, column], flat[after, column]
            part = (kardashev_number - below) / (above - below)
            found[column] = when[after - 1] + part * (when[after] - when[after - 1])
    shaped = found.reshape(scale.shape[1:])
    return shaped if shaped.ndim else float(shaped)
