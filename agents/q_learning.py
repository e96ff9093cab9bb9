"""Q-learning: values of actions learned from rewards alone.

After action a in state s brought reward r and state s',

    Q[s, a] ← Q[s, a] + rate · (r + discount · max_b Q[s', b] − Q[s, a])      (Watkins 1989),

and the next action is drawn by Boltzmann exploration, q(a) ∝ exp(Q[s, a]/temperature), or ε-greedily.
Actions and rewards are those of the realised outcome. Without memory (one state, discount 0) two slow Boltzmann
learners rest where the flow of Kianercy & Galstyan (arXiv 1109.1528) does: at the logit equilibria.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from thermopolis.agents.lanes import draw, maximum, pick, softmax, total
from thermopolis.agents.player import NOTHING, Trace, policy_trace
from thermopolis.agents.settings import Settings
from thermopolis.errors import ModelError
from thermopolis.keys import uniforms


class QState(NamedTuple):
    """Values and the outcome they were last looked up at."""

    values: Float[Array, "memory action lanes"]
    outcome: Int[Array, "lanes"]


def payoff_table(payoffs: Sequence[Sequence[float]], name: str) -> tuple[tuple[float, ...], ...]:
    """A square table of finite payoffs, row = own action.

    Raises
    ------
    ModelError
        If it isn't one.
    """
    table = np.asarray(payoffs, float)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) < 2 or not np.isfinite(table).all():
        raise ModelError(
            f"{name}: payoffs must be a square table of numbers (own action first), got {payoffs}"
        )
    return tuple(tuple(float(x) for x in row) for row in table)


@dataclass(frozen=True, init=False)
class QLearning:
    """A Q-learner of a matrix game.

    Parameters
    ----------
    payoffs : (action, action)
        What the player gets for its own action (row) against its partner's (column).
    rate : float
        Step of the update, above 0 and at most 1.
    discount : float
        Weight of the next state's best value, in [0, 1).
    temperature : float
        Boltzmann temperature, above 0 (``exploration="boltzmann"``).
    epsilon : float
        Probability of a uniformly drawn action (``exploration="epsilon_greedy"``).
    exploration : "boltzmann" or "epsilon_greedy"
    memory : 0 or 1
        0: one state. 1: the last outcome is the state.
    initial : float
        Value of everything before anything has been learned.

    Raises
    ------
    ModelError
        For settings that can't be, naming them.
    """

    payoffs: tuple[tuple[float, ...], ...]
    rate: float
    discount: float
    temperature: float
    epsilon: float
    exploration: str
    memory: int
    initial: float

    def __init__(
        self,
        payoffs: Sequence[Sequence[float]] = ((3.0, 0.0), (5.0, 1.0)),
        rate: float = 0.1,
        discount: float = 0.0,
        temperature: float = 1.0,
        epsilon: float = 0.1,
        exploration: Literal["boltzmann", "epsilon_greedy"] = "boltzmann",
        memory: int = 0,
        initial: float = 0.0,
    ) -> None:
        table = payoff_table(payoffs, "QLearning")
        wrong = [
            (not 0 < rate <= 1, f"rate must be above 0 and at most 1, got {rate}"),
            (not 0 <= discount < 1, f"discount must be in [0, 1), got {discount}"),
            (not temperature > 0, f"temperature must be above 0, got {temperature}"),
            (not 0 <= epsilon <= 1, f"epsilon must be a probability (0 to 1), got {epsilon}"),
            (
                exploration not in ("boltzmann", "epsilon_greedy"),
                f"exploration must be boltzmann or epsilon_greedy, got {exploration!r}",
            ),
            (memory not in (0, 1), f"memory must be 0 or 1, got {memory}"),
        ]
        for bad, what in wrong:
            if bad:
                raise ModelError(f"QLearning: {what}")
        values = (table, rate, discount, temperature, epsilon, exploration, memory, initial)
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)

    @property
    def structure(self) -> tuple[str, int, str, int]:
        """Number of actions, kind of exploration and memory decide the program."""
        return ("q_learning", len(self.payoffs), self.exploration, self.memory)

    def settings(self) -> Settings:
        """``payoffs`` (outcome,) by own action, then partner's; the rest ()."""
        names = ("rate", "discount", "temperature", "epsilon", "initial")
        numbers = {name: np.asarray(getattr(self, name), np.float32) for name in names}
        return {"payoffs": np.asarray(self.payoffs, np.float32).reshape(-1), **numbers}

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> QState:
        """All values equal ``initial``."""
        actions = len(self.payoffs)
        shape = (actions**2 if self.memory else 1, actions, *keys.shape)
        return QState(
            jnp.broadcast_to(settings["initial"], shape).astype(jnp.float32),
            jnp.full(keys.shape, NOTHING, jnp.int32),
        )

    def step(
        self, keys: Key[Array, "lanes"], state: QState, settings: Settings, observation: Int[Array, "lanes"]
    ) -> tuple[QState, Int[Array, "lanes"], Trace]:
        """Learn from the last outcome's payoff, then draw an action.

        With memory, the first move has no state: it is drawn from the values of outcome 0, and the outcome it
        brings is the first state to be learned from.
        """
        actions = len(self.payoffs)
        values, seen = state.values, observation != NOTHING
        outcome = jnp.maximum(observation, 0)
        here = outcome if self.memory else jnp.zeros_like(outcome)
        before = jnp.maximum(state.outcome, 0) if self.memory else here
        learns = seen & (state.outcome != NOTHING) if self.memory else seen

        next_values = pick(values, here)
        target = pick(settings["payoffs"], outcome) + settings["discount"] * maximum(next_values)
        played = outcome // actions
        rows = []
        for m in range(values.shape[0]):
            columns = []
            for a in range(actions):
                changes = learns & (before == m) & (played == a)
                step = jnp.where(changes, settings["rate"], 0.0)
                columns.append(values[m, a] + step * (target - values[m, a]))
            rows.append(jnp.stack(columns))
        values = jnp.stack(rows)

        policy = self._policy(pick(values, here), settings)
        remembered = jnp.where(seen, observation, state.outcome)
        return QState(values, remembered), draw(policy, uniforms(keys)), policy_trace(policy)

    def _policy(self, q: Float[Array, "action lanes"], settings: Settings) -> Float[Array, "action lanes"]:
        if self.exploration == "boltzmann":
            return softmax(q / settings["temperature"])
        best = (q == maximum(q)).astype(q.dtype)
        epsilon = settings["epsilon"]
        return (1.0 - epsilon) * best / total(best) + epsilon / len(self.payoffs)
