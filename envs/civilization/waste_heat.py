"""The waste-heat clock: when fixed exponential growth alone heats a planet to T_c.

With no heat capacity, εσT⁴A = A(1−a)S/4 + P, so t_c = ln{[(T_c/T₀)⁴ − 1]/ε₀}/ln(1+g) with
ε₀ = P₀/(A·(1−a)S/4) (derived; scale published by Balbi & Lingam 2024, arXiv 2409.06737).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from thermopolis.envs.civilization.quantities import EARTH_RADIUS, area

ABSORBED = 1361.0 * 0.7 / 4.0


def waste_heat_clock(
    growth: Any, temperature_collapse: Any, power0: float = 1.9e13, temperature0: float = 288.0
) -> np.ndarray:
    """Years until the planet reaches ``temperature_collapse``.

    Parameters
    ----------
    growth : rate a year; at 0 it never strikes (inf).
    temperature_collapse, temperature0 : K; ``temperature0`` is the planet without waste heat.
    power0 : W burnt on the planet in year 0.
    """
    rates, power = np.asarray(growth, np.float64), float(power0)
    if np.any(rates < 0) or power <= 0 or temperature0 <= 0:
        raise ValueError(
            "waste_heat_clock: growth must not be negative, power and temperature must be above 0"
        )
    if np.any(np.asarray(temperature_collapse) <= temperature0):
        raise ValueError(
            f"waste_heat_clock: the planet is at {temperature0} K already; temperature_collapse must exceed it"
        )
    excess = (np.asarray(temperature_collapse, np.float64) / temperature0) ** 4 - 1.0
    share = power / (area(EARTH_RADIUS) * ABSORBED)
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(excess / share), 0.0) / np.log1p(rates)
