"""Our worlds in PettingZoo's registry: ``pettingzoo.make("parallel", "thermopolis/matrix_game-v0")``.

Registration happens when a world's module is first imported, as Gymnasium's packages do it. PettingZoo has a
registry from 1.27 on; earlier ones are served by the modules alone.
"""

from __future__ import annotations

import pettingzoo

WORLDS = ("matrix_game", "commons", "civilization")


def register_worlds() -> list[str]:
    """Register every world once, as AEC and parallel; returns the identifiers."""
    if not hasattr(pettingzoo, "register"):
        return []
    names = [f"thermopolis/{world}-v0" for world in WORLDS]
    for world, name in zip(WORLDS, names, strict=True):
        module = f"thermopolis.envs.{world}_v0"
        if name not in pettingzoo.parallel_registry:
            pettingzoo.register("parallel", name, entry_point=f"{module}:parallel_env")
        if name not in pettingzoo.aec_registry:
            pettingzoo.register("aec", name, entry_point=f"{module}:env")
    return names
