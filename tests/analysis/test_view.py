"""The live page follows a run, says what failed, outlives it, and writes nothing."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import xarray as xr

from thermopolis.analysis.view import _curve, server
from thermopolis.errors import StoreError


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    made = server(directory)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_address[1]}/"
    finally:
        made.shutdown()
        made.server_close()


def state(address: str) -> dict:
    with urllib.request.urlopen(address + "state", timeout=20) as answer:
        return json.loads(answer.read())


def change(directory: Path, **fields) -> dict:
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text()) | fields
    path.write_text(json.dumps(manifest))
    return manifest


def listing(directory: Path) -> list[tuple[str, int]]:
    return sorted((str(p), p.stat().st_mtime_ns) for p in directory.rglob("*"))


def test_it_follows_a_run_and_outlives_it(sweep_dir):
    manifest = json.loads((sweep_dir / "manifest.json").read_text())
    points = manifest["points"]
    hidden = sweep_dir / "points" / "0004.nc"
    raw = hidden.read_bytes()
    hidden.unlink()
    points[4]["status"] = "pending"
    points[3] |= {"status": "failed", "error": "free_energy is not finite at step 3"}
    change(sweep_dir, points=points)
    with serving(sweep_dir) as address:
        before = listing(sweep_dir)
        said = state(address)
        assert (said["total"], said["done"], said["failed"]) == (5, 3, 1)
        assert said["ended"] is None
        assert said["failures"] == [
            {"where": "temperature 3.16", "message": "free_energy is not finite at step 3"}
        ]
        assert {"cooperation", "belief_entropy"} <= set(said["curves"][0]["panels"])
        assert listing(sweep_dir) == before
        hidden.write_bytes(raw)
        points[4]["status"] = points[3]["status"] = "done"
        change(sweep_dir, points=points, ended="2026-01-01T00:00:00Z")
        said = state(address)
        assert said["done"] == 5 and said["ended"]
        assert said["curves"][0]["where"] == "temperature 10"


def test_a_half_written_directory_is_waited_for_and_damage_is_named(sweep_dir, tmp_path):
    empty = tmp_path / "soon"
    empty.mkdir()
    with serving(empty) as address:
        assert "no manifest.json" in state(address)["waiting"]
    (sweep_dir / "points" / "0002.nc").write_bytes(b"not netCDF")
    with serving(sweep_dir) as address:
        said = state(address)
        assert any("not a readable netCDF" in f["message"] for f in said["failures"])
        assert len(said["curves"]) == 4


def test_only_its_own_address_is_answered(sweep_dir):
    with serving(sweep_dir) as address:
        request = urllib.request.Request(address + "state", headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=20)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address + "../../etc/passwd", timeout=20)


def test_what_cannot_be_served_is_refused(tmp_path, sweep_dir):
    with pytest.raises(StoreError, match="no such results directory"):
        server(tmp_path / "nowhere")
    with serving(sweep_dir) as address, pytest.raises(StoreError, match="can't be opened"):
        server(sweep_dir, int(address.split(":")[-1].rstrip("/")))


def test_summaries_and_cores_have_curves_too(game_point, spins):
    whole = game_point(replicates=3, steps=12, core=False)
    summary = xr.Dataset({"cooperation_mean": whole["cooperation"].mean("agent")})
    panels = _curve(summary, "here")["panels"]
    assert list(panels) == ["cooperation"] and panels["cooperation"]["groups"] == ["all players"]
    assert {"energy", "magnetisation"} <= set(_curve(spins.isel(temperature=0), "here")["panels"])
