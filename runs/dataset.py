"""From recorded blocks to a point's dataset: named dimensions, units, labels."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import xarray as xr

from thermopolis.runs.cast import PointCast
from thermopolis.runs.variables import OPERATIONS, describe

#: Per-link quantities keep their links; all else is a mean over a player's links.
BY_LINK = ("action", "observation")


class Recorder:
    """Collects one point's recorded arrays, whatever the order they come in.

    Inside, an array is (frames, *lead, rows, columns): rows are players or links of a cell, columns run over
    (replicate, cell), so that a run of cells is one assignment.
    """

    def __init__(self, point: PointCast) -> None:
        self.point = point
        experiment = point.experiment
        self.every = experiment.record.every
        self.frames = -(-experiment.steps // self.every)
        self.columns = experiment.replicates * point.stage.cells
        self.arrays: dict[str, np.ndarray] = {}
        self._making = threading.Lock()  # blocks of one point come from several threads

    def column(self, replicate: int, cell: int) -> int:
        """Where a cell stands."""
        return replicate * self.point.stage.cells + cell

    def put(self, first_column: int, first_frame: int, values: dict[str, np.ndarray]) -> None:
        """Values of consecutive columns from a frame on, each (frames, *lead, rows, columns)."""
        for name, value in values.items():
            stop = first_frame + value.shape[0]
            array = self._array(name, value)
            array[first_frame:stop, ..., first_column : first_column + value.shape[-1]] = value

    def _array(self, name: str, value: np.ndarray) -> np.ndarray:
        """The array of a variable, made when its first values come."""
        with self._making:
            if name not in self.arrays:
                shape = (self.frames, *value.shape[1:-1], self.columns)
                dtype = _dtype(name, value)
                nothing = {"f": np.nan, "b": False}.get(dtype.kind, -1)
                self.arrays[name] = np.full(shape, nothing, dtype)
            return self.arrays[name]

    def kept(self, first_column: int, columns: int, frames: int) -> dict[str, np.ndarray]:
        """What is recorded of some columns up to a frame, for a checkpoint."""
        picked = slice(first_column, first_column + columns)
        with self._making:
            arrays = dict(self.arrays)
        return {name: array[:frames, ..., picked] for name, array in arrays.items()}

    def restore(self, first_column: int, columns: int, kept: dict[str, np.ndarray]) -> None:
        """Puts back what :meth:`kept` gave."""
        self.put(first_column, 0, kept)

    def dataset(self) -> xr.Dataset:
        """The point's dataset, with dimensions (replicate, step, agent, …)."""
        point, stage = self.point, self.point.stage
        experiment = point.experiment
        alive = self.arrays.pop("alive", None)
        if "action" in self.arrays and experiment.environment.kind == "matrix_game":
            action = self.arrays["action"]
            rate = np.where(action < 0, np.nan, action == 0).astype(np.float32)
            if _wanted("cooperation", experiment):
                self.arrays["cooperation"] = rate
            if not _wanted("action", experiment):
                del self.arrays["action"]
        variables: dict[str, Any] = {}
        for name in list(self.arrays):
            value = self.arrays.pop(name)
            if alive is not None and value.dtype == np.float64 and value.shape[-2] == alive.shape[-2]:
                value = np.where(_like(alive, value), value, np.nan)
            variables[name] = self._variable(name, value)
        coordinates: dict[str, Any] = {
            "replicate": np.arange(experiment.replicates),
            "step": np.arange(0, experiment.steps, self.every),
            "agent": np.arange(stage.players),
            "world_seed": ("replicate", np.array(point.world_seeds, np.int64)),
        }
        kinds = np.array([group.kind for group in experiment.agents])
        if point.by_share:
            coordinates["kind"] = (("replicate", "agent"), kinds[point.groups])
        else:
            coordinates["kind"] = ("agent", kinds[point.groups[0]])
        if any("operation" in v[0] for v in variables.values()):
            coordinates["operation"] = np.array(OPERATIONS)
        if any("link" in v[0] for v in variables.values()):
            ends = [np.asarray(x) for x in (stage.params.network.source, stage.params.network.target)]
            for name, end in zip(("source", "target"), ends, strict=True):
                if end.shape[-1] > 1:
                    coordinates[name] = (("replicate", "link"), end.T)
                else:
                    coordinates[name] = ("link", end[:, 0])
        return xr.Dataset(variables, coordinates)

    def _variable(self, name: str, value: np.ndarray) -> tuple[tuple[str, ...], np.ndarray, dict[str, str]]:
        stage, replicates = self.point.stage, self.point.experiment.replicates
        about = describe(name)
        row = "agent"
        if stage.linked and value.shape[-2] == int(stage.world.slots):
            if name in BY_LINK:
                row = "link"
            else:
                value = self._over_links(value)
        lead = ("operation",) if name == "core_joules" else ()
        rows = value.shape[-2]
        table = value.reshape(*value.shape[:-1], replicates, stage.cells)  # (t, lead, rows, replicate, cell)
        t, n = table.shape[0], len(lead)
        order = (n + 2, 0, n + 3, n + 1, *range(1, n + 1))
        table = np.transpose(table, order).reshape(replicates, t, stage.cells * rows, *value.shape[1:-2])
        return (
            ("replicate", "step", row, *lead),
            table.astype(about.dtype, copy=False),
            {"units": about.units, "long_name": about.long_name},
        )

    def _over_links(self, value: np.ndarray) -> np.ndarray:
        """Means over each player's links: (…, links, columns) -> (…, players, columns)."""
        out = np.empty((*value.shape[:-2], int(self.point.stage.world.players), value.shape[-1]), np.float32)
        for column in range(value.shape[-1]):
            owner = self.point.slot_players(column)
            starts = np.searchsorted(owner, np.arange(out.shape[-2]))
            sums = np.add.reduceat(value[..., column], starts, axis=-1)
            out[..., column] = sums / np.bincount(owner, minlength=out.shape[-2])
        return out


def _wanted(name: str, experiment: Any) -> bool:
    return experiment.record.variables == "all" or name in experiment.record.variables


def _dtype(name: str, value: np.ndarray) -> np.dtype[Any]:
    return value.dtype if value.dtype == bool else np.dtype(describe(name).dtype)


def _like(alive: np.ndarray, value: np.ndarray) -> np.ndarray:
    return alive.reshape(alive.shape[0], *(1,) * (value.ndim - 3), *alive.shape[1:])
