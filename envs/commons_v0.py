"""``commons_v0``: common-pool resources, by PettingZoo's conventions."""

from thermopolis.envs.commons.closed_forms import (
    gordon_schaefer,
    gordon_schaefer_response,
    govsim_sustainable,
    levhari_mirman,
    levhari_mirman_response,
    sequential_best_response,
)
from thermopolis.envs.commons.describe import describe
from thermopolis.envs.commons.dynamics import MODELS, Commons, CommonsParams, CommonsState
from thermopolis.envs.commons.env import CommonsEnv, parallel_env
from thermopolis.envs.commons.growth import GrowthOutcomes, growth, growth_plan, growth_response
from thermopolis.envs.parallel import to_aec

env = to_aec(parallel_env)
raw_env = to_aec(parallel_env)

__all__ = [
    "MODELS",
    "Commons",
    "CommonsEnv",
    "CommonsParams",
    "CommonsState",
    "GrowthOutcomes",
    "describe",
    "env",
    "gordon_schaefer",
    "gordon_schaefer_response",
    "govsim_sustainable",
    "growth",
    "growth_plan",
    "growth_response",
    "levhari_mirman",
    "levhari_mirman_response",
    "parallel_env",
    "raw_env",
    "sequential_best_response",
]
