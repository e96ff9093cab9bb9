"""Sophisticated plans against pymdp's tree search, unpruned: the same first choice at depths 1 to 3."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.agents.planning import Likelihood, Transition
from thermopolis.agents.sophisticated import sophisticated


@pytest.mark.long
def test_first_choice_is_that_of_pymdps_tree() -> None:
    from pymdp.agent import Agent
    from pymdp.planning.si import si_policy_search

    rng = np.random.default_rng(1)
    b = rng.gamma(0.5, size=(3, 3, 2)) + 1e-2
    b /= b.sum(axis=0)
    c = rng.normal(size=3)
    c -= np.log(np.exp(c).sum())
    a, b, c, d = (jnp.asarray(x, jnp.float32) for x in (np.eye(3), b, c, np.eye(3)[1]))
    agent = Agent(A=[a[None]], B=[b[None]], C=[c[None]], D=[d[None]], policy_len=1, batch_size=1)
    likelihood = Likelihood(a[..., None], (0,), c[:, None], True)
    for horizon in (1, 2, 3):
        search = si_policy_search(
            horizon=horizon,
            max_nodes=2000,
            max_branching=4,
            policy_prune_threshold=0.0,
            observation_prune_threshold=0.0,
            entropy_stop_threshold=-1.0,
            gamma=1.0 / 0.7,
        )
        theirs, _ = search(agent, [d[None]])
        plan = sophisticated(
            [likelihood],
            [Transition(b[..., None], None, (0,))],
            [d[:, None]],
            [(0,), (1,)],
            horizon,
            True,
            False,
            jnp.asarray([0.7]),
        )
        ours = jax.nn.softmax(-plan.expected_free_energy[:, 0] / 0.7)
        np.testing.assert_allclose(ours, np.asarray(theirs).ravel(), atol=1e-6)
