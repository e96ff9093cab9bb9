"""Games stepped from Python: cut anywhere they go on to the same bits, and memory doesn't hold what they record."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import thermopolis as tp
from thermopolis.errors import SimulationError
from thermopolis.runs import checkpoints as kept
from thermopolis.runs import compiled, frames, keeping, netcdf, stepped, table

WORLD = '''\
"""Somebody's world: its state is a generator of random numbers and a closure, which nobody could write down."""

import os
import random

import numpy as np
from gymnasium.spaces import Discrete
from pettingzoo import ParallelEnv


class Weather(ParallelEnv):
    metadata = {"name": "weather_v0"}

    def __init__(self, seeded, fails):
        self.possible_agents = ["sun", "rain"]
        self.agents, self.seeded, self.fails = [], seeded, fails

    def observation_space(self, agent):
        return Discrete(6)

    def action_space(self, agent):
        return Discrete(3)

    def reset(self, seed=None, options=None):
        draws = random.Random(seed if self.seeded else None)
        self.luck, self.t, self.history = (lambda: draws.random()), 0, []
        self.agents = list(self.possible_agents)
        return dict.fromkeys(self.agents, 0), {a: {} for a in self.agents}

    def step(self, actions):
        self.t += 1
        if self.t == self.fails:
            raise ZeroDivisionError("the sky fell")
        self.history.append(sum(actions.values()))
        level = int(self.luck() * 6)
        seen = {a: (level + actions[a] + sum(self.history[-5:])) % 6 for a in self.agents}
        gains = {a: self.luck() * seen[a] for a in self.agents}
        over = dict.fromkeys(self.agents, False)
        return seen, gains, over, over, {a: {} for a in self.agents}


def parallel_env(seeded=True, fails=0):
    return Weather(seeded, fails)
'''

LEARNER = "{kind: active_inference, learning: {rate: 0.3}, temperature: 0.5, count: 2}"
GAMES = {
    "a game that ends": "{kind: matrix_game, noise: 0.05, continuation: 0.97}",
    "an outside world": "{kind: pettingzoo, module: cut_weather}",
    "civilizations": "{kind: civilization, preset: two_planets}",
    "a commons": "{kind: commons}",
}
IMITATORS = """\
environment:
  {kind: matrix_game, topology: {kind: lattice, shape: [4, 4]}, action: broadcast, self_interaction: true}
agents: [{kind: imitation, rule: fermi, count: 12}, {kind: active_inference, learning: {rate: 0.3}, count: 4}]
"""
AXELROD = """\
environment: {kind: matrix_game, noise: 0.05}
agents: [{kind: axelrod, strategy: "Random Tit for Tat"}, {kind: active_inference, learning: {rate: 0.3}}]
"""
CASES = [
    *[
        pytest.param(
            f"environment: {world}\nagents: [{LEARNER}]\n",
            id=name,
            marks=[pytest.mark.long] if name in ("civilizations", "a commons") else [],
        )
        for name, world in GAMES.items()
    ],
    pytest.param(IMITATORS, id="imitators", marks=pytest.mark.long),
    pytest.param(AXELROD, id="axelrod", marks=[pytest.mark.axelrod, pytest.mark.long]),
]
STEPS = 60


class Cut(Exception):
    """What ends a run in its middle."""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cut_weather.py").write_text(WORLD)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cut_weather", raising=False)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A checkpoint after every step; gives the steps that games went on from."""
    went_on: list[int] = []
    resume = stepped._resume

    def noted(*args: Any) -> int:
        steps = resume(*args)
        went_on.append(steps)
        return steps

    monkeypatch.setattr(kept.Checkpoints, "due", lambda self, key: not self.off)
    monkeypatch.setattr(stepped, "_resume", noted)
    yield went_on


def written(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "game.yaml"
    path.write_text(f"name: game\nseed: 4\nreplicates: 3\nsteps: {STEPS}\n{text}record: {{every: 2}}\n")
    return tp.load(path)


def bytes_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("points/*.nc")}


@pytest.mark.parametrize("text", CASES)
def test_a_game_cut_anywhere_goes_on_to_the_same_bits(
    text: str, tmp_path: Path, world: None, often: list[int]
) -> None:
    if "axelrod" in text:
        pytest.importorskip("axelrod")
    experiment = written(tmp_path, text)
    tp.run(experiment, tmp_path / "whole", engine="pettingzoo")
    chance = random.Random(3)
    cuts = sorted(chance.sample(range(1, STEPS), 4))

    for cut in cuts:

        def stop(progress: Any, cut: int = cut) -> None:
            if progress.done >= progress.total * cut / STEPS:
                raise Cut

        with pytest.raises(Cut):
            tp.run(experiment, tmp_path / "cut", engine="pettingzoo", progress=stop)
    again = tp.run(experiment, tmp_path / "cut", engine="pettingzoo")
    assert len(often) == 4 and often == [cut - 1 for cut in cuts]
    assert np.isfinite(again["reward"].values[:, 0]).all()
    assert bytes_of(tmp_path / "cut") == bytes_of(tmp_path / "whole") != {}
    assert not (tmp_path / "cut" / ".checkpoints").exists()


def test_a_world_that_does_not_repeat_itself_starts_anew(
    tmp_path: Path, world: None, often: list[int]
) -> None:
    text = "environment: {kind: pettingzoo, module: cut_weather, kwargs: {seeded: false}}\n"
    experiment = written(tmp_path, f"{text}agents: [{LEARNER}]\n")

    def stop(progress: Any) -> None:
        if progress.done >= progress.total / 2:
            raise Cut

    with pytest.raises(Cut):
        tp.run(experiment, tmp_path / "cut", progress=stop)
    again = tp.run(experiment, tmp_path / "cut").load()
    assert often == []
    assert np.isfinite(again["reward"].values).all()


def test_a_game_that_can_not_be_resumed_is_closed_once(
    tmp_path: Path, world: None, often: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no new one can be made in its place."""
    experiment = written(tmp_path, f"environment: {GAMES['a game that ends']}\nagents: [{LEARNER}]\n")

    def stop(progress: Any) -> None:
        if progress.done >= progress.total / 2:
            raise Cut

    with pytest.raises(Cut):
        tp.run(experiment, tmp_path / "cut", engine="pettingzoo", progress=stop)
    closed: list[int] = []

    class Fragile(stepped.Game):
        made = 0

        def __init__(self, point: Any) -> None:
            Fragile.made += 1
            if Fragile.made > 1:
                raise MemoryError
            super().__init__(point)

        def close(self) -> None:
            closed.append(id(self))
            super().close()

        def restore(self, *_: Any) -> None:
            raise ValueError("of another version")

    monkeypatch.setattr(stepped, "Game", Fragile)
    with pytest.raises(MemoryError):
        tp.run(experiment, tmp_path / "cut", engine="pettingzoo")
    assert len(closed) == 1


def test_another_s_world_that_fails_fails_its_point_alone(tmp_path: Path, world: None) -> None:
    text = "environment: {kind: pettingzoo, module: cut_weather, kwargs: {fails: 0}}\n"
    more = "sweep: {environment.kwargs: [{fails: 7}, {fails: 0}]}\n"
    experiment = written(tmp_path, f"{text}agents: [{{kind: random, count: 2}}]\n{more}")
    with pytest.raises(SimulationError, match=r"weather_v0 fails at step 6.*ZeroDivisionError: the sky fell"):
        tp.run(experiment, tmp_path / "out")
    assert len(bytes_of(tmp_path / "out")) == 1


def test_frames_of_a_game_on_disk_are_those_in_memory(
    tmp_path: Path, world: None, monkeypatch: pytest.MonkeyPatch, often: list[int]
) -> None:
    experiment = written(tmp_path, f"environment: {GAMES['a game that ends']}\nagents: [{LEARNER}]\n")
    held = tp.run(experiment, engine="pettingzoo")
    for module in (compiled, keeping):
        monkeypatch.setattr(module, "LARGE_BYTES", 1)
    for module in (table, netcdf):
        monkeypatch.setattr(module, "STRETCH_BYTES", 1024)
    monkeypatch.setattr(frames, "STRETCH_BYTES", 512)
    monkeypatch.setattr(netcdf, "CHUNK_BYTES", 512)

    def stop(progress: Any) -> None:
        if progress.done >= progress.total / 2:
            raise Cut

    with pytest.raises(Cut):
        tp.run(experiment, tmp_path / "out", engine="pettingzoo", progress=stop)
    assert list((tmp_path / "out").rglob("*.raw"))
    stored = tp.run(experiment, tmp_path / "out", engine="pettingzoo").load()
    assert often == [STEPS // 2 - 1]
    xr.testing.assert_identical(stored.drop_attrs(), held.drop_attrs())
    assert not list(tmp_path.rglob("*.raw")) and not list(tmp_path.rglob("*.tmp"))


def test_both_engines_sum_up_alike(tmp_path: Path, world: None) -> None:
    text = f"environment: {GAMES['a game that ends']}\nagents: [{LEARNER}]\n"
    experiment = written(tmp_path, text).model_copy(
        update={"record": tp.load(tmp_path / "game.yaml", ["record.summary={sample: 8}"]).record}
    )
    ours, theirs = tp.run(experiment, engine="compiled"), tp.run(experiment, engine="pettingzoo")
    assert set(ours.data_vars) == set(theirs.data_vars) >= {"cooperation_mean", "reward_quantile"}
    for name in ours.data_vars:
        np.testing.assert_allclose(
            theirs[name].values, ours[name].values, rtol=1e-5, atol=1e-6, err_msg=str(name)
        )


def test_numbers_beyond_sixteen_bits_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cut_wide.py").write_text(
        WORLD.replace("Discrete(6)", "Discrete(100_000)")
        .replace("% 6", "+ 90_000")
        .replace("Discrete(3)", "Discrete(300)")
    )
    monkeypatch.syspath_prepend(tmp_path)
    text = "environment: {kind: pettingzoo, module: cut_wide}\nagents: [{kind: random, count: 2}]\n"
    found = tp.run(written(tmp_path, text), tmp_path / "out")
    assert found["observation"].values[:, 1:].min() >= 90_000
    assert 127 < found["action"].values.max() < 300 and found["action"].values.min() >= 0


SCRIPT = """\
import sys
import thermopolis.runs.checkpoints as kept
from thermopolis.runs.cli import main
kept.Checkpoints.__init__.__defaults__ = (0.05,)
main(sys.argv[1:])
"""


@pytest.mark.long
def test_kill_9_in_the_middle_of_a_game(tmp_path: Path, world: None) -> None:
    text = f"environment: {GAMES['an outside world']}\nagents: [{LEARNER}]\n"
    written(tmp_path, text)
    file = tmp_path / "game.yaml"
    file.write_text(file.read_text().replace(f"steps: {STEPS}", "steps: 3000"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "JAX_PLATFORMS": "cpu"}

    def command(out: str) -> list[str]:
        return [sys.executable, "-c", SCRIPT, "run", str(file), "--out", str(tmp_path / out), "--quiet"]

    subprocess.run(command("whole"), check=True, env=environment, timeout=120)
    chance, kills = random.Random(1), 0
    while True:
        running = subprocess.Popen(command("cut"), env=environment)
        before = {path.stat().st_mtime_ns for path in (tmp_path / "cut").rglob("*.npz")}
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and running.poll() is None and kills < 3:
            if {path.stat().st_mtime_ns for path in (tmp_path / "cut").rglob("*.npz")} - before:
                time.sleep(chance.uniform(0, 0.3))
                running.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.01)
        if running.wait(timeout=120) == 0:
            break
    assert kills >= 2
    assert bytes_of(tmp_path / "cut") == bytes_of(tmp_path / "whole") != {}
