"""Settings of players: the numbers that a sweep may vary without a new compilation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from thermopolis.errors import ModelError

#: Arrays by name. Without lanes where a player describes itself, lanes last in a loop.
Settings = dict[str, Any]

LEARNABLE = ("A", "B", "D", "E")


@dataclass(frozen=True)
class Learning:
    """Dirichlet learning.

    Parameters
    ----------
    rate : float
        Counts that one observed event adds.
    forgetting : float
        Share of what was learned that is lost at each update, in [0, 1).
    concentration : float
        Prior counts a column, where the model states none.
    of : names among A, B, D, E
    """

    rate: float = 0.1
    forgetting: float = 0.0
    concentration: float = 1.0
    of: tuple[str, ...] = ("B",)

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ModelError(f"learning rate is {self.rate:g}, expected at least 0")
        if not 0 <= self.forgetting < 1:
            raise ModelError(f"forgetting is {self.forgetting:g}, expected a share in [0, 1)")
        if self.concentration <= 0:
            raise ModelError(f"concentration is {self.concentration:g}, expected above 0")
        for name in self.of:
            if name not in LEARNABLE:
                raise ModelError(f"learning.of names {name!r}, expected some of {', '.join(LEARNABLE)}")
