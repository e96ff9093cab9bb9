"""Arrays of a model as they are given, checked: every refusal names the array, the place and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermopolis.errors import ModelError

FloatArray = NDArray[np.float64]
_TOLERANCE = 1e-5


def array_of(name: str, value: ArrayLike) -> FloatArray:
    """A finite float64 array that isn't empty."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name} is no array of numbers: {error}") from None
    if array.size == 0:
        raise ModelError(f"{name} is empty: give at least one entry")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ModelError(f"{name}{list(where)} is {array[where]}: every entry must be finite")
    return array


def distribution(name: str, array: FloatArray) -> FloatArray:
    """Probabilities over the first axis, normalised to the last digit."""
    if (array < 0).any():
        where = tuple(int(i) for i in np.argwhere(array < 0)[0])
        raise ModelError(f"{name}{list(where)} is {array[where]:g}: probabilities are not negative")
    sums = array.sum(axis=0)
    if not np.allclose(sums, 1.0, atol=_TOLERANCE):
        off = np.abs(np.atleast_1d(sums) - 1.0)
        where = tuple(int(i) for i in np.unravel_index(int(off.argmax()), off.shape))
        place = f" at column {list(where)}" if array.ndim > 1 else ""
        raise ModelError(
            f"{name}{place} sums to {np.atleast_1d(sums)[where]:g}, expected 1: normalise it over its first axis"
        )
    return array / sums


def counts_of(name: str, array: FloatArray, like: FloatArray) -> FloatArray:
    """Dirichlet counts of an array: its shape, none negative, no column without any."""
    if array.shape != like.shape:
        raise ModelError(f"{name} has shape {array.shape}, expected {like.shape}, the shape of {name[1:]}")
    if (array < 0).any():
        raise ModelError(f"{name} has a negative count: Dirichlet counts are not negative")
    if (array.sum(axis=0) <= 0).any():
        raise ModelError(f"{name} has a column without any count: every column needs a positive one")
    return array


def list_of(name: str, values: Any) -> list[Any]:
    """One array per modality or factor: a list, or an array of objects as in pymdp's older files."""
    if isinstance(values, np.ndarray) and values.dtype == object and values.ndim == 1:
        return list(values)
    if isinstance(values, np.ndarray) or not isinstance(values, Sequence):
        raise ModelError(
            f"{name} must be a list with one array per {'modality' if name in ('A', 'C', 'pA') else 'factor'}"
        )
    return list(values)
