"""A civilization's observations as plain arrays."""

from __future__ import annotations

import numpy as np

from thermopolis.envs.civilization.quantities import ACTIONS, CivilizationParams
from thermopolis.envs.civilization.world import Civilization
from thermopolis.envs.world import Description

HEAT, GROWTH, MOVE = (
    ("cool", "warm", "hot"),
    ("shrinking", "steady", "growing"),
    ("neutral", "gave", "raided"),
)
HEAT_WORTH, GROWTH_WORTH, MOVE_WORTH = (0.0, -1.0, -3.0), (-1.0, 0.0, 1.0), (0.0, 0.5, -0.5)


def describe(world: Civilization, params: CivilizationParams) -> Description:
    """Observation ``(heat · 3 + growth) · 3 + partner's move`` (alone: without the move).

    ``payoffs`` is a nominal worth in steps of growth (a hot planet weighs three of them), not the reward, which
    is a change of ln(reach). An observation doesn't show the own action (``own_action`` is -1); ``others`` is
    the partner's move.
    """
    number = np.arange(world.num_observations)
    moves = 1 if world.players == 1 else 3
    band, move = np.divmod(number, moves)
    heat, growth = np.divmod(band, 3)
    worth = np.take(HEAT_WORTH, heat) + np.take(GROWTH_WORTH, growth) + np.take(MOVE_WORTH, move)
    names = tuple(
        " ".join([HEAT[h], GROWTH[g]] + ([MOVE[m]] if moves > 1 else []))
        for h, g, m in zip(heat, growth, move, strict=True)
    )
    return Description(ACTIONS, names, np.full(number.size, -1), move, worth[None, :, None])
