"""The players of a point's societies as generations see them: groups, genetic values, environments, and who is on trial.

Pairwise comparison needs the fitness of what a player would become. Where that is another's group, the other shows it;
a mutant shows it itself: it lives one life in its new group, on trial, and keeps it by Fermi's probability against the
fitness it had before. For fitness that depends on the group alone this makes the number n_k of players in each of K
groups, read while nobody is on trial, a reversible chain with the law

    π(n) ∝ π₀(n) exp(Σ_k n_k f_k / T),   π₀(n) ∝ Π_k θ(θ + 1)…(θ + n_k − 1)/n_k!,   θ = u(N − 1)/(K(1 − u)),

of which swaps between demes leave the product invariant (docs/selection.md derives it).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtri

from thermopolis.envs import selection as laws
from thermopolis.keys import fold_in, uniforms
from thermopolis.runs.lives import Founders, clipped
from thermopolis.runs.schema.evolution import Evolution, Pairwise, Truncation, WrightFisher


@dataclass(frozen=True)
class Population:
    """Players of all societies; ``trial`` is the one on trial or −1, ``former_…`` what it was before."""

    groups: Int[np.ndarray, "societies players"]
    genetic: Float[np.ndarray, "societies players traits"]
    environment: Float[np.ndarray, "societies players traits"]
    trial: Int[np.ndarray, "societies"]
    former_group: Int[np.ndarray, "societies"]
    former_fitness: Float[np.ndarray, "societies"]

    def phenotypes(self, evolution: Evolution) -> Float[np.ndarray, "societies players traits"]:
        """Genetic values plus environments, within ranges."""
        return clipped(evolution, self.genetic + self.environment)

    def rows(self, order: Int[np.ndarray, "societies"]) -> Population:
        """Societies in another order."""
        return Population(**{field.name: getattr(self, field.name)[order] for field in fields(self)})


@dataclass(frozen=True)
class Turn:
    """What comes after a life: the next generation, and how it came about."""

    population: Population
    parents: Int[np.ndarray, "societies players parents"]
    offspring: Float[np.ndarray, "societies players"]
    """Of the players who lived, where they lived."""
    expected: Float[np.ndarray, "societies players"] | None
    """Mean of ``offspring`` given how everybody lived; None of comparisons in pairs."""
    origin: Int[np.ndarray, "societies"]
    """The society that each society's parents lived in."""
    swapped: Int[np.ndarray, "replicates pairs"] | None


class Draws:
    """Numbers uniform on (0, 1) of each society, taken one after the other.

    Two draws of 23 bits make one of 46, so that rare events have their probabilities.
    """

    def __init__(self, keys: jax.Array, generation: int, count: int) -> None:
        words = np.asarray(_uniforms(keys, np.uint32(generation), 2 * count), np.float64)
        self.left = (words[0::2] + words[1::2] * 2.0**-23 + 2.0**-47).T

    def take(self, *shape: int) -> np.ndarray:
        """(societies, *shape)."""
        size = int(np.prod(shape, dtype=int))
        mine, self.left = self.left[:, :size], self.left[:, size:]
        return mine.reshape(len(mine), *shape)


_uniforms: Any = jax.jit(
    lambda keys, generation, count: uniforms(fold_in(keys, generation), (count,)), static_argnums=2
)


def first_population(founders: Founders, keys: jax.Array) -> Population:
    """Groups where the file places them, traits about what it says."""
    traits, groups = founders.evolution.traits, founders.groups
    societies, players = groups.shape
    shape = (players, len(traits))
    draws = Draws(keys, 0, 2 * players * len(traits))
    return Population(
        groups=groups.copy(),
        genetic=founders.values + _normal([trait.genetic for trait in traits], draws.take(*shape)),
        environment=_normal([trait.environmental for trait in traits], draws.take(*shape)),
        trial=np.full(societies, -1),
        former_group=np.full(societies, -1),
        former_fitness=np.zeros(societies),
    )


def _normal(deviations: list[float], uniform: np.ndarray) -> np.ndarray:
    return np.asarray(deviations) * ndtri(uniform)


def next_generation(
    founders: Founders,
    population: Population,
    fitness: Float[np.ndarray, "societies players"],
    keys: jax.Array,
    generation: int,
) -> Turn:
    """Exchange between demes where it is time, then births."""
    evolution = founders.evolution
    societies, players = fitness.shape
    several, traits = evolution.parents, len(evolution.traits)
    draws = Draws(keys, generation + 1, 4 + several + players * (several + 3 + 2 * traits))
    origin, swapped = _exchange(evolution, population, fitness, draws.take(1)[:, 0], generation)
    population, fitness = population.rows(origin), fitness[origin]
    temperature = _temperatures(evolution, societies)
    if isinstance(evolution.reproduction, Pairwise):
        born, births = _compare(founders, population, fitness, temperature, draws)
        expected = None
    else:
        births, chances = _births(evolution, fitness, temperature, draws)
        expected = np.empty(fitness.shape)
        expected[origin] = chances
        born = _newborn(founders, population, births, draws, evolution.mutation)
    descendants = np.empty(fitness.shape)
    descendants[origin] = laws.offspring(births)
    return Turn(born, births.parents, descendants, expected, origin, swapped)


def _temperatures(evolution: Evolution, societies: int) -> np.ndarray:
    ladder = (evolution.temperature,) if evolution.demes is None else evolution.demes.temperatures
    return np.tile(np.asarray(ladder, float), societies // len(ladder))


def _exchange(
    evolution: Evolution, population: Population, fitness: np.ndarray, uniform: np.ndarray, generation: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """The society that each one's population comes from; swaps by pair of neighbours."""
    here = np.arange(len(fitness))
    if evolution.demes is None:
        return here, None
    demes = len(evolution.demes.temperatures)
    every = evolution.demes.exchange
    if every is None or (generation + 1) % every:
        return here, np.full((len(fitness) // demes, demes - 1), -1)
    parity = (generation + 1) // every % 2 if demes > 2 else 0
    energy = -fitness.sum(axis=1).reshape(-1, demes)
    settled = (population.trial < 0).reshape(-1, demes)
    beta = 1.0 / np.asarray(evolution.demes.temperatures)
    origin, swapped = laws.exchanged(energy, beta, uniform.reshape(-1, demes), parity, settled)
    return (origin + demes * np.arange(len(origin))[:, None]).ravel(), swapped


def _births(
    evolution: Evolution, fitness: np.ndarray, temperature: np.ndarray, draws: Draws
) -> tuple[laws.Births, np.ndarray]:
    """Births by weight, and the number of descendants that everybody could expect."""
    players, several = fitness.shape[1], evolution.parents
    how = evolution.reproduction
    if isinstance(how, Truncation):
        weights = laws.truncated(fitness, how.share, draws.take(players))
    elif evolution.weight == "linear":
        weights = laws.linear_weights(fitness, evolution.intensity)
    else:
        weights = laws.exponential_weights(fitness, temperature[:, None])
    chances = weights / weights.sum(axis=1, keepdims=True)
    if isinstance(how, (Truncation, WrightFisher)):
        return laws.wright_fisher(weights, draws.take(players, several)), players * chances
    return laws.moran(weights, draws.take(1)[:, 0], draws.take(several)), 1.0 - 1.0 / players + chances


def _newborn(
    founders: Founders, population: Population, births: laws.Births, draws: Draws, mutation: float
) -> Population:
    """What the next generation inherits; ``mutation`` is the probability that a child's group isn't its parent's."""
    evolution = founders.evolution
    players, traits = population.groups.shape[1], evolution.traits
    groups = np.take_along_axis(population.groups, births.parents[:, :, 0], axis=1)
    mutants = births.newborn & (draws.take(players) < mutation)
    number = len(founders.whole.agents)
    groups = np.where(mutants, (draws.take(players) * number).astype(groups.dtype), groups)
    spread = np.array([trait.mutation for trait in traits])
    genetic = laws.inherited(population.genetic, births, spread, draws.take(players, len(traits)))
    fresh = _normal([trait.environmental for trait in traits], draws.take(players, len(traits)))
    environment = np.where(births.newborn[..., None], fresh, population.environment)
    return replace(population, groups=groups, genetic=genetic, environment=environment)


def _compare(
    founders: Founders, population: Population, fitness: np.ndarray, temperature: np.ndarray, draws: Draws
) -> tuple[Population, laws.Births]:
    """A comparison in every society: a trial is decided; else a player mutates, to go on trial, or copies another."""
    societies, players = fitness.shape
    rows, number = np.arange(societies), len(founders.whole.agents)
    focal, other = laws.two_players(draws.take(2), players)
    coin, chance = draws.take(2).T
    tried: Bool[np.ndarray, "societies"] = population.trial >= 0
    mutates = ~tried & (coin < founders.evolution.mutation)
    focal = np.where(tried, population.trial, focal)
    own = fitness[rows, focal]
    gain = np.where(tried, own - population.former_fitness, fitness[rows, other] - own)
    taken = chance < laws.fermi(gain, temperature)
    copies = ~tried & ~mutates & taken

    parents = np.broadcast_to(np.arange(players)[:, None], (societies, players, 1)).copy()
    newborn: Bool[np.ndarray, "societies players"] = np.zeros((societies, players), bool)
    parents[rows[copies], focal[copies], 0] = other[copies]
    newborn[rows[copies], focal[copies]] = True
    births = laws.Births(parents, newborn)
    born = _newborn(founders, population, births, draws, 0.0)

    groups = born.groups.copy()
    back = tried & ~taken
    groups[rows[back], focal[back]] = population.former_group[back]
    drawn = (chance * number).astype(groups.dtype)  # a mutant's coin for taking is its die for the group
    changes: Bool[np.ndarray, "societies"] = mutates & (drawn != groups[rows, focal])
    former = np.where(changes, groups[rows, focal], -1)
    groups[rows[changes], focal[changes]] = drawn[changes]
    trial = np.where(changes, focal, -1)
    return replace(
        born,
        groups=groups,
        trial=trial,
        former_group=former,
        former_fitness=np.where(changes, own, 0.0),
    ), births
