"""Logit (quantal) response: noisy best response to what the partner has been seen to do.

The player holds counts of its partner's realised actions, expects their mixture y, and draws its action from

    q(a) ∝ exp(Σ_b payoff[a, b] y[b] / temperature)

(stochastic fictitious play, Fudenberg & Kreps 1993). In a 2×2 game two of them settle on a logit equilibrium
(McKelvey & Palfrey 1995): p = 1/(1 + exp{[p(T−R) + (1−p)(P−S)]/temperature}) when symmetric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from thermopolis.agents.lanes import draw, softmax, total
from thermopolis.agents.player import NOTHING, Trace, policy_trace
from thermopolis.agents.q_learning import payoff_table
from thermopolis.agents.settings import Settings
from thermopolis.errors import ModelError
from thermopolis.keys import uniforms


@dataclass(frozen=True, init=False)
class LogitResponse:
    """A logit responder in a matrix game.

    Parameters
    ----------
    temperature : float
        Noise of the response, above 0, in the unit of the payoffs; λ = 1/temperature.
    payoffs : (action, action)
        What the player gets for its own action (row) against its partner's (column).
    concentration : float
        Prior count of each action of the partner, above 0.
    forgetting : float
        Share of the counts lost each round, in [0, 1): 0 weighs the whole past equally.

    Raises
    ------
    ModelError
        For settings that can't be, naming them.
    """

    temperature: float
    payoffs: tuple[tuple[float, ...], ...]
    concentration: float
    forgetting: float

    def __init__(
        self,
        temperature: float = 1.0,
        payoffs: Sequence[Sequence[float]] = ((3.0, 0.0), (5.0, 1.0)),
        concentration: float = 1.0,
        forgetting: float = 0.0,
    ) -> None:
        table = payoff_table(payoffs, "LogitResponse")
        if not temperature > 0:
            raise ModelError(f"LogitResponse: temperature must be above 0, got {temperature}")
        if not concentration > 0:
            raise ModelError(f"LogitResponse: concentration must be above 0, got {concentration}")
        if not 0 <= forgetting < 1:
            raise ModelError(f"LogitResponse: forgetting must be in [0, 1), got {forgetting}")
        for name, value in zip(
            self.__dataclass_fields__, (temperature, table, concentration, forgetting), strict=True
        ):
            object.__setattr__(self, name, value)

    @property
    def structure(self) -> tuple[str, int]:
        """The number of actions decides the program."""
        return ("logit_response", len(self.payoffs))

    def settings(self) -> Settings:
        """``payoffs`` (action, action); ``temperature``, ``concentration``, ``forgetting`` ()."""
        names = ("temperature", "concentration", "forgetting")
        numbers = {name: np.asarray(getattr(self, name), np.float32) for name in names}
        return {"payoffs": np.asarray(self.payoffs, np.float32), **numbers}

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> Float[Array, "action lanes"]:
        """Prior counts of the partner's actions."""
        shape = (len(self.payoffs), *keys.shape)
        return jnp.broadcast_to(settings["concentration"], shape).astype(jnp.float32)

    def response(
        self, counts: Float[Array, "action lanes"], settings: Settings
    ) -> Float[Array, "action lanes"]:
        """The logit response to the mixture of these counts."""
        partner = counts / total(counts)
        payoffs = settings["payoffs"]
        value = jnp.stack([total(payoffs[a] * partner) for a in range(len(self.payoffs))])
        return softmax(value / settings["temperature"])

    def step(
        self,
        keys: Key[Array, "lanes"],
        state: Float[Array, "action lanes"],
        settings: Settings,
        observation: Int[Array, "lanes"],
    ) -> tuple[Float[Array, "action lanes"], Int[Array, "lanes"], Trace]:
        """Count the partner's move, then draw the response."""
        actions = len(self.payoffs)
        seen = observation != NOTHING
        partner = jnp.where(seen, observation % actions, NOTHING)
        kept = jnp.where(seen, 1.0 - settings["forgetting"], 1.0)
        counts = jnp.stack([kept * state[b] + (partner == b) for b in range(actions)])
        policy = self.response(counts, settings)
        return counts, draw(policy, uniforms(keys)), policy_trace(policy)
