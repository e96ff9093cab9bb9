"""Experiments of the agent rows, as plain settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thermopolis.runs import Experiment
from thermopolis.runs.simulate import simulate


def dilemma(agents: list[dict[str, Any]], steps: int, replicates: int = 1, **settings: Any) -> Experiment:
    """An iterated prisoner's dilemma of pairs that records actions alone."""
    data = {
        "name": "bench",
        "seed": 1,
        "replicates": replicates,
        "steps": steps,
        "environment": {"kind": "matrix_game", "game": "prisoners_dilemma", "topology": {"kind": "pair"}},
        "agents": agents,
        "record": {"variables": ["action"]},
    }
    return Experiment.model_validate(data | settings)


def learners(count: int, horizon: int = 1, **settings: Any) -> dict[str, Any]:
    """A group of learning active-inference agents that start from mutual cooperation."""
    return {
        "kind": "active_inference",
        "count": count,
        "horizon": horizon,
        "first_observation": "CC",
        "learning": {"rate": 0.1},
    } | settings


def ours(experiment: Experiment) -> Callable[[], Any]:
    """A call that simulates it, datasets included."""
    return lambda: list(simulate([experiment], engine="compiled"))
