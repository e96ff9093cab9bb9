"""What a civilization alone in its world could do at best, and what it does if it looks one decision ahead.

Its world leaves nothing to chance, so every sequence of held actions can be lived (:mod:`thermopolis.envs.plans`). The
reward is the change of ln(reach) and −ruin at collapse: its sum is ln(reach at the end/at the start), so whoever looks
far enough spends nothing on what will be lost, and burns what is left before the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from thermopolis.envs.civilization.presets import civilization
from thermopolis.envs.civilization.quantities import ACTIONS
from thermopolis.envs.plans import Plan
from thermopolis.envs.plans import best_plan as plan_of
from thermopolis.errors import ModelError

#: What does something where there is nobody to give to or to raid.
ALONE = ("save", "grow", "research", "radiate", "collect")


class Foresight(NamedTuple):
    """The best plan and the greedy one; their ``actions`` are names, their ``ends`` what the last year left."""

    best: Plan
    greedy: Plan


def best_plan(
    preset: str = "earth_now",
    horizon_years: int = 200,
    hold: int = 25,
    actions: Sequence[str] = ALONE,
    objective: str = "reward",
    discount: float = 1.0,
    substeps: int = 4,
    **overrides: Any,
) -> Foresight:
    """The best of all sequences of actions, each held for ``hold`` years, beside the greedy sequence.

    Parameters
    ----------
    preset, substeps, overrides : of the world, see ``parallel_env``; for one civilization, without ``spread``.
    horizon_years : the run's length, a multiple of ``hold``.
    actions : those to choose from, by name; at most 131,072 sequences are weighed.
    objective : ``reward`` (the sum is ln of what reach is multiplied by), or a recorded quantity added up over the
        years, such as ``power``.
    discount : β of a year.

    Raises
    ------
    ModelError : an unknown action or objective, several civilizations, chance, more sequences than the budget.
    """
    unknown = [name for name in actions if name not in ACTIONS]
    if unknown:
        raise ModelError(f"actions: there is no {unknown[0]!r}; there are: {', '.join(ACTIONS)}")
    if horizon_years < 1 or hold < 1 or horizon_years % hold:
        raise ModelError(f"horizon_years: expected a multiple of hold = {hold}, got {horizon_years}")
    world, params = civilization(preset, None, substeps, **overrides)
    if np.any(np.asarray(params.spread) > 0):
        raise ModelError("spread: a plan needs a world that leaves nothing to chance")
    decisions, numbers = horizon_years // hold, [ACTIONS.index(name) for name in actions]

    def found(horizon: int) -> Plan:
        made = plan_of(world, params, decisions, hold, horizon, numbers, objective, discount)
        return made._replace(actions=tuple(ACTIONS[int(action)] for action in made.actions))

    return Foresight(found(decisions), found(1))
