"""Frames that come one by one, handed on in stretches, so that writing them costs little and memory holds few."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from thermopolis.runs.spool import Values, nothing

STRETCH_BYTES = 1 << 24
"""Of frames that wait for others."""


class Frames:
    """Gathers frames for a ``put(first_column, first_frame, values)`` of all columns.

    Parameters
    ----------
    begin : number of the first frame.
    """

    def __init__(self, put: Callable[[int, int, Values], None], begin: int = 0) -> None:
        self.put, self.next = put, begin
        self.waiting: list[Values] = []
        self.bytes = 0

    def add(self, frame: Values) -> None:
        """The next frame: arrays (*lead, rows, columns). What it lacks and others have counts as nothing."""
        self.waiting.append(frame)
        self.bytes += sum(value.nbytes for value in frame.values())
        if self.bytes >= STRETCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hands on what waits."""
        if not self.waiting:
            return
        examples = {name: value for frame in self.waiting for name, value in frame.items()}
        stretch = {}
        for name, like in examples.items():
            missing = np.full(like.shape, nothing(like.dtype), like.dtype)
            stretch[name] = np.stack([frame.get(name, missing) for frame in self.waiting])
        self.put(0, self.next, stretch)
        self.next += len(self.waiting)
        self.waiting, self.bytes = [], 0
