"""Plays two players against each other in a few lines, without any engine: what tests of players share."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.keys import fold_in, make_key, uniforms

INIT = np.uint32(0xFFFFFFFF)
_PLAYERS: dict[Any, Any] = {}  # one player of each structure: its program serves them all


def lanes_of(settings: dict[str, Any], lanes: int) -> dict[str, jax.Array]:
    """Settings broadcast to lanes."""
    return {name: jnp.broadcast_to(x[..., None], (*x.shape, lanes)) for name, x in settings.items()}


def lane_keys(seed: int, lanes: int) -> jax.Array:
    return fold_in(jnp.broadcast_to(make_key(seed), (lanes,)), jnp.arange(lanes))


def whole_counts(structure: Any, counts: dict[str, Any]) -> dict[str, Any]:
    """Counts with the rows that ``Structure.packed`` leaves out, which are zero."""
    out = dict(counts)
    for f, packed in enumerate(structure.packed):
        if packed:
            kept = counts[f"B_{f}"]
            table = jnp.zeros((structure.num_states[f], *kept.shape[1:]))
            for control, states in enumerate(structure.reachable[f]):
                table = table.at[jnp.array(states), :, control].set(kept[:, :, control])
            out[f"B_{f}"] = table
    return out


@lru_cache
def _alone(structure: Any) -> Any:
    player = _PLAYERS[structure]

    def run(keys: Any, settings: Any, partner: Any) -> Any:
        def body(carry: Any, now: Any) -> Any:
            state, seen = carry
            t, move = now
            state, action, _ = player.step(fold_in(keys, t), state, settings, seen)
            return (state, action * 2 + move), action

        start = (player.init(fold_in(keys, INIT), settings), jnp.full(keys.shape, -1, jnp.int32))
        return jax.lax.scan(body, start, (jnp.arange(len(partner)), partner))[1]

    return jax.jit(run)


def against_moves(player: Any, sequences: list[str], seed: int = 0) -> list[str]:
    """What a player does against each of some sequences of moves of one length."""
    _PLAYERS.setdefault(player.structure, player)
    lanes = len(sequences)
    partner = np.array([["CD".index(m) for m in moves] for moves in sequences], np.int32).T
    out = _alone(player.structure)(lane_keys(seed, lanes), lanes_of(player.settings(), lanes), partner)
    return ["".join("CD"[a] for a in column) for column in np.asarray(out).T]


@lru_cache
def _pair(structures: tuple[Any, Any], rounds: int) -> Any:
    players = [_PLAYERS[s] for s in structures]

    def run(keys: Any, settings: Any, noise: Any) -> Any:
        def body(carry: Any, t: Any) -> Any:
            states, seen = carry
            after, moves = [], []
            for i, p in enumerate(players):
                state, action, _ = p.step(fold_in(keys[i], t), states[i], settings[i], seen[i])
                flip = uniforms(fold_in(keys[2 + i], t)) < noise
                after.append(state)
                moves.append(jnp.where(flip, 1 - action, action))
            own, partner = moves
            return (tuple(after), (own * 2 + partner, partner * 2 + own)), (own, partner)

        start = tuple(p.init(fold_in(keys[i], INIT), settings[i]) for i, p in enumerate(players))
        nothing = jnp.full(keys[0].shape, -1, jnp.int32)
        return jax.lax.scan(body, (start, (nothing, nothing)), jnp.arange(rounds))

    return jax.jit(run)


def play(
    a: Any, b: Any, rounds: int, lanes: int = 1, noise: float = 0.0, seed: int = 0, settings: Any = None
) -> tuple[np.ndarray, np.ndarray, Any, Any]:
    """Realised actions (round, lane) of both, and both final states."""
    for p in (a, b):
        _PLAYERS.setdefault(p.structure, p)
    keys = [lane_keys(4 * seed + i, lanes) for i in range(4)]
    settings = settings or [lanes_of(p.settings(), lanes) for p in (a, b)]
    (states, _), (own, partner) = _pair((a.structure, b.structure), rounds)(keys, settings, noise)
    return np.asarray(own), np.asarray(partner), states[0], states[1]
