"""What the machine tells: joules by its counters where there are any, and never a guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from thermopolis.runs.machine import HostJoules


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """A kernel's tree of counters: a package with its cores and memory, and the whole platform."""
    for zone, name in {
        "intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram", "intel-rapl:1": "psys",
    }.items():  # fmt: skip
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "name").write_text(name + "\n")
        (tmp_path / zone / "max_energy_range_uj").write_text("1000000000\n")
        (tmp_path / zone / "energy_uj").write_text("999000000\n")
    return tmp_path


def test_packages_and_memory_are_added_once(powercap: Path) -> None:
    meter = HostJoules(powercap)
    assert meter.read() == 0
    for zone in powercap.iterdir():
        (zone / "energy_uj").write_text("999500000")
    assert meter.read() == 1.0


def test_counters_that_wrap_go_on(powercap: Path) -> None:
    meter = HostJoules(powercap)
    (powercap / "intel-rapl:0" / "energy_uj").write_text("2000000")
    assert meter.read() == 3.0
    (powercap / "intel-rapl:0" / "energy_uj").write_text("4000000")
    assert meter.read() == 5.0


def test_what_is_unknown_is_none(powercap: Path, tmp_path: Path) -> None:
    assert HostJoules(tmp_path / "nowhere").read() is None
    meter = HostJoules(powercap)
    (powercap / "intel-rapl:0" / "energy_uj").unlink()
    assert meter.read() is None
