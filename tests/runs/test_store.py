"""Results are whole or absent: finished points are kept, damaged ones found, and what is opened is what was made."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import thermopolis as tp
from tests.runs.conftest import FakeEngine
from thermopolis.errors import SimulationError, StoreError
from thermopolis.runs.loading import load_plan
from thermopolis.runs.store import Store, directory_for


def snapshot(root: Path) -> dict[str, bytes]:
    """The bytes of every point."""
    return {path.name: path.read_bytes() for path in sorted((root / "points").glob("*.nc"))}


def test_a_run_is_what_memory_would_hold(small: Path, tmp_path: Path, fake: FakeEngine) -> None:
    stored = tp.run(tp.load(small), tmp_path / "out")
    assert dict(stored.sizes) == {"temperature": 3, "noise": 2, "replicate": 2, "step": 5, "agent": 2}
    xr.testing.assert_identical(stored.load().drop_attrs(), tp.run(tp.load(small)).drop_attrs())
    assert stored.attrs["name"] == "small" and stored.attrs["seed"] == 3
    assert stored.reward.attrs["units"] == "1"


def test_parts_are_read_as_the_whole_would_be(small: Path, tmp_path: Path, fake: FakeEngine) -> None:
    lazy = tp.run(tp.load(small), tmp_path / "out")
    whole = lazy.load().copy(deep=True)
    lazy = tp.open(tmp_path / "out")
    xr.testing.assert_identical(
        lazy.isel(temperature=1, step=slice(1, 4)), whole.isel(temperature=1, step=slice(1, 4))
    )
    xr.testing.assert_identical(
        lazy.sel(noise=0.1, temperature=[2.0, 0.5]), whole.sel(noise=0.1, temperature=[2.0, 0.5])
    )
    assert lazy.reward[2, 1, 0, -1, 1].item() == whole.reward[2, 1, 0, -1, 1].item()
    pick = xr.DataArray([0, 2, 2], dims="k")
    xr.testing.assert_identical(
        lazy.isel(temperature=pick, step=pick), whole.isel(temperature=pick, step=pick)
    )


def test_finished_points_are_not_redone_and_a_sweep_may_grow(
    small: Path, tmp_path: Path, fake: FakeEngine
) -> None:
    tp.run(tp.load(small), tmp_path / "out")
    assert len(fake.simulated) == 6
    before = snapshot(tmp_path / "out")
    tp.run(tp.load(small), tmp_path / "out")
    assert len(fake.simulated) == 6
    small.write_text(small.read_text().replace("2.0]", "2.0, 4.0]"))
    grown = tp.run(tp.load(small), tmp_path / "out")
    assert len(fake.simulated) == 8
    assert before.items() <= snapshot(tmp_path / "out").items()
    assert grown.sizes["temperature"] == 4


@pytest.mark.parametrize(
    "harm", ["truncated", "empty", "flipped", "foreign", "absent", "note gone", "note garbled"]
)
def test_a_damaged_point_is_found_and_redone(
    harm: str, small: Path, tmp_path: Path, fake: FakeEngine
) -> None:
    root = tmp_path / "out"
    tp.run(tp.load(small), root)
    before = snapshot(root)
    victim = sorted((root / "points").glob("*.nc"))[2]
    raw = victim.read_bytes()
    if harm == "truncated":
        victim.write_bytes(raw[: len(raw) // 2])
    elif harm == "empty":
        victim.write_bytes(b"")
    elif harm == "flipped":
        middle = len(raw) // 2
        victim.write_bytes(raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :])
    elif harm == "foreign":
        xr.Dataset({"x": ("step", np.arange(3.0))}).to_netcdf(victim, engine="h5netcdf")
    elif harm == "absent":
        victim.unlink()
    elif harm == "note gone":
        victim.with_suffix(".json").unlink()
    else:
        victim.with_suffix(".json").write_text("{")
    fake.simulated.clear()
    tp.run(tp.load(small), root)
    assert fake.simulated == [victim.stem]
    assert snapshot(root).keys() == before.keys()
    assert not list((root / "points").glob("*.tmp"))


def test_a_stranger_among_the_points_is_reported_and_left_alone(
    small: Path, tmp_path: Path, fake: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    from thermopolis.runs.cli import main

    root = tmp_path / "out"
    tp.run(tp.load(small), root)
    (root / "points" / "stranger.nc").write_bytes(b"x")
    with pytest.raises(SystemExit) as left:
        main(["run", str(small), "--out", str(root)])
    assert left.value.code in (0, None)
    assert "stranger.nc is no point of this experiment" in capsys.readouterr().out
    assert (root / "points" / "stranger.nc").read_bytes() == b"x"
    assert tp.open(root).sizes["temperature"] == 3


def test_a_failed_point_is_written_down_and_the_others_go_on(
    small: Path, tmp_path: Path, fake: FakeEngine
) -> None:
    fake.fail_at_noise = 0.1
    with pytest.raises(SimulationError, match="free_energy is nan"):
        tp.run(tp.load(small), tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["counts"] == {"done": 3, "failed": 3}
    failed = [point for point in manifest["points"] if point["status"] == "failed"]
    assert all(point["swept"]["environment.noise"] == 0.1 and "agent 1" in point["error"] for point in failed)
    partial = tp.open(tmp_path / "out")
    assert np.isnan(partial.reward.sel(noise=0.1)).all() and not np.isnan(partial.reward.sel(noise=0.0)).any()
    assert (partial.action.sel(noise=0.1) == -1).all()
    fake.fail_at_noise = None
    fake.simulated.clear()
    tp.run(tp.load(small), tmp_path / "out")
    assert len(fake.simulated) == 3


def test_a_run_in_memory_raises_what_a_point_raised(small: Path, fake: FakeEngine) -> None:
    fake.fail_at_noise = 0.1
    with pytest.raises(SimulationError, match="free_energy is nan"):
        tp.run(tp.load(small))


def test_points_of_different_sizes_are_padded(small: Path, tmp_path: Path, fake: FakeEngine) -> None:
    swept = {"steps": [3, 6], "replicates": [1, 2]}
    small.write_text(small.read_text().split("sweep:")[0])
    stored = tp.sweep(tp.load(small), swept, tmp_path / "out").load()
    assert dict(stored.sizes) == {"steps": 2, "replicates": 2, "replicate": 2, "step": 6, "agent": 2}
    assert np.isnan(stored.reward.isel(steps=0, step=slice(3, None))).all()
    assert (stored.action.isel(replicates=0, replicate=1) == -1).all()
    assert not np.isnan(stored.reward.isel(steps=1, replicates=1)).any()
    xr.testing.assert_identical(stored.drop_attrs(), tp.sweep(tp.load(small), swept).drop_attrs())


def test_coordinates_that_are_no_numbers(small: Path, tmp_path: Path, fake: FakeEngine) -> None:
    swept = {
        "agents.0.perception.kind": ["exact", "core"],
        "agents.0.policy.kind": ["exact", "core"],
        "zip": [["agents.0.perception.kind", "agents.0.policy.kind"]],
        "agents.0.learning": [None, {"rate": 1.0}],
        "agents.0.information_gain.state": [True, False],
    }
    small.write_text(small.read_text().split("sweep:")[0])
    ds = tp.sweep(tp.load(small), swept, tmp_path / "out")
    assert ds.agents_0_perception_kind.values.tolist() == ["exact", "core"]
    assert ds.agents_0_policy_kind.dims == ("agents_0_perception_kind",)
    assert ds.learning.values.tolist() == ["null", '{"rate": 1.0}']
    assert ds.state.values.tolist() == [True, False]
    assert ds.learning.attrs["path"] == "agents.0.learning"
    xr.testing.assert_identical(ds.load().drop_attrs(), tp.sweep(tp.load(small), swept).drop_attrs())


def test_coordinates_that_differ_between_points_get_the_sweep_s_dimensions(
    small: Path, tmp_path: Path, fake: FakeEngine
) -> None:
    kinds = [{"kind": "random", "count": 2}, {"kind": "memory_one", "strategy": "tit_for_tat", "count": 2}]
    small.write_text(small.read_text().split("sweep:")[0])
    swept = {"agents.0": kinds, "seed": [1, 2]}
    stored = tp.sweep(tp.load(small), swept, tmp_path / "out")
    assert stored.world_seed.dims == ("agents_0", "seed", "replicate")
    assert stored.kind.dims == ("agents_0", "seed", "agent")
    assert stored.kind.isel(seed=0, agent=1).values.tolist() == ["random", "memory_one"]
    same = tp.sweep(tp.load(small), {"seed": [1, 2]})
    assert same.kind.dims == ("agent",) and same.world_seed.dims == ("seed", "replicate")
    xr.testing.assert_identical(stored.load().drop_attrs(), tp.sweep(tp.load(small), swept).drop_attrs())


def test_a_directory_of_another_experiment_is_refused(small: Path, tmp_path: Path, fake: FakeEngine) -> None:
    tp.run(tp.load(small), tmp_path / "out")
    with pytest.raises(StoreError, match="another experiment"):
        tp.run(tp.load(small).model_copy(update={"seed": 4}), tmp_path / "out")


def test_two_processes_do_not_write_to_one_directory(small: Path, tmp_path: Path, fake: FakeEngine) -> None:
    plan = load_plan(small)
    with Store(tmp_path / "out", plan).opened():
        code = (
            "import sys, thermopolis.runs.files as f\n"
            "try:\n    with f.locked(__import__('pathlib').Path(sys.argv[1]), 'me'): print('taken')\n"
            "except Exception as e: print(type(e).__name__, e)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "out" / ".lock")],
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.startswith("StoreError") and f"process {os.getpid()}" in done.stdout
    with Store(tmp_path / "out", plan).opened():
        pass  # freed


def test_a_full_disk_leaves_no_broken_file(
    small: Path, tmp_path: Path, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "out"
    write = Path.write_bytes

    def full(path: Path, raw: Any) -> int:
        if len(fake.simulated) == 3 and ".nc." in path.name:
            write(path, raw[: len(raw) // 2])
            raise OSError(errno.ENOSPC, "no space")
        return write(path, raw)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match="the disk is full"):
        tp.run(tp.load(small), root)
    monkeypatch.undo()
    assert len(snapshot(root)) == 2
    assert not [path for path in root.rglob("*") if path.suffix == ".tmp"]


def test_what_may_not_be_written_is_said(small: Path, tmp_path: Path, fake: FakeEngine) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="a file stands where a directory is needed"):
        tp.run(tp.load(small), tmp_path / "file")
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(StoreError, match="you may not write here"):
            tp.run(tp.load(small), tmp_path / "closed" / "out")


def test_results_are_found_without_their_hash(
    small: Path, tmp_path: Path, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = tp.load(small)
    tp.run(experiment, directory_for(experiment))
    assert tp.open("results/small").sizes["temperature"] == 3
    with pytest.raises(StoreError, match="no results here"):
        tp.open("results/other")
    other = experiment.model_copy(update={"seed": 4})
    tp.run(other, directory_for(other))
    with pytest.raises(StoreError, match="several fit"):
        tp.open("results/small")


def test_the_manifest_says_where_results_come_from(small: Path, tmp_path: Path, fake: FakeEngine) -> None:
    tp.run(tp.load(small), tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["versions"]["jax"] and manifest["platform"] and manifest["seed"] == 3
    assert [point["swept"]["agents.0.temperature"] for point in manifest["points"]] == [0.5, 0.5, 1, 1, 2, 2]
    assert tp.load(tmp_path / "out" / "experiment.yaml") == tp.load(small)
