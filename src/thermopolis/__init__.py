"""thermopolis: agent-based active inference on a metered thermodynamic core.

The public names below are loaded on first use (PEP 562), so that ``import thermopolis`` and the command
line's ``--help`` stay fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_SUBPACKAGES = ("agents", "analysis", "envs", "runs", "thermo")
_RUNS_NAMES = ("load", "open", "run", "sweep")

__all__ = ["__version__", "agents", "analysis", "envs", "load", "open", "run", "runs", "sweep", "thermo"]

if TYPE_CHECKING:
    from thermopolis import agents, analysis, envs, runs, thermo
    from thermopolis.runs import load, open, run, sweep


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"thermopolis.{name}")
    if name in _RUNS_NAMES:
        return getattr(importlib.import_module("thermopolis.runs"), name)
    raise AttributeError(f"module 'thermopolis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
