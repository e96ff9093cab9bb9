"""A model with another mind in it: the partner's policy is a hidden state, inferred from what the partner does.

States are (last outcome, partner's type). A type is a memory-one policy of the partner:

- level 0: always cooperate, always defect, tit for tat, win-stay lose-shift, random, each with a trembling hand;
- level 1: the partner takes *me* for one of those, and answers with softmax(Q/T) where Q solves
  Q(s, b) = Σ_a m(a | s)[payoff(b, a) + γ max_b' Q(s', b')] against that policy m.

An outcome shows itself and hides the type; a type lasts, but for a probability (volatility) to be drawn anew. Exact
perception of the joint state infers the type from the partner's move. (Yoshida, Dolan & Friston 2008, PLoS Comput. Biol.
4:e1000254, "Game theory of mind"; levels as in Camerer, Ho & Chong 2004, Q. J. Econ. 119:861.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from thermopolis.agents.model import GenerativeModel
from thermopolis.errors import ModelError

#: Probability to cooperate after CC, CD, DC, DD, own move first.
LEVEL_0: dict[str, tuple[float, float, float, float]] = {
    "always_cooperate": (1.0, 1.0, 1.0, 1.0),
    "always_defect": (0.0, 0.0, 0.0, 0.0),
    "tit_for_tat": (1.0, 0.0, 1.0, 0.0),
    "win_stay_lose_shift": (1.0, 0.0, 0.0, 1.0),
    "random": (0.5, 0.5, 0.5, 0.5),
}
TREMBLE = 0.05
_MIRROR = np.array([0, 2, 1, 3])  # an outcome from the other side


def response(
    payoffs: ArrayLike, policy: ArrayLike, discount: float = 0.9, temperature: float = 0.5
) -> np.ndarray:
    """Probability to cooperate by own outcome of a player that answers a memory-one ``policy`` (by its own outcome)."""
    table = np.asarray(payoffs, dtype=np.float64)
    other = np.asarray(policy, dtype=np.float64)[_MIRROR]  # p(the other cooperates) by my outcome
    law = np.stack([other, 1.0 - other])  # (other's action, my outcome)
    worth = np.zeros((4, 2))
    for _ in range(400):
        best = worth.max(axis=1).reshape(2, 2)  # by (my action, other's action)
        worth = np.stack([(law.T * (table[b] + discount * best[b])).sum(axis=1) for b in range(2)], axis=1)
    return np.asarray(1.0 / (1.0 + np.exp(-(worth[:, 0] - worth[:, 1]) / temperature)))


def partner_types(partner_payoffs: ArrayLike, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """(types, 4) probabilities that the partner cooperates by its own last outcome, and the level of every type."""
    if levels not in (1, 2):
        raise ModelError(f"opponent.levels is {levels}, expected 1 or 2")
    zero = np.array(list(LEVEL_0.values())) * (1.0 - 2.0 * TREMBLE) + TREMBLE
    if levels == 1:
        return zero, np.zeros(len(zero))
    one = np.stack([response(partner_payoffs, policy) for policy in zero])
    one = one * (1.0 - 2.0 * TREMBLE) + TREMBLE
    return np.concatenate([zero, one]), np.repeat([0.0, 1.0], len(zero))


def opponent_model(
    payoffs: ArrayLike,
    partner_payoffs: ArrayLike | None = None,
    levels: int = 1,
    volatility: float = 0.02,
    scale: float = 1.0,
    preference_optimism: float = 0.0,
    belief_optimism: float = 0.0,
    noise: float = 0.0,
    observation_noise: float = 0.0,
) -> GenerativeModel:
    """A player's model of one repeated 2 × 2 game against a partner whose policy it infers.

    Parameters
    ----------
    payoffs, partner_payoffs : (2, 2)
        By (own action, other's action), each from its own side. Default: the same for both.
    levels : 1 or 2
        Types the partner may be of: level 0 alone, or level 1 too.
    volatility : float
        Probability in a round that the partner's type is drawn anew.
    scale, preference_optimism, noise, observation_noise : float
        As in :func:`thermopolis.agents.dilemma_model`.
    belief_optimism : float
        Tilt of the prior over types, in nats per unit of the type's mean cooperation.

    Raises
    ------
    ModelError
        For games that aren't 2 × 2, and numbers out of range.
    """
    table = np.asarray(payoffs, dtype=np.float64)
    if table.shape != (2, 2):
        raise ModelError(f"payoffs have shape {table.shape}: an opponent model needs a game of 2 actions")
    if not 0 <= volatility <= 1:
        raise ModelError(f"opponent.volatility is {volatility:g}, expected a probability")
    types, level = partner_types(table if partner_payoffs is None else partner_payoffs, levels)
    k = len(types)
    flip = lambda p, e: p * (1 - e) + (1 - p) * e
    b = np.zeros((2, 2, k, 2, 2, k, 2))  # a', b', type', a, b, type, control
    prior = np.exp(belief_optimism * types.mean(axis=1))
    prior /= prior.sum()
    stays = (1 - volatility) * np.eye(k) + volatility * prior[:, None]
    for outcome in range(4):
        last = divmod(outcome, 2)
        answers = flip(types[:, _MIRROR[outcome]], noise)  # p(partner's realised move is C)
        for control in range(2):
            own = flip(np.array([1.0, 0.0])[control], noise)
            mine = np.array([own, 1 - own])
            theirs = np.stack([answers, 1 - answers])  # (b', type)
            b[:, :, :, last[0], last[1], :, control] = np.einsum("a,bt,st->abst", mine, theirs, stays)
    states = 4 * k
    seen = np.kron(
        np.eye(2), [[1 - observation_noise, observation_noise], [observation_noise, 1 - observation_noise]]
    )
    likelihood = np.repeat(seen, k, axis=1)
    cooperates = np.array([1.0, 0.0, 1.0, 0.0])
    wanted = scale * table.reshape(-1) + preference_optimism * cooperates
    start = np.tile(prior / 4, 4)
    readouts = {
        "partner_cooperates": (types[:, _MIRROR].T).reshape(-1),
        "partner_level": np.tile(level, 4),
    }
    return GenerativeModel([likelihood], [b.reshape(states, states, 2)], [wanted], [start], readouts=readouts)
