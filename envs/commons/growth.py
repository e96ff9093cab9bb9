"""Growth of a common stock solved on paper: what the planner leaves, what Nash leaves, and what a horizon does.

Rebelo's (1991) growth without decreasing returns as a stock of all: x' = A(x − Σc), utility Σ β^t ln c, which is
Levhari & Mirman's (1980) fish war at α = 1 with a productivity A.

Infinite horizon. Say the others eat the share S of the stock for ever. V(x) = a + b ln x solves
V(x) = max_c ln c + β V(A((1−S)x − c)): the first-order condition gives c = (1−S)x/(1+βb), and comparing the factors
of ln x gives b = 1/(1−β), so c = (1−β)(1−S)x. The planner (S = 0) takes Σc = (1−β)x and the stock grows by Aβ a
round: without bound where Aβ > 1. In Nash S = (n−1)s with s = (1−β)(1−S), so c_i = (1−β)x/(n−(n−1)β), and what is
left, β/(n−(n−1)β), grows by Aβ/(n−(n−1)β): it may shrink where the planner's grows, for β < n/(A+n−1).

Finite horizon, one owner, u = c^{1−σ}/(1−σ) (ln c at σ = 1). The Euler equation c_{t+1} = (βA)^{1/σ} c_t and
x_T = c_T give, with T rounds to go, the share 1/(1 + k + … + k^{T−1}), k = (βA)^{1/σ}/A: with one round to go all is
burnt, and far from the end the share is the planner's for ever, 1 − k (the turnpike). At σ = 1, k = β; as σ → 0 (only
the sum counts) k → ∞ where βA > 1, save everything and burn it in the last round, and k → 0 where βA < 1, burn it in
the first.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from thermopolis.errors import ModelError


class GrowthOutcomes(NamedTuple):
    """Nash against optimum.

    Attributes
    ----------
    nash, optimum : share of the stock each takes a round.
    factor_nash, factor_optimum : what the stock is multiplied by in a round.
    value_nash, value_optimum : discounted utility of each from ``stock``.
    price_of_anarchy : consumption, as a factor for ever, that would make up for Nash.
    """

    nash: float
    optimum: float
    factor_nash: float
    factor_optimum: float
    value_nash: float
    value_optimum: float
    price_of_anarchy: float


def growth(players: int, factor: float = 1.1, discount: float = 0.95, stock: float = 1.0) -> GrowthOutcomes:
    """Closed forms of n who share a growing stock; ``factor`` is A, ``discount`` β.

    Raises
    ------
    ModelError : fewer than one player, a stock or factor not above 0, a discount outside 0 to 1.
    """
    if players < 1:
        raise ModelError(f"growth: players must be at least 1, got {players}")
    _check(factor, discount)
    if not 0 < stock < math.inf:
        raise ModelError(f"growth: stock must be above 0 and finite, got {stock}")
    shares = (1 - discount) / (players - (players - 1) * discount), (1 - discount) / players
    factors = factor * (1 - players * shares[0]), factor * discount
    nash, optimum = (
        (math.log(share * stock) + discount / (1 - discount) * math.log(grows)) / (1 - discount)
        for share, grows in zip(shares, factors, strict=True)
    )
    return GrowthOutcomes(*shares, *factors, nash, optimum, math.exp((1 - discount) * (optimum - nash)))


def growth_response(others: float, discount: float = 0.95) -> float:
    """The share that's best against ``others``' total share (held for ever)."""
    return max(0.0, (1 - others) * (1 - discount))


def growth_plan(
    horizon: int, factor: float = 1.1, discount: float = 0.95, aversion: float = 1.0
) -> np.ndarray:
    """The best shares of one owner over so many rounds, (horizon,); ``aversion`` is σ, 0 where only the sum counts.

    ``horizon`` 1 burns all. Where σ = 0 and βA = 1 every plan that leaves nothing is as good: that of k = 1 is given.

    Raises
    ------
    ModelError : a horizon below 1, an aversion below 0, a factor or discount out of range (β = 1 is allowed here).
    """
    if horizon < 1 or horizon != int(horizon):
        raise ModelError(f"growth_plan: horizon must be a whole number of at least 1, got {horizon}")
    if not 0 <= aversion < math.inf:
        raise ModelError(f"growth_plan: aversion must be finite and not negative, got {aversion}")
    _check(factor, discount, most=math.inf)
    saved = math.log(discount * factor)
    with np.errstate(over="ignore"):
        if aversion > 0:
            kept = float(np.exp(saved / aversion - math.log(factor)))
        else:
            kept = 1.0 if saved == 0 else math.inf if saved > 0 else 0.0
        total, shares = 1.0, [1.0]
        for _ in range(int(horizon) - 1):  # 1 + k + … from the end
            total = 1.0 + kept * total
            shares.append(1.0 / total)
    return np.array(shares[::-1])


def _check(factor: float, discount: float, most: float = 1.0) -> None:
    if not 0 < factor < math.inf:
        raise ModelError(f"growth: factor must be above 0 and finite, got {factor}")
    if not 0 < discount < most:
        raise ModelError(f"growth: discount must be above 0 and below {most:g}, got {discount}")
