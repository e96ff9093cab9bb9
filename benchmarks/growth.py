"""Cost of an agent-step from 1,000 to 1,000,000 learning agents, beside 10,000 of them.

Held to one core, so that it is the machine's work that is compared and not how many blocks there are to share out.
Start-up is left out by taking the slope between a short and a long run of the same size, datasets included.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from timing import Row, best, report

from experiments import dilemma, learners, ours

SIZES = {1_000: 4_000, 10_000: 400, 100_000: 100, 1_000_000: 40}
"""Agents, and the rounds between the short and the long run."""


def costs() -> dict[int, float]:
    """Seconds of an agent-step for every size, taken in turn."""
    runs = {
        (agents, k): ours(dilemma([learners(agents)], k * rounds))
        for agents, rounds in SIZES.items()
        for k in (1, 2)
    }
    for call in runs.values():
        call()
    fastest = dict.fromkeys(runs, float("inf"))
    for _ in range(4):
        for name, call in runs.items():
            fastest[name] = min(fastest[name], best(call, 1, warm=False))
    return {n: (fastest[n, 2] - fastest[n, 1]) / (n * rounds) for n, rounds in SIZES.items()}


def rows() -> Iterator[Row]:
    """One row a size; a ratio between 0.77 and 1.43 is within 30 %."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    seconds = costs()
    for agents, found in seconds.items():
        if agents != 10_000:
            yield Row(
                f"an agent-step among {agents:,} learning agents",
                "among 10,000, one core",
                1e6 * seconds[10_000],
                1e6 * found,
                0.77,
                f"seconds a million agent-steps: {1e9 * found:.1f} ns each against {1e9 * seconds[10_000]:.1f}",
            )


if __name__ == "__main__":
    report(rows())
