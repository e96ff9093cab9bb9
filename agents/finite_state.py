"""Finite-state strategies: Mealy machines that read the last outcome.

In state s, after outcome o (CC, CD, DC, DD of realised moves, own first), the machine goes to
``transitions[s, o]`` and cooperates with probability ``cooperation[s, o]`` (Miller 1996). Most strategies of
the literature look at the partner's move alone: their tables have two columns (C, D). Deterministic machines
have probabilities 0 and 1; they run as words (:mod:`thermopolis.agents.deterministic`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from thermopolis.agents import deterministic
from thermopolis.agents.lanes import pick
from thermopolis.agents.player import NOTHING, Trace, cooperation_trace
from thermopolis.agents.settings import Settings
from thermopolis.errors import ModelError
from thermopolis.keys import uniforms


def _by_outcome(table: Any, name: str, states: int | None = None) -> np.ndarray:
    out = np.asarray(table, float)
    if out.ndim != 2 or out.shape[1] not in (2, 4) or (states is not None and out.shape[0] != states):
        rows = "states" if states is None else states
        raise ModelError(
            f"FiniteState: {name} must have shape ({rows}, 2) by the partner's move "
            f"or ({rows}, 4) by outcome, got {out.shape}"
        )
    return out if out.shape[1] == 4 else np.tile(out, (1, 2))


@dataclass(frozen=True, init=False)
class FiniteState:
    """A finite-state player of a 2×2 game.

    Parameters
    ----------
    transitions : (states, 2) or (states, 4) of int
        Next state by the present one and by the partner's last move (C, D), or by the last outcome
        (CC, CD, DC, DD).
    cooperation : (states, 2) or (states, 4) of float
        Probability of cooperating, by the same.
    opening : float
        Probability of cooperating before anything has been observed.
    initial : int
        State before anything has been observed.

    Raises
    ------
    ModelError
        If the tables' shapes differ, a state doesn't exist or a number isn't a probability.
    """

    transitions: tuple[tuple[int, ...], ...]
    cooperation: tuple[tuple[float, ...], ...]
    opening: float
    initial: int

    def __init__(self, transitions: Any, cooperation: Any, opening: float = 1.0, initial: int = 0) -> None:
        to = _by_outcome(transitions, "transitions")
        p = _by_outcome(cooperation, "cooperation", len(to))
        if np.any(to != np.round(to)) or to.min() < 0 or to.max() >= len(to):
            raise ModelError(f"FiniteState: transitions must be states 0 to {len(to) - 1}, got {to.tolist()}")
        if not (p.min() >= 0 and p.max() <= 1):
            raise ModelError(f"FiniteState: cooperation must be probabilities (0 to 1), got {p.tolist()}")
        if not 0 <= opening <= 1:
            raise ModelError(f"FiniteState: opening must be a probability (0 to 1), got {opening}")
        if not 0 <= initial < len(to):
            raise ModelError(f"FiniteState: initial must be a state 0 to {len(to) - 1}, got {initial}")
        object.__setattr__(self, "transitions", tuple(tuple(int(s) for s in row) for row in to))
        object.__setattr__(self, "cooperation", tuple(tuple(float(x) for x in row) for row in p))
        object.__setattr__(self, "opening", float(opening))
        object.__setattr__(self, "initial", int(initial))

    @cached_property
    def deterministic(self) -> bool:
        """Whether it never draws (and has few enough states to run as words)."""
        chances = [self.opening, *(p for row in self.cooperation for p in row)]
        return deterministic.is_deterministic(len(self.transitions), chances)

    @property
    def structure(self) -> tuple[str, int]:
        """Machines that draw, with equally many states, run one program; so do deterministic ones of a size."""
        states = len(self.transitions)
        return deterministic.structure(states) if self.deterministic else ("finite_state", states)

    def settings(self) -> Settings:
        """``transitions`` and ``cooperation`` (state, outcome), ``opening`` (), ``initial`` (); or a machine's words."""
        if self.deterministic:
            return deterministic.settings(self.transitions, self.cooperation, self.opening, self.initial)
        return {
            "transitions": np.asarray(self.transitions, np.int32),
            "cooperation": np.asarray(self.cooperation, np.float32),
            "opening": np.asarray(self.opening, np.float32),
            "initial": np.asarray(self.initial, np.int32),
        }

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> Any:
        """The machine's initial state."""
        if self.deterministic:
            return deterministic.init(len(keys), settings)
        return jnp.broadcast_to(settings["initial"], keys.shape).astype(jnp.int32)

    def step(
        self,
        keys: Key[Array, "lanes"],
        state: Any,
        settings: Settings,
        observation: Int[Array, "lanes"],
    ) -> tuple[Any, Int[Array, "lanes"], Trace]:
        """Move to the next state and draw the move that goes with it."""
        if self.deterministic:
            return deterministic.step(state, settings, observation)
        seen = observation != NOTHING
        row = 4 * state + jnp.maximum(observation, 0)
        to = pick(settings["transitions"].reshape(-1, *settings["transitions"].shape[2:]), row)
        p = pick(settings["cooperation"].reshape(-1, *settings["cooperation"].shape[2:]), row)
        p = jnp.where(seen, p, settings["opening"])
        action = jnp.where(uniforms(keys) < p, 0, 1).astype(jnp.int32)
        return jnp.where(seen, to, state).astype(jnp.int32), action, cooperation_trace(p)
