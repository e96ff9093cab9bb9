"""Settings of players: the numbers that a sweep may vary without a new compilation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from thermopolis.errors import ModelError

#: Arrays by name. Without lanes where a player describes itself, lanes last in a loop.
Settings = dict[str, Any]

METHODS = ("dirichlet", "natural_gradient", "thermodynamic_natural_gradient")
LEARNABLE = ("A", "B", "D", "E")


@dataclass(frozen=True)
class Learning:
    """Learning of a model's parameters.

    Parameters
    ----------
    rate : float
        Counts that one observed event adds.
    forgetting : float
        Share of what was learned that is lost at each update, in [0, 1).
    concentration : float
        Prior counts a column, where the model states none.
    of : names among A, B, D, E
    method : "dirichlet", "natural_gradient" or "thermodynamic_natural_gradient"
        Counting, or gradient steps (:mod:`thermopolis.agents.natural_learning`) at ``rate``.
    kl_bound : float
        Most that one event may change a column, in nats (gradient methods).
    relaxation_time, relaxation_temperature : float
        Of the relaxing system (thermodynamic natural gradient).
    """

    rate: float = 0.1
    forgetting: float = 0.0
    concentration: float = 1.0
    of: tuple[str, ...] = ("B",)
    method: str = "dirichlet"
    kl_bound: float = 0.05
    relaxation_time: float = 1.0
    relaxation_temperature: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", tuple(self.of))
        if not 0 <= self.rate < float("inf"):
            raise ModelError(f"learning rate is {self.rate:g}, expected at least 0")
        if not 0 <= self.forgetting < 1:
            raise ModelError(f"forgetting is {self.forgetting:g}, expected a share in [0, 1)")
        if not 0 < self.concentration < float("inf"):
            raise ModelError(f"concentration is {self.concentration:g}, expected above 0")
        if self.method not in METHODS:
            raise ModelError(f"learning.method is {self.method!r}, expected one of {', '.join(METHODS)}")
        if not 0 < self.kl_bound <= 1:
            raise ModelError(f"learning.kl_bound is {self.kl_bound:g}, expected nats in (0, 1]")
        if not (self.relaxation_time > 0 and self.relaxation_temperature >= 0):
            raise ModelError("learning.relaxation_time is above 0 and relaxation_temperature at least 0")
        for name in self.of:
            if name not in LEARNABLE:
                raise ModelError(f"learning.of names {name!r}, expected some of {', '.join(LEARNABLE)}")
