"""Small experiments with selection, run in memory, for the tests of generations."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from thermopolis.runs.schema import Experiment
from thermopolis.runs.simulate import simulate

#: Cooperators have 1.2 and defectors 1 whomever they meet.
GAME = {"payoffs": [[1.2, 1.2], [1.0, 1.0]]}
P = "agents.0.p"


def experiment(agents: list[dict[str, Any]], **settings: Any) -> Experiment:
    counted = sum(group.get("count", 1) for group in agents)
    whole = {
        "name": "generations",
        "seed": 4,
        "replicates": 3,
        "steps": 1,
        "environment": {
            "kind": "matrix_game",
            "game": settings.pop("game", "prisoners_dilemma"),
            "topology": {"kind": "complete", "n": counted},
        },
        "agents": agents,
    }
    for key in ("steps", "replicates", "record", "environment"):
        if key in settings:
            whole[key] = settings.pop(key)
    return Experiment.model_validate(whole | {"selection": settings})


def always(*numbers: int) -> list[dict[str, Any]]:
    """So many cooperators, then so many defectors."""
    names = ("always_cooperate", "always_defect")
    return [
        {"kind": "memory_one", "strategy": name, "count": n} for name, n in zip(names, numbers, strict=True)
    ]


def run(point: Experiment) -> xr.Dataset:
    ((_, dataset),) = simulate([point])
    return dataset


def within(values: np.ndarray, expected: float, errors: float = 4.0) -> None:
    """The mean of independent values is what is expected, within standard errors."""
    error = values.std(ddof=1) / np.sqrt(values.size)
    assert abs(values.mean() - expected) <= errors * error, (values.mean(), expected, error)
