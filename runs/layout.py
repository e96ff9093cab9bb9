"""What a point's table looks like, in few words: so that many files can be opened by looking at one.

``layout`` is a digest of all names, dimensions, shapes, types and dimension coordinates. ``labels`` holds a digest
of every other coordinate: where points differ in one, it gets the sweep's dimensions.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from thermopolis.runs.identity import digest
from thermopolis.runs.table import Column, Table


def _value_digest(column: Column) -> str:
    if column.is_text:
        return digest([str(value) for value in column.values.ravel().tolist()])[:16]
    return hashlib.sha256(np.ascontiguousarray(column.values).tobytes()).hexdigest()[:16]


def layout(table: Table) -> dict[str, Any]:
    """``{"layout": digest, "labels": {coordinate: digest}}`` of a point's table."""
    about: dict[str, Any] = {}
    labels = {}
    for name, column in table.columns.items():
        kind = "text" if column.is_text else column.dtype.str
        about[name] = [list(column.dims), list(column.shape), kind, dict(column.attrs)]
        if name in table.coordinates:
            if name in table.sizes:
                about[name].append(_value_digest(column))
            else:
                labels[name] = _value_digest(column)
    return {"layout": digest(about)[:16], "labels": labels}
