"""All points of a results directory as one lazy dataset.

Every variable becomes an array of the sweep's dimensions and its own; a file is opened when one of its values
is asked for. Points that are missing, and the parts that a smaller point doesn't have, are NaN (−1 in whole
numbers).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from thermopolis.errors import StoreError


def fill_value(dtype: np.dtype[Any]) -> Any:
    """What stands where there is no value."""
    return np.nan if dtype.kind == "f" else -1 if dtype.kind == "i" else np.zeros((), dtype)[()]


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
                self._read_one(path, inner, out[place])
        squeezed = tuple(0 if isinstance(part, (int, np.integer)) else slice(None) for part in key)
        return out[squeezed]

    def _read_one(self, path: Path, picks: Sequence[np.ndarray], out: np.ndarray) -> None:
        with xr.open_dataset(path, engine="h5netcdf", cache=False, mask_and_scale=False) as dataset:
            if self.name not in dataset.variables:
                return
            values = dataset.variables[self.name]
            have = [pick < length for pick, length in zip(picks, values.shape, strict=True)]
            wanted = tuple(pick[mask] for pick, mask in zip(picks, have, strict=True))
            out[np.ix_(*have)] = values[wanted].values if wanted else values.values


def _places(part: Any, length: int) -> np.ndarray:
    if isinstance(part, slice):
        return np.arange(length)[part]
    return np.atleast_1d(np.asarray(part))


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
    for point in points:
        path = root / "points" / f"{point['id']}.nc"
        files[tuple(point["index"])] = path if path.exists() else None
    found = sorted({path for path in files.ravel().tolist() if path is not None})
    if not found:
        raise StoreError(f"{root}: no point is finished; run the experiment again")
    dataset = _assembled(files, found, dimensions)
    attrs = {"name": manifest["name"], "experiment": experiment, "version": manifest["version"]}
    return dataset.assign_attrs({**attrs, "seed": manifest["seed"]})


def _assembled(files: np.ndarray, found: list[Path], dimensions: list[Any]) -> xr.Dataset:
    outer = [dimension["name"] for dimension in dimensions]
    shapes: dict[str, tuple[tuple[str, ...], list[int], np.dtype[Any], dict[str, Any]]] = {}
    coords: dict[str, xr.Variable] = {}
    attrs: dict[str, Any] = {}
    for path in found:
        try:
            dataset = xr.open_dataset(path, engine="h5netcdf", cache=False, mask_and_scale=False)
        except (OSError, ValueError, KeyError) as error:
            raise StoreError(
                f"{path}: can't be read ({error}); run the experiment again to redo it"
            ) from None
        with dataset:
            attrs = dict(dataset.attrs)
            for name, variable in dataset.variables.items():
                if name in dataset.coords:
                    if str(name) not in coords or coords[str(name)].size < variable.size:
                        coords[str(name)] = variable.load().copy(deep=True)
                    continue
                dims, lengths, dtype, own = shapes.get(
                    str(name), (variable.dims, list(variable.shape), variable.dtype, dict(variable.attrs))
                )
                lengths = [max(pair) for pair in zip(lengths, variable.shape, strict=True)]
                shapes[str(name)] = (dims, lengths, dtype, own)  # type: ignore[assignment]
    variables = {
        name: xr.Variable(
            [*outer, *dims],
            indexing.LazilyIndexedArray(_Points(name, files, tuple(lengths), dtype)),
            own,
        )
        for name, (dims, lengths, dtype, own) in shapes.items()
    }
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
