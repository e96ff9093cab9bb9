"""A matrix game as plain arrays: what each observation shows and pays."""

from __future__ import annotations

import numpy as np

from thermopolis.envs.matrix_game.dynamics import MatrixGame, MatrixGameParams
from thermopolis.envs.world import Description


def describe(world: MatrixGame, params: MatrixGameParams) -> Description:
    """The game for a model builder; see ``envs.world.Description``.

    Dyadic: ``others`` is the partner's action and ``payoffs`` the matrix by ``own · n + partner``. Broadcast:
    ``others`` is the level seen, and ``payoffs`` the mean per meeting at that level's share (neighbours that
    don't play action 0 spread evenly over the rest), times the mean degree where rewards are sums.
    """
    n, seen = world.num_actions, world.seen
    own, others = np.divmod(np.arange(world.num_observations), seen)
    table = np.asarray(params.payoffs)
    names = world.game.action_names
    if not world.broadcast:
        payoffs = table.reshape(table.shape[0], n * n, table.shape[-1])
        if n == 2:
            letters = [name[0].upper() for name in names]
            letters = letters if letters[0] != letters[1] else ["0", "1"]
            labels = tuple(letters[a] + letters[b] for a, b in zip(own, others, strict=True))
        else:
            labels = tuple(f"{names[a]}/{names[b]}" for a, b in zip(own, others, strict=True))
        return Description(names, labels, own, others, payoffs)
    share = np.arange(seen) / (seen - 1)
    rest = table[:, :, 1:].mean(axis=2)
    meeting = share[:, None] * table[:, :, 0, None] + (1 - share[:, None]) * rest[:, :, None]
    degree = np.asarray(params.network.degree) if params.network is not None else np.ones((1, 1))
    itself = np.moveaxis(np.diagonal(table, axis1=1, axis2=2), -1, 1)[:, :, None]
    if world.self_interaction:
        mean_degree = degree.mean()
        meeting = (meeting * mean_degree + itself) / (mean_degree + 1)
    if world.accumulate == "sum":
        meeting = meeting * (degree.mean() + world.self_interaction)
    labels = tuple(f"{names[a]}, {b} of {seen - 1}" for a, b in zip(own, others, strict=True))
    return Description(names, labels, own, others, meeting.reshape(1, n * seen, -1))
