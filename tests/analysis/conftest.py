"""Fixtures: simulated datasets, and results directories made of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from .simulated import (
    memory_one_moves,
    simulate_civilizations,
    simulate_game,
    simulate_society,
    simulate_spins,
    write_results,
)


@pytest.fixture(scope="session")
def game_point() -> Callable[..., xr.Dataset]:
    """Simulates one point of a two-player game."""
    return simulate_game


@pytest.fixture(scope="session")
def civilizations() -> xr.Dataset:
    """Civilizations, some of which collapse."""
    return simulate_civilizations()


@pytest.fixture(scope="session")
def society() -> xr.Dataset:
    """A lattice of imitators."""
    return simulate_society()


@pytest.fixture(scope="session")
def spins() -> xr.Dataset:
    """A core alone, swept over temperature."""
    return simulate_spins()


@pytest.fixture(scope="session")
def memory_one_game() -> Callable[..., xr.Dataset]:
    """Simulates two memory-one players; groups are called even and odd."""

    def play(p: np.ndarray, q: np.ndarray, steps: int, replicates: int, **options: float) -> xr.Dataset:
        played = memory_one_moves(p, q, steps, replicates, **options)
        outcome = 2 * played + played[..., ::-1]
        seen = np.concatenate([np.full((replicates, 1, 2), -1), outcome[:, :-1]], 1).astype(np.int16)
        dims = ("replicate", "step", "agent")
        data = {"action": (dims, played), "observation": (dims, seen)}
        data["cooperation"] = (dims, (played == 0).astype(np.float32))
        coords = {"agent": [0, 1], "kind": ("agent", ["even", "odd"]), "step": np.arange(steps)}
        return xr.Dataset(data, coords=coords)

    return play


@pytest.fixture(scope="session")
def memory_one_matrix() -> Callable[..., np.ndarray]:
    """Press & Dyson's transition matrix of two memory-one players over CC, CD, DC, DD."""

    def matrix(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        q = np.asarray(q)[[0, 2, 1, 3]]
        return np.stack([p * q, p * (1 - q), (1 - p) * q, (1 - p) * (1 - q)], 1)

    return matrix


@pytest.fixture(scope="session")
def stationary() -> Callable[[np.ndarray], np.ndarray]:
    """The stationary law of a transition matrix."""

    def law(matrix: np.ndarray) -> np.ndarray:
        size = len(matrix)
        system = np.vstack([matrix.T - np.eye(size), np.ones(size)])
        return np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]

    return law


@pytest.fixture
def point() -> xr.Dataset:
    """A point of a game."""
    return simulate_game()


@pytest.fixture
def make_results(tmp_path: Path) -> Callable[..., Path]:
    """Writes points to a results directory under the test's own folder."""

    def make(points: list[tuple[dict, xr.Dataset]], name: str = "synthetic") -> Path:
        return write_results(tmp_path / "run", points, name)

    return make


@pytest.fixture(scope="session")
def _sweep_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    temperatures = np.geomspace(0.1, 10, 5)
    points = [
        ({"temperature": float(t)}, simulate_game(float(t), 16, 60, seed=i))
        for i, t in enumerate(temperatures)
    ]
    return write_results(tmp_path_factory.mktemp("sweep") / "run", points)


@pytest.fixture
def sweep_dir(_sweep_once: Path, tmp_path: Path) -> Path:
    """A sweep over five temperatures on disk, the test's own copy."""
    return Path(shutil.copytree(_sweep_once, tmp_path / "run"))


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without their further figures, which take most of the time and are tested by themselves."""
    monkeypatch.setattr("thermopolis.analysis.page.pictures.PICTURES", ())
