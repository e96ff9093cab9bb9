"""What a point's dataset looks like, in few words: so that many files can be opened by looking at one.

``layout`` is a digest of all names, dimensions, shapes, types and dimension coordinates. ``labels`` holds a digest
of every other coordinate: where points differ in one, it gets the sweep's dimensions.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from thermopolis.runs.identity import digest

if TYPE_CHECKING:
    import xarray as xr


def _value_digest(values: np.ndarray) -> str:
    if values.dtype.kind in "UOT":
        return digest([str(value) for value in values.ravel().tolist()])[:16]
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


def layout(dataset: xr.Dataset) -> dict[str, Any]:
    """``{"layout": digest, "labels": {coordinate: digest}}`` of a point's dataset."""
    about: dict[str, Any] = {}
    labels = {}
    for name, variable in dataset.variables.items():
        kind = "text" if variable.dtype.kind in "UOT" else variable.dtype.str
        about[str(name)] = [list(variable.dims), list(variable.shape), kind, dict(variable.attrs)]
        if name in dataset.coords:
            values = _value_digest(variable.values)
            if name in dataset.dims:
                about[str(name)].append(values)
            else:
                labels[str(name)] = values
    return {"layout": digest(about)[:16], "labels": labels}
