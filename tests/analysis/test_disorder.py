"""Every part of the disorder index at its own stated limits."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from thermopolis.analysis.counting import action_counts
from thermopolis.analysis.disorder_index import (
    action_mix,
    disorder,
    evenest,
    evenness,
    policy_disagreement,
    spatial_disorder,
)
from thermopolis.errors import StoreError


def dataset(action, **others):
    dims = ("replicate", "step", "agent")
    return xr.Dataset({"action": (dims, action.astype(np.int8))} | {k: (dims, v) for k, v in others.items()})


def test_clones_disagree_in_nothing():
    alternating = np.tile(np.arange(20)[None, :, None] % 2, (2, 1, 6))
    parts = disorder(dataset(alternating), windows=2)
    assert np.allclose(parts.sel(part="policy"), 0.0)
    assert np.allclose(parts.sel(part="action"), 1.0)
    same = disorder(dataset(np.zeros((2, 20, 6))), windows=2)
    assert np.allclose(same.sel(part="action"), 0.0)
    assert np.allclose(same.sel(part="policy"), 0.0)


def test_opposite_certain_players_disagree_fully():
    split = np.broadcast_to(np.arange(6) % 2, (1, 20, 6))
    assert np.allclose(disorder(dataset(split), windows=2).sel(part="policy"), 1.0)


def test_an_odd_number_of_certain_players_can_be_as_split_as_they_can():
    three = np.broadcast_to(np.array([0, 0, 1]), (1, 20, 3))
    assert np.allclose(disorder(dataset(three), windows=2).sel(part="policy"), 1.0)
    # exact: ln 2 for an even split in two, h(1/3) for three players, ln 3 for three values
    assert np.allclose(evenest(np.array([4, 3]), 2), [np.log(2), np.log(3) - 2 / 3 * np.log(2)])
    assert evenest(np.array(6), 3) == pytest.approx(np.log(3))


def test_equal_players_of_chance_are_hardly_told_apart():
    # without the correction twenty tosses each would look like disagreement (K − 1)/2n / ln 2 ≈ .036
    toss = np.random.default_rng(1).integers(0, 2, (4000, 20, 6))
    counts = np.stack([(toss == k).sum(1) for k in (0, 1)], -1)
    value = policy_disagreement(counts)
    assert value.mean() < 0.036


def test_evenness_is_over_all_actions_there_are_and_not_over_those_taken():
    """Two of four named actions taken evenly: ln 2 of ln 4, whatever other points of a sweep took."""
    ds = dataset(np.tile(np.arange(400)[None, :, None] % 2, (1, 1, 6)))
    ds["action"].attrs["flag_meanings"] = "save grow research radiate"
    assert np.allclose(disorder(ds, windows=1).sel(part="action"), 0.5, atol=1e-3)


def test_undefined_parts_are_nan_and_left_out_of_the_index():
    one = disorder(dataset(np.zeros((1, 10, 1))), windows=1)
    for part in ("policy", "energy", "belief", "spatial"):
        assert np.isnan(one.sel(part=part)).all()
    assert float(one.sel(part="index").squeeze()) == float(one.sel(part="action").squeeze())
    assert np.isnan(action_mix(np.zeros((3, 2))))


def test_energy_and_belief_parts():
    action = np.zeros((1, 4, 4))
    equal, hoard = np.ones((1, 4, 4)), np.zeros((1, 4, 4))
    hoard[..., 0] = 1.0
    assert np.allclose(disorder(dataset(action, store=equal), windows=1).sel(part="energy"), 1.0)
    assert np.allclose(disorder(dataset(action, store=hoard), windows=1).sel(part="energy"), 0.0)
    assert np.isnan(evenness(np.array([[-1.0, 2.0], [0.0, 0.0]]))).all()
    unsure = np.full((1, 4, 4), np.log(4))
    belief = disorder(dataset(action, belief_entropy=unsure), windows=1).sel(part="belief")
    assert np.allclose(belief, 1.0)
    half = disorder(dataset(action, belief_entropy=unsure / 2), windows=1, belief_maximum=np.log(4))
    assert np.allclose(half.sel(part="belief"), 0.5)


def test_space_is_ordered_in_blocks_and_disordered_by_chance():
    own = np.repeat([0, 1], 500)
    assert spatial_disorder(own, own) == pytest.approx(0.0, abs=1e-2)
    assert spatial_disorder(own, 1 - own) == pytest.approx(0.0, abs=1e-2)
    generator = np.random.default_rng(2)
    assert spatial_disorder(*generator.integers(0, 2, (2, 50_000))) == pytest.approx(1.0, abs=1e-3)
    assert np.isnan(spatial_disorder(np.zeros(10, int), np.zeros(10, int)))


def test_links_give_the_spatial_part():
    # a ring of four: two neighbours cooperate with all, two defect with all
    source = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    target = np.array([1, 3, 0, 2, 1, 3, 2, 0])
    action = np.broadcast_to((source >= 2).astype(np.int8), (1, 10, 8))
    ds = xr.Dataset({"action": (("replicate", "step", "link"), action)})
    ds = ds.assign_coords(source=("link", source), target=("link", target))
    value = disorder(ds, windows=1).sel(part="spatial")
    # along the ring every player has one like and one unlike neighbour: the neighbour tells nothing
    assert float(value.squeeze()) == pytest.approx(1.0)


def test_broadcast_players_have_neighbours_too():
    # blocks on a ring of twelve, each replicate with a ring of its own numbering
    generator = np.random.default_rng(3)
    order = [np.arange(12), generator.permutation(12)]
    source = np.stack([np.concatenate([o, np.roll(o, -1)]) for o in order])
    target = np.stack([np.concatenate([np.roll(o, -1), o]) for o in order])
    action = np.zeros((2, 40, 12), np.int8)
    for r, o in enumerate(order):
        action[r][:, o] = (np.arange(12) // 6 + np.arange(40)[:, None]) % 2
    ds = dataset(action).assign_coords(
        source=(("replicate", "link"), source), target=(("replicate", "link"), target)
    )
    value = disorder(ds, windows=1).sel(part="spatial").squeeze().values
    # ten of twelve links join equals: H(own | neighbour)/H(own) = h(1/6)/ln 2
    exact = -(np.log(1 / 6) / 6 + 5 / 6 * np.log(5 / 6)) / np.log(2)
    assert np.allclose(value, exact, atol=2e-3)
    same = dataset(action[:1]).assign_coords(source=("link", source[0]), target=("link", target[0]))
    assert float(disorder(same, windows=1).sel(part="spatial").squeeze()) == pytest.approx(value[0])


def test_a_hundred_thousand_actions_are_counted_by_those_that_occur():
    """Named actions set the most there can be; a table of all of them, squared over links, would be 80 GB."""
    generator = np.random.default_rng(4)
    few = generator.integers(0, 9, (2, 30, 6))
    links = {"source": ("link", [0, 1, 2, 3]), "target": ("link", [1, 2, 3, 4])}
    plain = dataset(few).assign_coords(links)
    wide = plain.assign(action=(plain["action"].dims, 12_345 * few.astype(np.int32)))
    for ds in (plain, wide):
        ds["action"].attrs["flag_meanings"] = " ".join(f"a{k}" for k in range(100_000))
    both = [disorder(ds, windows=3) for ds in (plain, wide)]
    xr.testing.assert_allclose(*both)
    assert both[0].sel(part=["action", "policy", "spatial"]).notnull().all()


def test_tables_beyond_memory_are_refused():
    spread = np.arange(2 * 300 * 200).reshape(2, 300, 200)
    ds = xr.Dataset({"action": (("replicate", "step", "agent"), spread)})
    with pytest.raises(StoreError, match=r"120,000 kinds of action.*more than 16,777,216 counts"):
        disorder(ds, windows=3)
    with pytest.raises(StoreError, match="more than 16,777,216 counts"):
        action_counts(ds, 1.0)
