"""What a benchmark row is, how it is timed, and how a module of rows reports to ``run.py``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

MARK = "row: "


@dataclass(frozen=True)
class Row:
    """One comparison: the same work done by a peer and by us.

    ``peer_seconds`` may have been timed on a part of the work and scaled; ``note`` says so. ``goal`` is the ratio aimed
    at, 0 where there is none.
    """

    work: str
    peer: str
    peer_seconds: float
    our_seconds: float
    goal: float = 0.0
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.peer_seconds / self.our_seconds


def report(rows: Iterable[Row]) -> None:
    """Print each row as it comes, for ``run.py`` to read."""
    for row in rows:
        print(MARK + json.dumps(asdict(row)), flush=True)


def best(call: Callable[[], Any], repeats: int = 3, warm: bool = True) -> float:
    """Seconds of the fastest of some calls; the first one, which compiles, isn't counted if ``warm``."""
    if warm:
        call()
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def in_turn(one: Callable[[], Any], other: Callable[[], Any], repeats: int = 3) -> tuple[float, float]:
    """Fastest calls of two works, taken in turn so that a busy moment of the machine hits both."""
    one()
    other()
    pairs = [(best(one, 1, warm=False), best(other, 1, warm=False)) for _ in range(repeats)]
    return min(a for a, _ in pairs), min(b for _, b in pairs)
