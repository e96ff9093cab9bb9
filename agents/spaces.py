"""A model of any world with discrete spaces, from nothing but their sizes.

What is seen is taken for the state: one factor and one modality a component of the observation space, A = identity
(or a given, learnable likelihood). How an action moves each factor is unknown at first, and learned as Dirichlet
counts:

    B_f[s', s, u] = 1 / n_f  where allowed, prior counts = concentration · B_f

A component that shows the agent its own last action (``own_action``) is known beforehand: s' = u for certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from thermopolis.agents.model import GenerativeModel
from thermopolis.errors import ModelError


def spaces_model(
    num_observations: int | Sequence[int],
    num_actions: int | Sequence[int],
    preferences: ArrayLike | Sequence[ArrayLike] | None,
    concentration: float = 1.0,
    transitions: ArrayLike | Sequence[ArrayLike] | None = None,
    likelihood: Sequence[ArrayLike] | None = None,
    own_action: int | None = None,
) -> GenerativeModel:
    """A learnable model of a world with Discrete or MultiDiscrete spaces.

    Parameters
    ----------
    num_observations : int or list of int
        Outcomes of the observation space, or of each of its components.
    num_actions : int or list of int
        Actions, or choices of each component of the action space (all combinations are actions, last one fastest).
    preferences : (outcomes,), or a list of such, one a component
        Wanted outcomes in nats, up to a constant; ``None``: none.
    concentration : float
        Prior count of a column of B (and of A, where given), above 0.
    transitions : (next, state, action), or a list of such, optional
        Prior transitions; where zero, nothing is ever learned. Default: uniform.
    likelihood : list of (outcomes, states), optional
        Likelihood of each component where it isn't the identity; learned with ``Learning(of=("A", …))``.
    own_action : int, optional
        Component of the observation that shows the action just taken.

    Raises
    ------
    ModelError
        For shapes that don't fit, naming them.
    """
    sizes = _sizes("num_observations", num_observations)
    actions = int(np.prod(_sizes("num_actions", num_actions)))
    if concentration <= 0:
        raise ModelError(f"concentration is {concentration:g}, expected above 0")
    single = np.ndim(num_observations) == 0
    listed = lambda given: [given] if single else list(given)
    wanted = None if preferences is None else listed(preferences)
    if transitions is None:
        b = [np.full((n, n, actions), 1.0 / n) for n in sizes]
    else:
        b = [np.asarray(x, dtype=np.float64) for x in listed(transitions)]
        for f, (table, n) in enumerate(zip(b, sizes, strict=False)):
            if table.shape != (n, n, actions):
                raise ModelError(f"transitions[{f}] has shape {table.shape}, expected {(n, n, actions)}")
    if len(b) != len(sizes):
        raise ModelError(f"transitions has {len(b)} entries, expected {len(sizes)}, one a component")
    if own_action is not None:
        if not 0 <= own_action < len(sizes) or sizes[own_action] != actions:
            raise ModelError(
                f"own_action is {own_action}: no component of the observation with {actions} outcomes"
            )
        b[own_action] = np.broadcast_to(np.eye(actions)[:, None, :], (actions, actions, actions)).copy()
    return GenerativeModel(
        [np.eye(n) for n in sizes] if likelihood is None else list(likelihood),
        b,
        wanted,
        pA=None if likelihood is None else [concentration * np.asarray(a) for a in likelihood],
        pB=[concentration * x for x in b],
        A_dependencies=[[f] for f in range(len(sizes))],
        actions=np.repeat(np.arange(actions)[:, None], len(sizes), axis=1),
    )


def from_spaces(
    observation_space: Any, action_space: Any, preferences: Any = None, **options: Any
) -> GenerativeModel:
    """The model of a player of a Gymnasium or PettingZoo world, from its Discrete or MultiDiscrete spaces.

    Outcomes are numbered from the start of a Discrete space; -1 of a space that starts there means "nothing yet" and
    is no outcome. ``options`` are those of :func:`spaces_model`.
    """
    return spaces_model(
        sizes_of("observation", observation_space), sizes_of("action", action_space), preferences, **options
    )


def sizes_of(name: str, space: Any) -> int | list[int]:
    """Outcomes of a Discrete space (without a leading -1), or of each component of a MultiDiscrete one."""
    if hasattr(space, "nvec"):
        return [int(n) for n in np.ravel(space.nvec)]
    if hasattr(space, "n") and hasattr(space, "start"):
        return int(space.n) - (1 if int(space.start) == -1 else 0)
    raise ModelError(f"the {name} space is {space}, expected Discrete or MultiDiscrete")


def _sizes(name: str, given: int | Sequence[int]) -> list[int]:
    sizes = [int(n) for n in np.atleast_1d(given)]
    if not sizes or min(sizes) < 1:
        raise ModelError(f"{name} is {given}, expected whole numbers of at least 1")
    return sizes
