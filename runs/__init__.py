"""thermopolis.runs: how an experiment is described, executed, stored, resumed and spread out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if __name__ != "thermopolis.runs":
    raise ImportError("import this folder as thermopolis.runs (install the project: pip install -e .)")

_HOMES = {
    "Experiment": "schema",
    "Progress": "progress",
    "load": "api",
    "open": "api",
    "run": "api",
    "sweep": "api",
}

__all__ = ["Experiment", "Progress", "load", "open", "run", "sweep"]

if TYPE_CHECKING:
    from thermopolis.runs.api import load, open, run, sweep
    from thermopolis.runs.progress import Progress
    from thermopolis.runs.schema import Experiment


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"thermopolis.runs.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'thermopolis.runs' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
