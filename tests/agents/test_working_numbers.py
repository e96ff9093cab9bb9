"""What players say a step holds for a lane is what compiled steps hold."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from thermopolis.agents import ActiveInference
from thermopolis.agents.pymdp_player import PymdpPlayer

from .models import lanes_of, random_model

LANES = 64
TREE = {"planner": "sophisticated"}
PLAYERS = {
    "a tree of beliefs": lambda: ActiveInference(random_model(1, (4,), (4,), 2), horizon=2, **TREE),
    "a deeper tree": lambda: ActiveInference(random_model(1, (4,), (4,), 2), horizon=3, **TREE),
    "beliefs of two factors": lambda: ActiveInference(random_model(1, (8, 2), (4, 2), 2), horizon=2, **TREE),
    "many policies": lambda: ActiveInference(random_model(1, (4,), (4,), 2), horizon=7),
    "as many policies as may be": lambda: ActiveInference(random_model(1, (4,), (4,), 2), horizon=12),
    "pymdp's nodes": lambda: PymdpPlayer(random_model(1, (4,), (4,), 2), horizon=2, **TREE),
}


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(made, id=name, marks=[] if name == "a tree of beliefs" else [pytest.mark.long])
        for name, made in PLAYERS.items()
    ],
)
def test_memory_of_a_step_is_told(made):
    player = made()
    keys, settings = lanes_of(player, LANES)
    given = keys, player.init(keys, settings), settings, jnp.zeros(LANES, jnp.int32)
    held = jax.jit(player.step).lower(*given).compile().memory_analysis().temp_size_in_bytes
    assert 1 / 4 < held / LANES / (4 * player.working_numbers) < 4
