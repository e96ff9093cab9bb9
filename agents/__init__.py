"""thermopolis.agents: what a player believes, wants and does.

Names load on first use (PEP 562): one line of the table below per public name.
"""

from __future__ import annotations

import importlib
from typing import Any

if __name__ != "thermopolis.agents":
    raise ImportError("import this folder as thermopolis.agents (install the project: pip install -e .)")

_NAMES: dict[str, str] = {
    "ActiveInference": "active_inference",
    "AxelrodPlayer": "axelrod_player",
    "CentralPlanner": "central",
    "Core": "core_in_loop",
    "FiniteState": "finite_state",
    "GenerativeModel": "model",
    "Learning": "settings",
    "LogitResponse": "logit_response",
    "MemoryOne": "memory_one",
    "Player": "player",
    "PymdpPlayer": "pymdp_player",
    "QLearning": "q_learning",
    "RandomPlayer": "random_player",
    "STRATEGIES": "strategies",
    "Scripted": "scripted",
    "dilemma_model": "dilemma",
    "group_model": "central",
    "joint_model": "central",
    "opponent_model": "opponent",
    "Team": "team",
    "from_spaces": "spaces",
    "spaces_model": "spaces",
    "misperception": "dilemma",
    "outcome_model": "dilemma",
    "perception_ledger": "perception_cost",
    "strategy": "strategies",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_NAMES)
