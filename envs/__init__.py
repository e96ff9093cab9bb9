"""Worlds: matrix games, commons, civilizations; pure functions with a PettingZoo environment over them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if __name__ != "thermopolis.envs":
    raise ImportError("import this folder as thermopolis.envs (install the project: pip install -e .)")

_MODULES = ("civilization_v0", "commons_v0", "games", "matrix_game_v0", "outside", "topology", "world")
_SCALE = ("kardashev", "milestone", "power_watts")

__all__ = [
    "civilization_v0",
    "commons_v0",
    "games",
    "kardashev",
    "matrix_game_v0",
    "milestone",
    "outside",
    "power_watts",
    "topology",
    "world",
]

if TYPE_CHECKING:
    from thermopolis.envs import civilization_v0, commons_v0, games, matrix_game_v0, outside, topology, world
    from thermopolis.envs.kardashev_scale import kardashev, milestone, power_watts


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"thermopolis.envs.{name}")
    if name in _SCALE:
        return getattr(importlib.import_module("thermopolis.envs.kardashev_scale"), name)
    raise AttributeError(f"module 'thermopolis.envs' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
