"""Statistics against closed forms, simulated error rates, and other people's implementations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from thermopolis.analysis import comparisons
from thermopolis.analysis.comparisons import benjamini_hochberg, compare, holm, permutation_test
from thermopolis.analysis.criticality import binder_cumulant, critical_temperature, susceptibility
from thermopolis.analysis.modality import dip, dip_test, several_basins
from thermopolis.analysis.stationarity import burn_in, change_points, drift, effective_sample_size
from thermopolis.errors import StoreError


def ar1(generator, phi, n):
    x = np.empty(n)
    x[0] = generator.normal() / np.sqrt(1 - phi**2)
    for t in range(1, n):
        x[t] = phi * x[t - 1] + generator.normal()
    return x


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_effective_sample_size_of_an_autoregression(phi):
    # n(1 − φ)/(1 + φ); the standard error of the estimate is below 10 % at this length
    n = 40_000
    size = effective_sample_size(ar1(np.random.default_rng(2), phi, n))
    assert size == pytest.approx(n * (1 - phi) / (1 + phi), rel=0.1)


def test_burn_in_ends_where_the_transient_does():
    generator = np.random.default_rng(4)
    x = 8 * np.exp(-np.arange(1000) / 30) + generator.normal(0, 0.3, 1000)
    assert 60 < burn_in(x) < 250
    assert burn_in(np.ones(3)) == 0


def test_change_points_are_found_where_they_are_and_not_elsewhere():
    generator = np.random.default_rng(5)
    x = np.repeat([0.0, 3.0, 1.0], [100, 150, 50]) + generator.normal(0, 0.6, 300)
    found = change_points(x)
    assert len(found) == 2 and abs(found[0] - 100) <= 3 and abs(found[1] - 250) <= 3
    false = sum(bool(change_points(generator.normal(size=200))) for _ in range(200))
    assert false <= 20
    assert change_points(np.repeat([0.0, 1.0], 30)) == [30]


def test_drift_tells_settled_from_moving():
    generator = np.random.default_rng(6)
    still = generator.normal(size=(32, 80, 1))
    moving = still + 0.02 * np.arange(80)[:, None]
    ds = xr.Dataset({"reward": (("replicate", "step", "agent"), still)})
    assert float(drift(ds, "reward")["p"].squeeze()) > 0.01
    assert float(drift(ds.assign(reward=ds["reward"].copy(data=moving)), "reward")["p"].squeeze()) < 1e-4


def test_the_dip_of_two_far_basins_is_a_quarter_and_of_one_is_small():
    assert dip(np.concatenate([np.linspace(0, 1e-6, 500), np.linspace(1, 1 + 1e-6, 500)])) == pytest.approx(
        0.25, abs=2e-3
    )
    assert dip(np.linspace(0, 1, 1000)) < 2e-3


@pytest.mark.parametrize(
    "draw", [lambda g, n: g.random(n), lambda g, n: g.normal(size=n), lambda g, n: g.exponential(size=n)]
)
def test_one_basin_is_seldom_called_two(draw):
    generator = np.random.default_rng(8)
    flags = sum(dip_test(draw(generator, 32)) < 0.05 for _ in range(300))
    # at most 5 % in the least favourable case; 4 standard errors above it
    assert flags <= 300 * 0.05 + 4 * np.sqrt(300 * 0.05 * 0.95)


def test_two_basins_are_called_two():
    generator = np.random.default_rng(9)
    x = np.where(generator.random((20, 32)) < 0.4, 0.03, 0.95) + generator.normal(0, 0.03, (20, 32))
    flags = several_basins(xr.DataArray(x, dims=("temperature", "replicate")))
    assert flags.mean() > 0.9
    assert not several_basins(xr.DataArray(np.full((1, 32), 0.5), dims=("temperature", "replicate"))).any()


def test_binder_cumulant_at_its_limits():
    generator = np.random.default_rng(10)
    dims = ("temperature", "replicate", "step")
    ordered = xr.DataArray(np.sign(generator.normal(size=(1, 8, 500))) * 0.9, dims=dims)
    chance = xr.DataArray(generator.normal(size=(1, 8, 5000)), dims=dims)
    assert float(binder_cumulant(ordered)[0]) == pytest.approx(2 / 3)
    assert float(binder_cumulant(chance)[0]) == pytest.approx(0.0, abs=4 * np.sqrt(8 / 3 / 40_000))
    # free spins: χ of |m| is (1 − 2/π)/T per N⟨m²⟩ = 1
    free = chance / np.sqrt(400)
    assert float(susceptibility(free, 400, 2.0)[0]) == pytest.approx((1 - 2 / np.pi) / 2, rel=0.03)
    with pytest.raises(StoreError, match="samples"):
        binder_cumulant(xr.DataArray([1.0], dims="temperature"))


def test_critical_temperature_of_a_known_crossing():
    # m is a ±a two-point variable plus Gaussian noise of width s: U is known, and both sizes cross at T = 2
    generator = np.random.default_rng(12)
    temperatures = np.linspace(1.6, 2.4, 9)
    order = {}
    for size in (8, 16):
        ratio = np.exp(-(temperatures - 2.0) * size / 6.0)
        sign = np.sign(generator.normal(size=(9, 24, 3000)))
        m = sign * ratio[:, None, None] + generator.normal(size=(9, 24, 3000))
        order[size] = xr.DataArray(
            m, dims=("temperature", "replicate", "step"), coords={"temperature": temperatures}
        )
    found = critical_temperature(order)
    assert found["low"] < 2.0 < found["high"]
    assert found["value"] == pytest.approx(2.0, abs=0.03)
    flat = order[8] * 0 + 1.0
    assert np.isnan(critical_temperature(flat, universal=0.9)["value"])


@pytest.mark.long
def test_critical_temperature_of_the_ising_model_within_one_percent():
    generator = np.random.default_rng(1944)
    temperatures = np.linspace(2.18, 2.36, 7)
    order = {}
    for size, sweeps in ((12, 3000), (24, 6000)):
        checker = (np.add.outer(np.arange(size), np.arange(size)) % 2).astype(bool)
        spins = np.ones((len(temperatures), 24, size, size), np.int8)
        kept = []
        beta = (1 / temperatures)[:, None, None, None].astype(np.float32)
        for sweep in range(sweeps):
            for colour in (checker, ~checker):
                near = sum(np.roll(spins, s, a) for s in (-1, 1) for a in (-2, -1))
                flip = generator.random(spins.shape, np.float32) < 1 / (1 + np.exp(2 * beta * near * spins))
                spins = np.where(colour & flip, -spins, spins)
            if sweep >= sweeps // 5:
                kept.append(spins.mean((-2, -1)))
        order[size] = xr.DataArray(
            np.stack(kept, -1),
            dims=("temperature", "replicate", "step"),
            coords={"temperature": temperatures},
        )
    exact = 2 / np.log(1 + np.sqrt(2))
    assert critical_temperature(order)["value"] == pytest.approx(exact, rel=0.01)
    assert critical_temperature(order[24])["value"] == pytest.approx(exact, rel=0.01)


def test_multiplicity_control_agrees_with_scipy_and_by_hand():
    p = np.array([0.01, 0.04, 0.03, 0.005, np.nan])
    assert np.allclose(holm(p), [0.03, 0.06, 0.06, 0.02, np.nan], equal_nan=True)
    assert np.allclose(benjamini_hochberg(p)[:4], stats.false_discovery_control(p[:4]))


def test_permutation_p_values_are_uniform_under_the_null():
    generator = np.random.default_rng(13)
    p = [permutation_test(generator.normal(size=12), generator.normal(size=12), 199) for _ in range(300)]
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_comparisons_hold_the_family():
    generator = np.random.default_rng(14)
    x = generator.normal(size=(3, 16)) + np.array([[0.0], [0.0], [3.0]])
    rows = compare(xr.DataArray(x, dims=("kind", "replicate"), coords={"kind": ["a", "b", "c"]}), "kind")
    assert [(r["first"], r["second"]) for r in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert rows[0]["p_adjusted"] > 0.05 and max(rows[1]["p_adjusted"], rows[2]["p_adjusted"]) < 0.01


@pytest.mark.long
def test_the_shipped_ising_experiment_finds_onsagers_temperature():
    import thermopolis as tp

    ds = tp.run(Path(__file__).parents[2] / "experiments" / "ising_transition.yaml")
    found = critical_temperature(ds["magnetisation"].isel(step=slice(50, None)))
    exact = 2 / np.log(1 + np.sqrt(2))
    assert found["value"] == pytest.approx(exact, rel=0.01)
    assert found["low"] < found["value"] < found["high"]


def test_permutations_of_large_samples_keep_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretch by stretch the p-value is the same within the error of its resamples, and little is kept."""
    generator = np.random.default_rng(8)
    a, b = generator.normal(size=300), generator.normal(0.12, size=300)
    whole = permutation_test(a, b)
    monkeypatch.setattr(comparisons, "STRETCH", 60_000)
    assert permutation_test(a, b) == pytest.approx(whole, abs=4 * np.sqrt(2 * whole * (1 - whole) / 4999))
    assert comparisons._contrasts(300, 300, 100, 7, 1).size == 60_000
    assert comparisons._contrasts.cache_info().currsize == 1
