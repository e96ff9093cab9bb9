"""The Kardashev scale: published values, the inverse, growth, and milestones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermopolis import envs
from thermopolis.envs.kardashev_scale import HUMANITY, growth_of_kardashev, kardashev, milestone, power_watts


def test_published_values():
    assert (envs.kardashev, envs.power_watts, envs.milestone) == (kardashev, power_watts, milestone)
    expected = {1.74e17: 1.1241, 3.828e26: 2.0583, 4e37: 3.1602, 1e16: 1.0, 1e26: 2.0}
    np.testing.assert_allclose(kardashev(list(expected)), list(expected.values()), atol=5e-5)
    historic = {1800: 0.5809, 1900: 0.6141, 1950: 0.6512, 2000: 0.7144, 2018: 0.7291}
    for year, k in historic.items():
        assert abs(kardashev(HUMANITY[year]) - k) < 5e-4


def test_no_power_is_minus_infinity_and_comes_back():
    assert kardashev(0.0) == -np.inf
    assert power_watts(-np.inf) == 0.0
    assert kardashev(np.array([[0.0, 1e6]])).tolist() == [[-np.inf, 0.0]]
    with pytest.raises(ValueError, match="negative"):
        kardashev(-1.0)


@given(st.floats(1e-3, 1e50))
def test_the_inverse_is_one(power):
    assert power_watts(kardashev(power)) == pytest.approx(power, rel=1e-11)


def test_fixed_growth_climbs_at_the_closed_rate():
    years = np.arange(300)
    for rate in (0.005, 0.02, 0.05):
        k = kardashev(2e13 * (1 + rate) ** years)
        np.testing.assert_allclose(np.diff(k), growth_of_kardashev(rate), rtol=1e-9)


def test_milestones_are_the_years_type_one_is_reached():
    years = np.arange(2000.0, 3000.0)
    power = 1.9e13 * np.exp(np.outer(years - 2000.0, [0.02, 0.01, 0.0]))
    year = milestone(years, power)
    np.testing.assert_allclose(year[:2], 2000 + np.log(1e16 / 1.9e13) / np.array([0.02, 0.01]), rtol=1e-9)
    assert np.isnan(year[2])
    assert np.isnan(milestone(years, power[:, 1], 2.0))
