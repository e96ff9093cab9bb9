"""What theory expects of a commons, recorded beside what happened: the Nash harvest's way and the planner's.

Gordon–Schaefer: steady stock and each player's steady rent, X = K(1+nz)/(n+1) with n owners, and with one (the
optimum). Levhari–Mirman: steady stock f^{α/(1−α)}, f = αβ/(n−(n−1)αβ) the part that's left. ``growth``: a stock that
had always been shared so has grown by A·β/(n−(n−1)β) a round (the optimum: n = 1); its rate, where it would stand by
now, and what each would get of it.

Shocks of log-variance σ² that keep the mean of regrowth leave both models' shares of ln c as they are (Mirman & Zilcha
1975), but E ln x < ln E x. ``stock_…`` are means of the stock, ``reward_…`` means of the reward: in growth
E ln x_t = ln x_0 + t(rate − σ²/2); in the fish war ln x is an AR(1) of coefficient α, steady about
ln x − σ²/(2(1−α)) with the variance σ²/(1−α²). Gordon–Schaefer's are those without shocks.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Int32


def references(model: str, players: int, params: Any, played: Int32[Array, " cells"]) -> dict[str, Array]:
    """Quantities named ``…_nash`` and ``…_optimum``, where a closed form needs no more than the world's own numbers.

    Parameters
    ----------
    params : ``CommonsParams``.
    played : rounds before this one.
    """
    if model == "growth":
        return _ways(players, params, played)
    if model == "levhari_mirman":
        return _fish_war(players, params)
    return _rent(players, params) if model == "gordon_schaefer" else {}


def _fish_war(players: int, params: Any) -> dict[str, Array]:
    """Steady mean of the stock, and of each player's utility of a round."""
    ab, marks, noise = params.alpha * params.discount, {}, 0.5 * params.shock**2
    sunk = noise * params.alpha / (1.0 - params.alpha**2)
    for name, owners in (("nash", players), ("optimum", 1)):
        left = ab / (owners - (owners - 1) * ab)
        stock = left ** (params.alpha / (1.0 - params.alpha))
        marks[f"stock_{name}"] = stock * jnp.exp(-sunk)
        marks[f"reward_{name}"] = jnp.log((1.0 - left) / players * stock) - noise / (1.0 - params.alpha)
    return marks


def _rent(players: int, params: Any) -> dict[str, Array]:
    """Steady stock, and each player's rent of a round there."""
    z = jnp.minimum(params.cost / (params.price * params.catch * params.capacity), 1.0)
    marks = {}
    for name, owners in (("nash", players), ("optimum", 1)):
        stock = params.capacity * (1.0 + owners * z) / (owners + 1)
        effort = owners / (owners + 1) * params.growth / params.catch * (1.0 - z)
        marks[f"stock_{name}"] = stock
        marks[f"reward_{name}"] = (params.price * params.catch * stock - params.cost) * effort / players
    return marks


def _ways(players: int, params: Any, played: Int32[Array, " cells"]) -> dict[str, Array]:
    """Mean growth rate, the mean stock after the round, and the mean reward of each."""
    beta, marks, noise = params.discount, {}, 0.5 * params.shock**2
    top, rounds = jnp.log(params.capacity), played.astype(jnp.float32)
    for name, owners in (("nash", players), ("optimum", 1)):
        left = beta / (owners - (owners - 1) * beta)
        rate = jnp.log(params.growth * left)
        start = jnp.log(params.stock0)
        before = jnp.minimum(start + rounds * rate, top)
        marks[f"growth_rate_{name}"] = rate - noise
        marks[f"stock_{name}"] = jnp.exp(jnp.minimum(before + rate, top))
        marks[f"reward_{name}"] = jnp.log((1.0 - left) / players) + jnp.minimum(
            start + rounds * (rate - noise), top
        )
    return marks


def rate_of(before: Array, after: Array, params: Any) -> Array:
    """ln(after/before) of a stock; what fell below ``collapse`` counts as that."""
    floor = jnp.maximum(params.collapse, 1e-30)
    return jnp.log(jnp.maximum(after, floor) / jnp.maximum(before, floor))
