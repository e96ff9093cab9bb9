"""Selection between the players of societies: who leaves offspring, what they inherit, what societies exchange.

Weights are exp(f/T) or 1 − s + s·f of a fitness f. Reproduction is Moran's (one birth by weight, one death, of anybody),
Wright's and Fisher's (everybody is replaced, parents drawn by weight), truncation (the best share are parents alike), or
a comparison in pairs with Fermi's probability 1/(1 + exp{(f_own − f_other)/T}) (Blume 1993; Traulsen, Nowak & Pacheco
2006). Traits follow the infinitesimal model, genetic value = mean of the parents' + N(0, mutation²), phenotype = genetic
value + environment (Falconer & Mackay 1996). Populations at temperatures T_i and T_j swap as replicas of parallel
tempering do, with probability min(1, exp[(1/T_i − 1/T_j)(E_i − E_j)]), E = −Σ f.

Arrays are ``(societies, players)``. Every function is pure: it is given its random numbers, uniform on (0, 1). Rows don't
mix but for swaps, so a society's numbers don't depend on its neighbours'.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit, ndtri

from thermopolis.errors import SimulationError

FEW = 4096
"""Comparisons of a society that are made at once."""


class Births(NamedTuple):
    """Who is whose child: parents of every player of the next generation, itself where it lives on."""

    parents: Int[np.ndarray, "societies players parents"]
    newborn: Bool[np.ndarray, "societies players"]


def exponential_weights(
    fitness: Float[np.ndarray, "societies players"], temperature: Float[np.ndarray, "societies 1"]
) -> Float[np.ndarray, "societies players"]:
    """exp(f/T), over the largest of the society."""
    best: np.ndarray = fitness.max(axis=1, keepdims=True)
    with np.errstate(over="ignore"):  # far below the best at next to no temperature: weight 0
        return np.exp((fitness - best) / temperature)


def linear_weights(
    fitness: Float[np.ndarray, "societies players"], intensity: float
) -> Float[np.ndarray, "societies players"]:
    """1 − s + s·f.

    Raises
    ------
    SimulationError : a weight is negative, or all of a society are 0.
    """
    weights = 1.0 - intensity + intensity * fitness
    if (weights < 0).any():
        society, player = np.argwhere(weights < 0)[0]
        raise SimulationError(
            f"the weight 1 - intensity + intensity · fitness of agent {player} is "
            f"{weights[society, player]:g}, its fitness {fitness[society, player]:g}; take a smaller "
            "selection.intensity, or selection.weight: exponential"
        )
    if (weights.sum(axis=1) == 0).any():
        raise SimulationError("no player of a society has a weight above 0: nobody could be a parent")
    return weights


def drawn(
    weights: Float[np.ndarray, "societies players"], uniform: Float[np.ndarray, "societies draws"]
) -> Int[np.ndarray, "societies draws"]:
    """Players drawn in proportion to their weights, with replacement."""
    heaped = np.cumsum(weights, axis=1)
    sought = uniform * heaped[:, -1:]
    if weights.shape[1] * uniform.shape[1] <= FEW:  # all comparisons at once
        found: np.ndarray = (heaped[:, None] <= sought[..., None]).sum(axis=2)
    else:
        rows = zip(heaped, sought, strict=True)
        found = np.stack([heap.searchsorted(values, side="right") for heap, values in rows])
    return np.minimum(found, weights.shape[1] - 1)


def moran(
    weights: Float[np.ndarray, "societies players"],
    dying: Float[np.ndarray, "societies"],
    uniform: Float[np.ndarray, "societies parents"],
) -> Births:
    """A child of parents drawn by weight takes the place of a player drawn uniformly; a parent may be the one."""
    societies, players = weights.shape
    parents = np.broadcast_to(np.arange(players)[:, None], (societies, players, uniform.shape[1])).copy()
    newborn = np.zeros((societies, players), bool)
    place = np.arange(societies), (dying * players).astype(np.intp)
    newborn[place] = True
    parents[place] = drawn(weights, uniform)
    return Births(parents, newborn)


def wright_fisher(
    weights: Float[np.ndarray, "societies players"],
    uniform: Float[np.ndarray, "societies players parents"],
) -> Births:
    """Every place is taken by a child of parents drawn by weight."""
    societies, players = weights.shape
    parents = drawn(weights, uniform.reshape(societies, -1)).reshape(uniform.shape)
    return Births(parents, np.ones((societies, players), bool))


def truncated(
    fitness: Float[np.ndarray, "societies players"],
    share: float,
    uniform: Float[np.ndarray, "societies players"],
) -> Float[np.ndarray, "societies players"]:
    """Weights 1 of the best ``share`` (of at least one player), 0 of the others; ties fall by lot."""
    best = max(1, round(share * fitness.shape[1]))
    order = np.lexsort((uniform, -fitness), axis=1)
    weights = np.zeros(fitness.shape)
    np.put_along_axis(weights, order[:, :best], 1.0, axis=1)
    return weights


def fermi(
    difference: Float[np.ndarray, "societies"], temperature: Float[np.ndarray, "societies"]
) -> Float[np.ndarray, "societies"]:
    """1/(1 + exp{−difference/T}): the probability of taking what is better by ``difference``."""
    with np.errstate(over="ignore"):
        return np.asarray(expit(difference / temperature))


def two_players(
    uniform: Float[np.ndarray, "societies 2"], players: int
) -> tuple[Int[np.ndarray, "societies"], Int[np.ndarray, "societies"]]:
    """A player drawn uniformly, and another one."""
    focal = (uniform[:, 0] * players).astype(np.intp)
    other = (uniform[:, 1] * (players - 1)).astype(np.intp)
    return focal, other + (other >= focal)


def inherited(
    genetic: Float[np.ndarray, "societies players traits"],
    births: Births,
    mutation: Float[np.ndarray, "traits"],
    uniform: Float[np.ndarray, "societies players traits"],
) -> Float[np.ndarray, "societies players traits"]:
    """Genetic values of the next generation: of the newborn the mean of the parents' + N(0, mutation²)."""
    rows = np.arange(len(genetic))[:, None]
    values = sum(genetic[rows, births.parents[:, :, k]] for k in range(births.parents.shape[2]))
    values = values / births.parents.shape[2]
    return np.where(births.newborn[..., None], values + mutation * ndtri(uniform), values)


def offspring(births: Births) -> Float[np.ndarray, "societies players"]:
    """Number of descendants of every player in the next generation: a child counts for each of its parents in equal
    parts, who lives on counts for itself. Sums to the number of players."""
    societies, players, several = births.parents.shape
    places = births.parents + players * np.arange(societies)[:, None, None]
    return np.bincount(places.ravel(), minlength=societies * players).reshape(societies, players) / several


def exchanged(
    energy: Float[np.ndarray, "replicates demes"],
    beta: Float[np.ndarray, "demes"],
    uniform: Float[np.ndarray, "replicates demes"],
    parity: int,
    settled: Bool[np.ndarray, "replicates demes"],
) -> tuple[Int[np.ndarray, "replicates demes"], Int[np.ndarray, "replicates pairs"]]:
    """Swaps of neighbours (parity, parity + 1), (parity + 2, parity + 3), …: whose population each deme gets, and by
    pair 1 where it swapped, 0 where it didn't, −1 where it wasn't asked. Who isn't settled doesn't swap."""
    replicates, demes = energy.shape
    origin = np.broadcast_to(np.arange(demes), energy.shape).copy()
    swaps = np.full((replicates, demes - 1), -1)
    for low in range(parity, demes - 1, 2):
        gain = (beta[low] - beta[low + 1]) * (energy[:, low] - energy[:, low + 1])
        asked = settled[:, low] & settled[:, low + 1]
        swapped = asked & (uniform[:, low] < np.exp(np.minimum(gain, 0.0)))
        origin[swapped, low], origin[swapped, low + 1] = low + 1, low
        swaps[:, low] = np.where(asked, swapped, -1)
    return origin, swaps
