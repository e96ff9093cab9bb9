"""Expected free energy of policies that were given, instead of all sequences of actions.

Given policies share their beginnings: they are the leaves of a trie, and a node of it is expanded once for each action
that some policy takes there (the nodes and their terms are :mod:`planning`'s). Horizons that could never be enumerated
cost what is on the trie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from thermopolis.agents import planning
from thermopolis.agents.belief import Beliefs


def plan_given(
    likelihoods: Sequence[planning.Likelihood],
    transitions: Sequence[planning.Transition],
    qs: Beliefs,
    actions: Sequence[Sequence[int]],
    policies: Sequence[Sequence[int]],
    state_gain: bool,
    parameter_gain: bool,
) -> planning.Plan:
    """As :func:`planning.plan`, for ``policies`` (sequences of action numbers, equally long) in their order."""
    horizon = len(policies[0])
    grow = planning.growth(likelihoods, transitions, horizon, state_gain, parameter_gain)
    root = planning.root(qs)
    first = grow(root, actions, horizon == 1, True)
    trie: dict[tuple[int, ...], Any] = {(a,): node for a, node in enumerate(first)}
    for depth in range(2, horizon + 1):
        for policy in policies:
            prefix = tuple(policy[:depth])
            if prefix not in trie:
                (trie[prefix],) = grow(trie[prefix[:-1]], [actions[prefix[-1]]], depth == horizon, False)
    return planning.values_of(
        [trie[tuple(policy)] for policy in policies],
        first,
        [q.shape[0] for q in qs],
        jnp.zeros(qs[0].shape[-1]),
    )
