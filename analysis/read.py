"""A results directory: ``manifest.json`` and ``points/*.nc``, read a point at a time.

Nothing here writes. A sweep of many points is never held whole: each point is opened, brought down to its
digest (:mod:`thermopolis.analysis.digests`), closed, and the digests are put together along the sweep's
dimensions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from thermopolis.analysis.digests import BINS
from thermopolis.analysis.point import load_point, sentence
from thermopolis.analysis.series import EVERYBODY
from thermopolis.analysis.side_by_side import digests
from thermopolis.errors import StoreError


@dataclass(frozen=True)
class Dimension:
    """A dimension of the sweep: its names (several, where paths move together) and their values."""

    names: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]

    @property
    def name(self) -> str:
        """The dimension's own name; the others are coordinates along it."""
        return self.names[0]

    def __len__(self) -> int:
        return len(self.values[0])


@dataclass(frozen=True)
class Point:
    """One point of a sweep: its id, its file, its place in the sweep and what became of it."""

    id: str
    path: Path
    index: tuple[int, ...]
    status: str
    message: str = ""
    swept: dict[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether its results are on disk."""
        return self.status == "done"


@dataclass(frozen=True)
class Results:
    """What a results directory holds."""

    directory: Path
    manifest: dict[str, Any]
    dimensions: tuple[Dimension, ...]
    points: tuple[Point, ...]

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.manifest.get("name") or self.directory.name)

    @property
    def finished(self) -> list[Point]:
        """Points whose results are on disk."""
        return [p for p in self.points if p.done]

    def some_finished(self) -> list[Point]:
        """Points whose results are on disk.

        Raises
        ------
        StoreError
            There are none.
        """
        if not self.finished:
            failed = [p for p in self.points if p.status == "failed"]
            why = f"; {len(failed)} failed, the first: {failed[0].message}" if failed else " yet"
            raise StoreError(f"{self.directory}: no point of this run has finished{why}")
        return self.finished

    def experiment_text(self) -> str:
        """The resolved experiment as YAML, or an empty string."""
        path = self.directory / "experiment.yaml"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def load(self, point: Point) -> xr.Dataset:
        """One point's whole dataset, in memory.

        Raises
        ------
        StoreError
            The file is missing, damaged, or not ours.
        """
        return load_point(point.path)

    def digest(self, bins: int = BINS, helpers: int | None = None) -> xr.Dataset:
        """The digests of all finished points, put together along the sweep's dimensions.

        Parameters
        ----------
        bins : int
            Most steps kept.
        helpers : int, optional
            Processes that make them side by side; by default as many as cores where that pays, else none.
        """
        finished = self.some_finished()
        made = digests([point.path for point in finished], bins, helpers)
        return assemble([(p.index, ds) for p, ds in zip(finished, made, strict=True)], self.dimensions)


def open_results(directory: str | Path) -> Results:
    """What is in a results directory.

    Raises
    ------
    StoreError
        There is no such directory, or it isn't one of ours.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise StoreError(f"{directory}: no such results directory")
    path = directory / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        dimensions = tuple(
            Dimension(tuple(map(str, d["names"])), tuple(tuple(v) for v in d["values"]))
            for d in manifest["dimensions"]
        )
        points = tuple(_point(directory, entry, len(dimensions)) for entry in manifest["points"])
    except FileNotFoundError:
        raise StoreError(f"{directory}: no results here (no manifest.json)") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise StoreError(
            f"{path}: this manifest can't be read ({sentence(fault)}); run the experiment again"
        ) from None
    return Results(directory, manifest, dimensions, points)


def _point(directory: Path, entry: dict[str, Any], dimensions: int) -> Point:
    identity = Path(str(entry["id"])).name  # a name alone: a manifest never points outside its directory
    index = tuple(int(i) for i in entry["index"])
    if len(index) != dimensions:
        raise ValueError(f"point {identity} has {len(index)} indices for {dimensions} dimensions")
    path = directory / "points" / f"{identity}.nc"
    return Point(
        identity,
        path,
        index,
        str(entry["status"]),
        str(entry.get("error", "")),
        dict(entry.get("swept") or {}),
    )


def assemble(
    parts: Sequence[tuple[tuple[int, ...], xr.Dataset]], dimensions: Sequence[Dimension]
) -> xr.Dataset:
    """Digests of points put together along the sweep's dimensions; what no point fills is NaN."""
    if not dimensions:
        return parts[0][1]
    parts = _under_one_name(parts)
    outer = [d.name for d in dimensions]
    shape = [len(d) for d in dimensions]
    groups = list(dict.fromkeys(str(g) for _, ds in parts for g in np.atleast_1d(ds.coords.get("group", []))))
    sizes: dict[str, int] = {}
    coords: dict[str, Any] = {}
    for _, ds in parts:
        for dim, length in ds.sizes.items():
            if length > sizes.get(str(dim), 0):
                sizes[str(dim)] = length
                coords.update({str(k): v for k, v in ds.coords.variables.items() if v.dims == (dim,)})
    if groups:
        sizes["group"], coords["group"] = len(groups), ("group", groups)
    data: dict[str, Any] = {}
    for name in dict.fromkeys(str(n) for _, ds in parts for n in ds.data_vars):
        holders = [(index, ds[name]) for index, ds in parts if name in ds]
        first = holders[0][1]
        dims = [str(d) for d in first.dims]
        whole = np.full([*shape, *(sizes[d] for d in dims)], np.nan, np.result_type(first.dtype, np.float32))
        for index, array in holders:
            if "group" in array.dims:
                array = array.reindex(group=groups)
            corner: tuple[Any, ...] = (*index, *(slice(0, array.sizes[d]) for d in dims))
            whole[corner] = array.transpose(*dims).values
        data[name] = ([*outer, *dims], whole, first.attrs)
    for dimension in dimensions:
        for name, values in zip(dimension.names, dimension.values, strict=True):
            coords[name] = (dimension.name, _typed(values))
    return xr.Dataset(data, coords, dict(parts[0][1].attrs))


def _under_one_name(
    parts: Sequence[tuple[tuple[int, ...], xr.Dataset]],
) -> Sequence[tuple[tuple[int, ...], xr.Dataset]]:
    """Points of one group each, where they differ in it: the place in the sweep says who plays, so they share a name."""
    groups = [tuple(map(str, np.atleast_1d(ds.coords.get("group", [])))) for _, ds in parts]
    if len(set(groups)) == 1 or any(len(names) != 1 for names in groups):
        return parts
    return [(index, ds.assign_coords(group=[EVERYBODY])) for index, ds in parts]


def _typed(values: Sequence[Any]) -> np.ndarray:
    """Swept values as an array: numbers if all are, flags if all are, else text."""
    if all(isinstance(v, bool) for v in values):
        return np.asarray(values, bool)
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return np.asarray(values)
    return np.asarray([v if isinstance(v, str) else json.dumps(v) for v in values])
