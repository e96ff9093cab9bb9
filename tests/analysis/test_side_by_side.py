"""Digests made by helper processes are those made here, and the work goes on when a helper dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

from thermopolis import analysis
from thermopolis.analysis import side_by_side
from thermopolis.errors import StoreError


def test_helpers_make_the_same_digests(sweep_dir: Path) -> None:
    results = analysis.open_results(sweep_dir)
    here, there = results.digest(helpers=0), results.digest(helpers=2)
    xr.testing.assert_identical(here, there)


def test_a_damaged_point_is_told_by_a_helper_as_it_is_here(sweep_dir: Path) -> None:
    victim = sweep_dir / "points" / "0004.nc"
    victim.write_bytes(victim.read_bytes()[:1000])
    with pytest.raises(StoreError, match=r"0004\.nc"):
        analysis.open_results(sweep_dir).digest(helpers=2)


def test_a_helper_that_dies_is_done_without(sweep_dir: Path) -> None:
    paths = [p.path for p in analysis.open_results(sweep_dir).points]
    helper = side_by_side.Helper(0, 400)
    assert helper.process is not None
    first = helper.digest(paths[0])
    assert helper.process is not None, "the helper itself has made it"
    os.kill(helper.process.pid, signal.SIGKILL)
    second = helper.digest(paths[1])
    assert helper.process is None
    xr.testing.assert_identical(first, side_by_side.digest_of(paths[0], 400))
    xr.testing.assert_identical(second, side_by_side.digest_of(paths[1], 400))


def test_helpers_do_not_run_the_callers_script_again(sweep_dir: Path, tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import sys; print('once', flush=True)\n"
        "from thermopolis import analysis\n"
        "print(analysis.open_results(sys.argv[1]).digest(helpers=2).sizes['temperature'])\n"
    )
    said = subprocess.run(
        [sys.executable, str(script), str(sweep_dir)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert said.stdout.split() == ["once", "5"]
