"""Long runs: cut anywhere they go on to the same bits; large populations are summed up on line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import thermopolis as tp
from thermopolis.runs import checkpoints as kept
from thermopolis.runs import compiled, keeping, netcdf, table
from thermopolis.runs.summaries import merged, moments

FILE = """\
name: long
seed: 2
replicates: 30
steps: 200
environment: {kind: matrix_game, noise: 0.02, continuation: 0.999}
agents:
  - {kind: active_inference, learning: {rate: 0.3}, temperature: 0.5}
  - {kind: memory_one, strategy: generous_tit_for_tat}
sweep:
  agents.0.temperature: [0.3, 0.6]
"""


class Cut(Exception):
    """What ends a run in its middle."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "long.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Checkpoints after every chunk; gives the frames that blocks went on from."""
    went_on: list[int] = []
    init, resumed = kept.Checkpoints.__init__, compiled._resumed

    def at_once(self: Any, folder: Path, every: float = 0.0) -> None:
        init(self, folder, 0.0)
        self.off = False

    def noted(*args: Any) -> Any:
        begin, carry = resumed(*args)
        went_on.append(begin)
        return begin, carry

    monkeypatch.setattr(kept.Checkpoints, "__init__", at_once)
    monkeypatch.setattr(kept, "SHARE", 1e9)
    monkeypatch.setattr(compiled, "_resumed", noted)
    yield went_on


@pytest.mark.parametrize("summary", ["null", pytest.param("{sample: 8}", marks=pytest.mark.long)])
def test_a_cut_run_goes_on_to_the_same_bits(
    summary: str, file: Path, tmp_path: Path, often: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = tp.load(file, [f"record.summary={summary}"])
    whole = tp.run(experiment, tmp_path / "whole").load()
    assert not (tmp_path / "whole" / ".checkpoints").exists()

    with pytest.raises(Cut):
        tp.run(experiment, tmp_path / "cut", progress=cut_in_the_middle)
    kept_states = set((tmp_path / "cut" / ".checkpoints").glob("*.npz"))
    assert kept_states
    often.clear()
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    again = tp.run(experiment, tmp_path / "cut").load()
    assert not list((tmp_path / "cut" / ".checkpoints").glob("*.npz"))
    monkeypatch.undo()
    tp.run(experiment, tmp_path / "cut")
    assert max(often) >= 50
    xr.testing.assert_identical(again, whole)
    assert not (tmp_path / "cut" / ".checkpoints").exists()


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every point is large enough to wait on disk, and is written in several slabs."""
    monkeypatch.setattr(compiled, "LARGE_BYTES", 1)
    monkeypatch.setattr(keeping, "LARGE_BYTES", 1)
    monkeypatch.setattr(table, "STRETCH_BYTES", 4096)
    monkeypatch.setattr(netcdf, "STRETCH_BYTES", 4096)
    monkeypatch.setattr(netcdf, "CHUNK_BYTES", 2048)


def test_frames_on_disk_are_those_in_memory(file: Path, tmp_path: Path, on_disk: None) -> None:
    experiment = tp.load(file)
    whole = tp.run(experiment)
    stored = tp.run(experiment, tmp_path / "out")
    xr.testing.assert_identical(stored.load().drop_attrs(), whole.drop_attrs())
    assert not list(tmp_path.rglob("*.raw")) and not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("harm", ["none", "shortened", "gone"])
def test_a_cut_run_goes_on_from_frames_on_disk(
    harm: str, file: Path, tmp_path: Path, often: list[int], on_disk: None
) -> None:
    experiment = tp.load(file)
    whole = tp.run(experiment, tmp_path / "whole").load()
    with pytest.raises(Cut):
        tp.run(experiment, tmp_path / "cut", progress=cut_in_the_middle)
    waiting = list((tmp_path / "cut" / ".checkpoints").rglob("*.raw"))
    assert waiting
    for path in waiting:
        if harm == "shortened":
            path.write_bytes(path.read_bytes()[:100])
        elif harm == "gone":
            path.unlink()
    often.clear()
    xr.testing.assert_identical(tp.run(experiment, tmp_path / "cut").load(), whole)
    assert max(often) >= 50 if harm == "none" else set(often) == {0}
    assert not (tmp_path / "cut" / ".checkpoints").exists()


def cut_in_the_middle(progress: Any) -> None:
    """Ends a run."""
    if progress.done >= progress.total / 2:
        raise Cut


def test_a_damaged_checkpoint_costs_time_alone(file: Path, tmp_path: Path, often: list[int]) -> None:
    experiment = tp.load(file)
    whole = tp.run(experiment, tmp_path / "whole").load()

    with pytest.raises(Cut):
        tp.run(experiment, tmp_path / "cut", progress=cut_in_the_middle)
    for path in (tmp_path / "cut" / ".checkpoints").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:-100])
    often.clear()
    xr.testing.assert_identical(tp.run(experiment, tmp_path / "cut").load(), whole)
    assert set(often) == {0}


def test_moments_merge_as_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, (3, 1000))
    values[:, ::7] = np.nan
    values[2] = np.nan
    number, mean, squares = merged(
        merged(moments(values[:, :10]), moments(values[:, 10:400])), moments(values[:, 400:])
    )
    assert number.tolist() == (~np.isnan(values)).sum(1).tolist()
    np.testing.assert_allclose(mean[:2], np.nanmean(values[:2], axis=1), rtol=1e-14)
    np.testing.assert_allclose(squares[:2] / number[:2], np.nanvar(values[:2], axis=1), rtol=1e-13)


def test_summaries_are_those_of_the_stored_players(file: Path) -> None:
    stored = tp.run(tp.load(file, ["agents.0.count=20", "agents.1.count=20", "record.every=10"]))
    summed = tp.run(
        tp.load(
            file,
            ["agents.0.count=20", "agents.1.count=20", "record.every=10", "record.summary={sample: 100}"],
        )
    )
    for name in ("cooperation", "reward", "policy_entropy", "free_energy"):
        values = stored[name].values.astype(np.float64)
        there = ~np.isnan(values).all(axis=-1)
        for got, wanted in (
            (summed[f"{name}_mean"], np.nanmean),
            (summed[f"{name}_variance"], np.nanvar),
        ):
            np.testing.assert_allclose(
                got.values[there], wanted(values[there], axis=-1), rtol=1e-12, atol=1e-14
            )
            assert np.isnan(got.values[~there]).all()
        quantiles = np.nanquantile(values[there], summed["quantile"].values, axis=-1)
        np.testing.assert_allclose(
            np.moveaxis(summed[f"{name}_quantile"].values[there], -1, 0), quantiles, rtol=1e-6
        )


@pytest.mark.long
def test_a_summed_point_does_not_depend_on_its_neighbours(file: Path) -> None:
    summary = ["record.summary={sample: 8}"]
    both = tp.run(tp.load(file, summary))
    file.write_text(FILE.replace("[0.3, 0.6]", "[0.6]"))
    alone = tp.run(tp.load(file, summary))
    same = both.isel(temperature=[1]).drop_vars("world_seed")
    xr.testing.assert_equal(same, alone.drop_vars("world_seed"))
