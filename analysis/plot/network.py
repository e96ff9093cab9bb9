"""Societies as pictures: who cooperates with whom, at a few steps or as an animation."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap

from thermopolis.analysis.plot.panes import columns
from thermopolis.analysis.plot.style import STYLE, figure, finish
from thermopolis.analysis.series import nanmean, time_label
from thermopolis.errors import StoreError

COOPERATE, DEFECT = "#0072B2", "#D55E00"
_MOST_DRAWN = 400
_SHADES = ListedColormap(["#D55E00", "#E8A26B", "#DDDDDD", "#7FB2D6", "#0072B2"], "moves")


def _links(ds: xr.Dataset, replicate: int = 0) -> np.ndarray:
    """Undirected links (n, 2) of one replicate; empty where none were recorded."""
    if "source" not in ds.coords or "target" not in ds.coords:
        return np.zeros((0, 2), int)
    ends = []
    for name in ("source", "target"):
        end = ds[name]
        ends.append((end.isel(replicate=replicate) if "replicate" in end.dims else end).values.astype(int))
    pairs = np.sort(np.stack(ends, -1)[np.minimum(*ends) >= 0], axis=1)
    return np.unique(pairs, axis=0)


def grid_shape(agents: int, links: np.ndarray) -> tuple[int, int] | None:
    """Rows and columns if every link joins neighbours of a (periodic) grid, diagonals included; None for rings."""
    if is_ring(agents, links):
        return None
    for width in range(int(np.sqrt(agents)), 2, -1):
        if agents % width or not len(links):
            continue
        for height, across in ((agents // width, width), (width, agents // width)):
            row, column = np.divmod(links, across)
            step_row, step_column = (np.abs(x[:, 0] - x[:, 1]) for x in (row, column))
            near = lambda step, size: (step <= 1) | (step == size - 1)
            if (near(step_row, height) & near(step_column, across)).all() and len(links) > agents * 1.2:
                return height, across
    return None


def is_ring(agents: int, links: np.ndarray) -> bool:
    """Whether every player is linked to its k nearest on a circle, and to no other."""
    if not len(links):
        return False
    gap = np.abs(links[:, 0] - links[:, 1])
    reach = int(np.minimum(gap, agents - gap).max())
    return len(links) == agents * reach


def positions(agents: int, links: np.ndarray) -> np.ndarray:
    """Where to draw the players, (agents, 2): a circle for rings and graphs without links, else by springs."""
    angle = 2 * np.pi * np.arange(agents) / agents
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    if not len(links) or is_ring(agents, links):
        return circle
    import networkx

    graph: Any = networkx.Graph()
    graph.add_nodes_from(range(agents))
    graph.add_edges_from(links.tolist())
    found = networkx.spring_layout(
        graph,
        seed=1,
        iterations=80 if agents <= 200 else 40,
        pos=dict(enumerate(circle)),
        k=1.6 / np.sqrt(agents),
    )
    return np.array([found[i] for i in range(agents)])


def nearest(agents: int, links: np.ndarray, most: int = _MOST_DRAWN) -> np.ndarray:
    """The ``most`` players nearest (in links) to the one with most links, in ascending order; all if they are fewer."""
    if agents <= most:
        return np.arange(agents)
    order = np.argsort(links.ravel(), kind="stable")
    ends = links.ravel()[order]
    others = links[:, ::-1].ravel()[order]
    starts = np.searchsorted(ends, np.arange(agents + 1))
    seen = np.zeros(agents, bool)
    queue = [int(np.argmax(np.diff(starts)))]
    seen[queue[0]] = True
    for player in queue:
        for other in others[starts[player] : starts[player + 1]]:
            if not seen[other] and len(queue) < most:
                seen[other] = True
                queue.append(int(other))
        if len(queue) >= most:
            break
    return np.sort(np.array(queue))


def _draw(
    ax: Axes, rate: np.ndarray, links: np.ndarray, shape: tuple[int, int] | None, where: np.ndarray
) -> Any:
    """One moment; returns the artist whose colours change."""
    ax.set_aspect("equal")
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    if shape is not None:
        return ax.imshow(rate.reshape(shape), vmin=0, vmax=1, cmap=_SHADES, interpolation="nearest")
    ax.add_collection(LineCollection(list(where[links]), colors="#C4C4C4", linewidths=0.6, zorder=1))
    size = float(np.clip(2600 / len(rate), 4, 150))
    dots = ax.scatter(
        where[:, 0],
        where[:, 1],
        c=rate,
        vmin=0,
        vmax=1,
        cmap=_SHADES,
        s=size,
        edgecolors="#333333",
        linewidths=0.4,
        zorder=2,
    )
    ax.margins(0.08)
    return dots


class Frames(NamedTuple):
    """A society's history: who cooperates (step, player) among those drawn, the share of all, and where they stand."""

    rate: np.ndarray
    share: np.ndarray
    steps: np.ndarray
    links: np.ndarray
    shape: tuple[int, int] | None
    where: np.ndarray


def _frames(ds: xr.Dataset, replicate: int) -> Frames:
    if "cooperation" not in ds.data_vars or "agent" not in ds["cooperation"].dims:
        raise StoreError("cooperation wasn't recorded by player, so there is no picture of the society")
    if [d for d in ds["cooperation"].dims if d not in ("replicate", "step", "agent")]:
        raise StoreError("a picture of the society shows one point of a sweep: select one first")
    rate = ds["cooperation"].isel(replicate=replicate).transpose("step", "agent").values
    agents = rate.shape[1]
    if agents < 3:
        raise StoreError("two players make no society")
    links = _links(ds, replicate)
    shape = grid_shape(agents, links)
    if shape is None and not len(links):
        side = round(np.sqrt(agents))
        shape = (side, side) if side * side == agents and side > 3 else None
    if shape is None and not len(links):
        raise StoreError("no links between players were recorded, so there is no picture of the society")
    steps = np.asarray(ds["step"].values if "step" in ds.coords else np.arange(len(rate)))
    share = nanmean(rate, 1)
    if shape is None and len(links) and agents > _MOST_DRAWN:
        chosen = nearest(agents, links)
        place = np.full(agents, -1)
        place[chosen] = np.arange(len(chosen))
        links = place[links][(place[links] >= 0).all(1)]
        rate, agents = rate[:, chosen], len(chosen)
    where = positions(agents, links) if shape is None else np.zeros((0, 2))  # a lattice's are its cells
    return Frames(rate, share, steps, links, shape, where)


@partial(figure, size=(9.0, 3.7))
def society_snapshots(ds: xr.Dataset, ax: Axes, replicate: int = 0) -> None:
    """The society of one replicate at four steps: lattice or network, coloured by cooperation."""
    rate, share, steps, links, shape, where = _frames(ds, replicate)
    chosen = np.unique(np.geomspace(1, len(steps), 4).astype(int) - 1)
    for pane, i in zip(columns(ax, len(chosen)), chosen, strict=True):
        _draw(pane, rate[i], links, shape, where)
        pane.set_title(
            f"{time_label(ds)} {steps[i]}\n{share[i]:.0%} cooperate", fontsize=9.5, fontweight="normal", pad=5
        )
    ax.plot([], [], "s", color=COOPERATE, label="cooperates")
    ax.plot([], [], "s", color=DEFECT, label="defects")
    what = f"{shape[0]} × {shape[1]} lattice" if shape else f"{rate.shape[1]} players, {len(links)} links"
    if rate.shape[1] < ds.sizes["agent"]:
        what += f" (of {ds.sizes['agent']} players, those nearest to the one with most links)"
    caption = f"{what}; replicate {replicate} alone, so no interval; paler: with some neighbours only."
    finish(ax, "The society, step by step", caption)


def animate_society(ds: xr.Dataset, path: str | Path, replicate: int = 0, frames: int = 60) -> Path:
    """Writes the society's history as an animated GIF and returns its path."""
    import matplotlib
    from matplotlib.animation import FuncAnimation, PillowWriter
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rate, _, steps, links, shape, where = _frames(ds, replicate)
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(frames, len(steps))).astype(int))
    path = Path(path)
    with matplotlib.rc_context(fname=str(STYLE)):
        made = Figure(figsize=(4.2, 4.6))
        FigureCanvasAgg(made)
        ax = made.add_subplot()
        artist = _draw(ax, rate[0], links, shape, where)
        title = ax.set_title(f"{time_label(ds)} 0")

        def show(i: int) -> tuple[Any, ...]:
            artist.set_array(rate[i].reshape(shape) if shape else rate[i])
            title.set_text(f"{time_label(ds)} {steps[i]}")
            return artist, title

        FuncAnimation(made, show, chosen.tolist()).save(str(path), writer=PillowWriter(fps=8), dpi=90)
    return path
