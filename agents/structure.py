"""Static structure and carried state of an active-inference agent.

A structure decides the compiled program and is hashable; a state is what lanes carry from step to step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from jaxtyping import Array, Int

from thermopolis.agents.belief import Beliefs
from thermopolis.agents.belief_tree import beliefs_weighed
from thermopolis.agents.core_in_loop import Core, CoreUse
from thermopolis.agents.sophisticated import folds
from thermopolis.agents.team import Team


class State(NamedTuple):
    """What an agent carries from step to step; every leaf ends in lanes."""

    prior: Beliefs  # prediction of the present states, before the outcome
    qs: Beliefs  # last step's posterior
    action: Int[Array, "lanes"]  # last step's action, -1 before any
    counts: dict[str, Array]  # Dirichlet counts: B_f, A_m, D_f, E
    controller: Array
    core: CoreUse | None


@dataclass(frozen=True)
class Structure:
    """What decides an agent's compiled program; hashable."""

    num_states: tuple[int, ...]
    num_obs: tuple[int, ...]
    A_dependencies: tuple[tuple[int, ...], ...]
    B_dependencies: tuple[tuple[int, ...], ...]
    num_controls: tuple[int, ...]
    actions: tuple[tuple[int, ...], ...]
    identity: tuple[bool, ...]
    horizon: int
    state_gain: bool
    parameter_gain: bool
    habit: bool
    learned: tuple[str, ...]
    forgets: bool
    perception: str
    policy: str
    selection: str
    controller: str
    doom_outcome: int | None
    core: Core | None
    planner: str = "enumerate"
    method: str = "dirichlet"
    team: Team | None = None
    readouts: tuple[str, ...] = ()
    reachable: tuple[tuple[tuple[int, ...], ...] | None, ...] = ()  # by factor and control; None: every state
    given: tuple[tuple[int, ...], ...] | None = None  # policies as sequences of actions; None: all there are

    @cached_property
    def packed(self) -> tuple[bool, ...]:
        """By factor: whether its learned counts are kept without the transitions that are ruled out.

        Rows are then the states that a control can lead to, of which each control has as many: half the memory of a
        matrix game's players, where the own move is known.
        """
        plain = self.planner == "enumerate" and self.method == "dirichlet" and "B" in self.learned
        return tuple(
            plain and sets is not None and len({len(rows) for rows in sets}) == 1 for sets in self.reachable
        )

    @property
    def planned(self) -> int:
        """About how many numbers planning holds at once for every lane: the values, and the beliefs they come from."""
        states, actions = math.prod(self.num_states), len(self.actions)
        if self.planner == "enumerate":
            return self.policies * (sum(self.num_states) + 5)
        if folds(len(self.num_states), self.identity):
            return actions * states * (states + 5)
        # a level's predictions, each with every outcome, what follows from it, and what that leads to
        return 4 * states * beliefs_weighed(actions, math.prod(self.num_obs), self.horizon)

    @property
    def policies(self) -> int:
        """Number of policies weighed: sequences of actions, or first actions of a sophisticated planner."""
        return len(self.first_actions)

    @cached_property
    def first_actions(self) -> tuple[int, ...]:
        """The action that each policy starts with."""
        if self.given is not None:
            return tuple(row[0] for row in self.given)
        tail = 1 if self.planner == "sophisticated" else len(self.actions) ** (self.horizon - 1)
        return tuple(action for action in range(len(self.actions)) for _ in range(tail))
