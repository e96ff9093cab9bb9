"""Civilizations: two of a planet for a thousand years in a thousand societies, beside the same world through PettingZoo.

Nobody thinks here (everyone acts at random), so that the row shows what the world itself costs, and what its API from
Python: dictionaries, one call a year and society. The loop from Python is timed on a few societies and scaled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from timing import Row, in_turn, report

from experiments import ours
from thermopolis.envs import civilization_v0
from thermopolis.runs import Experiment

SOCIETIES, YEARS = 1_000, 1_000
TIMED_SOCIETIES, TIMED_YEARS = 2, 250
PRESET = "trade"
#: Societies unlike each other, who send their heat away: none ends early, so that the work is the same.
NUMBERS = {"spread": 0.3, "exported0": 0.9, "exported_max": 0.98}


def experiment() -> Experiment:
    """All societies as replicates of one experiment."""
    return Experiment.model_validate(
        {
            "name": "bench",
            "seed": 1,
            "replicates": SOCIETIES,
            "steps": YEARS,
            "environment": {"kind": "civilization", "preset": PRESET, "parameters": NUMBERS},
            "agents": [{"kind": "random", "count": 2}],
            "record": {"variables": ["action", "reward", "kardashev", "planet_temperature"]},
        }
    )


def through_pettingzoo(societies: int, years: int) -> Callable[[], Any]:
    """A plain loop over the environment; the same quantities are kept."""
    env = civilization_v0.parallel_env(PRESET, max_cycles=years, **NUMBERS)
    draws = np.random.default_rng(0)

    def play() -> np.ndarray:
        kept = np.full((societies, years, 2, 4), np.nan)
        for society in range(societies):
            env.reset(seed=society)
            for year in range(years):
                deeds = {agent: int(draws.integers(7)) for agent in env.agents}
                _, rewards, ended, _, infos = env.step(deeds)
                for i, agent in enumerate(deeds):
                    info = infos[agent]
                    kept[society, year, i] = (
                        info["realised_action"],
                        rewards[agent],
                        info["kardashev"],
                        info["planet_temperature"],
                    )
                if any(ended.values()):
                    raise RuntimeError("a society ended early: the work is not the same")
        return kept

    return play


def rows() -> Iterator[Row]:
    """The one row."""
    part, mine = in_turn(through_pettingzoo(TIMED_SOCIETIES, TIMED_YEARS), ours(experiment()), repeats=2)
    scale = SOCIETIES * YEARS / (TIMED_SOCIETIES * TIMED_YEARS)
    yield Row(
        f"{SOCIETIES:,} societies of 2 civilizations × {YEARS:,} years",
        "PettingZoo from Python",
        part * scale,
        mine,
        300.0,
        f"peer timed on {TIMED_SOCIETIES} societies × {TIMED_YEARS} years, scaled; recorded alike",
    )


if __name__ == "__main__":
    report(rows())
