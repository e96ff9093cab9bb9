"""All samplers together against their exact laws: one family of comparisons, its level 1e-4 overall.

Each sampler draws many independent chains. Of every chain the last state counts once, so that Pearson's χ² over
cells of the exact law has an exact p-value, however slowly a chain forgets; and the mean energy of all samples is
compared, its error taken from the spread of the chains' means (their effective sample size). Each mean must lie
within 4 standard errors. The family as a whole must pass two tests of level 5e-5 each: the smallest of the n
p-values against 5e-5/n (Bonferroni), and Fisher's sum −2 Σ ln p over the χ², whose chains are independent, against
χ² of two degrees for each. A sampler that is 3 % too warm fails it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from graphs import random_graph
from scipy.stats import chi2, norm

from thermopolis.keys import fold_in, make_key
from thermopolis.thermo import (
    Categorical,
    DoubleWell,
    Gibbs,
    Ising,
    Jump,
    Langevin,
    Metropolis,
    Mixed,
    OrnsteinUhlenbeck,
    Quadratic,
    Tempering,
    enumerate_states,
    sample,
    sample_lanes,
)
from thermopolis.thermo.linear_process import LinearProcess

LEVEL = 1e-4
CHAINS, SAMPLES = 20_000, 10


class Comparison(NamedTuple):
    """One sampler on one energy: the p-value of its last states, and the mean energy in standard errors."""

    p: float
    z: float


def pearson(counts: np.ndarray, law: np.ndarray) -> float:
    """p-value of counts under a law, cells of few expected counts pooled."""
    expected = counts.sum() * law
    assert counts[law == 0].sum() == 0, "a forbidden state was drawn"
    few = expected < 10
    seen, expected = (np.append(x[~few], x[few].sum()) for x in (counts, expected))
    some = expected > 0
    statistic = ((seen - expected)[some] ** 2 / expected[some]).sum()
    return float(chi2.sf(statistic, some.sum() - 1))


def draw(
    energy: Any, sampler: Any, temperature: float, seed: int, steps: int = 60, kind: Any = "counter"
) -> Any:
    key = make_key(seed, kind)
    return sample(key, energy, sampler, temperature, chains=CHAINS, samples=SAMPLES, burn_in=steps)


def in_errors(trace: np.ndarray, exact: float) -> float:
    """What a mean differs from the exact one, in standard errors of the chains' own means: correlated samples of a
    chain count as what they are together."""
    own = np.asarray(trace, float).mean(axis=0)
    return float((own.mean() - exact) / own.std(ddof=1) * np.sqrt(own.size))


def cells_of(values: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    rows = values.astype(int)
    return np.ravel_multi_index(tuple((rows + 1) // 2 if rows.min() < 0 else rows), sizes)


def discrete(
    energy: Any, sampler: Any, temperature: float, seed: int, off: float = 1.0, **more: Any
) -> Comparison:
    """Against enumeration at ``temperature``; the sampler runs ``off`` times as warm."""
    exact = enumerate_states(energy, temperature)
    drawn = draw(energy, sampler, off * temperature, seed, **more)
    counts = np.bincount(cells_of(drawn.values[-1], exact.sizes), minlength=len(exact.probabilities))
    return Comparison(pearson(counts, exact.probabilities), in_errors(drawn.energies, exact.mean_energy))


def by_composition(energy: Ising, temperature: float, seed: int) -> Comparison:
    """Swaps keep how many spins are up: against the law given that number, sector by sector."""
    exact = enumerate_states(energy, temperature)
    drawn = draw(energy, Metropolis("swap"), temperature, seed)
    ups, sector = (drawn.values[-1] > 0).sum(axis=0), (exact.states > 0).sum(axis=0)
    counts = np.bincount(cells_of(drawn.values[-1], exact.sizes), minlength=len(sector))
    statistic, freedom = 0.0, 0
    means = np.zeros(CHAINS)
    for up in np.unique(ups):
        law = np.where(sector == up, exact.probabilities, 0.0)
        law /= law.sum()
        means[ups == up] = law @ np.where(law > 0, exact.energies, 0.0)
        if (own := int((law > 0).sum()) - 1) > 0:
            statistic += chi2.isf(pearson(counts * (sector == up), law), own)
            freedom += own
    return Comparison(float(chi2.sf(statistic, freedom)), in_errors(drawn.energies - means, 0.0))


def by_level(shape: tuple[int, int], temperature: float, seed: int) -> Comparison:
    """A small lattice, 32 spins a word: against the law of its energy levels."""
    energy = Ising.lattice(shape)
    exact = enumerate_states(energy, temperature)
    levels, which = np.unique(np.round(exact.energies), return_inverse=True)
    drawn = draw(energy, Gibbs(), temperature, seed, 300)
    counts = np.bincount(np.searchsorted(levels, np.round(drawn.energies[-1])), minlength=len(levels))
    law = np.bincount(which, weights=exact.probabilities)
    return Comparison(pearson(counts, law), in_errors(drawn.energies, exact.mean_energy))


def core(energy: Categorical, temperature: float, seed: int, samples: int) -> Comparison:
    """What agents use, one core a lane: its last states, and the counts it keeps of the first unit."""
    exact = enumerate_states(energy, temperature)
    keys = fold_in(jnp.broadcast_to(make_key(seed), (CHAINS,)), jnp.arange(CHAINS))
    start = jnp.zeros((energy.units, CHAINS), jnp.int32)
    drawn = sample_lanes(keys, energy, temperature, start, 60, samples)
    counts = np.bincount(cells_of(np.asarray(drawn.state), exact.sizes), minlength=len(exact.probabilities))
    share = np.asarray(drawn.counts[0], float)[:1] / samples
    return Comparison(pearson(counts, exact.probabilities), in_errors(share, exact.marginals[0][0]))


def gaussian(
    energy: Any, sampler: Any, temperature: float, seed: int, mean: Any, covariance: Any, steps: int
) -> Comparison:
    """Against a Gaussian law: 6 × 6 cells of equal chance of the whitened state, and the mean energy."""
    drawn = draw(energy, sampler, temperature, seed, steps)
    root = np.linalg.cholesky(covariance)
    white = scipy.linalg.solve_triangular(root, drawn.values[-1] - np.reshape(mean, (-1, 1)), lower=True)
    cells = np.minimum((norm.cdf(white) * 6).astype(int), 5)
    counts = np.bincount(np.ravel_multi_index(tuple(cells), (6, 6)), minlength=36)
    with jax.enable_x64(
        True
    ):  # the mean of a quadratic form: its value at the mean and ½ tr(Hessian · covariance)
        at = lambda x: energy(x[:, None])[0]
        centre = jnp.asarray(mean, jnp.float64)
        expected = float(at(centre) + jnp.trace(jax.hessian(at)(centre) @ covariance) / 2)
    return Comparison(pearson(counts, np.full(36, 1 / 36)), in_errors(drawn.energies, expected))


def quadrature(energy: Any, sampler: Any, temperature: float, seed: int, steps: int) -> Comparison:
    """One continuous unit, and perhaps a discrete one before it: against the midpoint rule on a fine grid."""
    sizes = getattr(energy, "sizes", ())
    grid = np.linspace(-7, 7, 140_001)[:-1] + 5e-5
    with jax.enable_x64(True):
        rows = [
            jnp.asarray(np.vstack([np.full((len(sizes), len(grid)), k), grid]))
            for k in range(max((1, *sizes)))
        ]
        energies = np.stack([np.asarray(energy(row), float) for row in rows])
    law = np.exp(-(energies - energies.min()) / temperature)
    law /= law.sum()
    drawn = draw(energy, sampler, temperature, seed, steps)
    edges = np.interp(np.arange(1, 20) / 20, np.cumsum(law.sum(axis=0)), grid + 5e-5)
    cell = np.searchsorted(edges, drawn.values[-1][-1])
    which = np.round(drawn.values[-1][0]).astype(int) if sizes else np.zeros(CHAINS, int)
    bins = np.searchsorted(edges, grid)
    expected = np.stack([np.bincount(bins, weights=row, minlength=20) for row in law])
    counts = np.bincount(which * 20 + cell, minlength=expected.size)
    return Comparison(
        pearson(counts, expected.ravel()), in_errors(drawn.energies, float((law * energies).sum()))
    )


def graph() -> Categorical:
    rng = np.random.default_rng(21)
    pair = rng.normal(size=(3, 2))
    pair[0, 1] = np.inf
    return Categorical(
        (3, 2, 2), {(0, 1): pair, (0, 1, 2): rng.normal(size=(3, 2, 2)), (0,): rng.normal(size=3)}
    )


def pair() -> Categorical:
    return Categorical((4, 4), {(0, 1): np.random.default_rng(23).normal(size=(4, 4))})


def spins() -> Ising:
    rng = np.random.default_rng(22)
    return Ising([(i, j) for i in range(5) for j in range(i)], rng.normal(size=10), rng.normal(size=5))


WELL = DoubleWell(barrier=1.2, position=1.1, tilt=0.3)
STIFFNESS, FORCE = np.array([[2.0, 0.6], [0.6, 0.8]]), np.array([0.5, -1.0])
TRAP, CENTRE = Quadratic(STIFFNESS, FORCE), np.linalg.solve(STIFFNESS, FORCE)


def mixed() -> Mixed:
    centres, costs = jnp.asarray([-1.0, 0.5, 2.0]), jnp.asarray([0.0, 0.4, -0.3])
    return Mixed((3,), 1, lambda k, x, c, e: e[k[0]] + (x[0] - c[k[0]]) ** 2, (centres, costs))


def euler(dt: float, temperature: float) -> np.ndarray:
    """Covariance of Euler–Maruyama's own law in the trap: Σ = KΣKᵀ + 2T dt, K = 1 − A dt."""
    return scipy.linalg.solve_discrete_lyapunov(np.eye(2) - STIFFNESS * dt, 2 * temperature * dt * np.eye(2))


def circulating(seed: int) -> Comparison:
    """A linear process out of equilibrium, by its exact steps."""
    process = LinearProcess([[1.0, -4.0], [4.0, 1.0]], np.diag([1.0, 3.0]), mean=[1.0, 0.0])
    covariance = 0.5 * np.linalg.inv(process.stiffness)
    return gaussian(process, OrnsteinUhlenbeck(0.5), 0.5, seed, [1.0, 0.0], covariance, 40)


FAMILY: dict[str, Callable[[int], Comparison]] = {
    "gibbs, graph": lambda n: discrete(graph(), Gibbs(), 0.8, n),
    "gibbs, spins": lambda n: discrete(spins(), Gibbs(), 1.5, n),
    "gibbs, spins, threefry": lambda n: discrete(spins(), Gibbs(), 1.5, n, kind="threefry"),
    "gibbs, packed lattice": lambda n: by_level((4, 4), 2.6, n),
    "cores, graph": lambda n: core(graph(), 0.8, n, 64),
    "cores, pair of fours": lambda n: core(pair(), 0.8, n, 300),
    "flips, graph": lambda n: discrete(graph(), Metropolis(), 0.8, n),
    "flips, spins": lambda n: discrete(spins(), Metropolis(), 1.5, n),
    "swaps, spins": lambda n: by_composition(spins(), 1.5, n),
    "jumps, graph, heat bath": lambda n: discrete(graph(), Jump(1.0), 0.8, n),
    "jumps, spins, metropolis": lambda n: discrete(spins(), Jump(1.0, "metropolis"), 1.5, n),
    "jumps, graph, arrhenius": lambda n: discrete(graph(), Jump(1.0, "arrhenius"), 0.8, n),
    "tempering, graph": lambda n: discrete(graph(), Tempering([1.0, 1.5, 2.5]), 0.8, n),
    "tempering of flips, spins": lambda n: discrete(spins(), Tempering([1.0, 2.0], Metropolis()), 1.5, n),
    "tempering of jumps, spins": lambda n: discrete(spins(), Tempering([1.0, 2.0], Jump(1.0)), 1.5, n),
    "tempering of exact steps with inertia, trap": lambda n: gaussian(
        TRAP,
        Tempering([1.0, 2.0], OrnsteinUhlenbeck(0.7, friction=0.9)),
        0.7,
        n,
        CENTRE,
        0.7 * np.linalg.inv(STIFFNESS),
        60,
    ),
    "tempering of adjusted langevin, well": lambda n: quadrature(
        WELL, Tempering([1.0, 2.0], Langevin(0.25, adjusted=True)), 0.8, n, 150
    ),
    "tempering of gaussian metropolis, mixed": lambda n: quadrature(
        mixed(), Tempering([1.0, 2.0], Metropolis(scale=1.0)), 1.3, n, 80
    ),
    "exact steps, trap": lambda n: gaussian(
        TRAP, OrnsteinUhlenbeck(0.7), 0.7, n, CENTRE, 0.7 * np.linalg.inv(STIFFNESS), 40
    ),
    "exact steps with inertia, trap": lambda n: gaussian(
        TRAP, OrnsteinUhlenbeck(0.7, friction=0.9), 0.7, n, CENTRE, 0.7 * np.linalg.inv(STIFFNESS), 60
    ),
    "exact steps, circulating": circulating,
    "euler–maruyama, trap": lambda n: gaussian(TRAP, Langevin(0.4), 0.7, n, CENTRE, euler(0.4, 0.7), 60),
    "baoab, trap": lambda n: gaussian(
        TRAP, Langevin(0.6, friction=0.8), 0.7, n, CENTRE, 0.7 * np.linalg.inv(STIFFNESS), 60
    ),
    "adjusted langevin, well": lambda n: quadrature(WELL, Langevin(0.25, adjusted=True), 0.8, n, 150),
    "gaussian metropolis, well": lambda n: quadrature(WELL, Metropolis(scale=1.5), 0.8, n, 120),
    "gaussian metropolis, mixed": lambda n: quadrature(mixed(), Metropolis(scale=1.0), 1.3, n, 80),
} | {
    f"gibbs, random graph {number}": functools.partial(
        lambda number, n: discrete(random_graph(number), Gibbs(), 0.8, n, steps=200), number
    )
    for number in range(20)
}
"""Every sampler, by a seed of its own."""


@functools.cache
def compared(name: str) -> Comparison:
    return FAMILY[name](100 + list(FAMILY).index(name))


def passes(family: list[Comparison]) -> bool:
    """Whether a family of independent samplers agrees with its laws, at ``LEVEL`` overall."""
    states = np.array([one.p for one in family])
    means = 2 * norm.sf(np.abs([one.z for one in family]))
    smallest = min(states.min(), means.min()) * 2 * len(family)
    together = chi2.sf(-2 * np.log(np.maximum(states, 1e-300)).sum(), 2 * len(family))
    return bool(smallest > LEVEL / 2 and together > LEVEL / 2)


@pytest.mark.long
@pytest.mark.parametrize("name", FAMILY)
def test_mean_energy_within_four_standard_errors(name: str) -> None:
    assert abs(compared(name).z) < 4


@pytest.mark.long
def test_the_family_at_its_level() -> None:
    for name in FAMILY:
        print(f"{name}: p {compared(name).p:.3g}, z {compared(name).z:+.2f}")
    assert passes([compared(name) for name in FAMILY])


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda n: discrete(spins(), Gibbs(), 1.5, n, off=1.03), id="3 % too warm"),
        pytest.param(
            lambda n: gaussian(TRAP, Langevin(0.1), 0.7, n, CENTRE, 0.7 * np.linalg.inv(STIFFNESS), 300),
            id="euler–maruyama against continuous time",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_wrong_sampler_fails_the_family(wrong: Callable[[int], Comparison]) -> None:
    """One wrong sampler among as many good ones as the family has (their p-values spread evenly)."""
    even = (np.arange(len(FAMILY) - 1) + 0.5) / (len(FAMILY) - 1)
    good = [Comparison(p, norm.isf(p)) for p in even]
    assert passes([*good, Comparison(0.5, 0.5)])
    assert not passes([*good, wrong(1)])
