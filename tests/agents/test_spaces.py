"""Models of worlds with discrete spaces: identity, learnable transitions, own action known."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.agents import ActiveInference, Learning
from thermopolis.agents.spaces import from_spaces, spaces_model
from thermopolis.errors import ModelError
from thermopolis.keys import fold_in

from .models import lanes_of


def test_one_component_is_seen_as_it_is() -> None:
    model = spaces_model(5, 3, np.arange(5.0), concentration=2.0)
    np.testing.assert_array_equal(model.A[0], np.eye(5))
    assert model.pB is not None and model.pB[0].sum() == pytest.approx(2.0 * 5 * 3)
    assert model.num_actions == 3
    np.testing.assert_allclose(np.exp(model.C[0]).sum(), 1.0)


def test_components_become_factors_moved_by_the_joint_action() -> None:
    space = SimpleNamespace(nvec=np.array([4, 6]))
    model = from_spaces(
        space, SimpleNamespace(nvec=np.array([2, 3])), [np.zeros(4), np.zeros(6)], own_action=1
    )
    assert model.num_states == (4, 6) and model.num_actions == 6
    for action in range(6):
        np.testing.assert_array_equal(
            model.B[1][:, :, action], np.eye(6)[:, action][:, None] * np.ones((1, 6))
        )
    discrete = from_spaces(SimpleNamespace(n=5, start=-1), SimpleNamespace(n=2, start=0))
    assert discrete.num_obs == (4,)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((0, 2, None), "num_observations"),
        ((3, 2, None, -1.0), "concentration"),
        ((3, 2, None, 1.0, np.ones((3, 3, 3)) / 3), "transitions"),
        ((3, 2, None, 1.0, None, None, 0), "own_action"),
    ],
)
def test_what_does_not_fit_is_named(arguments: tuple[object, ...], word: str) -> None:
    with pytest.raises(ModelError, match=word):
        spaces_model(*arguments)  # type: ignore[arg-type]


def test_an_unknown_world_is_learned_and_the_wanted_outcome_reached() -> None:
    """A cycle of four states that action 1 turns and action 0 leaves: the agent learns it, then stays where it wants."""
    player = ActiveInference(
        spaces_model(4, 2, 3.0 * np.eye(4)[2], concentration=0.1),
        temperature=0.3,
        horizon=2,
        learning=Learning(rate=1.0),
        information_gain=(True, True),
    )
    keys, settings = lanes_of(player, 32)

    def body(carry: object, time: object) -> object:
        state, seen = carry  # type: ignore[misc]
        state, action, _ = player.step(fold_in(keys, time), state, settings, seen)
        return (state, (seen + action) % 4), seen

    start = (player.init(keys, settings), jnp.zeros(32, jnp.int32))
    _, seen = jax.jit(lambda s: jax.lax.scan(body, s, jnp.arange(120)))(start)
    assert (np.asarray(seen)[60:] == 2).mean() > 0.8
