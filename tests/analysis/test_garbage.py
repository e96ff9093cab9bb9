"""Strange data give a page, or a sentence; never a traceback that isn't ours."""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from thermopolis import analysis
from thermopolis.analysis.figures import FIGURES, draw
from thermopolis.analysis.page.build import page_of
from thermopolis.analysis.view import Watch
from thermopolis.errors import StoreError

#: Exports that this machine has the packages for.
EXPORTS = [analysis.to_csv, *([analysis.to_parquet] if find_spec("pyarrow") else [])]


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


NOT_OURS = {
    "no variables": xr.Dataset(),
    "no steps": xr.Dataset({"reward": (("replicate", "step", "agent"), np.zeros((2, 0, 2)))}),
    "foreign": xr.Dataset({"tas": (("time", "lat"), np.zeros((3, 4)))}),
}


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


@pytest.mark.parametrize("kind", KINDS)
def test_strange_runs_are_followed_and_exported(kind, game_point, make_results, tmp_path):
    directory = make_results([({}, strange(game_point)[kind])])
    said = Watch(directory).state()
    assert said["done"] == 1 and not said["failures"]
    assert len(said["curves"]) == 1 and "NaN" not in json.dumps(said, allow_nan=False)
    results = analysis.open_results(directory)
    ds = results.load(results.points[0])
    lengths = {len(column) for column in analysis.columns(ds).values()}
    assert lengths == {np.prod([ds.sizes.get(d, 1) for d in ("replicate", "step", "agent", "chain")])}
    with analysis.to_csv(ds, tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 1 + lengths.pop()


@pytest.mark.parametrize("kind", NOT_OURS)
def test_what_is_not_ours_is_refused_by_every_use(kind, game_point, make_results, tmp_path):
    directory = make_results([({}, game_point(replicates=2, steps=3))])
    NOT_OURS[kind].to_netcdf(directory / "points" / "0000.nc", engine="h5netcdf")
    for use in (analysis.report, analysis.plot_all):
        with pytest.raises(StoreError, match=r"0000\.nc: this dataset"):
            use(directory)
    said = Watch(directory).state()
    assert "this dataset" in said["failures"][0]["message"] and not said["curves"]
    for export in EXPORTS:
        with pytest.raises(StoreError, match="this dataset"):
            export(NOT_OURS[kind], tmp_path / "table")
    with pytest.raises(StoreError, match="this dataset"):
        analysis.to_arviz(NOT_OURS[kind])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda ds: ds.assign(reward=ds["reward"].astype(str)), "'reward' of this dataset holds text"),
        (lambda ds: ds.assign_coords(step=list("abc")), "steps of this dataset aren't numbers"),
        (lambda ds: ds.assign_coords(step=[0, np.nan, 2]), "steps of this dataset aren't numbers"),
    ],
)
def test_variables_of_another_kind_are_refused(spoil, says, game_point, make_results):
    directory = make_results([({}, spoil(game_point(replicates=2, steps=3)))])
    with pytest.raises(StoreError, match=rf"0000\.nc: .*{says}"):
        analysis.report(directory)
    assert says in Watch(directory).state()["failures"][0]["message"]


def test_variables_of_another_shape_are_left_out(game_point, make_results, without_pictures):
    ds = game_point(replicates=2, steps=12)
    odd = ds.assign(reward=ds["reward"].mean("agent"), belief_entropy=ds["belief_entropy"].mean("agent"))
    directory = make_results([({}, odd)])
    assert analysis.report(directory).is_file()
    assert "cooperation" in Watch(directory).state()["curves"][0]["panels"]


@pytest.mark.parametrize("kind", NOT_OURS)
def test_no_figure_is_drawn_of_what_is_not_ours(kind):
    for name in FIGURES:
        with pytest.raises(StoreError, match=r".{10}"):
            draw(NOT_OURS[kind], name)
    plt.close("all")


def test_figures_along_a_sweep_of_nothing_defined_say_so_or_stay_empty(game_point):
    nothing = strange(game_point)["undefined throughout"]
    swept = xr.concat([nothing, nothing], dim="temperature").assign_coords(temperature=[0.5, 2.0])
    for name in ("critical_fluctuations", "phase_diagram"):
        with pytest.raises(StoreError, match="cooperation"):
            draw(swept, name)
    for name in ("entropies_against_temperature", "joules_against_temperature"):
        assert draw(swept, name).axes
    plt.close("all")


def test_a_run_without_a_finished_point_is_said_to_be_one(sweep_dir):
    path = sweep_dir / "manifest.json"
    manifest = json.loads(path.read_text())
    for point in manifest["points"]:
        point["status"] = "pending"
    path.write_text(json.dumps(manifest))
    for use in (analysis.report, analysis.plot_all):
        with pytest.raises(StoreError, match="no point of this run has finished"):
            use(sweep_dir)


def test_a_run_whose_points_all_failed_is_said_to_be_one(sweep_dir):
    path = sweep_dir / "manifest.json"
    manifest = json.loads(path.read_text())
    for point in manifest["points"]:
        point |= {"status": "failed", "error": "free_energy is nan at step 3"}
    path.write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match=r"has finished; \d+ failed, the first: free_energy is nan"):
        analysis.report(sweep_dir)


def test_pages_and_figures_that_can_not_be_written_say_so(sweep_dir, without_pictures):
    (sweep_dir / "report.html").mkdir()
    with pytest.raises(StoreError, match=r"report\.html: can't be written"):
        analysis.report(sweep_dir)
    assert not list(sweep_dir.glob("*.part"))
    (sweep_dir / "figures").write_text("")
    with pytest.raises(StoreError, match="figures: can't be written"):
        analysis.plot_all(sweep_dir, ["cooperation_over_time"])


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
