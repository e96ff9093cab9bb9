"""``civilization_v0``: civilizations as a PettingZoo environment, one step a year."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from thermopolis.envs.civilization import render
from thermopolis.envs.civilization.presets import civilization
from thermopolis.envs.parallel import RENDER_MODES, WorldEnv
from thermopolis.envs.world import Outcome
from thermopolis.keys import RandomKind

SHOWN = ("power", "kardashev", "planet_temperature", "waste_heat")


class CivilizationEnv(WorldEnv):
    """Civilizations around one star; see ``parallel_env`` for the arguments."""

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": RENDER_MODES,
        "name": "civilization_v0",
        "is_parallelizable": True,
        "render_fps": 10,
    }

    def _begin(self) -> None:
        self._history: list[dict[str, np.ndarray]] = []

    def _record(self, outcome: Outcome) -> None:
        if self.render_mode is not None:
            self._history.append({name: np.asarray(outcome.variables[name][:, 0]) for name in SHOWN})

    def ansi(self) -> str:
        recorded: Any = None if self.outcome is None else self.outcome.variables
        return render.text(self.round, recorded)

    def picture(self) -> np.ndarray:
        collapse = np.broadcast_to(np.asarray(self.params.temperature_collapse)[:, 0], self.world.players)
        return render.picture(self.round, self._history, collapse)


def parallel_env(
    preset: str = "earth_now",
    planets: Sequence[int] | None = None,
    substeps: int = 4,
    random: RandomKind = "counter",
    max_cycles: int = 200,
    render_mode: str | None = None,
    **overrides: Any,
) -> CivilizationEnv:
    """Civilizations that grow, research, trade and raid; one step is a year.

    Parameters
    ----------
    preset : a name of ``envs.civilization.presets.PRESETS``.
    planets : the planet of each civilization (its length is their number); absent: the preset's.
    substeps : of a year.
    random, max_cycles, render_mode : see ``envs.parallel.WorldEnv``.
    overrides : fields of ``CivilizationParams``: a scalar, or a list by civilization or planet.

    Raises
    ------
    ModelError : a world that can't be, by the name of the setting.
    """
    world, params = civilization(preset, planets, substeps, **overrides)
    return CivilizationEnv(world, params, 1, max_cycles, render_mode, random)
