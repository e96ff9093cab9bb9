"""The model of a player of a repeated matrix game, from the game's plain description.

States are the outcomes (own action, partner's action), own first, and are seen as they are (A = identity):
A player knows its own move (but for action noise) and counts what its partner answers to each outcome:

    B[(a', b'), s, u] = p(a' | u) · p(b' | s, u),   prior counts = concentration · B
    ln C(a, b) = log_softmax(scale · payoff(a, b) + optimism · [b cooperates])

(Demekas, Heins & Klein 2023, arXiv 2306.15494, with concentration 1 and no noise.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from thermopolis.agents.model import GenerativeModel
from thermopolis.errors import ModelError


def dilemma_model(
    payoffs: ArrayLike,
    scale: float = 1.0,
    preference_optimism: float = 0.0,
    belief_optimism: float = 0.0,
    concentration: float = 1.0,
    noise: float = 0.0,
    observation_noise: float = 0.0,
) -> GenerativeModel:
    """A player's model of one repeated n × n game.

    Parameters
    ----------
    payoffs : (own action, partner's action)
        What this player gets.
    scale : float
        Weight of payoffs in the preferences (β of Demekas et al.).
    preference_optimism, belief_optimism : float
        Tilt of what is wanted, and of the prior counts, towards a partner who takes action 0 (cooperates), in nats.
    concentration : float
        Prior count a column.
    noise, observation_noise : float
        Known probability that an action, or what is seen of the partner's, is replaced by another one.
    """
    table = np.asarray(payoffs, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ModelError(f"payoffs have shape {table.shape}, expected (actions, actions)")
    n = table.shape[0]
    cooperates = (np.arange(n) == 0).astype(float)
    answer = np.exp(belief_optimism * cooperates)
    answer /= answer.sum()

    def replaced(probability: float) -> np.ndarray:
        if n == 1:
            return np.ones((1, 1))
        off = np.full((n, n), probability / (n - 1))
        np.fill_diagonal(off, 1.0 - probability)
        return off

    own = replaced(noise)  # (realised, intended)
    states = n * n
    b = np.einsum("au,b->abu", own, answer).reshape(states, n)
    transitions = np.broadcast_to(b[:, None, :], (states, states, n)).copy()
    seen = np.kron(np.eye(n), replaced(observation_noise))
    wanted = scale * table + preference_optimism * cooperates[None, :]
    return GenerativeModel([seen], [transitions], [wanted.reshape(-1)], pB=[concentration * transitions])
