"""``commons_v0``: a common-pool resource as a PettingZoo environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from thermopolis.envs.commons import render
from thermopolis.envs.commons.dynamics import Commons
from thermopolis.envs.parallel import RENDER_MODES, WorldEnv
from thermopolis.envs.world import Outcome
from thermopolis.keys import RandomKind


class CommonsEnv(WorldEnv):
    """Harvesters of one stock; see ``parallel_env`` for the arguments."""

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": RENDER_MODES,
        "name": "commons_v0",
        "is_parallelizable": True,
        "render_fps": 6,
    }

    def _begin(self) -> None:
        self._history: list[dict[str, np.ndarray]] = []

    def _record(self, outcome: Outcome) -> None:
        if self.render_mode is not None:
            self._history.append(
                {name: np.asarray(outcome.variables[name][:, 0]) for name in ("stock", "harvest")}
            )

    def ansi(self) -> str:
        recorded: Any = None if self.outcome is None else self.outcome.variables
        return render.text(self.world.model, self.round, float(self.params.capacity[0]), recorded)

    def picture(self) -> np.ndarray:
        return render.picture(self.world.model, self.round, float(self.params.capacity[0]), self._history)


def parallel_env(
    model: str = "gordon_schaefer",
    players: int = 5,
    actions: int = 5,
    levels: int = 6,
    efforts: Sequence[float] | None = None,
    random: RandomKind = "counter",
    max_cycles: int = 100,
    render_mode: str | None = None,
    **numbers: Any,
) -> CommonsEnv:
    """Harvesters who share a stock.

    Parameters
    ----------
    model : ``gordon_schaefer``, ``levhari_mirman``, ``govsim`` or ``growth``.
    players : harvesters.
    actions : effort levels to choose from.
    levels : steps in which the stock is seen (``growth``: its rate of growth).
    efforts : what each action means (effort, share of the stock, units); absent: levels through the planner's
        and the Nash harvest.
    random, max_cycles, render_mode : see ``envs.parallel.WorldEnv``.
    numbers : fields of ``CommonsParams``.

    Raises
    ------
    ModelError : an impossible resource, by the name of the setting.
    """
    world = Commons(model, players, actions if efforts is None else len(efforts), levels)
    return CommonsEnv(world, world.params(efforts, **numbers), 1, max_cycles, render_mode, random)
