"""Deterministic machines, a word a state: what a machine does next is a look-up and a shift, and nothing is drawn.

Each state of a machine that never tosses a coin is one 32-bit word of five fields, five bits each: by what it has just
seen (nothing, CC, CD, DC, DD) the next state (four bits) and the move (one). Machines are filled up to 1, 2, 4, 8 or
16 states, so that a handful of programs serves them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from thermopolis.agents.lanes import pick
from thermopolis.agents.player import Trace, cooperation_trace
from thermopolis.agents.settings import Settings

#: States a word can name.
MOST = 16
_FIELD = 5


def is_deterministic(states: int, probabilities: Sequence[float]) -> bool:
    """Whether float32 draws of these can't differ, and the states are few enough for words."""
    return states <= MOST and all(np.float32(p) in (0.0, 1.0) for p in probabilities)


def structure(states: int) -> tuple[str, int]:
    """What machines of one program have in common: the number of states they are filled up to."""
    return ("deterministic", 1 << (states - 1).bit_length())


def settings(
    transitions: Sequence[Sequence[int]], cooperation: Sequence[Sequence[float]], opening: float, initial: int
) -> Settings:
    """``words`` (state,) of a machine with tables by state and outcome; ``initial`` () where there are several."""
    words = []
    for here, (following, moves) in enumerate(zip(transitions, cooperation, strict=True)):
        word = 0
        for number, (state, p) in enumerate(zip((here, *following), (opening, *moves), strict=True)):
            word |= (state | (p < 0.5) << 4) << _FIELD * number
        words.append(word)
    size = structure(len(words))[1]
    out = {"words": np.array(words + [0] * (size - len(words)), np.uint32)}
    return out if size == 1 else out | {"initial": np.array(initial, np.uint32)}


def init(lanes: int, settings: Settings) -> Any:
    """The initial state; nothing where there is only one."""
    return jnp.broadcast_to(settings["initial"], (lanes,)) if "initial" in settings else ()


def step(
    state: Any, settings: Settings, observation: Int[Array, "lanes"]
) -> tuple[Any, Int[Array, "lanes"], Trace]:
    """The next state and the move."""
    words = settings["words"]
    word = words[0] if words.shape[0] == 1 else pick(words, state)
    field = word >> (_FIELD * (observation + 1)).astype(jnp.uint32)
    action = ((field >> 4) & 1).astype(jnp.int32)
    following = () if words.shape[0] == 1 else field & 15
    return following, action, cooperation_trace((1 - action).astype(jnp.float32))
