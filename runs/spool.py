"""Where recorded frames wait for their point to be finished: in memory, or, where they are many, on disk.

Inside, an array is (frames, *lead, rows, columns): rows are players or links of a cell, columns run over (replicate,
cell), so that a run of cells is one assignment. On disk each run of columns has a file of its own, with a region a
variable, so that a chunk of frames goes to its place and going over it again after a cut writes the same bytes.

Two processes may work at one point for a while, when a worker that was given up for lost lives on, and they may have
cut it differently. So a file carries its writer's name, and who comes later takes away what the earlier one has of the
same columns: that one fails, and neither reads what isn't its own. Who goes on from another's checkpoint links its
files under names of its own; both then write the same bytes to the same places.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thermopolis.errors import StoreError
from thermopolis.runs.files import refusals
from thermopolis.runs.variables import describe

Values = dict[str, np.ndarray]

AS_IT_IS = "as it is:"
"""Begins the name of a value whose type is kept."""


def stored_type(name: str, value: np.ndarray) -> np.dtype[Any]:
    """The type a variable is kept in: numbers that count as they come, others as results have them."""
    as_it_is = value.dtype.kind in "bi" or name.startswith(AS_IT_IS)
    return value.dtype if as_it_is else np.dtype(describe(name).dtype)


def nothing(dtype: np.dtype[Any]) -> Any:
    """What stands where nobody reports."""
    return {"f": np.nan, "b": False}.get(dtype.kind, -1)


@dataclass(frozen=True)
class Kept:
    """What is kept of a variable: its type, and its shape between frames and columns."""

    dtype: np.dtype[Any]
    inner: tuple[int, ...]


class Memory:
    """Frames of a point in memory."""

    def __init__(self, frames: int, columns: int) -> None:
        self.frames, self.columns = frames, columns
        self.arrays: Values = {}
        self._making = threading.Lock()  # blocks of one point come from several threads

    def put(self, first_column: int, first_frame: int, values: Values) -> None:
        """Values of consecutive columns from a frame on, each (frames, *lead, rows, columns)."""
        for name, value in values.items():
            array = self._array(name, value)
            columns = slice(first_column, first_column + value.shape[-1])
            array[first_frame : first_frame + value.shape[0], ..., columns] = value

    def _array(self, name: str, value: np.ndarray) -> np.ndarray:
        """The array of a variable, made when its first values come."""
        with self._making:
            if name not in self.arrays:
                dtype = stored_type(name, value)
                shape = (self.frames, *value.shape[1:-1], self.columns)
                self.arrays[name] = np.full(shape, nothing(dtype), dtype)
            return self.arrays[name]

    def names(self) -> dict[str, Kept]:
        """What there is."""
        return {name: Kept(array.dtype, array.shape[1:-1]) for name, array in self.arrays.items()}

    def read(self, name: str, frames: slice) -> np.ndarray:
        """(frames, *lead, rows, columns) of a variable."""
        return self.arrays[name][frames]

    def kept(self, first_column: int, columns: int, frames: int) -> Values:
        """What is recorded of some columns up to a frame, for a checkpoint."""
        picked = slice(first_column, first_column + columns)
        with self._making:
            arrays = dict(self.arrays)
        return {name: array[:frames, ..., picked] for name, array in arrays.items()}

    def restore(self, first_column: int, columns: int, kept: Values) -> None:
        """Puts back what :meth:`kept` gave."""
        self.put(first_column, 0, kept)

    def forget(self) -> None:
        """Nothing lies on disk."""


class Spool:
    """Frames of a point on disk; memory holds none of them."""

    def __init__(self, folder: Path, frames: int, columns: int) -> None:
        self.folder, self.frames, self.columns = folder, frames, columns
        self.writer = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.runs: dict[int, tuple[int, dict[str, Kept]]] = {}
        self.linked: list[Path] = []

    def _file(self, first_column: int) -> Path:
        return self.folder / f"{first_column}.{self.writer}.raw"

    def _begin(self, first_column: int, width: int) -> None:
        """A file for a run of columns; what an earlier run left of it is removed."""
        path = self._file(first_column)
        with refusals(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            for left in self.folder.glob(f"{first_column}.*.raw"):
                left.unlink(missing_ok=True)
            path.touch(exist_ok=False)
        self.runs[first_column] = (width, {})

    def _place(self, first_column: int, name: str, frame: int) -> int:
        """Where a variable's frame starts in the file of a run of columns."""
        width, kept = self.runs[first_column]
        at = 0
        for other, what in kept.items():
            size = math.prod(what.inner) * width * what.dtype.itemsize
            if other == name:
                return at + frame * size
            at += self.frames * size
        raise KeyError(name)

    def put(self, first_column: int, first_frame: int, values: Values) -> None:
        """Values of consecutive columns from a frame on, each (frames, *lead, rows, columns); what lacks is nothing,
        and so are the frames before a variable's first values."""
        frames, width = len(next(iter(values.values()))), next(iter(values.values())).shape[-1]
        if first_column not in self.runs:
            self._begin(first_column, width)
        path = self._file(first_column)
        _, kept = self.runs[first_column]
        new = sorted(values.keys() - kept.keys())
        kept.update({name: Kept(stored_type(name, values[name]), values[name].shape[1:-1]) for name in new})
        with refusals(path), open(path, "r+b") as file:  # gone where another took this one's place
            for name in new:
                what = kept[name]
                blank = np.full((*what.inner, width), nothing(what.dtype), what.dtype).data
                file.seek(self._place(first_column, name, 0))
                for _ in range(first_frame):
                    file.write(blank)
            for name, what in kept.items():
                value = values.get(name)
                if value is None:  # as of worlds that say nothing more once they have ended
                    value = np.full((frames, *what.inner, width), nothing(what.dtype))
                file.seek(self._place(first_column, name, first_frame))
                file.write(np.ascontiguousarray(value, what.dtype).data)

    def names(self) -> dict[str, Kept]:
        """What there is."""
        return {name: what for _, kept in self.runs.values() for name, what in kept.items()}

    def read(self, name: str, frames: slice) -> np.ndarray:
        """(frames, *lead, rows, columns) of a variable.

        Raises
        ------
        StoreError : what was written isn't there any more.
        """
        start, stop, _ = frames.indices(self.frames)
        what = self.names()[name]
        out = np.full((stop - start, *what.inner, self.columns), nothing(what.dtype), what.dtype)
        for first, (width, kept) in self.runs.items():
            if name not in kept:
                continue
            shape = (stop - start, *what.inner, width)
            path = self._file(first)
            with refusals(path), open(path, "rb") as file:
                file.seek(self._place(first, name, start))
                part = np.fromfile(file, what.dtype, math.prod(shape))
            if part.size != math.prod(shape):
                raise StoreError(f"{path}: shorter than what was written; run the experiment again")
            out[..., first : first + width] = part.reshape(shape)
        return out

    def kept(self, first_column: int, columns: int, frames: int) -> Values:
        """How the frames of some columns lie on disk, where they are safe from now on."""
        del frames
        found = {}
        for first, (width, kept) in list(self.runs.items()):
            if first_column <= first < first_column + columns:
                path = self._file(first)
                with refusals(path), open(path, "rb") as file:
                    os.fsync(file.fileno())
                    size = os.fstat(file.fileno()).st_size
                listed = [[name, what.dtype.str, what.inner] for name, what in kept.items()]
                found[f"spool{first}"] = np.array(json.dumps([width, listed, size, path.name]))
        return found

    def restore(self, first_column: int, columns: int, kept: Values) -> None:
        """Finds again what :meth:`kept` told of.

        Raises
        ------
        KeyError, ValueError : it isn't there.
        """
        del columns
        width, listed, size, name = json.loads(str(kept[f"spool{first_column}"]))
        path = self.folder / name
        names = list(self.folder.glob(f"{first_column}.*.raw"))
        try:
            if path.stat().st_size < size:
                raise ValueError(f"{path}: cut short")
            try:
                self.linked += [other for other in names if other.samefile(path)]
                os.link(path, self._file(first_column))
            except OSError:  # a file system without links
                path.replace(self._file(first_column))
        except OSError:  # never there, or its writer has just finished
            raise ValueError(f"{path}: not there") from None
        self.runs[first_column] = (
            width,
            {name: Kept(np.dtype(dtype), tuple(inner)) for name, dtype, inner in listed},
        )

    def forget(self) -> None:
        """Removes the files, under all their names; the folder, in which others may begin theirs, stays."""
        for path in (*map(self._file, self.runs), *self.linked):
            path.unlink(missing_ok=True)
