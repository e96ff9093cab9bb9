"""Random models and lanes for tests of active-inference players."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from thermopolis.agents import GenerativeModel
from thermopolis.keys import fold_in, make_key


def random_model(
    seed: int, states: tuple[int, ...], outcomes: tuple[int, ...], controls: int, counts: bool = False
) -> GenerativeModel:
    """Dense likelihoods over all factors, transitions of each factor by itself, the first one controlled."""
    rng = np.random.default_rng(seed)

    def law(*shape: int) -> np.ndarray:
        x = rng.gamma(0.7, size=shape) + 1e-3
        return np.asarray(x / x.sum(axis=0))

    likelihoods = [law(o, *states) for o in outcomes]
    transitions = [law(s, s, controls if f == 0 else 1) for f, s in enumerate(states)]
    return GenerativeModel(
        likelihoods,
        transitions,
        [rng.normal(size=o) for o in outcomes],
        [law(s) for s in states],
        pA=[2.0 * a for a in likelihoods] if counts else None,
        pB=[3.0 * b for b in transitions] if counts else None,
    )


def lanes_of(player: Any, lanes: int) -> tuple[Any, Any]:
    """Keys and settings of some equal lanes."""
    settings = {
        name: jnp.broadcast_to(
            jnp.asarray(v)[..., None], (*np.shape(v), 1 if name in getattr(player, "shared", ()) else lanes)
        )
        for name, v in player.settings().items()
    }
    return fold_in(jnp.broadcast_to(make_key(5), (lanes,)), jnp.arange(lanes)), settings
