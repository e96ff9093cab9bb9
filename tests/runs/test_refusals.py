"""A disk that is full and a directory that isn't ours: said in a line, and nothing broken stays behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

FILE = """\
name: refused
replicates: 8
steps: 400
environment: {kind: matrix_game}
agents:
  - {kind: memory_one, strategy: generous_tit_for_tat}
  - {kind: memory_one, strategy: win_stay_lose_shift}
sweep:
  environment.noise: {linspace: [0.01, 0.3, 40]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "refused.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"can't mount a small file system: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def command(file: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "thermopolis", "run", str(file), "--out", str(out), *more]


@pytest.mark.parametrize("executor", [[], pytest.param(["--executor", "local"], marks=pytest.mark.long)])
@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_full_disk_leaves_whole_points_alone(executor: list[str], file: Path, small_disk: Path) -> None:
    file.write_text(FILE.replace("replicates: 8", "replicates: 4").replace("steps: 400", "steps: 60"))
    done = subprocess.run(command(file, small_disk / "out", *executor), capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "the disk is full" in done.stderr and "Traceback" not in done.stderr
    points = sorted((small_disk / "out" / "points").glob("*.nc"))
    assert points
    for path in points:
        with xr.open_dataset(path, engine="h5netcdf") as point:
            assert point.load().sizes["step"] == 60
    assert not list(small_disk.rglob("*.tmp"))


def test_more_than_the_disk_holds_is_refused_at_once(file: Path, small_disk: Path) -> None:
    done = subprocess.run(command(file, small_disk / "out"), capture_output=True, text=True)
    assert done.returncode == 1 and "the results need about" in done.stderr
    assert not list((small_disk / "out" / "points").iterdir())


@pytest.mark.skipif(os.name != "posix", reason="changes its user")
def test_a_directory_of_somebody_else_is_refused(file: Path, tmp_path: Path) -> None:
    """By a process that isn't root: root may write anywhere."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    code = (
        "import json, os, sys\n"
        "from thermopolis.runs.loading import load_plan\n"
        "from thermopolis.runs.store import Store\n"
        "plan = load_plan(sys.argv[1])\n"
        "import thermopolis.runs.provenance as p; p.commit()\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        "    with Store(__import__('pathlib').Path(sys.argv[2]), plan).opened(): print('opened')\n"
        "except Exception as error: print(json.dumps([type(error).__name__, str(error)]))\n"
    )
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):  # pytest closes these to others
        folder.chmod(folder.stat().st_mode | 0o011)
    done = subprocess.run(
        [sys.executable, "-c", code, str(file), str(closed / "out")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    kind, said = json.loads(done.stdout)
    assert kind == "StoreError" and "you may not write here; choose another place with --out" in said
    assert not list(closed.iterdir())
