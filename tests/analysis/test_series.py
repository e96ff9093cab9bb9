"""A digest keeps every mean, and refuses what isn't a dataset of ours."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from thermopolis import analysis
from thermopolis.analysis import series as traces
from thermopolis.analysis.digests import digest
from thermopolis.analysis.series import group_series, tail
from thermopolis.errors import StoreError


def test_the_digest_keeps_means(point):
    small = digest(point, bins=24)
    whole = point["cooperation"].sel(agent=0)
    assert small["cooperation"].dims == ("replicate", "step", "group")
    assert small.sizes["step"] == 24
    assert np.allclose(small["cooperation"].sel(group="active_inference").mean("step"), whole.mean("step"))
    assert np.allclose(small["step"].values.mean(), point["step"].values.mean())


def test_steps_after_the_end_of_a_game_are_left_out_of_means(game_point):
    ds = game_point(steps=10)
    ds["cooperation"][:, 6:] = np.nan
    binned = digest(ds, bins=2)["cooperation"].isel(step=1, group=0)
    assert np.allclose(binned, ds["cooperation"].isel(step=slice(5, 6), agent=0).mean("step"))


def test_groups_placed_at_random_are_told_apart_in_every_replicate(game_point):
    ds = game_point(replicates=2, steps=4)
    kinds = np.array([["a", "b"], ["b", "a"]])
    ds = ds.drop_vars("kind").assign_coords(kind=(("replicate", "agent"), kinds))
    series = group_series(ds, "reward")
    assert np.allclose(series.sel(group="a").isel(replicate=1), ds["reward"].isel(replicate=1, agent=1))


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("shape", [(1, 6, 9), (3, 4, 5), (40, 3), (2, 1, 7, 3), (12,)])
def test_means_do_not_depend_on_what_a_cache_holds(shape, monkeypatch):
    values = np.random.default_rng(5).normal(size=shape).astype(np.float32)
    values.reshape(-1)[::7] = np.nan
    monkeypatch.setattr(traces, "_CACHED", 10)
    for axis in range(len(shape)):
        expected = np.nanmean(np.asarray(values, np.float64), axis)
        found = traces.nanmean(values, axis)
        assert found.shape == expected.shape
        assert np.allclose(found, expected, rtol=1e-12, equal_nan=True)


def test_a_large_single_world_has_the_digest_of_its_double(game_point, monkeypatch):
    one = game_point(replicates=1, steps=30)
    monkeypatch.setattr(traces, "_CACHED", 20)
    alone, twice = digest(one, bins=8), digest(xr.concat([one, one], dim="replicate"), bins=8)
    for name in ("cooperation", "belief_entropy", "gini_reward"):
        assert np.allclose(alone[name], twice[name].isel(replicate=[1]), equal_nan=True)


def test_the_tail_of_a_digest_is_that_of_the_dataset(point):
    assert np.allclose(tail(point, "reward"), tail(digest(point, bins=60), "reward"))


def test_joules_add_up_over_operations(point):
    per_decision = analysis.joules_per_decision(point)
    assert np.allclose(
        per_decision.sel(group="active_inference"), point["core_joules"].isel(agent=0).sum("operation")
    )
    assert per_decision.attrs["units"] == "J"


@pytest.mark.parametrize(
    ("ds", "says"),
    [
        (xr.Dataset(), "no dimension"),
        (xr.Dataset({"t": ("lat", [1.0])}), "not written by thermopolis"),
        (xr.Dataset({"reward": (("replicate", "step", "agent"), np.zeros((2, 0, 2)))}), "empty"),
        ("results", "expected an xarray Dataset"),
    ],
)
def test_foreign_data_is_refused_in_a_sentence(ds, says):
    with pytest.raises(StoreError, match=says):
        digest(ds)


def test_a_variable_that_was_not_recorded_is_named(point):
    with pytest.raises(StoreError, match=r"'kardashev' was not recorded .*cooperation"):
        group_series(point, "kardashev")
