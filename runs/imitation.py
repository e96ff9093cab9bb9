"""Players who imitate: they copy a neighbour by what it earned, and believe nothing.

They see the whole neighbourhood (actions and earnings of the last round), so they are stepped once a society, not lane
by lane; the rules are those of :mod:`thermopolis.envs.imitation`, in broadcast play on a graph.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Key

from thermopolis.envs.imitation import best_takes_over, fermi
from thermopolis.keys import fold_in, uniforms

#: Folded into a world's cell key: the stream of its imitators.
STREAM = 0x696D6974
_OPENING = 2


class Society(NamedTuple):
    """What imitators look at: last round's realised actions (-1: none) and earnings, and the graph."""

    actions: Int32[Array, "players cells"]
    earnings: Float[Array, "players cells"]
    network: Any


@dataclass(frozen=True)
class Imitation:
    """An imitating player.

    Parameters
    ----------
    rule : "best" or "fermi"
        Copy the best earner around (Nowak & May 1992), or a random neighbour with Fermi's probability at
        ``temperature`` (in units of the payoffs).
    opening : float
        Probability of cooperating in the first round.
    """

    rule: str = "best"
    temperature: float = 0.1
    opening: float = 0.9

    society = True

    @property
    def structure(self) -> Hashable:
        """The rule decides the program."""
        return ("imitation", self.rule)

    def settings(self) -> dict[str, Any]:
        """``temperature`` and ``opening``."""
        return {"temperature": np.float32(self.temperature), "opening": np.float32(self.opening)}

    def init(self, keys: Key[Array, "lanes"], settings: dict[str, Any]) -> tuple[()]:
        """Imitators remember nothing."""
        return ()

    def imitate(
        self, key: Key[Array, "cells"], settings: dict[str, Array], society: Society
    ) -> Int32[Array, "players cells"]:
        """Everybody's next action; settings are per cell."""
        actions, earnings, network = society
        opening = uniforms(fold_in(key, _OPENING), (actions.shape[0],)) >= settings["opening"]
        now = jnp.maximum(actions, 0)
        if self.rule == "best":
            following = best_takes_over(network, now, earnings)
        else:
            following = fermi(key, network, now, earnings, settings["temperature"])
        return jnp.where(actions < 0, opening.astype(jnp.int32), following)
