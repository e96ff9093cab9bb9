"""A central planner: one mind that moves both bodies of a pair.

States are the outcomes (first body's action, second's); an action is a joint action, and what follows is known but for
noise. It wants what both get together, ln C(a, b) = log_softmax(scale · (payoff_1 + payoff_2) / 2). One active-inference
agent a cell sees through the first body's eyes; both bodies report its numbers, and share what its core spends.
"""

from __future__ import annotations

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

#: What of a trace adds up over bodies.
_SPENT = ("core_joules", "core_work", "core_heat", "core_entropy_production", "landauer_bound")


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
    realised = np.full((n, n), noise / max(n - 1, 1))
    np.fill_diagonal(realised, 1.0 - noise if n > 1 else 1.0)
    moves = np.kron(realised, realised)  # (outcome, joint action)
    b = np.broadcast_to(moves[:, None, :], (n * n, n * n, n * n)).copy()
    wanted = scale * (first + second.T) / 2.0
    return GenerativeModel([np.eye(n * n)], [b], [wanted.reshape(-1)], pB=[concentration * b])


class CentralPlanner:
    """Two bodies of a cell moved by one agent over joint actions.

    Parameters
    ----------
    planner : ActiveInference
        Over a model of joint actions, such as :func:`joint_model`'s.
    num_actions : int
        Actions of one body.
    number : int
        Tells the planners of one world apart.
    """

    bodies = 2

    def __init__(self, planner: ActiveInference, num_actions: int, number: int = 0) -> None:
        if planner.model.num_actions != num_actions**2:
            raise ModelError(
                f"the planner has {planner.model.num_actions} actions, expected {num_actions**2}, one a joint action"
            )
        self.planner, self.num_actions = planner, num_actions
        self.structure = ("central", planner.structure, num_actions, number)
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
            keys[:cells], state, self._one(settings, cells), observation[:cells]
        )
        action = jnp.concatenate(jnp.divmod(joint, self.num_actions))
        share = {name: x / self.bodies if name in _SPENT else x for name, x in trace.items()}
        return state, action, jax.tree_util.tree_map(lambda x: jnp.concatenate([x, x], axis=-1), share)
