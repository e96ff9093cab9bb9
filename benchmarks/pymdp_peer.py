"""The peer of the agent rows: pymdp's ``Agent`` playing the prisoner's dilemma against its neighbour, batched and jitted.

The fastest form of pymdp 1.0.4 that we found: one ``Agent`` whose batch axis is the players (2k plays 2k+1), and the
loop a ``jit(lax.scan)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from pymdp.agent import Agent

from thermopolis.agents import dilemma_model

PAYOFFS = np.array([[3.0, 0.0], [5.0, 1.0]])


def dilemma_agent(players: int, horizon: int, temperature: Any = 1.0, iterations: int = 16) -> Agent:
    """``players`` learning agents with the model that our agents have; 16 iterations are pymdp's default."""
    model = dilemma_model(PAYOFFS)
    wide = lambda arrays: [jnp.broadcast_to(jnp.asarray(x, jnp.float32), (players, *x.shape)) for x in arrays]
    assert model.pB is not None
    return Agent(
        A=wide(model.A),
        B=wide(model.B),
        C=wide(model.C),
        D=wide(model.D),
        pB=wide(model.pB),
        gamma=1.0 / jnp.asarray(temperature, jnp.float32),
        policy_len=horizon,
        action_selection="stochastic",
        sampling_mode="full",
        num_iter=iterations,
        learn_B=True,
        batch_size=players,
    )


def play_step(agent: Agent, carry: Any, key: jax.Array, rate: float) -> tuple[Any, jax.Array]:
    """One round of everybody: perceive, learn, plan, act; the next outcomes."""
    agent, prior, before, control, seen = carry
    qs = agent.infer_states([seen], prior)
    pair = [jnp.stack([before, qs[0][:, -1]], axis=1)]
    agent = agent.infer_parameters(qs, [seen[:, None]], control[:, None], beliefs_B=pair, lr_pB=rate)
    q_pi, _ = agent.infer_policies(qs)
    action = agent.sample_action(q_pi, rng_key=jax.random.split(key, agent.batch_size))
    prior = agent.update_empirical_prior(action, qs)
    moves = action[:, 0]
    partner = moves.reshape(-1, 2)[:, ::-1].reshape(-1)
    return (agent, prior, qs[0][:, -1], action, moves * 2 + partner), moves


def start(agent: Agent) -> Any:
    """Everybody has seen mutual cooperation, and nothing was done yet."""
    nothing = jnp.full((agent.batch_size, 1), -1, jnp.int32)
    seen = jnp.zeros(agent.batch_size, jnp.int32)
    return (agent, agent.D, agent.D[0], nothing, seen)


def scanned(players: int, rounds: int, horizon: int = 1, iterations: int = 16) -> Callable[[], Any]:
    """A compiled call that plays all rounds and returns everybody's moves."""
    carry = start(dilemma_agent(players, horizon, iterations=iterations))
    keys = jax.random.split(jax.random.PRNGKey(0), rounds)

    @jax.jit
    def run(carry: Any, keys: Any) -> Any:
        return jax.lax.scan(lambda c, k: play_step(c[0], c, k, 0.1), carry, keys)[1]

    return lambda: jax.block_until_ready(run(carry, keys))


def stepped(games: int, rounds: int, temperature: Any = 1.0) -> Callable[[], Any]:
    """All games as one batch, each round a jitted call from Python, as pymdp's tutorials do."""
    carry = start(dilemma_agent(2 * games, 1, temperature))
    keys = jax.random.split(jax.random.PRNGKey(0), rounds)
    step = jax.jit(lambda c, k: play_step(c[0], c, k, 0.1))

    def run() -> Any:
        state, moves = carry, []
        for key in keys:
            state, played = step(state, key)
            moves.append(np.asarray(played))
        return np.stack(moves)

    return run
