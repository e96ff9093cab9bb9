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
    growth : rate a year, above 0.
    temperature_collapse, temperature0 : K; ``temperature0`` is the planet without waste heat.
    power0 : W burnt on the planet in year 0.
    """
    excess = (np.asarray(temperature_collapse, np.float64) / temperature0) ** 4 - 1.0
    share = power0 / (area(EARTH_RADIUS) * ABSORBED)
    return np.log(excess / share) / np.log1p(np.asarray(growth, np.float64))
