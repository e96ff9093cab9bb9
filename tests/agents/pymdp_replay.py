"""A pymdp ``Agent`` fed given outcomes and actions: what its posterior, F, G, q(π) and counts are at each step.

Everything is jitted (un-jitted methods of pymdp 1.0.4 run at about a step a second), and every array has pymdp's leading
batch axis.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from pymdp import control
from pymdp.agent import Agent

from thermopolis.agents.model import GenerativeModel


class Replay(NamedTuple):
    """(step, batch, …) arrays."""

    qs: list[Any]
    free_energy: Any
    negative_efe: Any
    utility: Any
    state_gain: Any
    parameter_gain: Any
    q_pi: Any
    pA: Any
    pB: Any


def agent_of(
    model: GenerativeModel,
    batch: int,
    horizon: int = 1,
    temperature: Any = 1.0,
    learns: tuple[str, ...] = (),
    parameter_gain: bool = False,
    state_gain: bool = True,
    **options: Any,
) -> Agent:
    """The pymdp agent of one of our models."""
    wide = lambda arrays: [jnp.broadcast_to(jnp.asarray(x, jnp.float32), (batch, *x.shape)) for x in arrays]
    habit = None if model.E is None else jnp.asarray(model.E, jnp.float32)
    return Agent(
        A=wide(model.A),
        B=wide(model.B),
        C=wide(model.C),
        D=wide(model.D),
        E=habit,
        pA=None if model.pA is None else wide(model.pA),
        pB=None if model.pB is None else wide(model.pB),
        A_dependencies=[list(x) for x in model.A_dependencies],
        B_dependencies=[list(x) for x in model.B_dependencies],
        policy_len=horizon,
        gamma=1.0 / jnp.asarray(temperature, jnp.float32),
        use_states_info_gain=state_gain,
        use_param_info_gain=parameter_gain,
        learn_A="A" in learns,
        learn_B="B" in learns,
        batch_size=batch,
        **options,
    )


def replay(agent: Agent, outcomes: list[np.ndarray], controls: np.ndarray, rate: Any = 1.0) -> Replay:
    """Feed outcomes ``[m][step, batch]`` and controls ``(step, batch, factor)``; perceive, learn, plan."""

    def values(agent: Agent, qs: list[Any], **flags: bool) -> Any:
        def one(qs: Any, A: Any, B: Any, C: Any, pA: Any, pB: Any) -> Any:
            value = lambda policy: control.compute_neg_efe_policy(
                qs, A, B, C, pA, pB, agent.A_dependencies, agent.B_dependencies, policy, **flags
            )
            return jax.vmap(value)(agent.policies.policy_arr)

        return jax.vmap(one)(qs, agent.A, agent.B, agent.C, agent.pA, agent.pB)

    def step(carry: Any, now: Any) -> Any:
        agent, prior, before, control_before = carry
        seen, controls = now
        qs, info = agent.infer_states(list(seen), prior, return_info=True)
        latest = [q[:, -1] for q in qs]
        if agent.learn_A or agent.learn_B:
            pair = [jnp.stack([a, b], axis=1) for a, b in zip(before, latest, strict=True)]
            agent = agent.infer_parameters(
                qs,
                [o[:, None] for o in seen],
                control_before[:, None],
                beliefs_B=pair,
                lr_pA=rate,
                lr_pB=rate,
            )
        q_pi, negative_efe = agent.infer_policies(qs)
        off = {"use_utility": False, "use_states_info_gain": False, "use_param_info_gain": False}
        gain = jnp.zeros_like(negative_efe)
        if agent.pA is not None or agent.pB is not None:
            gain = values(agent, latest, **{**off, "use_param_info_gain": True})
        out = Replay(
            latest,
            info["vfe_t"].reshape(latest[0].shape[0], -1)[:, -1],
            negative_efe,
            values(agent, latest, **{**off, "use_utility": True}),
            values(agent, latest, **{**off, "use_states_info_gain": True}),
            gain,
            q_pi,
            agent.pA,
            agent.pB,
        )
        prior = agent.update_empirical_prior(controls, qs)
        return (agent, prior, latest, controls), out

    factors = len(agent.num_states)
    start = (agent, agent.D, agent.D, jnp.full((agent.batch_size, factors), -1, jnp.int32))
    run = jax.jit(lambda start, inputs: jax.lax.scan(step, start, inputs)[1])
    out = run(start, (tuple(jnp.asarray(o) for o in outcomes), jnp.asarray(controls, jnp.int32)))
    return jax.tree_util.tree_map(np.asarray, out)
