"""A player that draws its action from a fixed distribution, whatever it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from thermopolis.agents.lanes import draw
from thermopolis.agents.player import Trace, policy_trace
from thermopolis.agents.settings import Settings
from thermopolis.errors import ModelError
from thermopolis.keys import uniforms


@dataclass(frozen=True, init=False)
class RandomPlayer:
    """Plays action a with probability p[a].

    Parameters
    ----------
    p : float or sequence of float
        Probability of cooperating (action 0 of two), or the probability of every action.

    Raises
    ------
    ModelError
        If p isn't a distribution.
    """

    p: tuple[float, ...]

    def __init__(self, p: float | Sequence[float] = 0.5) -> None:
        probabilities = (p, 1 - p) if isinstance(p, int | float) else tuple(float(x) for x in p)
        if len(probabilities) < 2 or min(probabilities) < 0 or abs(sum(probabilities) - 1) > 1e-6:
            raise ModelError(f"RandomPlayer: p must be a probability or a distribution over actions, got {p}")
        object.__setattr__(self, "p", probabilities)

    @classmethod
    def uniform(cls, num_actions: int) -> RandomPlayer:
        """Every action equally often."""
        return cls((1.0 / num_actions,) * num_actions)

    @property
    def structure(self) -> tuple[str, int]:
        """Players of equally many actions run one program."""
        return ("random", len(self.p))

    def settings(self) -> Settings:
        """``p`` (action,)."""
        return {"p": np.asarray(self.p, np.float32)}

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> tuple[()]:
        """It keeps nothing."""
        return ()

    def step(
        self,
        keys: Key[Array, "lanes"],
        state: tuple[()],
        settings: Settings,
        observation: Int[Array, "lanes"],
    ) -> tuple[tuple[()], Int[Array, "lanes"], Trace]:
        """Draw an action."""
        policy = jnp.broadcast_to(settings["p"], (len(self.p), *keys.shape))
        return state, draw(policy, uniforms(keys)), policy_trace(policy)
