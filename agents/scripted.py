"""A player that keeps to a given sequence of actions, whatever it sees: an open loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from thermopolis.agents.lanes import pick
from thermopolis.agents.player import Trace
from thermopolis.agents.settings import Settings
from thermopolis.errors import ModelError


@dataclass(frozen=True, init=False)
class Scripted:
    """Takes each action for so many steps, one after the other.

    Parameters
    ----------
    actions : sequence of int
    hold : int
        Steps each is kept up.
    repeat : bool
        Whether the sequence begins anew at its end; else its last action is kept.

    Raises
    ------
    ModelError
        No actions, a negative one, or a hold below 1.
    """

    actions: tuple[int, ...]
    hold: int
    repeat: bool

    def __init__(self, actions: Sequence[int], hold: int = 1, repeat: bool = False) -> None:
        chosen = tuple(int(a) for a in actions)
        if not chosen or min(chosen) < 0 or any(a != b for a, b in zip(chosen, actions, strict=True)):
            raise ModelError(f"Scripted: actions must be one or more numbers from 0, got {list(actions)}")
        if hold < 1 or hold != int(hold):
            raise ModelError(f"Scripted: hold must be a whole number of at least 1, got {hold}")
        object.__setattr__(self, "actions", chosen)
        object.__setattr__(self, "hold", int(hold))
        object.__setattr__(self, "repeat", bool(repeat))

    @property
    def structure(self) -> tuple[str, int]:
        """Sequences filled up to 1, 2, 4, 8 … actions share a program."""
        return ("scripted", 1 << (len(self.actions) - 1).bit_length())

    def settings(self) -> Settings:
        """``actions`` (place,), ``length`` (), ``hold`` (), ``repeat`` ()."""
        room = self.structure[1] - len(self.actions)
        return {
            "actions": np.array(self.actions + self.actions[-1:] * room, np.int32),
            "length": np.array(len(self.actions), np.int32),
            "hold": np.array(self.hold, np.int32),
            "repeat": np.array(self.repeat, np.int32),
        }

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> Int[Array, "lanes"]:
        """No step taken."""
        return jnp.zeros(keys.shape, jnp.int32)

    def step(
        self,
        keys: Key[Array, "lanes"],
        state: Int[Array, "lanes"],
        settings: Settings,
        observation: Int[Array, "lanes"],
    ) -> tuple[Int[Array, "lanes"], Int[Array, "lanes"], Trace]:
        """The action of this step; nothing is left open, so the policy has no entropy."""
        decision, length = state // settings["hold"], settings["length"]
        place = jnp.where(settings["repeat"] > 0, decision % length, jnp.minimum(decision, length - 1))
        none = jnp.zeros(keys.shape, jnp.float32)
        action = pick(settings["actions"], place)
        return state + 1, action, {"policy_entropy": none, "policy_varentropy": none}
