"""From a sequence of actions in an experiment file, or from an order to find the best one, to the player that takes it.

A plan is found once a process for equal worlds and settings: its world begins as every replicate does, for nothing in
it is left to chance.
"""

from __future__ import annotations

from collections.abc import Hashable

import jax
import numpy as np

from thermopolis.agents import Scripted
from thermopolis.envs.plans import best_plan
from thermopolis.errors import ExperimentError, ModelError
from thermopolis.runs.schema import Experiment, scripts
from thermopolis.runs.worlds import Stage

_PLANS: dict[Hashable, tuple[int, ...]] = {}


def scripted(group: scripts.Scripted, stage: Stage) -> Scripted:
    """The player of a given sequence."""
    return Scripted(_numbers(group.actions, stage, group.kind), group.hold, group.repeat)


def planned(group: scripts.Planned, stage: Stage, experiment: Experiment) -> Scripted:
    """The player of the best sequence, by :func:`thermopolis.envs.plans.best_plan`."""
    among = None if group.actions is None else _numbers(group.actions, stage, group.kind)
    decisions = experiment.steps // group.hold
    settings = (decisions, group.hold, group.horizon, among, group.objective, group.discount)
    numbers = tuple(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(stage.params))
    key = (stage.world, numbers, settings)
    if key not in _PLANS:
        try:
            _PLANS[key] = tuple(map(int, best_plan(stage.world, stage.params, *settings).actions))
        except ModelError as error:
            raise ExperimentError(f"agents: plan.{error}") from None
    return Scripted(_PLANS[key], group.hold)


def _numbers(actions: tuple[str | int, ...], stage: Stage, kind: str) -> tuple[int, ...]:
    """Actions by their numbers in a world."""
    try:
        return scripts.numbered(actions, stage.description.action_names)
    except ModelError as error:
        raise ExperimentError(f"agents: {kind}.actions.{error}") from None
