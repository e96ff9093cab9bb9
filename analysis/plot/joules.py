"""Figures of what thinking cost."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from thermopolis.analysis.intervals import bootstrap_interval
from thermopolis.analysis.plot.phase import against_sweep
from thermopolis.analysis.plot.style import PALETTE, figure, finish, label_of, with_prefix
from thermopolis.analysis.series import nanmean, sweep_dims, tail
from thermopolis.analysis.thermodynamics import joules_per_decision


@figure
def joules_by_operation(ds: xr.Dataset, ax: Axes) -> None:
    """Mean joules of a decision by kind of operation, on a logarithmic axis, with intervals."""
    array = tail(ds, "core_joules", 1.0)
    over = [*sweep_dims(array), "replicate"]
    worlds = array.stack(world=over).transpose("world", "group", "operation")
    values = np.asarray(worlds.values, float)
    kinds = (
        [str(k) for k in array["operation"].values]
        if "operation" in array.coords
        else list(map(str, range(values.shape[2])))
    )
    groups = [str(g) for g in array["group"].values]
    mean = np.nan_to_num(nanmean(values, 0))
    n = int(np.isfinite(values).any((1, 2)).sum())
    low, high = bootstrap_interval(values)
    spending = [g for g in range(len(groups)) if mean[g].sum() > 0]
    floor = mean[mean > 0].min() / 4 if (mean > 0).any() else 1e-21
    for i, g in enumerate(spending):
        places = np.arange(len(kinds)) + (i - (len(spending) - 1) / 2) * 0.22
        some = mean[g] > 0
        colour = PALETTE[i % len(PALETTE)]
        ax.hlines(places[some], floor, mean[g][some], color=colour, alpha=0.35, linewidth=1.2)
        reach = np.nan_to_num(np.abs(np.stack([mean[g] - low[g], high[g] - mean[g]])))[:, some]
        ax.errorbar(
            mean[g][some],
            places[some],
            xerr=reach,
            fmt="o",
            color=colour,
            markersize=6,
            label=label_of(groups[g]),
        )
        for place, value in zip(places, mean[g], strict=True):
            text = with_prefix(value, "J") if value > 0 else "0 J"
            ax.annotate(
                text,
                (max(value, floor), place),
                (9, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
            )
    ax.set_xscale("log")
    ax.set_xlim(floor, max(mean.max(), 4 * floor) * 12)
    ax.set_yticks(np.arange(len(kinds)), kinds)
    ax.set_ylim(len(kinds) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("energy of a decision (J)")
    caption = f"Mean per agent and step with its 95% bootstrap interval over n = {n} worlds, all steps."
    silent = [label_of(g) for i, g in enumerate(groups) if i not in spending]
    if silent:
        caption += f" No core, no joules: {', '.join(silent)}."
    finish(ax, "Joules of a decision by operation", caption)


@figure
def joules_against_temperature(ds: xr.Dataset, ax: Axes) -> None:
    """Joules of a decision, all kinds added, against the sweep's temperature."""
    total = xr.Dataset({"core_joules": joules_per_decision(ds)}, attrs={**ds.attrs, "digest": 1})
    words = against_sweep(ax, total, ["core_joules"])
    ax.set_ylabel("energy of a decision")
    ax.set_ylim(bottom=0.0)
    ax.yaxis.set_major_formatter(EngFormatter("J"))
    finish(
        ax,
        "Joules per decision along the sweep",
        "All kinds of operation added, last half of the steps. " + words,
    )
