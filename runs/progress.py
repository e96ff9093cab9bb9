"""How far a simulation is: what an engine reports from time to time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """How far a simulation is: agent-steps and points, done and in all, and seconds since its start.

    ``figures`` are means worth looking at over the points finished so far, such as ``cooperation``.
    """

    done: int
    total: int
    points_done: int
    points: int
    seconds: float
    figures: dict[str, float] = field(default_factory=dict)
