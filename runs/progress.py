"""How far a simulation is: what an engine reports from time to time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """One report.

    Attributes
    ----------
    done, total : steps of points (a point of 500 steps counts 500), of this call.
    points : points finished.
    agent_steps : decisions simulated so far, over all agents and replicates.
    figures : means of the last chunk worth looking at, such as ``cooperation`` or ``kardashev``.
    """

    done: int
    total: int
    points: int
    agent_steps: int = 0
    figures: dict[str, float] = field(default_factory=dict)
