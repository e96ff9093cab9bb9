"""Observables of cooperation and of inequality, against exact chains and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from thermopolis import analysis
from thermopolis.analysis.counting import action_counts, context_counts, joint_outcomes, pair_moves
from thermopolis.analysis.digests import action_share
from thermopolis.errors import StoreError

TFT = np.array([1.0, 0.0, 1.0, 0.0])


def test_memory_one_estimates_cover_the_strategy_that_played(memory_one_game):
    p = np.array([0.9, 0.2, 0.6, 0.35])
    ds = memory_one_game(p, np.array([0.5, 0.4, 0.7, 0.3]), steps=400, replicates=40)
    found = analysis.conditional_cooperation(ds, fraction=1.0).sel(group="even")
    assert np.all(found["trials"] > 1000)
    error = np.sqrt(p * (1 - p) / found["trials"].values)
    assert np.all(np.abs(found["estimate"].values - p) < 4 * error)
    assert np.all((found["low"] <= found["estimate"]) & (found["estimate"] <= found["high"]))


def test_a_context_that_never_came_is_undefined(memory_one_game):
    always = np.ones(4)
    ds = memory_one_game(always, always, steps=30, replicates=4, opening=1.0)
    found = analysis.conditional_cooperation(ds)
    assert float(found["estimate"].sel(group="even", context="CC")) == 1.0
    assert np.isnan(found["estimate"].sel(group="even", context=["CD", "DC", "DD"])).all()


def test_transitions_are_those_of_the_chain(memory_one_game, memory_one_matrix):
    p, q = np.array([0.8, 0.3, 0.6, 0.2]), np.array([0.7, 0.5, 0.4, 0.3])
    ds = memory_one_game(p, q, steps=1000, replicates=40)
    exact = memory_one_matrix(p, q)
    counts = analysis.transition_counts(ds).sum("replicate")
    error = np.sqrt(exact * (1 - exact) / counts.sum("next_outcome").values[:, None])
    assert np.all(np.abs(analysis.transitions(ds) - exact) < 4.5 * error)
    assert np.allclose(analysis.transitions(ds).sum("next_outcome"), 1.0)


def test_players_who_do_not_meet_in_pairs_have_no_joint_outcome(memory_one_game):
    two = memory_one_game(TFT, TFT, steps=20, replicates=3, noise=0.2)
    four = xr.concat([two, two.roll(replicate=1)], dim="agent").assign_coords(agent=np.arange(4))
    assert joint_outcomes(four).sizes["pair"] == 2
    mixed = four.isel(agent=[0, 2, 1, 3]).assign_coords(agent=np.arange(4))
    with pytest.raises(StoreError, match="fixed pairs"):
        pair_moves(mixed)
    with pytest.raises(StoreError, match="more than two actions"):
        pair_moves(two.assign(action=two["action"] + 2))
    with pytest.raises(StoreError, match="observation was not recorded"):
        context_counts(four.drop_vars("observation"))


def test_what_two_players_saw_follows_from_what_they_did(memory_one_game):
    ds = memory_one_game(TFT, np.full(4, 0.4), steps=40, replicates=3, noise=0.1)
    assert np.array_equal(context_counts(ds), context_counts(ds.drop_vars(["observation", "cooperation"])))
    rate = analysis.cooperation_rate(ds.drop_vars("cooperation"))
    assert np.allclose(rate, analysis.cooperation_rate(ds))


def test_the_two_ends_of_a_link_are_a_pair(memory_one_game):
    ds = memory_one_game(np.array([0.9, 0.2, 0.6, 0.3]), TFT, steps=60, replicates=4, noise=0.1)
    links = xr.Dataset({"action": ds["action"].rename(agent="link").drop_vars(["kind", "link"])})
    # the link back comes first, and a link that goes one way alone is left out
    links = links.isel(link=[1, 0, 0])
    same = links.assign_coords(source=("link", [1, 0, 2]), target=("link", [0, 1, 0]))
    rows = {n: (("replicate", "link"), np.tile(same[n].values, (4, 1))) for n in ("source", "target")}
    for graph in (same, links.assign_coords(rows)):
        assert np.array_equal(analysis.transition_counts(graph), analysis.transition_counts(ds))
    with pytest.raises(StoreError, match="source and target"):
        pair_moves(links)
    with pytest.raises(StoreError, match="both ways"):
        pair_moves(same.isel(link=[1, 2]))


def test_groups_may_differ_along_a_sweep(memory_one_game):
    ds = memory_one_game(TFT, np.full(4, 0.4), steps=40, replicates=3, noise=0.1)
    kinds = [["a", "b"], ["b", "b"]]
    swept = xr.concat([ds, ds], dim="pairing").assign_coords(kind=(("pairing", "agent"), kinds))
    alone = ds.assign_coords(kind=("agent", ["b", "b"]))
    for name in ("cooperation_rate", "action_entropy"):
        whole, part = getattr(analysis, name)(swept), getattr(analysis, name)(alone)
        assert np.allclose(whole.isel(pairing=1).sel(group="b"), part.sel(group="b"))
    counts = analysis.context_counts(swept)
    assert np.array_equal(
        counts.isel(pairing=1).sel(group="b"), analysis.context_counts(alone).sel(group="b")
    )
    assert (counts.isel(pairing=1).sel(group="a") == 0).all()


def test_a_summary_stands_for_the_players_it_sums_up(point):
    whole = point[["cooperation", "reward"]]
    summary = xr.Dataset({f"{n}_mean": whole[n].mean("agent") for n in whole}).drop_vars("world_seed")
    found = analysis.cooperation_rate(summary)
    assert found["group"].values.tolist() == ["all players"]
    assert np.allclose(found.isel(group=0), whole["cooperation"].mean("agent"))
    assert {"cooperation", "reward"} <= set(analysis.digest(summary).data_vars)


def test_the_order_of_dimensions_and_a_missing_one_do_not_matter(point):
    one = point.isel(replicate=[0])
    for ds in (point.transpose("agent", ..., "step", "replicate"), point):
        assert analysis.cooperation_rate(ds).dims == ("replicate", "step", "group")
        assert np.allclose(analysis.disorder(ds), analysis.disorder(point), equal_nan=True)
    assert np.allclose(analysis.transitions(one.isel(replicate=0)), analysis.transitions(one), equal_nan=True)


def test_actions_beyond_two_have_an_entropy():
    action = np.broadcast_to(np.arange(90, dtype=np.int8)[None, :, None] % 3, (2, 90, 1))
    ds = xr.Dataset({"action": (("replicate", "step", "agent"), action)})
    assert np.allclose(analysis.action_entropy(ds, fraction=1.0), np.log(3))
    assert np.allclose(analysis.disorder(ds, windows=1).sel(part="action"), 1.0)
    with pytest.raises(StoreError, match="more than two actions"):
        analysis.time_to_cooperation(ds)


def test_contexts_are_counted_by_link_in_societies(memory_one_game):
    ds = memory_one_game(TFT, TFT, steps=30, replicates=3, noise=0.1)
    rename = {"agent": "link"}
    links = xr.Dataset({n: ds[n].rename(rename).drop_vars("kind") for n in ("action", "observation")})
    links = links.drop_vars("link", errors="ignore").assign_coords(
        source=("link", [0, 1]), target=("link", [1, 0]), kind=("agent", ["even", "odd"])
    )
    assert np.array_equal(context_counts(links).values, context_counts(ds).values)


def test_time_to_cooperation_is_the_start_of_the_first_long_run(memory_one_game):
    ds = memory_one_game(TFT, TFT, steps=12, replicates=2)
    action = np.ones((2, 12, 2), np.int8)
    action[0, 3:5] = 0
    action[0, 7:12] = 0
    ds = ds.assign(action=(ds["action"].dims, action))
    assert np.array_equal(analysis.time_to_cooperation(ds, hold=4), [7.0, np.nan], equal_nan=True)
    assert float(analysis.time_to_cooperation(ds, hold=2)[0]) == 3.0
    with pytest.raises(StoreError, match="only 12"):
        analysis.time_to_cooperation(ds, hold=13)


def test_mutual_defection_of_tit_for_tat_under_noise_is_a_quarter(memory_one_game):
    ds = memory_one_game(TFT, TFT, steps=400, replicates=64, noise=0.05)
    rate = analysis.mutual_defection(ds).isel(step=slice(100, None)).mean("step")
    assert abs(float(rate.mean()) - 0.25) < 4 * float(rate.std()) / 8


def test_gini_by_hand():
    assert analysis.gini_of(np.array([1.0, 1.0, 1.0])) == pytest.approx(0.0)
    assert analysis.gini_of(np.array([0.0, 0.0, 5.0])) == pytest.approx(1.0)
    # uniform 1…n has plain G = (n − 1)/(3n) · (n + 1)/(n + 1): scaled by n/(n − 1) it is (n + 1)/(3(n + 1)) = 1/3
    assert analysis.gini_of(np.arange(1.0, 101)) == pytest.approx(1 / 3)
    undefined = analysis.gini_of(np.array([[0.0, 0.0], [-1.0, 2.0], [np.nan, 3.0]]))
    assert np.isnan(undefined).all()


def test_inequality_and_shares_of_a_dataset(point):
    rich = xr.where(point["agent"] == 0, 3.0, 1.0) + 0 * point["reward"]
    ds = point.assign(power=rich.transpose(*point["reward"].dims))
    assert np.allclose(analysis.energy_share(ds).sel(group="active_inference"), 0.75)
    assert np.allclose(analysis.gini(ds, "power"), 0.5)
    assert analysis.gini(ds, "reward").dims == ("replicate", "step")
    with pytest.raises(StoreError, match="wasn't recorded by agent"):
        analysis.gini(point, "store")


def test_actions_are_as_many_whoever_is_left_to_take_them(civilizations):
    """Ended civilizations act no more, and the last action may never be taken: its count is zero, not absent."""
    steps = civilizations["step"]
    ended = civilizations["action"].where(steps < 100, -1).astype(np.int8)
    named = ended.where(ended < 3, 0).assign_attrs(flag_meanings="save grow research radiate collect")
    for action, count in ((ended, 4), (named, 5)):
        ds = civilizations.assign(action=action)
        assert action_counts(ds).sizes["action"] == count
        assert action_share(ds).sizes["action"] == count
        assert int(action_counts(ds).sum()) == 0
