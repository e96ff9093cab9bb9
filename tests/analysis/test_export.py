"""Exports hold every value once, in its row."""

from __future__ import annotations

import csv
import importlib.util
from typing import Any

import numpy as np
import pytest
import xarray as xr

from thermopolis import analysis
from thermopolis.analysis import export
from thermopolis.errors import StoreError


def test_the_long_table_has_one_row_for_every_decision(game_point):
    ds = game_point(replicates=2, steps=3)
    both = xr.concat([ds, ds], dim="temperature").assign_coords(temperature=[0.5, 2.0])
    table = analysis.columns(both, ["reward", "core_joules"])
    assert len(table["reward"]) == 2 * 2 * 3 * 2
    assert list(table)[:5] == ["temperature", "replicate", "step", "agent", "kind"]
    assert "core_joules_write" in table and "core_joules_host" in table
    row = (
        (table["temperature"] == 2.0)
        & (table["replicate"] == 1)
        & (table["step"] == 2)
        & (table["agent"] == 0)
    )
    assert table["reward"][row].item() == ds["reward"].sel(replicate=1, step=2, agent=0)
    assert table["kind"][row].item() == "active_inference"


def test_csv_round_trip(game_point, tmp_path):
    ds = game_point(replicates=2, steps=3)
    ds["reward"][0, 0, 0] = np.nan
    ds = ds.assign_coords(kind=("agent", ["=cmd()", "plain"]))
    with analysis.to_csv(ds, tmp_path / "t.csv", ["reward"]).open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["reward"] == "" and rows[0]["kind"] == "'=cmd()"
    assert float(rows[-1]["reward"]) == float(ds["reward"][-1, -1, -1])
    with pytest.raises(StoreError, match="rewards not recorded"):
        analysis.to_csv(ds, tmp_path / "t.csv", ["rewards"])


@pytest.mark.parametrize("kind", ["parquet", "arviz"])
def test_optional_exports_work_or_say_what_they_need(kind, game_point, tmp_path):
    ds = game_point(replicates=4, steps=10)
    package = {"parquet": "pyarrow", "arviz": "arviz-base"}[kind]
    exports = {
        "parquet": lambda: analysis.to_parquet(ds, tmp_path / "t.parquet"),
        "arviz": lambda: analysis.to_arviz(ds),
    }
    if importlib.util.find_spec(package.replace("-", "_")) is None:
        with pytest.raises(StoreError, match=f"pip install {package}"):
            exports[kind]()
    else:
        assert exports[kind]() is not None
    with pytest.raises(StoreError, match="select one place"):
        analysis.to_arviz(ds.expand_dims(temperature=[1.0]))


def test_chains_of_a_core_are_rows(spins):
    table = analysis.columns(spins, ["energy", "magnetisation"])
    assert list(table) == ["temperature", "replicate", "step", "chain", "energy", "magnetisation"]
    assert len(table["energy"]) == spins["energy"].size


def test_arviz_is_told_what_fits_and_a_cores_chains_keep_their_own_dimension(spins, game_point, monkeypatch):
    given: dict[str, Any] = {}

    class Arviz:
        @staticmethod
        def from_dict(data, dims, coords):
            given.update(data=data, dims=dims, coords=coords)
            return given

    monkeypatch.setattr(export, "_optional", lambda module, package: Arviz)
    core = spins.isel(temperature=0, drop=True)
    analysis.to_arviz(core, ["energy"])
    assert given["dims"] == {"energy": ["core_chain"]}
    assert np.array_equal(
        given["data"]["posterior"]["energy"], core["energy"].transpose("replicate", "step", "chain")
    )
    with pytest.raises(StoreError, match="rewards not recorded"):
        analysis.to_arviz(game_point(replicates=2, steps=3), ["rewards"])
    with pytest.raises(StoreError, match="no chains and draws"):
        analysis.to_arviz(core.assign(far=("replicate", np.zeros(core.sizes["replicate"]))), ["far"])


def society(links: int = 10_000) -> xr.Dataset:
    """Actions by link, rewards by player; the second replicate has a link less."""
    generator = np.random.default_rng(2)
    source = np.stack([np.arange(links) % 500] * 2)
    source[1, -1] = -1
    return xr.Dataset(
        {
            "action": (("replicate", "step", "link"), generator.integers(0, 2, (2, 3, links))),
            "reward": (("replicate", "step", "agent"), generator.random((2, 3, 500))),
        },
        {
            "kind": ("agent", ["random"] * 500),
            "source": (("replicate", "link"), source),
            "target": (("replicate", "link"), np.where(source < 0, -1, (source + 1) % 500)),
        },
    )


def test_what_is_decided_by_link_is_a_table_with_a_row_a_link(tmp_path):
    """It was a column a link: ten thousand of them, each repeated for every player."""
    ds = society()
    by_player, by_link = analysis.columns(ds), analysis.columns(ds, by="link")
    assert list(by_player) == ["replicate", "step", "agent", "kind", "reward"]
    assert list(by_link) == ["replicate", "step", "link", "source", "target", "action"]
    assert len(by_player["reward"]) == 2 * 3 * 500
    assert len(by_link["action"]) == 3 * 10_000 + 3 * 9_999
    row = (by_link["replicate"] == 1) & (by_link["step"] == 2) & (by_link["link"] == 9_000)
    assert by_link["action"][row].item() == ds["action"].values[1, 2, 9_000]
    assert by_link["target"][row].item() == 9_000 % 500 + 1
    with analysis.to_csv(ds, tmp_path / "t.csv", by="link").open() as file:
        assert sum(1 for _ in file) == 1 + len(by_link["action"])


def test_tables_refuse_what_belongs_to_the_other():
    ds = society(20)
    with pytest.raises(StoreError, match="action: not by agent; ask for by='link'"):
        analysis.columns(ds, ["action", "reward"])
    with pytest.raises(StoreError, match="reward: not by link; ask for by='agent'"):
        analysis.columns(ds, ["reward"], by="link")
    with pytest.raises(StoreError, match="by agent or by link, not by 'player'"):
        analysis.columns(ds, by="player")
    with pytest.raises(StoreError, match="not by link"):
        analysis.columns(ds.drop_dims("link"), by="link")
