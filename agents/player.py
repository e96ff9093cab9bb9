"""What both engines ask of a player: two pure functions over lanes, and the numbers a sweep may vary.

A player's ``structure`` is hashable and decides its compiled program: players of one structure are stepped
by the same one. Its numbers (probabilities, temperatures, payoffs) are *settings*: ``settings()`` gives them
without lanes, the engine broadcasts them to lanes (lanes last), and ``init`` and ``step`` read only what it
passes back.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from thermopolis.agents.lanes import entropy, varentropy
from thermopolis.agents.settings import Settings

#: What a step reports, by the names of the results; (lanes,) or (k, lanes).
Trace = dict[str, Array]

#: No observation yet, or no more.
NOTHING = -1


@runtime_checkable
class Player(Protocol):
    """A player of any kind that both engines can step."""

    @property
    def structure(self) -> Hashable:
        """What decides the compiled program."""
        ...

    def settings(self) -> Settings:
        """The player's numbers as arrays without lanes."""
        ...

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> Any:
        """The state before the first observation: any pytree of arrays with lanes last."""
        ...

    def step(
        self, keys: Key[Array, "lanes"], state: Any, settings: Settings, observation: Int[Array, "lanes"]
    ) -> tuple[Any, Int[Array, "lanes"], Trace]:
        """Perceive, learn, plan, act: the next state, the action and what is reported of this step."""
        ...


def policy_trace(policy: Float[Array, "action lanes"]) -> Trace:
    """Entropy (nats) and varentropy (nats²) of the distribution that an action is drawn from."""
    return {"policy_entropy": entropy(policy), "policy_varentropy": varentropy(policy)}


def cooperation_trace(p: Float[Array, "lanes"]) -> Trace:
    """``policy_trace`` of a player that cooperates with probability p."""
    return policy_trace(jnp.stack([p, 1.0 - p]))
