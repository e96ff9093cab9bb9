"""A central planner: one mind that moves all bodies of a small group.

States are the joint outcomes (the first body's action slowest); an action is a joint action, and what follows is known
but for noise. It wants what all get together, ln C(a_1 … a_k) = log_softmax(scale · mean payoff). n actions of k bodies
make n^k joint actions, so groups are small: at most :data:`JOINT_BUDGET` of them. One active-inference agent a cell sees
what each body shows of its own action; all bodies report its numbers, and share what its core spends.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key
from numpy.typing import ArrayLike

from thermopolis.agents.active_inference import ActiveInference
from thermopolis.agents.model import GenerativeModel
from thermopolis.agents.settings import Settings
from thermopolis.errors import ModelError

#: Joint actions that one planner weighs at most.
JOINT_BUDGET = 64
#: What of a trace adds up over bodies.
_SPENT = (
    "core_joules",
    "core_work",
    "core_heat",
    "core_entropy_production",
    "landauer_bound",
    "information_gained",
)


def joint_actions(bodies: int, num_actions: int) -> int:
    """How many joint actions there are.

    Raises
    ------
    ModelError
        With the count, where a planner can't weigh them.
    """
    count = int(num_actions) ** int(bodies)
    if bodies < 2:
        raise ModelError(f"a central planner moves at least 2 bodies, got {bodies}")
    if count > JOINT_BUDGET:
        raise ModelError(
            f"a central planner of {bodies} bodies with {num_actions} actions each would weigh "
            f"{num_actions}^{bodies} = {count} joint actions, more than {JOINT_BUDGET}: plan for fewer, or merge"
        )
    return count


def group_model(
    worth: ArrayLike, scale: float = 1.0, concentration: float = 1.0, noise: float = 0.0
) -> GenerativeModel:
    """The planner's model of any number of bodies.

    Parameters
    ----------
    worth : (actions, …, actions), an axis a body
        Mean payoff of the group for every joint action.
    scale : float
        Weight of the worth in the preferences.
    concentration : float
        Prior count a column.
    noise : float
        Known probability that a body's action is replaced by another one.

    Raises
    ------
    ModelError
        For bodies with unequal numbers of actions, or too many joint actions (with the count).
    """
    table = np.asarray(worth, dtype=np.float64)
    n, bodies = table.shape[0] if table.ndim else 0, table.ndim
    if len(set(table.shape)) != 1:
        raise ModelError(f"worth has shape {table.shape}, expected an axis a body, all of one length")
    count = joint_actions(bodies, n)
    realised = np.full((n, n), noise / max(n - 1, 1))
    np.fill_diagonal(realised, 1.0 - noise if n > 1 else 1.0)
    moves = reduce(np.kron, [realised] * bodies)  # (outcome, joint action)
    b = np.broadcast_to(moves[:, None, :], (count, count, count)).copy()
    return GenerativeModel([np.eye(count)], [b], [scale * table.reshape(-1)], pB=[concentration * b])


def joint_model(
    payoffs: ArrayLike,
    partner_payoffs: ArrayLike,
    scale: float = 1.0,
    concentration: float = 1.0,
    noise: float = 0.0,
) -> GenerativeModel:
    """The planner's model of one repeated n × n game; payoffs by (own action, other's action), from each side."""
    first, second = (np.asarray(p, dtype=np.float64) for p in (payoffs, partner_payoffs))
    n = len(first)
    if first.shape != (n, n) or second.shape != (n, n):
        raise ModelError(f"payoffs have shapes {first.shape} and {second.shape}, expected (actions, actions)")
    return group_model((first + second.T) / 2.0, scale, concentration, noise)


class CentralPlanner:
    """Bodies of a cell moved by one agent over joint actions.

    Parameters
    ----------
    planner : ActiveInference
        Over a model of joint actions, such as :func:`joint_model`'s or :func:`group_model`'s.
    num_actions : int
        Actions of one body.
    number : int
        Tells the planners of one world apart.
    bodies : int
        How many it moves.
    others : int, optional
        Values of the part of a body's observation that shows the others (own action · others + seen). Default: as many
        as there are actions, what a pair sees.
    """

    def __init__(
        self,
        planner: ActiveInference,
        num_actions: int,
        number: int = 0,
        bodies: int = 2,
        others: int | None = None,
    ) -> None:
        count = joint_actions(bodies, num_actions)
        if planner.model.num_actions != count or planner.num_observations != count:
            raise ModelError(
                f"the planner has {planner.model.num_actions} actions and {planner.num_observations} outcomes, "
                f"expected {count} of both, one a joint action"
            )
        self.planner, self.num_actions, self.bodies = planner, num_actions, bodies
        self.others = num_actions if others is None else others
        self.structure = ("central", planner.structure, num_actions, number, bodies, self.others)
        self.first_observation = planner.first_observation
        self.shared = planner.shared
        self.num_observations = planner.num_observations

    def settings(self) -> Settings:
        """The planner's."""
        return self.planner.settings()

    def _one(self, settings: Settings, cells: int) -> Settings:
        return {name: x if name in self.shared else x[..., :cells] for name, x in settings.items()}

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> Any:
        """The planner's state, one lane a cell."""
        cells = keys.shape[0] // self.bodies
        return self.planner.init(keys[:cells], self._one(settings, cells))

    def step(
        self, keys: Key[Array, "lanes"], state: Any, settings: Settings, observation: Int[Array, "lanes"]
    ) -> tuple[Any, Int[Array, "lanes"], dict[str, Array]]:
        """One step of the planner; each body does its part of the joint action."""
        cells = keys.shape[0] // self.bodies
        state, joint, trace = self.planner.step(
            keys[:cells], state, self._one(settings, cells), self._outcome(observation, cells)
        )
        places = [self.num_actions**i for i in reversed(range(self.bodies))]
        action = jnp.concatenate([joint // place % self.num_actions for place in places])
        share = {name: x / self.bodies if name in _SPENT else x for name, x in trace.items()}
        return (
            state,
            action,
            jax.tree_util.tree_map(lambda x: jnp.concatenate([x] * self.bodies, axis=-1), share),
        )

    def _outcome(self, observation: Int[Array, "lanes"], cells: int) -> Int[Array, "cells"]:
        """The joint outcome: a pair's as the first body sees it, else put together from every body's own action."""
        if self.bodies == 2:
            return observation[:cells]
        bodies = observation.reshape(self.bodies, cells)
        joint = jnp.zeros(cells, jnp.int32)
        for i in range(self.bodies):
            joint = joint * self.num_actions + jnp.maximum(bodies[i], 0) // self.others
        return jnp.where((bodies >= 0).all(axis=0), joint, -1)
