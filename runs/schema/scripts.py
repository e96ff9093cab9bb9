"""Players who keep to a sequence of actions: a given one, or the best by the world's own rules.

Neither answers what it sees. A plan is made before its world begins, from the world's known rules, by enumeration
(:mod:`thermopolis.envs.plans`): a reference beside agents who have to find out, not one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator

from thermopolis.errors import ModelError
from thermopolis.runs.schema._base import Count, Loose, Positive, fault
from thermopolis.runs.schema.group import Group


def _action(value: Any) -> Any:
    value = int(value) if type(value) is float and value.is_integer() else value
    if type(value) is str or (type(value) is int and value >= 0):
        return value
    raise fault("expected the name of an action or its number, from 0")


def _some(actions: tuple[str | int, ...] | None) -> tuple[str | int, ...] | None:
    if actions is not None and not actions:
        raise fault("at least one action is needed")
    return actions


Action = Annotated[str | int, BeforeValidator(_action)]
"""An action by its name in the world, or by its number."""


class Scripted(Group):
    """Takes given actions one after the other, whatever happens."""

    kind: Literal["scripted"]
    actions: Annotated[tuple[Action, ...], Loose, AfterValidator(_some)]
    hold: Count = 1
    """Steps each action is kept up."""
    repeat: bool = False
    """Begin anew at the end; else the last action is kept up."""


class Planned(Group):
    """Follows the best plan, made beforehand from the rules of a world without chance, so many decisions ahead."""

    kind: Literal["plan"]
    horizon: Count = 1
    """Decisions weighed at once (1: greedy); after each it looks again."""
    hold: Count = 1
    """Steps each action is kept up."""
    actions: Annotated[Annotated[tuple[Action, ...], Loose] | None, AfterValidator(_some)] = None
    """Those it chooses from (null: all of the world's)."""
    objective: str = "reward"
    """What it adds up over the steps: reward, or a quantity the world records."""
    discount: Positive = 1.0
    """β of a step."""


def numbered(actions: Sequence[str | int], names: Sequence[str]) -> tuple[int, ...]:
    """Actions by their numbers.

    Raises
    ------
    ModelError : ``PLACE: …`` of an action that the world doesn't have.
    """
    found = []
    for place, action in enumerate(actions):
        if isinstance(action, str):
            if action not in names:
                near = get_close_matches(action, names, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names)}"
                raise ModelError(f"{place}: there is no action {action!r}{hint}")
            found.append(list(names).index(action))
        elif action >= len(names):
            raise ModelError(f"{place}: there is no action {action}, they are numbered 0 to {len(names) - 1}")
        else:
            found.append(action)
    return tuple(found)


def scripts_fit(agents: Sequence[Any], world: Any, players: int, steps: int) -> None:
    """Refuse actions that the world doesn't have, and plans that can't be made."""
    for number, group in enumerate(agents):
        if not isinstance(group, (Scripted, Planned)):
            continue
        names = world.action_names()
        if names is not None and group.actions is not None:
            try:
                numbered(group.actions, names)
            except ModelError as error:
                place, _, what = str(error).partition(": ")
                raise fault(what, "agents", number, "actions", int(place)) from None
        if isinstance(group, Planned):
            _can_be_planned(group, number, world, players, steps)


def _can_be_planned(group: Planned, number: int, world: Any, players: int, steps: int) -> None:
    from thermopolis.envs.plans import sequences

    if world.kind not in ("civilization", "commons") or players != 1:
        raise fault(
            "a plan is made for a civilization or a harvester alone in its world; a sequence of your own plays "
            "anywhere (kind: scripted)",
            "agents", number, "kind",
        )  # fmt: skip
    for chance in ("spread", "shock"):
        if np.any(np.asarray(world.parameters.get(chance, 0)) != 0):
            raise fault(
                f"a plan needs a world that leaves nothing to chance: {chance} must be 0",
                "environment", "parameters", chance,
            )  # fmt: skip
    if steps % group.hold:
        raise fault(f"{steps} steps are no multiple of it", "agents", number, "hold")
    choices = world.num_actions() if group.actions is None else len(set(group.actions))
    try:
        sequences(choices, min(group.horizon, steps // group.hold))
    except ModelError as error:
        raise fault(str(error).removeprefix("horizon: "), "agents", number, "horizon") from None
