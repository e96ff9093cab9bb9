"""A small experiment and an engine that answers at once."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from thermopolis.errors import SimulationError
from thermopolis.runs.identity import point_id
from thermopolis.runs.progress import Progress
from thermopolis.runs.schema import Experiment
from thermopolis.runs.simulate import simulate
from thermopolis.runs.table import Table, table_of

SMALL = """\
name: small
seed: 3
replicates: 2
steps: 5
environment:
  kind: matrix_game
agents:
  - kind: active_inference
    count: 2
    temperature: 1.0
sweep:
  agents.0.temperature: [0.5, 1.0, 2.0]
  environment.noise: [0.0, 0.1]
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The file of a small sweep."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


class FakeEngine:
    """Numbers that follow from a point's settings alone; fails where the noise says so."""

    def __init__(self) -> None:
        self.simulated: list[str] = []
        self.fail_at_noise: float | None = None
        self.after: Callable[[int], None] | None = None

    def simulate_each(
        self, points: Sequence[Experiment], *, engine: str = "auto", progress: Any = None, **_: Any
    ) -> Iterator[tuple[int, Table | SimulationError]]:
        for number, point in enumerate(points):
            if point.environment.noise == self.fail_at_noise:
                yield number, SimulationError("free_energy is nan at step 3, replicate 0, agent 1")
                continue
            self.simulated.append(point_id(point))
            rng = np.random.default_rng(int(point_id(point), 16))
            shape = (point.replicates, point.steps, sum(point.group_counts()))
            dims = ("replicate", "step", "agent")
            yield (
                number,
                table_of(
                    xr.Dataset(
                        {
                            "reward": (dims, rng.random(shape, np.float32), {"units": "1"}),
                            "action": (dims, rng.integers(0, 2, shape, np.int8)),
                        },
                        {
                            **{name: np.arange(size) for name, size in zip(dims, shape, strict=True)},
                            "world_seed": ("replicate", rng.integers(0, 2**31, point.replicates)),
                            "kind": (
                                "agent",
                                [
                                    g.kind
                                    for g, n in zip(point.agents, point.group_counts(), strict=True)
                                    for _ in range(n)
                                ],
                            ),
                        },
                    )
                ),
            )
            if progress is not None:
                progress(Progress(number + 1, len(points), number + 1, len(points), 1.0))
            if self.after is not None:
                self.after(number)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Puts the fake engine in the place of the real ones."""
    engine = FakeEngine()
    module = types.ModuleType("thermopolis.runs.simulate")
    module.simulate_each = engine.simulate_each  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "thermopolis.runs.simulate", module)
    return engine


@pytest.fixture(scope="session")
def agree() -> Callable[[Experiment], xr.Dataset]:
    """Runs a point in both engines, finds the results equal, and returns the compiled engine's."""
    return _agree


def _run(point: Experiment, engine: str) -> xr.Dataset:
    ((_, dataset),) = simulate([point], engine=engine)
    return dataset


def _agree(point: Experiment) -> xr.Dataset:
    """Both engines' results, found equal; returns the compiled engine's."""
    compiled, stepped = _run(point, "compiled"), _run(point, "pettingzoo")
    assert set(compiled.data_vars) == set(stepped.data_vars)
    assert (compiled["world_seed"] == stepped["world_seed"]).all()
    for variable in compiled.data_vars:
        ours, theirs = compiled[variable], stepped[variable]
        assert ours.dims == theirs.dims, variable
        if ours.dtype.kind == "i":
            np.testing.assert_array_equal(ours.values, theirs.values, err_msg=str(variable))
        elif str(variable).endswith("_residual"):  # rounding itself
            assert max(float(ours.max()), float(theirs.max())) < 1e-9
        else:
            np.testing.assert_allclose(
                ours.values, theirs.values, rtol=1e-5, atol=1e-5 * _scale(ours), err_msg=str(variable)
            )
    return compiled


def _scale(values: xr.DataArray) -> float:
    """Size of a variable (joules are tiny, nats are not)."""
    return float(np.nanmax(np.abs(values.values), initial=0.0))
