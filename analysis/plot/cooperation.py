"""Figures of cooperation."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes

from thermopolis.analysis.cooperation import cooperation_rate
from thermopolis.analysis.plot.curves import over_time
from thermopolis.analysis.plot.style import figure, finish


@figure
def cooperation_over_time(ds: xr.Dataset, ax: Axes) -> None:
    """Cooperation rate at every step, by group or along a sweep."""
    caption = over_time(ax, cooperation_rate(ds), "cooperation")
    ax.set_ylabel("cooperation rate")
    ax.set_ylim(-0.03, 1.03)
    finish(ax, "Cooperation over time", "Share of realised moves that cooperate. " + caption)
