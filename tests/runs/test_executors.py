"""Whoever does the work, in whatever batches, and whoever dies on the way: the results are the same bytes."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from typing import Any

import pytest

import thermopolis as tp
from tests.runs.conftest import FakeEngine
from thermopolis.errors import ExperimentError, StoreError
from thermopolis.runs import batches as cutting
from thermopolis.runs.batches import Budget, batches, read_bytes, recorded_bytes, structure
from thermopolis.runs.execute import GIVEN_UP, spread_out
from thermopolis.runs.executors import Team
from thermopolis.runs.loading import load_plan
from thermopolis.runs.store import Store

DRILL = """\
name: drill
seed: 5
replicates: 64
steps: 40
environment: {kind: matrix_game}
agents:
  - {kind: memory_one, strategy: generous_tit_for_tat}
  - {kind: memory_one, strategy: win_stay_lose_shift}
sweep:
  environment.noise: {linspace: [0.01, 0.3, POINTS]}
"""


def drill(tmp_path: Path, points: int) -> Path:
    path = tmp_path / "drill.yaml"
    path.write_text(DRILL.replace("POINTS", str(points)))
    return path


def snapshot(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((root / "points").glob("*.nc"))}


class Fragile(Team):
    """A team in this process whose workers die at certain points."""

    workers, threads = 2, 1

    def __init__(self, deadly: Callable[[list[tuple[str, dict[str, Any]]]], bool]):
        self.deadly = deadly
        self.restarts = 0

    def __enter__(self) -> Fragile:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, task: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.deadly(args[0]):
            future.set_exception(BrokenExecutor("a process died"))
        else:
            future.set_result(task(*args))
        return future

    def restart(self) -> None:
        self.restarts += 1

    def lost_worker(self, error: BaseException) -> bool:
        return isinstance(error, BrokenExecutor)


def test_a_deadly_point_is_found_and_the_others_are_done(
    tmp_path: Path, small: Path, fake: FakeEngine
) -> None:
    plan = load_plan(small)
    team = Fragile(
        lambda points: any(
            p["environment"]["noise"] == 0.1 and p["agents"][0]["temperature"] == 1 for _, p in points
        )
    )
    with Store(tmp_path / "out", plan).opened() as store:
        outcome = spread_out(store, team)
    assert len(outcome.done) == 5 and len(outcome.failed) == 1
    assert "again and again" in next(iter(outcome.failed.values()))
    assert team.restarts >= GIVEN_UP


def test_deaths_by_chance_cost_nothing(tmp_path: Path, small: Path, fake: FakeEngine) -> None:
    plan, chance = load_plan(small), random.Random(1)
    with Store(tmp_path / "out", plan).opened() as store:
        outcome = spread_out(store, Fragile(lambda _: chance.random() < 0.3))
    assert len(outcome.done) == 6 and not outcome.failed
    assert sorted(fake.simulated) == sorted({point.id for point in plan.points})


def test_batches_hold_every_point_once_and_one_structure_each(small: Path) -> None:
    small.write_text(small.read_text() + "  agents.0.horizon: [1, 2]\n")
    plan = load_plan(small)
    for workers in (1, 2, 7):
        cut = batches(plan.points, Budget(workers))
        assert sorted(point.id for batch in cut for point in batch) == sorted(
            point.id for point in plan.points
        )
        assert all(len({structure(point.experiment) for point in batch}) == 1 for batch in cut)
        assert len(cut) >= min(2, workers) * 2 // 2
    one_size = recorded_bytes(plan.points[0].experiment)
    assert all(len(batch) == 2 for batch in batches(plan.points, Budget(1, 2 * cutting.COPIES * one_size)))


def test_what_memory_or_disk_cannot_hold_is_refused(
    small: Path, tmp_path: Path, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match="one point needs about"):
        batches(load_plan(small).points, Budget(1, 100))
    large = tp.load(small, ["steps=2000000000", "replicates=1000"])
    with pytest.raises(StoreError, match=r"the results need about .* TB"):
        tp.run(large, tmp_path / "out")
    assert not fake.simulated


@pytest.mark.parametrize(("text", "size"), [("4GiB", 2**32), ("500MB", 5 * 10**8), ("1.5k", 1536), ("7", 7)])
def test_sizes_are_read(text: str, size: int) -> None:
    assert read_bytes(text) == size


@pytest.mark.parametrize("text", ["", "4 parsecs", "-1GB", "0"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ExperimentError, match="expected a size"):
        read_bytes(text)


def test_an_unknown_executor_is_refused(small: Path, tmp_path: Path, fake: FakeEngine) -> None:
    with pytest.raises(ExperimentError, match="expected one of local, dask"):
        tp.run(tp.load(small), tmp_path / "out", executor="slurm")
    with pytest.raises(ExperimentError, match="give out="):
        tp.run(tp.load(small), executor="local")


def test_workers_and_batches_do_not_show_in_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = tp.load(drill(tmp_path, 5))
    tp.run(experiment, tmp_path / "here")
    monkeypatch.setattr(cutting, "_points_per_batch", lambda group, budget: 2)
    tp.run(experiment, tmp_path / "pairs")
    tp.run(experiment, tmp_path / "local", executor="local", workers=2)
    assert snapshot(tmp_path / "here") == snapshot(tmp_path / "pairs") == snapshot(tmp_path / "local")
    assert len(snapshot(tmp_path / "here")) == 5


def command(file: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "thermopolis", "sweep", str(file), "--out", str(out), "--quiet", *more]


def children(of: int) -> list[int]:
    """Processes spawned by a process, as the system lists them."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split() if entry.name.isdecimal() else []
            if fields and int(fields[1]) == of and "spawn_main" in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def kill(*processes: int) -> None:
    for process in processes:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def finished(out: Path) -> dict[str, tuple[int, int]]:
    """Finished points by name, with what would change if they were written again."""
    return {
        path.name: (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in out.glob("points/*.nc")
        if path.with_suffix(".json").exists()
    }


@pytest.fixture
def undisturbed(tmp_path: Path) -> Iterator[tuple[Path, dict[str, bytes]]]:
    """A drill of 60 points and what it gives when nobody is killed."""
    file = drill(tmp_path, 60)
    tp.run(tp.load(file), tmp_path / "undisturbed")
    yield file, snapshot(tmp_path / "undisturbed")


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds workers in /proc")
def test_ten_kills_of_workers_parent_and_both(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    file, wanted = undisturbed
    chance = random.Random(11)
    for trial, victim in zip(range(10), itertools.cycle(["worker", "parent", "both"])):
        out = tmp_path / f"out{trial}"
        running = subprocess.Popen(command(file, out, "--executor", "local", "--workers", "2"))
        goal = chance.randrange(1, 50)
        while running.poll() is None and len(finished(out)) < goal:
            time.sleep(0.01)
        workers = children(running.pid)
        if victim in ("worker", "both") and workers:
            kill(chance.choice(workers))
        if victim in ("parent", "both"):
            kill(running.pid)
        running.wait(timeout=300)
        kept = finished(out)
        done = subprocess.run(command(file, out, "--executor", "local", "--workers", "2"), timeout=300)
        assert done.returncode == 0
        assert kept.items() <= finished(out).items(), "a finished point was done again"
        assert snapshot(out) == wanted
        orphans = [process for process in workers if Path(f"/proc/{process}").exists()]
        assert not orphans or (not time.sleep(2) and not [p for p in orphans if Path(f"/proc/{p}").exists()])


@pytest.mark.long
def test_a_dask_worker_may_die(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    file, wanted = undisturbed
    contact = tmp_path / "scheduler.json"
    servers = [subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
         "--no-dashboard", "--scheduler-file", str(contact)], stderr=subprocess.DEVNULL
    )]  # fmt: skip
    try:
        while not contact.exists() or not contact.read_text():
            time.sleep(0.1)
        address = json.loads(contact.read_text())["address"].removeprefix("tcp://")
        servers += [subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://{address}", "--nthreads", "1",
             "--no-dashboard", "--no-nanny", "--local-directory", str(tmp_path / f"worker{i}")], stderr=subprocess.DEVNULL
        ) for i in range(2)]  # fmt: skip
        out = tmp_path / "out"
        running = subprocess.Popen(command(file, out, "--executor", f"dask://{address}", "--workers", "2"))
        while running.poll() is None and len(finished(out)) < 10:
            time.sleep(0.01)
        servers[1].kill()
        assert running.wait(timeout=300) == 0
        assert snapshot(out) == wanted
    finally:
        for server in servers:
            server.kill()
            server.wait()


@pytest.mark.long
def test_the_determinism_matrix(tmp_path: Path) -> None:
    """{batches of 1, 7, all} × {here, 2 workers, 2 Dask workers} × {1, 2 cores}: equal bytes."""
    executors = ["None", "'local'"]
    try:
        import distributed  # noqa: F401

        executors.append("'dask'")
    except ImportError:
        pass
    file = drill(tmp_path, 9)
    code = (
        "import os, sys\n"
        "import thermopolis as tp\n"
        "from thermopolis.runs import batches\n"
        "if __name__ == '__main__':\n"
        "    file, out, executor, size, cores = sys.argv[1:]\n"
        "    if hasattr(os, 'sched_setaffinity'):\n"
        "        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])\n"
        "    batches._points_per_batch = lambda group, budget: int(size)\n"
        "    more = {} if executor == 'None' else {'executor': eval(executor), 'workers': 2}\n"
        "    tp.run(tp.load(file), out, **more)\n"
    )
    script = tmp_path / "one.py"
    script.write_text(code)
    seen = {}
    for number, (executor, size, cores) in enumerate(itertools.product(executors, (1, 7, 9), (1, 2))):
        out = tmp_path / f"out{number}"
        subprocess.run(
            [sys.executable, str(script), str(file), str(out), executor, str(size), str(cores)],
            check=True,
            timeout=300,
        )
        seen[executor, size, cores] = snapshot(out)
    first = next(iter(seen.values()))
    assert len(first) == 9
    assert [key for key, files in seen.items() if files != first] == []


def test_progress_of_batches_adds_up(
    small: Path, tmp_path: Path, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutting, "_points_per_batch", lambda group, budget: 2)
    seen: list[Any] = []
    tp.run(tp.load(small), tmp_path / "out", progress=seen.append)
    assert seen[-1].done == seen[-1].total and seen[-1].points_done == seen[-1].points == 6
    assert [p.points_done for p in seen] == sorted(p.points_done for p in seen)
