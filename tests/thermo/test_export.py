"""Exported to THRML, an energy keeps its law."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from graphs import total_variation_excess

from thermopolis.errors import ModelError
from thermopolis.keys import make_key
from thermopolis.thermo import Categorical, Gibbs, Ising, sample, to_thrml

pytest.importorskip("thrml")


def energies() -> list[object]:
    rng = np.random.default_rng(2)
    table = rng.normal(size=(2, 3))
    table[1, 2] = np.inf
    tables = {
        (0, 1): table,
        (1, 2): rng.normal(size=(3, 2)),
        (2,): rng.normal(size=2),
        (0, 1, 3): rng.normal(size=(2, 3, 2)),
    }
    return [
        Categorical((2, 3, 2, 2), tables),
        Ising([(0, 1), (1, 2), (2, 0), (2, 3)], rng.normal(size=4), rng.normal(size=4)),
    ]


@pytest.mark.parametrize("which", [pytest.param(0, marks=pytest.mark.long), 1])
def test_both_sample_the_same_law(which: int) -> None:
    energy = energies()[which]
    theirs = to_thrml(energy, 1.3).sample(jax.random.key(0), 8000, warmup=100)[:, :, None]
    assert total_variation_excess(energy, 1.3, theirs) < 4
    ours = sample(make_key(0), energy, Gibbs(), 1.3, chains=20, samples=1000).values
    assert total_variation_excess(energy, 1.3, ours) < 4


def test_what_cannot_be_exported_is_refused() -> None:
    with pytest.raises(ModelError, match="per-lane"):
        to_thrml(Categorical((2,), {(0,): np.zeros((2, 5))}))
    tied = Categorical((2, 2), {(0, 1): [[0.0, np.inf], [np.inf, 0.0]]}, blocks="auto")
    with pytest.raises(ModelError, match="singly"):
        to_thrml(tied)
    with pytest.raises(ModelError, match="> 0"):
        to_thrml(energies()[1], 0.0)
