"""Strange data give a page, or a sentence; never a traceback that isn't ours."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from thermopolis import analysis
from thermopolis.analysis.page.build import page_of
from thermopolis.errors import StoreError


def strange(game_point: Callable[..., xr.Dataset]) -> dict[str, xr.Dataset]:
    whole = game_point(replicates=6, steps=20)
    nothing = whole.copy()
    for name in ("cooperation", "reward", "belief_entropy", "policy_entropy", "core_joules"):
        nothing[name] = nothing[name] * np.nan
    infinite = whole.copy()
    infinite["reward"] = infinite["reward"].where(infinite["step"] != 3, np.inf)
    return {
        "one replicate": whole.isel(replicate=[0]),
        "one step": whole.isel(step=[0]),
        "one agent": whole.isel(agent=[0]),
        "only reward": whole[["reward"]],
        "only observation": whole[["observation"]],
        "undefined throughout": nothing,
        "an infinite reward": infinite,
        "no coordinates": whole.drop_vars(list(whole.coords)),
        "many kinds": whole.assign_coords(kind=("agent", ["a" * 300, "é<b>&\"'\u2028"])),
        "core alone": xr.Dataset(
            {"state": (("replicate", "step", "chain", "unit"), np.ones((3, 5, 2, 4), np.int8))}
        ),
        "without agents": xr.Dataset(
            {"energy": (("replicate", "step"), np.random.default_rng(1).normal(size=(4, 9)))}
        ),
    }


KINDS = (
    "one replicate", "one step", "one agent", "only reward", "only observation", "undefined throughout",
    "an infinite reward", "no coordinates", "many kinds", "core alone", "without agents",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_strange_runs_have_a_page_all_the_same(kind, game_point, make_results, without_pictures):
    directory = make_results([({}, strange(game_point)[kind])])
    results = analysis.open_results(directory)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        page = page_of(results, results.digest())
    assert "<h1>synthetic</h1>" in page
    assert ">nan<" not in page.lower() and "Infinity" not in page[: page.index("plotly.js")]
    if kind == "one replicate":
        assert "One replicate gives no interval" in page


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_strange_runs_are_drawn_as_far_as_they_go(kind, game_point, make_results):
    directory = make_results([({}, strange(game_point)[kind])])
    drawn = analysis.plot_all(directory, formats=("png",))
    assert drawn or drawn.left_out
    assert all(len(reason) > 10 for reason in drawn.left_out.values())


def test_a_run_without_a_finished_point_is_said_to_be_one(sweep_dir):
    path = sweep_dir / "manifest.json"
    manifest = json.loads(path.read_text())
    for point in manifest["points"]:
        point["status"] = "pending"
    path.write_text(json.dumps(manifest))
    for use in (analysis.report, analysis.plot_all):
        with pytest.raises(StoreError, match="no point of this run has finished"):
            use(sweep_dir)


def test_foreign_files_are_named(sweep_dir: Path):
    victim = sweep_dir / "points" / "0001.nc"
    xr.Dataset({"tas": (("time", "lat"), np.zeros((3, 4)))}).to_netcdf(victim, engine="h5netcdf")
    with pytest.raises(StoreError, match=r"0001\.nc: this dataset has no dimension 'replicate'"):
        analysis.report(sweep_dir)


def test_an_unfinished_sweep_is_reported_with_a_warning(sweep_dir, without_pictures):
    path = sweep_dir / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["points"][1]["status"] = "pending"
    manifest["points"][2] |= {"status": "failed", "error": "reward is not finite: step 3, agent 1"}
    path.write_text(json.dumps(manifest))
    text = analysis.report(sweep_dir).read_text(encoding="utf-8")
    assert "1 of 5 points failed. The first: reward is not finite: step 3, agent 1" in text
    assert "1 of 5 points have no results yet" in text


def test_several_basins_and_drifts_are_warned_of(make_results, game_point, without_pictures):
    generator = np.random.default_rng(4)
    ds = game_point(replicates=24, steps=40, core=False)
    basin = (generator.random((24, 1, 1)) < 0.5).astype(np.float32)
    split = np.clip(0.03 + 0.9 * basin + 0.03 * generator.normal(size=(24, 40, 2)), 0, 1)
    climbing = np.linspace(0, 1, 40)[None, :, None] + 0.05 * generator.normal(size=(24, 40, 2))
    dims = ds["reward"].dims
    ds = ds.assign(cooperation=(dims, split.astype(np.float32)), reward=(dims, climbing.astype(np.float32)))
    text = analysis.report(make_results([({}, ds)])).read_text(encoding="utf-8")
    assert "falls into several basins" in text
    assert "The reward per round still changes" in text
