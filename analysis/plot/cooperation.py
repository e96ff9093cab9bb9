"""Figures of cooperation: how often, after what, and where a pair goes next."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from thermopolis.analysis.cooperation import (
    conditional_cooperation,
    cooperation_rate,
    mutual_defection,
    transitions,
)
from thermopolis.analysis.counting import OUTCOMES
from thermopolis.analysis.plot.curves import over_time
from thermopolis.analysis.plot.panes import rows
from thermopolis.analysis.plot.phase import main_dim
from thermopolis.analysis.plot.style import (
    PALETTE,
    band,
    dim_label,
    figure,
    finish,
    label_of,
    scale_axis,
)
from thermopolis.analysis.plot.words import value_text
from thermopolis.analysis.series import group_series, sweep_dims
from thermopolis.errors import StoreError

_MOST_PANES = 3


@figure
def cooperation_over_time(ds: xr.Dataset, ax: Axes) -> None:
    """Cooperation rate at every step, by group or along a sweep."""
    caption = over_time(ax, cooperation_rate(ds), "cooperation")
    ax.set_ylabel("cooperation rate")
    ax.set_ylim(-0.03, 1.03)
    finish(ax, "Cooperation over time", "Share of realised moves that cooperate. " + caption)


@figure
def reward_over_time(ds: xr.Dataset, ax: Axes) -> None:
    """Reward at every step, by group or along a sweep."""
    caption = over_time(ax, group_series(ds, "reward"), "reward")
    ax.set_ylabel("reward per round")
    finish(ax, "Reward over time", "Mean payoff of a round. " + caption)


@figure
def mutual_defection_over_time(ds: xr.Dataset, ax: Axes) -> None:
    """Probability that both of a pair defect, at every step."""
    caption = over_time(ax, mutual_defection(ds), "mutual_defection")
    ax.set_ylabel("probability of mutual defection")
    ax.set_ylim(-0.03, 1.03)
    finish(ax, "Mutual defection over time", "Share of pairs in which both defect. " + caption)


@figure
def memory_one(ds: xr.Dataset, ax: Axes) -> None:
    """What players do after CC, CD, DC, DD: estimates with Wilson intervals."""
    found = conditional_cooperation(ds)
    try:
        dim = main_dim(found["trials"])
    except StoreError:
        dim = None
    fixed = {d: 0 for d in sweep_dims(found["trials"]) if d != dim}
    where = "".join(f" At {dim_label(d)} = {value_text(found, d, 0)}." for d in fixed if d in found.coords)
    found = found.isel(fixed)
    least = int(found["trials"].min())
    caption = (
        "Counts of the last half of the steps, pooled over replicates; own move first. 95% Wilson intervals; "
        f"the rarest context was seen {least} times."
    )
    caption += where
    if dim is None:
        ax.set_ylabel("probability to cooperate next")
        ax.set_ylim(-0.03, 1.03)
        _memory_one_dots(ax, found)
    else:
        caption += _memory_one_lines(ax, found, dim)
    finish(ax, "Cooperation given the last outcome", caption)


def _memory_one_dots(ax: Axes, found: xr.Dataset) -> None:
    groups = [str(g) for g in found["group"].values][: len(PALETTE)]
    for i, group in enumerate(groups):
        part = found.sel(group=group)
        places = np.arange(4) + (i - (len(groups) - 1) / 2) * 0.14
        centre, low, high = (part[k].values for k in ("estimate", "low", "high"))
        reach = np.stack([centre - low, high - centre])
        ax.errorbar(
            places, centre, yerr=reach, fmt="o", color=PALETTE[i], markersize=7, label=label_of(group)
        )
    ax.set_xticks(range(4), [f"after {o}" for o in OUTCOMES])
    ax.grid(axis="x", visible=False)


def _memory_one_lines(ax: Axes, found: xr.Dataset, dim: str) -> str:
    """A pane for every group, few enough to be read; returns words on those left out."""
    x = np.asarray(found[dim].values, float)
    groups = [str(g) for g in found["group"].values]
    shown = groups[:_MOST_PANES]
    panes = rows(ax, len(shown), gap=0.1) if len(shown) > 1 else [ax]
    for i, outcome in enumerate(OUTCOMES):
        ax.plot([], [], color=PALETTE[i], marker="o", markersize=3.5, label=f"after {outcome}")
    for pane, group in zip(panes, shown, strict=True):
        for i, outcome in enumerate(OUTCOMES):
            part = found.sel(group=group, context=outcome).rename(estimate="mean")
            band(pane, x, part, PALETTE[i], marker="o", markersize=3.5)
        scale_axis(pane, x)
        pane.set_ylim(-0.03, 1.03)
        who = label_of(group)
        pane.set_ylabel(f"{who}:\ncooperates next" if len(groups) > 1 else "probability to cooperate next")
    pane.set_xlabel(dim_label(dim))
    left = len(groups) - len(shown)
    return f" {left} more groups aren't shown." if left else ""


@figure
def outcome_transitions(ds: xr.Dataset, ax: Axes) -> None:
    """Where a pair goes from each joint outcome: a matrix of probabilities."""
    found = transitions(ds)
    dims = sweep_dims(found)
    where = {d: found.sizes[d] // 2 for d in dims}
    words = "".join(
        f" At {dim_label(d)} = {value_text(found, d, i)}." for d, i in where.items() if d in found.coords
    )
    table = found.isel(where).transpose("outcome", "next_outcome").values
    mesh = ax.imshow(table, vmin=0, vmax=1, cmap="cividis")
    for i in range(4):
        for j in range(4):
            text = "–" if np.isnan(table[i, j]) else f"{table[i, j]:.2f}"
            dark = np.isnan(table[i, j]) or table[i, j] > 0.55
            ax.text(j, i, text, ha="center", va="center", color="#111111" if dark else "white", fontsize=9.5)
    ax.set_xticks(range(4), OUTCOMES)
    ax.set_yticks(range(4), OUTCOMES)
    ax.grid(False)
    ax.set_xlabel("next outcome")
    ax.set_ylabel("outcome")
    bar = ax.get_figure().colorbar(mesh, ax=ax, pad=0.02)  # type: ignore[union-attr]
    bar.set_label("probability")
    bar.outline.set_visible(False)
    caption = "Joint outcomes of pairs, last half of the steps, all replicates; – where a row was never seen."
    finish(ax, "From one outcome to the next", caption + words, legend=False)
