"""Populations too large to store, summed up on line: mean, variance and quantiles of every step.

Moments are merged block by block, in the order of the blocks, by the update of Chan, Golub & LeVeque (1979):

    n = n_a + n_b,  δ = m_b − m_a,  m = m_a + δ n_b/n,  M = M_a + M_b + δ² n_a n_b/n,   variance = M/n

Quantiles are those of an evenly spaced sample of players; their error is that of a sample of its size. What isn't
a number (before any observation, after the end) is left out.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import numpy as np

from thermopolis.runs.table import Column, Table, column
from thermopolis.runs.variables import LEADS, OPERATIONS, describe, of_steps

if TYPE_CHECKING:
    from thermopolis.runs.cast import PointCast

Moments = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Number, mean and sum of squared deviations, each (frames, *lead)."""


def moments(values: np.ndarray) -> Moments:
    """Of the last axis, in float64, NaN left out."""
    values = values.astype(np.float64)
    there = ~np.isnan(values)
    number = there.sum(axis=-1, dtype=np.float64)
    safe = np.maximum(number, 1.0)
    mean = np.where(there, values, 0.0).sum(axis=-1) / safe
    return number, mean, np.where(there, (values - mean[..., None]) ** 2, 0.0).sum(axis=-1)


def merged(a: Moments, b: Moments) -> Moments:
    """Moments of two samples together."""
    number = a[0] + b[0]
    safe = np.maximum(number, 1.0)
    apart = b[1] - a[1]
    return number, a[1] + apart * b[0] / safe, a[2] + b[2] + apart**2 * a[0] * b[0] / safe


class Summaries:
    """Takes one point's recorded blocks, as a ``Recorder`` does, and keeps their sums alone.

    A point's blocks don't depend on what else is simulated, so neither do its sums.
    """

    def __init__(self, point: PointCast) -> None:
        self.point = point
        record = point.experiment.record
        assert record.summary is not None
        self.quantiles = record.summary.quantiles
        self.every = record.every
        self.frames = -(-point.experiment.steps // record.every)
        self.cells = point.stage.cells
        rows = int(point.stage.world.players)
        self.stride = max(1, math.ceil(self.cells * rows / record.summary.sample))
        self.partial: dict[tuple[str, int], Moments] = {}
        self.width: dict[tuple[str, int], int] = {}
        self.settled: dict[tuple[str, int], Moments] = {}
        self.next: dict[tuple[str, int], int] = {}
        self.ready: set[tuple[str, int]] = set()
        self.sample: dict[tuple[str, int], np.ndarray] = {}
        self.lock = threading.Lock()

    def put(self, first_column: int, first_frame: int, values: dict[str, np.ndarray]) -> None:
        """Values of consecutive columns from a frame on, each (frames, *lead, rows, columns)."""
        columns = next(iter(values.values())).shape[-1]
        for name, value in self._numbers(values):
            start = first_column
            while start < first_column + columns:
                stop = min(first_column + columns, (start // self.cells + 1) * self.cells)
                self._take(name, start, first_frame, value[..., start - first_column : stop - first_column])
                start = stop

    def _numbers(self, values: dict[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """What has a mean: cooperation in the place of actions, no observations; NaN after the end."""
        found = []
        alive = values.get("alive")
        wanted = self.point.experiment.record.variables
        for name, value in values.items():
            if name == "action" and self.point.stage.payoffs is not None:
                name, value = "cooperation", np.where(value < 0, np.nan, value == 0).astype(np.float32)
            elif value.dtype.kind != "f":
                continue
            if wanted != "all" and name not in wanted:
                continue
            if alive is not None and value.shape[-2:] == alive.shape[-2:]:
                shape = (alive.shape[0], *(1,) * (value.ndim - 3), *alive.shape[1:])
                value = np.where(alive.reshape(shape), value, np.nan)
            found.append((name, value))
        return found

    def _take(self, name: str, start: int, first_frame: int, value: np.ndarray) -> None:
        frames = slice(first_frame, first_frame + value.shape[0])
        flat = np.moveaxis(value, -1, -2).reshape(*value.shape[:-2], -1)  # cell after cell
        found = moments(flat)
        cells = np.arange(start % self.cells, start % self.cells + value.shape[-1])
        picked = flat.reshape(*value.shape[:-2], len(cells), -1)[..., cells % self.stride == 0, :]
        with self.lock:
            if (name, start) not in self.partial:
                lead = value.shape[1:-2]
                empty = (
                    np.zeros((self.frames, *lead)),
                    np.zeros((self.frames, *lead)),
                    np.zeros((self.frames, *lead)),
                )
                self.partial[name, start] = empty
                self.width[name, start] = value.shape[-1]
                shape = (self.frames, *lead, *picked.shape[-2:])
                self.sample[name, start] = np.full(shape, np.nan, value.dtype)
            for whole, part in zip(self.partial[name, start], found, strict=True):
                whole[frames] = part
            self.sample[name, start][frames] = picked

    def kept(self, first_column: int, columns: int, frames: int) -> dict[str, np.ndarray]:
        """The sums of some columns, for a checkpoint."""
        out: dict[str, np.ndarray] = {}
        with self.lock:
            mine = [
                item for item in self.partial.items() if first_column <= item[0][1] < first_column + columns
            ]
        for (name, start), partial in mine:
            out[f"{name}:{start}:{self.width[name, start]}"] = np.stack(partial)
            out[f"{name}:{start}:{self.width[name, start]}:sample"] = self.sample[name, start]
        return out

    def restore(self, first_column: int, columns: int, kept: dict[str, np.ndarray]) -> None:
        """Puts back what :meth:`kept` gave."""
        with self.lock:
            for key, value in kept.items():
                name, start, width, *sample = key.split(":")
                self.width[name, int(start)] = int(width)
                if sample:
                    self.sample[name, int(start)] = value
                else:
                    self.partial[name, int(start)] = (value[0].copy(), value[1].copy(), value[2].copy())

    def settle(self, first_column: int, columns: int) -> None:
        """Some columns are through: they are merged as soon as all before them are, so that memory stays flat."""
        last = first_column + columns - 1
        with self.lock:
            mine = {(name, start) for name, start in self.partial if first_column <= start <= last}
            self.ready |= mine
            for name in {name for name, _ in mine}:
                for replicate in range(first_column // self.cells, last // self.cells + 1):
                    at = self.next.get((name, replicate), replicate * self.cells)
                    while (name, at) in self.ready and at // self.cells == replicate:
                        self.ready.discard((name, at))
                        part = self.partial.pop((name, at))
                        total = self.settled.get((name, replicate))
                        self.settled[name, replicate] = part if total is None else merged(total, part)
                        at += self.width[name, at]
                    self.next[name, replicate] = at

    def forget(self) -> None:
        """Nothing lies on disk."""

    def table(self) -> Table:
        """``NAME_mean``, ``NAME_variance`` (replicate, step, …) and ``NAME_quantile`` (replicate, step, …, quantile)."""
        experiment = self.point.experiment
        names = sorted({name for name, _ in self.settled})
        variables: dict[str, Column] = {}
        for name in names:
            means, variances, quantiles = [], [], []
            for replicate in range(experiment.replicates):
                total = self.settled[name, replicate]
                mine = sorted(
                    start for n, start in self.sample if n == name and start // self.cells == replicate
                )
                there = total[0] > 0
                means.append(np.where(there, total[1], np.nan))
                variances.append(np.where(there, total[2] / np.maximum(total[0], 1.0), np.nan))
                sample = np.concatenate(
                    [self.sample[name, s].reshape(*total[0].shape, -1) for s in mine], axis=-1
                )
                quantiles.append(_quantiles(sample, self.quantiles))
            about = describe(name)
            lead = LEADS.get(name, ())
            dims = ("replicate", "step", *lead)
            units = about.units
            squared = "1" if units == "1" else f"({units})2"
            for kind, over, values, unit in (
                ("mean", dims, means, units),
                ("variance", dims, variances, squared),
                ("quantile", (*dims, "quantile"), quantiles, units),
            ):
                attrs = {"units": unit, "long_name": f"{kind} over players: {about.long_name}"}
                variables[f"{name}_{kind}"] = column(over, np.stack(values), attrs)
        coordinates = {
            "replicate": column("replicate", np.arange(experiment.replicates)),
            "step": column(
                "step", np.arange(0, experiment.steps, self.every), of_steps(experiment.environment.kind)
            ),
            "quantile": column("quantile", np.asarray(self.quantiles)),
            "world_seed": column("replicate", np.array(self.point.world_seeds, np.int64)),
        }
        if "core_joules" in names:
            coordinates["operation"] = column("operation", np.array(OPERATIONS))
        return Table(variables, coordinates)


def _quantiles(sample: np.ndarray, at: tuple[float, ...]) -> np.ndarray:
    """Of the last axis, NaN left out; (…, quantile)."""
    out = np.full((*sample.shape[:-1], len(at)), np.nan, sample.dtype)
    missing = np.isnan(sample)
    whole = ~missing.any(axis=-1)
    partly = ~whole & ~missing.all(axis=-1)
    # nanquantile goes row by row in Python: it is kept for the rows that need it
    if whole.any():
        out[whole] = np.moveaxis(np.quantile(sample[whole], at, axis=-1), 0, -1)
    if partly.any():
        out[partly] = np.moveaxis(np.nanquantile(sample[partly], at, axis=-1), 0, -1)
    return out
