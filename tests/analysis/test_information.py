"""Entropies and informations on laws whose values are known, and against infomeasure."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from thermopolis.analysis.information import (
    conditional_mutual_information,
    counts_of,
    entropy,
    jensen_shannon,
    mutual_information,
    varentropy,
)

LAW = np.array([0.5, 0.25, 0.15, 0.1])


@pytest.mark.parametrize("n", [20, 100, 1000, 100_000])
def test_bias_is_as_stated(n):
    # plug-in is too low by (K − 1)/2n to first order; Miller–Madow's own bias is of order 1/n²
    trials = 4000
    counts = np.random.default_rng(n).multinomial(n, LAW, trials)
    exact = stats.entropy(LAW)
    plain, corrected = entropy(counts, corrected=False), entropy(counts)
    error = 4 * plain.std() / np.sqrt(trials)
    assert abs(plain.mean() - exact + 3 / (2 * n)) < error + 3 / n**2 * 4
    assert abs(corrected.mean() - exact) < error + 3 / n**2 * 4
    if n <= 1000:
        assert abs(corrected.mean() - exact) < abs(plain.mean() - exact)


def test_entropies_at_their_limits():
    assert entropy(np.array([7, 0, 0])) == 0.0
    assert entropy(np.array([5, 5]), corrected=False) == pytest.approx(np.log(2))
    assert np.isnan(entropy(np.zeros(3)))
    assert varentropy(np.array([4, 4, 4])) == pytest.approx(0.0, abs=1e-15)
    p = np.array([0.8, 0.2])
    assert varentropy(p * 100) == pytest.approx(p[0] * p[1] * np.log(4) ** 2)


def test_independent_variables_share_nothing_and_copies_everything():
    generator = np.random.default_rng(1)
    counts = generator.multinomial(500, np.outer([0.3, 0.7], LAW).ravel(), 2000).reshape(-1, 2, 4)
    shared = mutual_information(counts)
    assert abs(shared.mean()) < 4 * shared.std() / np.sqrt(2000) + 1e-4
    assert mutual_information(np.diag([10, 20, 30]), corrected=False) == pytest.approx(
        stats.entropy([1, 2, 3])
    )


def test_conditioning_removes_a_common_cause():
    # x and y are noisy copies of z: dependent, but not given z
    flip = np.array([[0.8, 0.2], [0.2, 0.8]])
    law = 0.5 * np.einsum("zx,zy->xyz", flip, flip)
    assert mutual_information(law.sum(-1) * 1e6, corrected=False) > 0.05
    assert conditional_mutual_information(law * 1e6, corrected=False) == pytest.approx(0.0, abs=1e-12)


def test_jensen_shannon_limits():
    assert jensen_shannon(np.tile(LAW, (5, 1))) == pytest.approx(0.0, abs=1e-12)
    assert jensen_shannon(np.eye(3)) == pytest.approx(np.log(3))


def test_negative_codes_are_not_counted():
    assert counts_of(np.array([[0, 1, -1, 1], [-1, -1, -1, -1]]), 2).tolist() == [[1, 2], [0, 0]]


def test_agrees_with_infomeasure():
    infomeasure = pytest.importorskip("infomeasure")
    generator = np.random.default_rng(2)
    z = generator.integers(0, 3, 600)
    x, y = (z + generator.integers(0, 2, 600)) % 3, (z + generator.integers(0, 3, 600) // 2) % 3
    joint = counts_of((x * 3 + y)[None], 9).reshape(3, 3)
    triple = counts_of(((x * 3 + y) * 3 + z)[None], 27).reshape(3, 3, 3)
    assert entropy(joint.sum(1), corrected=False) == pytest.approx(
        infomeasure.entropy(x, approach="discrete")
    )
    assert entropy(joint.sum(1)) == pytest.approx(infomeasure.entropy(x, approach="miller_madow"))
    assert mutual_information(joint, corrected=False) == pytest.approx(
        infomeasure.mutual_information(x, y, approach="discrete")
    )
    assert conditional_mutual_information(triple, corrected=False) == pytest.approx(
        infomeasure.conditional_mutual_information(x, y, cond=z, approach="discrete")
    )
