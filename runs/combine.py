"""All points of a results directory as one lazy dataset.

Every variable becomes an array of the sweep's dimensions and its own; a file is opened when one of its values
is asked for. Points that are missing, and the parts that a smaller point doesn't have, are NaN (−1 in whole
numbers).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from thermopolis.errors import StoreError


def fill_value(dtype: np.dtype[Any]) -> Any:
    """What stands where there is no value."""
    return {"f": np.nan, "i": -1, "O": "", "U": "", "T": ""}.get(dtype.kind, np.zeros((), dtype)[()])


class _Points(BackendArray):
    """One variable over all points: leading axes are the sweep, the rest is read from the point's file."""

    def __init__(self, name: str, files: np.ndarray, shape: tuple[int, ...], dtype: np.dtype[Any]):
        self.name, self.files, self.inner = name, files, shape
        self.shape = (*files.shape, *shape)
        self.dtype = dtype

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        picks = [_places(part, length) for part, length in zip(key, self.shape, strict=True)]
        outer, inner = picks[: self.files.ndim], picks[self.files.ndim :]
        out = np.full([len(pick) for pick in picks], fill_value(self.dtype), self.dtype)
        for place in itertools.product(*(range(len(pick)) for pick in outer)):
            path = self.files[tuple(pick[i] for pick, i in zip(outer, place, strict=True))]
            if path is not None:
                corner: Any = (*place, ...)  # a view, of what has no dimension of its own too
                self._read_one(path, inner, out[corner])
        return out[tuple(0 if isinstance(part, (int, np.integer)) else slice(None) for part in key)]

    def _read_one(self, path: Path, picks: Sequence[np.ndarray], out: np.ndarray) -> None:
        # h5py rather than xarray: opening a dataset looks at all its variables, which costs a hundred times more
        try:
            with h5py.File(path, "r") as file:
                if self.name not in file:
                    return
                stored = file[self.name]
                have = [pick < length for pick, length in zip(picks, stored.shape, strict=True)]
                wanted = [pick[mask] for pick, mask in zip(picks, have, strict=True)]
                if any(len(places) == 0 for places in wanted):
                    return
                text = h5py.check_string_dtype(stored.dtype) is not None
                corner = tuple(slice(int(places.min()), int(places.max()) + 1) for places in wanted)
                values = np.asarray((stored.asstr() if text else stored)[corner])
        except (OSError, KeyError, RuntimeError) as error:
            raise StoreError(
                f"{path}: can't be read ({error}); run the experiment again to redo it"
            ) from None
        out[np.ix_(*have)] = values[np.ix_(*(places - places.min() for places in wanted))]


def _places(part: Any, length: int) -> np.ndarray:
    if isinstance(part, slice):
        return np.arange(length)[part]
    return np.atleast_1d(np.asarray(part))


def _opened(path: Path) -> xr.Dataset:
    try:
        return xr.open_dataset(path, engine="h5netcdf", cache=False, mask_and_scale=False)
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{path}: can't be read ({error}); run the experiment again to redo it") from None


@dataclass
class _Shape:
    """A variable as the largest point has it."""

    dims: tuple[str, ...]
    lengths: list[int]
    dtype: np.dtype[Any]
    attrs: dict[str, Any]

    def grow(self, shape: tuple[int, ...]) -> None:
        self.lengths = [max(pair) for pair in zip(self.lengths, shape, strict=True)]


def open_directory(directory: str | Path) -> xr.Dataset:
    """The dataset of a results directory, lazily.

    Raises
    ------
    StoreError : no results there, or a point's file that can't be read.
    """
    root = Path(directory)
    try:
        manifest = json.loads((root / "manifest.json").read_text())
        experiment = (root / "experiment.yaml").read_text()
        dimensions, points = manifest["dimensions"], manifest["points"]
    except FileNotFoundError:
        raise StoreError(f"{root}: no results here (no manifest.json)") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{root}: the manifest can't be read ({error}); run the experiment again") from None
    files = np.full([len(dimension["values"][0]) for dimension in dimensions], None, object)
    notes: dict[Path, dict[str, Any]] = {}
    for point in points:
        try:
            if not re.fullmatch("[0-9a-f]+", point["id"]):
                raise ValueError(f"{point['id']!r} is no point's name")
            path, place = root / "points" / f"{point['id']}.nc", tuple(point["index"])
            files[place]  # is it one of the sweep's places?
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise StoreError(
                f"{root}: the manifest can't be read ({error}); run the experiment again"
            ) from None
        try:
            note = json.loads(path.with_suffix(".json").read_text())
        except (OSError, ValueError):
            continue
        if path.exists() and isinstance(note, dict) and isinstance(note.get("labels", {}), dict):
            notes[path], files[place] = note, path
    if all(path is None for path in files.ravel().tolist()):
        raise StoreError(f"{root}: no point is finished; run the experiment again")
    dataset = _assembled(files, notes, dimensions)
    attrs = {"name": manifest["name"], "experiment": experiment, "version": manifest["version"]}
    return dataset.assign_attrs({**attrs, "seed": manifest["seed"]})


def _assembled(files: np.ndarray, notes: dict[Path, dict[str, Any]], dimensions: list[Any]) -> xr.Dataset:
    outer = [dimension["name"] for dimension in dimensions]
    found = [path for path in files.ravel().tolist() if path is not None]
    examples = {notes[path].get("layout", path): path for path in found}
    shapes: dict[str, _Shape] = {}
    coords: dict[str, xr.Variable] = {}
    attrs: dict[str, Any] = {}
    for path in sorted(set(examples.values())):
        with _opened(path) as dataset:
            attrs = dict(dataset.attrs)
            for key, variable in dataset.variables.items():
                name = str(key)
                if key in dataset.dims:
                    if name not in coords or coords[name].size < variable.size:
                        coords[name] = variable.load().copy(deep=True)
                    continue
                dims = tuple(str(dim) for dim in variable.dims)
                dtype = np.dtype(object) if variable.dtype.kind in "UOT" else variable.dtype
                shapes.setdefault(name, _Shape(dims, list(variable.shape), dtype, dict(variable.attrs)))
                shapes[name].grow(variable.shape)
    variables: dict[str, xr.Variable] = {}
    labels = {name for path in found for name in notes[path].get("labels", ())}
    for name, shape in shapes.items():
        if name in labels and len({notes[path].get("labels", {}).get(name) for path in found}) == 1:
            with _opened(found[0]) as dataset:
                coords[name] = dataset.variables[name].load().copy(deep=True)
            continue
        lazy = indexing.LazilyIndexedArray(_Points(name, files, tuple(shape.lengths), shape.dtype))
        variable = xr.Variable([*outer, *shape.dims], lazy, shape.attrs)
        (coords if name in labels else variables)[name] = variable
    for dimension in dimensions:
        for name, path, values in zip(
            dimension["names"], dimension["paths"], dimension["values"], strict=True
        ):
            coords[name] = xr.Variable([dimension["name"]], coordinate(values), {"path": path})
    return xr.Dataset(variables, coords, attrs)


def coordinate(values: Sequence[Any]) -> np.ndarray:
    """Swept values as an array: numbers if all are, flags if all are, else text."""
    if all(isinstance(value, bool) for value in values):
        return np.asarray(values, bool)
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return np.asarray(values)
    return np.asarray([value if isinstance(value, str) else json.dumps(value) for value in values])
