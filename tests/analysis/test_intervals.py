"""Intervals cover at their nominal rate, and say nothing where nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from thermopolis.analysis.intervals import (
    bca_interval,
    bootstrap_interval,
    mean_interval,
    student_interval,
    wilson_interval,
)
from thermopolis.analysis.quantities import quantity


def coverage(interval, draw, truth, n, trials=3000, **options):
    x = draw(np.random.default_rng(11), (n, trials))
    low, high = interval(x, **options)
    return np.mean((low <= truth) & (truth <= high))


@pytest.mark.parametrize("n", [32, 64])
def test_bootstrap_of_a_gaussian_mean_covers_at_its_nominal_rate(n):
    rate = coverage(bootstrap_interval, lambda g, s: g.normal(2.0, 3.0, s), 2.0, n, resamples=500)
    assert abs(rate - 0.95) < 0.03


@pytest.mark.parametrize("n", [8, 16])
def test_the_widened_bootstrap_covers_small_gaussian_samples_too(n):
    rate = coverage(bootstrap_interval, lambda g, s: g.normal(0.0, 1.0, s), 0.0, n, resamples=500)
    assert abs(rate - 0.95) < 0.03


def coverage_of_means(draw, truth, n, trials=4000, **options):
    """How often what figures and tables show, ``mean_interval``, holds the truth."""
    x = draw(np.random.default_rng(12), (n, trials))
    found = mean_interval(xr.DataArray(x, dims=("replicate", "trial")), resamples=500, **options)
    return float(((found["low"] <= truth) & (truth <= found["high"])).mean())


@pytest.mark.parametrize("n", [2, 3, 5, 7, 8, 12, 20, 32])
def test_what_is_shown_covers_gaussian_means_at_every_number_of_replicates(n):
    assert abs(coverage_of_means(lambda g, s: g.normal(1.0, 2.0, s), 1.0, n) - 0.95) < 0.03


@pytest.mark.parametrize(("n", "p"), [(8, 0.9), (16, 0.03), (16, 0.5), (32, 0.01), (32, 0.97)])
def test_what_is_shown_covers_worlds_that_cooperate_or_not(n, p):
    # an outcome of 0 or 1 per replicate: Wilson's coverage oscillates, but never far below its nominal rate
    rate = coverage_of_means(lambda g, s: (g.random(s) < p).astype(float), p, n, rate=True)
    assert rate > 0.92


@pytest.mark.parametrize("n", [16, 32])
def test_what_is_shown_covers_rates_near_an_edge(n):
    # shares of 200 moves, each world with a rate of its own about .04
    def rates(g, shape):
        return g.binomial(200, g.beta(2.0, 48.0, shape)) / 200

    assert abs(coverage_of_means(rates, 0.04, n, rate=True) - 0.95) < 0.04


def test_student_agrees_with_scipy():
    x = np.random.default_rng(6).normal(size=5)
    theirs = stats.ttest_1samp(x, 0.0).confidence_interval()
    assert np.allclose(student_interval(x), (theirs.low, theirs.high))
    assert np.isnan(student_interval(np.ones((1, 2)))).all()


def test_bca_covers_skewed_means():
    rate = coverage(bca_interval, lambda g, s: g.beta(0.8, 10.0, s), 0.8 / 10.8, 32, resamples=500)
    assert abs(rate - 0.95) < 0.03


def test_level_is_honoured():
    rate = coverage(bootstrap_interval, lambda g, s: g.normal(size=s), 0.0, 32, resamples=500, level=0.8)
    assert abs(rate - 0.80) < 0.03


@pytest.mark.parametrize("p", [0.01, 0.05, 0.5, 0.97])
def test_wilson_covers_proportions_near_the_edges(p):
    k = np.random.default_rng(3).binomial(40, p, 20_000)
    low, high = wilson_interval(k, 40)
    # exact coverage of Wilson at this n and p oscillates about .95; Brown, Cai & DasGupta 2001
    assert 0.92 < np.mean((low <= p) & (p <= high)) <= 1.0


def test_wilson_agrees_with_scipy():
    ours = wilson_interval(7, 31)
    theirs = stats.binomtest(7, 31).proportion_ci(method="wilson")
    assert np.allclose(ours, (theirs.low, theirs.high))


def test_bca_agrees_with_scipy():
    x = np.random.default_rng(5).exponential(size=60)
    theirs = stats.bootstrap((x,), np.mean, method="BCa", n_resamples=20_000, rng=1).confidence_interval
    low, high = bca_interval(x[:, None], resamples=20_000)
    # widened by Student's t at n = 60 (about 3 %); the rest is resampling noise
    width = theirs.high - theirs.low
    assert abs(low[0] - theirs.low) < 0.04 * width
    assert abs(high[0] - theirs.high) < 0.04 * width


def test_a_single_replicate_has_no_interval_and_a_missing_one_is_left_out():
    alone = mean_interval(xr.DataArray(np.ones((1, 4)), dims=("replicate", "step")))
    assert np.isnan(alone["low"]).all() and (alone["mean"] == 1).all()
    x = np.random.default_rng(0).normal(size=(9, 2))
    x[0, 0] = np.nan
    both = mean_interval(xr.DataArray(x, dims=("replicate", "step")))
    only = mean_interval(xr.DataArray(x[1:, :1], dims=("replicate", "step")))
    assert float(both["low"][0]) == float(only["low"][0])
    assert both["n"].values.tolist() == [8, 9]


def test_a_rate_never_seen_to_differ_still_has_an_interval():
    never = mean_interval(xr.DataArray(np.zeros((24, 1)), dims=("replicate", "step")), rate=True)
    assert float(never["low"][0]) == 0.0
    assert float(never["high"][0]) == pytest.approx(float(wilson_interval(0, 24)[1]))


@pytest.mark.parametrize(("law", "name"), [("exponential", "belief_entropy"), ("beta", "cooperation")])
@pytest.mark.parametrize("n", [2, 4, 7, 8])
def test_no_interval_leaves_what_its_quantity_can_be(law, name, n):
    """Entropies fall to 0 and no further; cutting off what can't be costs no coverage."""
    generator = np.random.default_rng(n)
    x = generator.exponential(0.1, (n, 4000)) if law == "exponential" else generator.beta(0.3, 0.3, (n, 4000))
    array, known = xr.DataArray(x, dims=("replicate", "place")), quantity(name)
    free, held = mean_interval(array), mean_interval(array, rate=known.is_rate, within=known.within)
    low, high = known.within
    assert (held["low"] >= low).all() and (held["high"] <= high).all()
    assert (held["low"] <= held["mean"]).all() and (held["mean"] <= held["high"]).all()
    if n < 8:
        assert float(free["low"].min()) < 0.0
    if not known.is_rate:
        inside = [(i["low"] <= 0.1) & (i["high"] >= 0.1) for i in (free, held)]
        assert np.array_equal(*inside)
