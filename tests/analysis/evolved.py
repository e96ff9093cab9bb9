"""Generations of the documented schema, simulated in numpy: Moran's births with a trait, and demes of two types."""

from __future__ import annotations

import numpy as np
import xarray as xr

PLAYERS = 6
DIMS = ("replicate", "step", "agent")


def simulate_births(fitter: float, replicates: int = 12, steps: int = 60, seed: int = 1) -> xr.Dataset:
    """One player of relative fitness ``fitter`` among residents, Moran's births, a neutral trait at each birth new."""
    rng = np.random.default_rng(seed)
    shape = (replicates, steps, PLAYERS)
    genotype, parent = np.ones(shape, np.int16), np.full(shape, -1, np.int32)
    trait, offspring, expected = np.zeros(shape), np.zeros(shape, np.float32), np.zeros(shape)
    for r in range(replicates):
        kinds = np.array([0] + [1] * (PLAYERS - 1))
        genes = rng.standard_normal(PLAYERS)
        came = np.full(PLAYERS, -1)
        for t in range(steps):
            genotype[r, t], trait[r, t], parent[r, t] = kinds, genes, came
            weight = np.where(kinds == 0, fitter, 1.0)
            chance = weight / weight.sum()
            expected[r, t] = 1 - 1 / PLAYERS + chance
            came = np.arange(PLAYERS)
            dead = rng.integers(PLAYERS)
            came[dead] = rng.choice(PLAYERS, p=chance)
            offspring[r, t] = np.bincount(came, minlength=PLAYERS)
            kinds, genes = kinds[came], genes[came].copy()
            genes[dead] += 0.2 * rng.standard_normal()
    data = {
        "genotype": (DIMS, genotype),
        "parent": (DIMS, parent),
        "offspring": (DIMS, offspring),
        "expected_offspring": (DIMS, expected),
        "fitness": (DIMS, np.where(genotype == 0, fitter, 1.0)),
        "trait_hope": (DIMS, trait),
        "genetic_hope": (DIMS, trait),
        "type_share": ((*DIMS[:2], "type"), np.stack([(genotype == k).mean(-1) for k in (0, 1)], -1)),
    }
    coords = {
        "step": ("step", np.arange(steps), {"long_name": "generation"}),
        "type": ["always_cooperate", "always_defect"],
        "reproduction": "moran",
        "selection_temperature": 1.0,
        "group_mutation": 0.0,
    }
    return xr.Dataset(data, coords=coords)


def simulate_demes(replicates: int = 10, steps: int = 80, seed: int = 2) -> xr.Dataset:
    """Two demes whose share of the first type wanders, the hot one's more; every fourth generation they may swap."""
    rng = np.random.default_rng(seed)
    number = np.empty((2, replicates, steps), int)
    number[:, :, 0] = PLAYERS // 2
    for t in range(1, steps):
        moves = rng.integers(-1, 2, (2, replicates)) + (rng.random((2, replicates)) < [[0.3], [0.05]])
        number[:, :, t] = np.clip(number[:, :, t - 1] + moves, 0, PLAYERS)
    share = number / PLAYERS
    swapped = np.where(np.arange(steps)[None, :, None] % 4 == 3, rng.random((replicates, steps, 1)) < 0.6, -1)
    genotype = (np.arange(PLAYERS) >= number[..., None]).astype(np.int16)
    dims = ("deme", *DIMS)
    data = {
        "type_share": ((*dims[:3], "type"), np.stack([share, 1 - share], -1).astype(np.float32)),
        "genotype": (dims, genotype),
        "fitness": (dims, np.where(genotype == 0, 1.2, 1.0)),
        "on_trial": (dims[:3], np.zeros(number.shape, np.int8)),
        "swapped": (("replicate", "step", "pair"), swapped.astype(np.int8)),
    }
    coords = {
        "step": ("step", np.arange(steps), {"long_name": "generation"}),
        "type": ["always_cooperate", "always_defect"],
        "deme": ("deme", [0.2, 2.0]),
        "reproduction": "pairwise",
        "selection_temperature": ("deme", [0.2, 2.0]),
        "group_mutation": 0.2,
    }
    return xr.Dataset(data, coords=coords)
