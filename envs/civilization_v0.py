"""``civilization_v0``: civilizations on the Kardashev scale, by PettingZoo's conventions."""

from thermopolis.envs.civilization.describe import describe
from thermopolis.envs.civilization.env import CivilizationEnv, parallel_env
from thermopolis.envs.civilization.foresight import Foresight, best_plan
from thermopolis.envs.civilization.presets import PRESETS, civilization, historic_growth, parameters
from thermopolis.envs.civilization.quantities import ACTIONS, CivilizationParams, CivilizationState
from thermopolis.envs.civilization.waste_heat import waste_heat_clock
from thermopolis.envs.civilization.world import Civilization
from thermopolis.envs.parallel import to_aec

env = to_aec(parallel_env)
raw_env = to_aec(parallel_env)

__all__ = [
    "ACTIONS",
    "PRESETS",
    "Civilization",
    "CivilizationEnv",
    "CivilizationParams",
    "CivilizationState",
    "Foresight",
    "best_plan",
    "civilization",
    "describe",
    "env",
    "historic_growth",
    "parallel_env",
    "parameters",
    "raw_env",
    "waste_heat_clock",
]
