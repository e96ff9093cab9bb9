"""What a point recorded: named columns with dimensions and units, read whole or in stretches of steps.

An :class:`xarray.Dataset` of the same content is one call away; what simulates and stores doesn't make one, because
importing xarray takes longer than many a point, and because a column may lie on disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

STRETCH_BYTES = 1 << 25
"""Of a column, in memory at once where it is read in stretches."""


@dataclass(frozen=True)
class Column:
    """A variable or a coordinate."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any]
    read: Callable[[slice], np.ndarray]
    """Its values in a stretch of steps; all of them where it has no dimension ``step``."""

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def values(self) -> np.ndarray:
        """All values."""
        return self.read(slice(None))

    @property
    def over_steps(self) -> bool:
        return "step" in self.dims

    @property
    def is_text(self) -> bool:
        return self.dtype.kind in "UOT"


def column(dims: str | tuple[str, ...], values: Any, attrs: Mapping[str, Any] | None = None) -> Column:
    """A column of values that are there."""
    names = (dims,) if isinstance(dims, str) else tuple(dims)
    array = np.asarray(values)
    place = names.index("step") if "step" in names else None

    def read(steps: slice) -> np.ndarray:
        return array if place is None else array[(slice(None),) * place + (steps,)]

    return Column(names, array.shape, array.dtype, attrs or {}, read)


@dataclass(frozen=True)
class Table:
    """Variables and coordinates of one point."""

    variables: dict[str, Column]
    coordinates: dict[str, Column]
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, Column]:
        """Variables, then coordinates."""
        return {**self.variables, **self.coordinates}

    @property
    def sizes(self) -> dict[str, int]:
        """Lengths of dimensions, in the order in which they are met."""
        found: dict[str, int] = {}
        for one in self.columns.values():
            found.update(zip(one.dims, one.shape, strict=True))
        return found

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return sum(one.size * one.dtype.itemsize for one in self.columns.values())

    def stretches(self) -> Iterator[slice]:
        """Stretches of steps, short enough that a column's part of one is small."""
        steps = self.sizes.get("step", 0)
        widest = max((c.size * c.dtype.itemsize for c in self.columns.values() if c.over_steps), default=0)
        length = max(1, STRETCH_BYTES * steps // max(1, widest))
        for start in range(0, steps, length):
            yield slice(start, min(steps, start + length))

    def dataset(self) -> xr.Dataset:
        """All of it in memory."""
        import xarray as xr

        def variable(one: Column) -> xr.Variable:
            return xr.Variable(one.dims, np.asarray(one.values), dict(one.attrs), fastpath=True)

        return xr.Dataset(
            {name: variable(one) for name, one in self.variables.items()},
            {name: variable(one) for name, one in self.coordinates.items()},
            self.attrs,
        )


def table_of(dataset: xr.Dataset) -> Table:
    """The table of a dataset in memory."""

    def columns(variables: Mapping[Any, Any]) -> dict[str, Column]:
        return {
            str(name): column(tuple(map(str, one.dims)), one.values, one.attrs)
            for name, one in variables.items()
        }

    return Table(columns(dataset.data_vars), columns(dataset.coords), dict(dataset.attrs))
