"""Results directories: sweeps put together, damage said in a sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest

from thermopolis import analysis
from thermopolis.errors import StoreError


def test_a_sweep_is_put_together_in_order(sweep_dir):
    results = analysis.open_results(sweep_dir)
    ds = results.digest(bins=30)
    assert ds["cooperation"].dims == ("temperature", "replicate", "step", "group")
    assert np.allclose(ds["temperature"], np.geomspace(0.1, 10, 5))
    third = results.load(results.points[3])
    assert np.allclose(
        ds["reward"].isel(temperature=3).mean(("replicate", "step", "group")), third["reward"].mean()
    )


def test_unfinished_points_are_nan(sweep_dir):
    path = sweep_dir / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["points"][2]["status"] = "pending"
    path.write_text(json.dumps(manifest))
    ds = analysis.open_results(sweep_dir).digest()
    assert np.isnan(ds["reward"].isel(temperature=2)).all()
    assert np.isfinite(ds["reward"].isel(temperature=1)).all()


def test_points_of_different_shape_are_padded(make_results, game_point):
    directory = make_results(
        [({"n": 1}, game_point(steps=20)), ({"n": 2}, game_point(steps=40, replicates=6))]
    )
    ds = analysis.open_results(directory).digest()
    assert ds.sizes["step"] == 40
    assert np.isnan(ds["reward"].isel(n=0, step=slice(20, None))).all()
    assert np.isnan(ds["reward"].isel(n=1, replicate=slice(6, None))).all()


def test_what_is_no_results_directory_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no such results directory"):
        analysis.open_results(tmp_path / "nowhere")
    with pytest.raises(StoreError, match=r"no manifest\.json"):
        analysis.open_results(tmp_path)
    (tmp_path / "manifest.json").write_text("{]")
    with pytest.raises(StoreError, match="can't be read"):
        analysis.open_results(tmp_path)
    (tmp_path / "manifest.json").write_text('{"dimensions": [], "points": [{"id": 3}]}')
    with pytest.raises(StoreError, match="can't be read"):
        analysis.open_results(tmp_path)


def test_a_damaged_or_missing_point_is_named(sweep_dir):
    victim = sweep_dir / "points" / "0004.nc"
    victim.write_bytes(victim.read_bytes()[:1000])
    with pytest.raises(StoreError, match=r"0004\.nc: not a readable netCDF"):
        analysis.open_results(sweep_dir).digest()
    victim.unlink()
    with pytest.raises(StoreError, match=r"0004\.nc.*missing"):
        analysis.open_results(sweep_dir).digest()
