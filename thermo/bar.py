"""Free-energy differences from work: Jarzynski's average and Bennett's acceptance ratio, with standard errors.

Jarzynski (1997, PRL 78, 2690): ⟨e^{−W/T}⟩ = e^{−ΔF/T}, biased unless Var(W)/T² ≲ 1. Bennett (1976, J. Comput. Phys.
22, 245): from forward and reverse works, the ΔF that solves Σ_F f(M + (W_F − ΔF)/T) = Σ_R f(−M + (W_R + ΔF)/T),
f(x) = 1/(1 + e^x), M = ln(n_F/n_R): of all estimators from these data, that of least variance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize
import scipy.special

from thermopolis.thermo.checks import refuse_unless
from thermopolis.thermo.noise import positive_temperature


class Estimate(float):
    """A number with its standard error (0 where it is exact)."""

    standard_error: float

    def __new__(cls, value: Any, standard_error: Any = 0.0) -> Estimate:
        """From a value and its standard error."""
        self = super().__new__(cls, value)
        self.standard_error = float(standard_error)
        return self

    def __repr__(self) -> str:
        return f"{float(self):.8g} ± {self.standard_error:.2g}"


def _works(work: Any, name: str) -> np.ndarray:
    values = np.asarray(work, np.float64).reshape(-1)
    refuse_unless(values, np.isfinite, name, "finite numbers")
    refuse_unless(values.size, lambda n: n >= 2, f"samples of {name}", "at least 2")
    return values


def jarzynski(work: Any, temperature: float = 1.0) -> Estimate:
    """ΔF = −T ln⟨e^{−W/T}⟩ with the delta method's standard error.

    Parameters
    ----------
    work : independent works of a protocol that starts in equilibrium, in the unit of ``temperature``.

    Raises
    ------
    ModelError
        Fewer than two works, works that are not finite, a temperature that is not positive.
    """
    positive_temperature(temperature)
    x = -_works(work, "work") / temperature
    log_mean = scipy.special.logsumexp(x) - np.log(x.size)
    relative = np.exp(x - log_mean)
    return Estimate(-temperature * log_mean, temperature * relative.std(ddof=1) / np.sqrt(x.size))


def bennett(forward: Any, reverse: Any, temperature: float = 1.0) -> Estimate:
    """ΔF by Bennett's acceptance ratio.

    Parameters
    ----------
    forward : works from state 0 (in equilibrium) to state 1.
    reverse : works from state 1 (in equilibrium) to state 0.

    Raises
    ------
    ModelError
        As ``jarzynski``.
    """
    positive_temperature(temperature)
    up, down = _works(forward, "forward work") / temperature, _works(reverse, "reverse work") / temperature
    balance = np.log(up.size / down.size)

    def excess(difference: float) -> float:
        return float(
            scipy.special.expit(-(balance + up - difference)).sum()
            - scipy.special.expit(-(-balance + down + difference)).sum()
        )

    low = min(up.min(), (-down).min()) - abs(balance) - 40
    high = max(up.max(), (-down).max()) + abs(balance) + 40
    difference = scipy.optimize.brentq(excess, low, high, xtol=1e-12)
    # the variance of Bennett's eq. 10b, with sample averages of f and f²
    total = 0.0
    for x in (balance + up - difference, -balance + down + difference):
        fermi = scipy.special.expit(-x)
        total += fermi.var(ddof=1) / fermi.mean() ** 2 / fermi.size
    return Estimate(temperature * difference, temperature * np.sqrt(total))
