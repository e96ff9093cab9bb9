"""Pictures of a matrix game: lattices as coloured fields, societies as graphs, pairs as rows of history."""

from __future__ import annotations

import functools
from typing import Any

import networkx as nx
import numpy as np

from thermopolis.envs.matrix_game.dynamics import MatrixGame
from thermopolis.envs.pictures import NOTHING, figure, palette, pixels, rgb
from thermopolis.envs.topology import Topology

MOST_DRAWN = 400


def share_of(actions: np.ndarray, choice: int) -> float:
    """Share of the actions played (>= 0) that are ``choice``; NaN before the first round."""
    played = actions[actions >= 0]
    return float(np.mean(played == choice)) if played.size else float("nan")


def text(world: MatrixGame, round_number: int, actions: np.ndarray, reward: np.ndarray | None) -> str:
    """One or a few lines: the round, every pair's moves or the society's shares, the mean reward."""
    names = world.game.action_names
    head = f"round {round_number} · {world.game.name}"
    if reward is None:
        return head + " · not begun"
    if world.topology.kind == "pair" and actions.shape[1] <= 8:
        lines = []
        for cell in range(actions.shape[1]):
            moves = [names[a] if a >= 0 else "over" for a in actions[:, cell]]
            gains = [f"{r:+g}" for r in reward[:, cell]]
            lines.append(" | ".join(f"{m} {g}" for m, g in zip(moves, gains, strict=True)))
        return "\n".join([head, *lines])
    shares = ", ".join(f"{name} {share_of(actions, i):.3f}" for i, name in enumerate(names))
    mean = float(np.nanmean(reward)) if np.any(np.isfinite(reward)) else float("nan")
    return f"{head} · {shares} · mean reward {mean:+.3f}"


def _by_player(world: MatrixGame, owner: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Share of action 0 over each player's slots; NaN where it hasn't played."""
    played = actions >= 0
    count = np.bincount(owner, weights=played, minlength=world.players)
    zeros = np.bincount(owner, weights=played & (actions == 0), minlength=world.players)
    return np.where(count > 0, zeros / np.maximum(count, 1), np.nan)


def _colours(world: MatrixGame, owner: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """An RGB colour in 0..1 per player: its action's, or a blend where it has many links."""
    table = np.stack([rgb(c) for c in palette(world.num_actions)]) / 255.0
    if world.slots == world.players:
        colour = table[np.maximum(actions, 0)]
        colour[actions < 0] = rgb(NOTHING) / 255.0
        return colour
    share = _by_player(world, owner, actions)[:, None]
    colour = share * table[0] + (1 - share) * table[1]
    return np.where(np.isnan(share), rgb(NOTHING) / 255.0, colour)


def picture(world: MatrixGame, owner: np.ndarray, history: list[np.ndarray], pairs: np.ndarray) -> np.ndarray:
    """The last round as an image; ``history`` holds (slots, cells) actions, ``pairs`` the society's edges."""
    if world.topology.kind == "pair":
        return _strip(world, history)
    last = history[-1][:, 0] if history else np.full(world.slots, -1)
    colour = _colours(world, owner, last)
    if world.topology.shape is not None:
        rows, columns = world.topology.shape
        field = (colour.reshape(rows, columns, 3) * 255).round().astype(np.uint8)
        scale = max(1, 320 // max(rows, columns))
        return np.kron(field, np.ones((scale, scale, 1), np.uint8))
    if world.players > MOST_DRAWN:
        return _mosaic(colour)
    return _graph(world.topology, colour, pairs)


def _strip(world: MatrixGame, history: list[np.ndarray], rounds: int = 40) -> np.ndarray:
    """The last rounds of every pair: a row per player, a column per round."""
    recent = history[-rounds:]
    table = np.stack([rgb(c) for c in palette(world.num_actions)] + [rgb(NOTHING)])
    cells = recent[0].shape[1] if recent else 1
    field = np.full((min(cells, 20) * 2, rounds), -1)
    for t, actions in enumerate(recent):
        field[:, t] = actions[:, : field.shape[0] // 2].T.reshape(-1)
    image = np.kron(table[field], np.ones((16, 10, 1), np.uint8)).astype(np.uint8)
    image[::16] = 255
    image[::32] = 90
    return image


def _mosaic(colour: np.ndarray) -> np.ndarray:
    """Too many players for a drawn graph: a square of tiles in the players' order."""
    side = int(np.ceil(np.sqrt(colour.shape[0])))
    field = np.full((side * side, 3), 255, np.uint8)
    field[: colour.shape[0]] = (colour * 255).round()
    scale = max(1, 320 // side)
    return np.kron(field.reshape(side, side, 3), np.ones((scale, scale, 1), np.uint8))


@functools.lru_cache(maxsize=16)
def _layout(n: int, edges: tuple[tuple[int, int], ...], circular: bool) -> np.ndarray:
    graph: nx.Graph = nx.Graph()
    graph.add_nodes_from(range(n))  # first, so that a circle goes round in the players' order
    graph.add_edges_from(edges)
    places = nx.circular_layout(graph) if circular else nx.spring_layout(graph, seed=1, iterations=30)
    return np.stack([places[i] for i in range(n)])


def _graph(topology: Topology, colour: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    from matplotlib.collections import LineCollection

    circular = topology.kind in ("ring", "complete", "matching", "small_world")
    edges = tuple(map(tuple, pairs.tolist()))
    place = _layout(topology.n, edges, circular)
    made = figure(4.8, 4.8)
    axes: Any = made.add_subplot()
    axes.set_axis_off()
    axes.set_aspect("equal")
    if pairs.size:
        axes.add_collection(LineCollection(list(place[pairs]), colors="#9aa0a6", linewidths=0.7, zorder=1))
    size = float(np.clip(9000 / topology.n, 12, 240))
    axes.scatter(place[:, 0], place[:, 1], s=size, c=colour, edgecolors="white", linewidths=0.8, zorder=2)
    return pixels(made)
