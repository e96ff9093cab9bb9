"""How far a simulation is: what an engine reports from time to time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Progress:
    """How far a simulation is: agent-steps and points, done and in all, and seconds since its start.

    ``figures`` are means worth looking at of what was simulated last, such as ``cooperation`` and ``kardashev``.
    """

    done: int
    total: int
    points_done: int
    points: int
    seconds: float
    figures: dict[str, float] = field(default_factory=dict)


FORGETTING = 0.8
"""What is left of older values in a figure when newer ones come."""


class Figures:
    """Current means of a few quantities, from the last frames of what is being simulated."""

    def __init__(self) -> None:
        self.sums: dict[str, tuple[float, float]] = {}

    def take(self, name: str, values: np.ndarray) -> None:
        """Adds values; those that are no numbers are left out."""
        there = values[np.isfinite(values)]
        if there.size:
            total, number = self.sums.get(name, (0.0, 0.0))
            self.sums[name] = (
                FORGETTING * total + float(there.sum(dtype=np.float64)),
                FORGETTING * number + there.size,
            )

    def see(self, arrays: Mapping[str, np.ndarray], of_games: bool) -> None:
        """Looks at recorded arrays, frames first: at their last frame alone."""
        if of_games and "action" in arrays:
            action = arrays["action"][-1]
            self.take("cooperation", (action == 0)[action >= 0])
        for name in ("kardashev_total", "kardashev"):
            if name in arrays:
                self.take("kardashev", arrays[name][-1])
                break

    def means(self) -> dict[str, float]:
        """The figures."""
        return {name: total / number for name, (total, number) in self.sums.items()}
