"""The command line as a user meets it: exit codes, what it prints, what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runs.conftest import FakeEngine
from thermopolis.analysis.figures import Drawn
from thermopolis.runs.cli import main
from thermopolis.runs.cli.listing import LISTS
from thermopolis.runs.shipped import shipped
from thermopolis.thermo import devices


def call(*words: str) -> int:
    """The exit code of a call."""
    try:
        main(list(words))
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def process(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "thermopolis", *words], capture_output=True, text=True, timeout=120, **options
    )  # type: ignore[call-overload, no-any-return]


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "thermopolis", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rsplit("|", 1)[-1].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert not imported & {"jax", "xarray", "pydantic", "numpy", "matplotlib", "yaml"}
    for command in ("run", "sweep", "plot", "report", "view", "validate", "schema", "list", "doctor"):
        assert f"\n  {command} " in done.stdout


def test_run_says_where_the_results_are(
    small: Path, tmp_path: Path, fake: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call("run", str(small), "--out", str(out)) == 0
    printed = capsys.readouterr().out
    assert "6 points (temperature 3 × noise 2), 2 replicates, 5 steps, 2 players" in printed
    assert f"results: {out}" in printed
    assert call("run", str(small), "--out", str(out)) == 0
    assert "6 of 6 points are finished already" in capsys.readouterr().out
    assert len(fake.simulated) == 6


def test_a_run_leaves_python_s_warnings_alone(small: Path, fake: FakeEngine, tmp_path: Path) -> None:
    before = list(sys.warnoptions)
    for _ in range(2):
        assert call("run", str(small), "--out", str(tmp_path / "out"), "--quiet") == 0
    assert sys.warnoptions == before


def test_a_sweep_over_paths_given_on_the_line(
    tmp_path: Path, small: Path, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("sweep", str(small), "--over", "seed=1,2", "--set", "steps=4", "-q") == 0
    (root,) = (tmp_path / "results").iterdir()
    manifest = json.loads((root / "manifest.json").read_text())
    assert [d["name"] for d in manifest["dimensions"]] == ["temperature", "noise", "seed"]
    assert manifest["counts"] == {"done": 12}


def test_a_sweep_of_nothing_is_a_wrong_call(
    small: Path, fake: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    small.write_text(small.read_text().split("sweep:")[0])
    assert call("sweep", str(small)) == 2
    assert "nothing is swept" in capsys.readouterr().err


def test_failed_points_are_listed_and_the_exit_code_is_one(
    small: Path, tmp_path: Path, fake: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.fail_at_noise = 0.1
    assert call("run", str(small), "--out", str(tmp_path / "out")) == 1
    printed = capsys.readouterr()
    assert printed.err.count("environment.noise = 0.1") == 3
    assert "free_energy is nan" in printed.err and "3 of 6 points failed" in printed.err
    assert "Traceback" not in printed.err


def test_json_lines_are_json(
    small: Path, tmp_path: Path, fake: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", str(small), "--out", str(tmp_path / "out"), "--progress", "json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["event"] == "begin" and events[-1]["event"] == "end"
    assert events[-1]["results"] == str(tmp_path / "out")
    assert max(event.get("points_done", 0) for event in events) == 6


def test_a_fault_of_ours_is_one_line(
    small: Path, tmp_path: Path, fake: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.after = lambda number: 1 / 0
    assert call("run", str(small), "--out", str(tmp_path / "out")) == 1
    assert capsys.readouterr().err.startswith("ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        main(["run", str(small), "--out", str(tmp_path / "again"), "--debug"])


def test_every_list_has_lines(capsys: pytest.CaptureFixture[str]) -> None:
    for what in LISTS:
        assert call("list", what) == 0
        assert len(capsys.readouterr().out.splitlines()) >= 2
    assert call("list", "figuers") == 2
    assert "did you mean 'figures'?" in capsys.readouterr().err


def test_devices_are_listed_with_figures_and_where_they_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list", "devices") == 0
    listed = " ".join(capsys.readouterr().out.split())
    for device in devices():
        assert f"{device['name']}: {device['summary']}" in listed
    assert "1.69e-12 J, spice" in listed and "269,568 cells, 300 K" in listed and "clock unknown" in listed


def test_shipped_experiments_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert {path.stem for path in shipped()} >= {"prisoners_dilemma", "ipd_temperature", "demekas_2023"}
    for path in shipped():
        assert call("validate", str(path)) == 0, path
        assert ": ok: " in capsys.readouterr().out


def test_the_schema_is_json_with_every_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("schema") == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"name", "steps", "environment", "agents", "core", "record", "sweep"} <= schema[
        "properties"
    ].keys()
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("command", ["plot", "report", "view"])
def test_looking_at_nothing_is_a_wrong_call(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(command, str(tmp_path)) == 2
    assert "no results here" in capsys.readouterr().err


def test_plot_says_what_it_left_out_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    reasons = {"kardashev": "no power recorded", "scores": "one group", "second_law": "no power recorded"}
    drawn = Drawn([tmp_path / "a.png"], reasons)
    monkeypatch.setattr("thermopolis.analysis.plot_all", lambda *_: drawn, raising=False)
    assert call("plot", str(tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "(1 files)" in printed
    assert "left out kardashev, second_law: no power recorded" in printed
    assert "left out scores: one group" in printed
    assert call("plot", str(tmp_path), "scores") == 1  # what was asked for by name can't be had
    assert "scores: one group" in capsys.readouterr().err


def test_a_wrong_option_is_a_wrong_call() -> None:
    assert process("run", "x.yaml", "--ot", "y").returncode == 2
    assert process("rnu").returncode == 2


def started(small: Path, out: Path, points: int) -> subprocess.Popen[str]:
    """A process that runs a sweep with the real engine, once so many points are finished."""
    running = subprocess.Popen(
        [sys.executable, "-m", "thermopolis", "run", str(small), "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and running.poll() is None:
        if len(list(out.glob("points/*.nc"))) >= points:
            return running
        time.sleep(0.01)
    out_text, err_text = running.communicate(timeout=5) if running.poll() is not None else ("", "")
    pytest.fail(f"no {points} points in time: {out_text}{err_text}")


LONG_SWEEP = """\
name: drill
replicates: 4
steps: 300
environment: {kind: matrix_game}
agents:
  - {kind: memory_one, strategy: generous_tit_for_tat}
  - {kind: memory_one, strategy: win_stay_lose_shift}
sweep:
  environment.noise: {linspace: [0.01, 0.3, 30]}
"""


@pytest.fixture
def drill(tmp_path: Path) -> Path:
    path = tmp_path / "drill.yaml"
    path.write_text(LONG_SWEEP)
    return path


def test_kill_during_a_sweep_loses_nothing(drill: Path, tmp_path: Path) -> None:
    import thermopolis as tp

    out = tmp_path / "out"
    running = started(drill, out, 3)
    running.kill()
    running.wait()
    kept = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.glob("points/*.nc")}
    assert 3 <= len(kept) < 30
    done = process("run", str(drill), "--out", str(out))
    assert done.returncode == 0, done.stderr
    after = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.glob("points/*.nc")}
    assert len(after) == 30 and kept.items() <= after.items()
    assert tp.open(out).load().drop_attrs().identical(tp.run(tp.load(drill)).drop_attrs())


def test_ctrl_c_keeps_what_is_finished(drill: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    running = started(drill, out, 2)
    at = time.monotonic()
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=30)[1]
    assert time.monotonic() - at < 5
    assert running.returncode == 130
    assert "the same command goes on from there" in said and "Traceback" not in said
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["counts"]["done"] == len(list(out.glob("points/*.nc"))) < 30
