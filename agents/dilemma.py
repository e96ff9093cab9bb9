"""The model of a player that sees the outcomes of its world, from the world's plain description.

States are the outcomes and are seen as they are (A = identity, but for observation noise). Where an outcome shows the
player's own action, a player knows that part of the transition (but for action noise); it counts the rest:

    B[o', s, u] = p(own action of o' | u) · p(rest of o' | s, u),   prior counts = concentration · B
    ln C(o) = log_softmax(scale · payoff(o) + optimism · [partner cooperates in o])

In a matrix game outcomes are (own action, partner's action), own first (Demekas, Heins & Klein 2023, arXiv 2306.15494,
with concentration 1 and no noise).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from thermopolis.agents.model import GenerativeModel
from thermopolis.errors import ModelError


def outcome_model(
    own_action: ArrayLike,
    payoffs: ArrayLike,
    num_actions: int,
    cooperates: ArrayLike | None = None,
    scale: float = 1.0,
    preference_optimism: float = 0.0,
    belief_optimism: float = 0.0,
    concentration: float = 1.0,
    noise: float = 0.0,
    misperceived: ArrayLike | None = None,
) -> GenerativeModel:
    """A model over the outcomes of any world with one discrete observation.

    Parameters
    ----------
    own_action : (outcomes,) int
        The own action an outcome shows; -1 where it shows none.
    payoffs : (outcomes,)
        Worth of each outcome.
    num_actions : int
    cooperates : (outcomes,), optional
        How far the partner cooperates in each outcome, 0 to 1.
    scale : float
        Weight of payoffs in the preferences (β of Demekas et al.).
    preference_optimism, belief_optimism : float
        Tilt of what is wanted, and of the prior counts, towards cooperating partners, in nats.
    concentration : float
        Prior count a column.
    noise : float
        Known probability that an action is replaced by another one.
    misperceived : (seen outcome, outcome), optional
        p(outcome seen | outcome). Default: identity.
    """
    own = np.asarray(own_action, dtype=np.int64)
    worth = np.asarray(payoffs, dtype=np.float64)
    n = worth.size
    if own.shape != (n,) or worth.shape != (n,):
        raise ModelError(
            f"own_action and payoffs have shapes {own.shape} and {worth.shape}, expected one per outcome"
        )
    kind = np.zeros(n) if cooperates is None else np.asarray(cooperates, dtype=np.float64)
    answer = np.exp(belief_optimism * kind)
    realised = np.full((num_actions, num_actions), noise / max(num_actions - 1, 1))
    np.fill_diagonal(realised, 1.0 - noise if num_actions > 1 else 1.0)
    column = np.empty((n, num_actions))
    for u in range(num_actions):
        allowed = np.where(own < 0, 1.0, realised[np.maximum(own, 0), u])
        for a in np.unique(own):  # the answer is a distribution given the own action
            mine = own == a
            column[mine, u] = allowed[mine] * answer[mine] / answer[mine].sum()
    transitions = np.broadcast_to(column[:, None, :], (n, n, num_actions)).copy()
    seen = np.eye(n) if misperceived is None else np.asarray(misperceived, dtype=np.float64)
    wanted = scale * worth + preference_optimism * kind
    return GenerativeModel([seen], [transitions], [wanted], pB=[concentration * transitions])


def dilemma_model(
    payoffs: ArrayLike,
    scale: float = 1.0,
    preference_optimism: float = 0.0,
    belief_optimism: float = 0.0,
    concentration: float = 1.0,
    noise: float = 0.0,
    observation_noise: float = 0.0,
) -> GenerativeModel:
    """A player's model of one repeated n × n game; ``payoffs`` by (own action, partner's action), else as above.

    ``observation_noise`` is the known probability that what is seen of the partner is another action.
    """
    table = np.asarray(payoffs, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ModelError(f"payoffs have shape {table.shape}, expected (actions, actions)")
    n = table.shape[0]
    own, other = np.divmod(np.arange(n * n), n)
    return outcome_model(
        own,
        table.reshape(-1),
        n,
        cooperates=other == 0,
        scale=scale,
        preference_optimism=preference_optimism,
        belief_optimism=belief_optimism,
        concentration=concentration,
        noise=noise,
        misperceived=misperception(own, n, observation_noise),
    )


def misperception(own_action: ArrayLike, others: int, noise: float) -> np.ndarray:
    """p(outcome seen | outcome) where the part that shows the others, one of ``others`` values, is replaced by another
    one with this probability: outcomes are numbered own · others + other."""
    groups = np.asarray(own_action).size // others
    off = np.full((others, others), noise / max(others - 1, 1))
    np.fill_diagonal(off, 1.0 - noise if others > 1 else 1.0)
    return np.kron(np.eye(groups), off)
