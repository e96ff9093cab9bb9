"""Commons solved on paper: Nash harvest, the planner's optimum, and what anarchy costs.

Gordon (1954) & Schaefer (1957): Ẋ = rX(1−X/K) − qEX, steady rent Σ(pqX − c)e_i; z = c/(pqK). Nash of n owners:
E_n = (n/(n+1))(r/q)(1−z), X_n = K(1+nz)/(n+1), rent 4n/(n+1)² of the sole owner's (n = 1, which is the optimum).
Levhari & Mirman (1980): x' = (x − Σc)^α, utility ln c, discount β: planner Σc = (1−αβ)x, Nash
c_i = (1−αβ)x/(n−(n−1)αβ), steady stock f^{α/(1−α)} with f the fraction left.
GovSim (Piatti et al. 2024): stock ← min(100, 2·remaining), collapse below 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np


class Outcomes(NamedTuple):
    """Nash against optimum.

    Attributes
    ----------
    nash, optimum : each player's effort (Gordon–Schaefer) or share of the stock taken a round (Levhari–Mirman).
    stock_nash, stock_optimum : steady stocks.
    value_nash, value_optimum : steady rent of all (Gordon–Schaefer); discounted utility of each from ``stock``
        (Levhari–Mirman).
    price_of_anarchy : optimum over Nash, in rent, or in the consumption that would make up for it.
    """

    nash: float
    optimum: float
    stock_nash: float
    stock_optimum: float
    value_nash: float
    value_optimum: float
    price_of_anarchy: float


def gordon_schaefer(
    players: int,
    growth: float = 0.5,
    capacity: float = 1.0,
    catch: float = 1.0,
    price: float = 1.0,
    cost: float = 0.1,
) -> Outcomes:
    """Closed forms of n harvesters in steady state; ``cost`` per effort and round, ``catch`` is q.

    Where z ≥ 1 nobody fishes, and the price of anarchy is 1.
    """
    z = min(cost / (price * catch * capacity), 1.0)

    def at(owners: int) -> tuple[float, float, float]:
        effort = owners / (owners + 1) * growth / catch * (1 - z)
        stock = capacity * (1 + owners * z) / (owners + 1)
        return effort, stock, (price * catch * stock - cost) * effort

    nash, optimum = at(players), at(1)
    return Outcomes(
        nash[0] / players,
        optimum[0] / players,
        nash[1],
        optimum[1],
        nash[2],
        optimum[2],
        optimum[2] / nash[2] if z < 1 else 1.0,
    )


def gordon_schaefer_response(
    others: float,
    growth: float = 0.5,
    capacity: float = 1.0,
    catch: float = 1.0,
    price: float = 1.0,
    cost: float = 0.1,
) -> float:
    """The effort that pays best in steady state against ``others``' total effort."""
    z = cost / (price * catch * capacity)
    return max(0.0, 0.5 * (growth / catch * (1 - z) - others))


def levhari_mirman(players: int, alpha: float = 0.5, beta: float = 0.95, stock: float = 1.0) -> Outcomes:
    """Closed forms of the fish war of n players; values from an initial ``stock``."""
    ab = alpha * beta
    nash, optimum = (1 - ab) / (players - (players - 1) * ab), (1 - ab) / players
    left_nash, left_optimum = 1 - players * nash, 1 - players * optimum

    def value(share: float, left: float) -> float:
        later = ab / ((1 - beta) * (1 - ab))
        return math.log(share) / (1 - beta) + math.log(stock) / (1 - ab) + later * math.log(left)

    values = value(nash, left_nash), value(optimum, left_optimum)
    steady = alpha / (1 - alpha)
    price = math.exp((1 - beta) * (values[1] - values[0]))
    return Outcomes(nash, optimum, left_nash**steady, left_optimum**steady, *values, price)


def levhari_mirman_response(others: float, alpha: float = 0.5, beta: float = 0.95) -> float:
    """The share that's best against ``others``' total share (held for ever)."""
    return max(0.0, (1 - others) * (1 - alpha * beta))


def govsim_sustainable(stock: float, factor: float = 2.0) -> float:
    """The largest total take after which the stock is back where it was: stock·(1 − 1/factor)."""
    return stock * (1.0 - 1.0 / factor)


def sequential_best_response(
    respond: Callable[[float], float],
    players: int,
    start: Sequence[float] | None = None,
    rounds: int = 10_000,
    tolerance: float = 1e-12,
) -> np.ndarray:
    """Players revise one after the other until none moves by more than ``tolerance``.

    Parameters
    ----------
    respond : ``respond(total of the others) -> own``, as the two responses above.
    start : first efforts or shares; none: zero.
    """
    chosen = np.zeros(players) if start is None else np.asarray(start, np.float64).copy()
    for _ in range(rounds):
        moved = 0.0
        for i in range(players):
            best = respond(float(chosen.sum() - chosen[i]))
            moved = max(moved, abs(best - chosen[i]))
            chosen[i] = best
        if moved <= tolerance:
            break
    return chosen
