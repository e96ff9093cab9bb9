"""The table of a tournament: what each group earns, best first."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from thermopolis.analysis.counting import late
from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.plot.places import place_label
from thermopolis.analysis.plot.style import PALETTE, QUIET, figure, finish, interval_words, label_of
from thermopolis.analysis.series import group_series, sweep_dims
from thermopolis.errors import StoreError


@figure
def scores(ds: xr.Dataset, ax: Axes) -> None:
    """Mean reward of every group over the last half of the steps, best first, with how often it cooperates."""
    reward = group_series(ds, "reward")
    if reward.sizes.get("group", 1) < 2:
        raise StoreError("one group: there is nothing to rank")
    dims = sweep_dims(reward)
    where = "".join(f" At {place_label(reward, d, reward.sizes[d] // 2)}." for d in dims)
    reward = reward.isel({d: reward.sizes[d] // 2 for d in dims})
    found = mean_interval(late(reward).mean("step"))
    order = np.argsort(found["mean"].values)
    order = order[np.isfinite(found["mean"].values[order])]  # who isn't there at this place of a sweep
    groups = [label_of(str(g)) for g in found["group"].values[order]]
    mean, low, high = (found[name].values[order] for name in ("mean", "low", "high"))
    rows = np.arange(len(groups))
    ax.hlines(rows, low, high, color=PALETTE[0], linewidth=2.4, alpha=0.5)
    ax.plot(mean, rows, "o", color=PALETTE[0], markersize=6)
    if "cooperation" in ds.data_vars:
        kind = group_series(ds, "cooperation")
        kind = late(kind.isel({d: kind.sizes[d] // 2 for d in sweep_dims(kind)})).mean(["step", "replicate"])
        for row, share in zip(rows, kind.transpose("group").values[order], strict=True):
            ax.annotate(
                f"{share:.0%}",
                (1.01, row),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=8,
                color=QUIET,
            )
        ax.annotate("cooperates", (1.01, 1.01), xycoords="axes fraction", fontsize=8, color=QUIET)
    ax.set_yticks(rows, groups)
    ax.set_ylim(-0.7, len(groups) - 0.3)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("reward per round")
    n = int(reward.sizes["replicate"])
    finish(
        ax,
        "Who earns what",
        f"Mean over the last half of the steps. {interval_words(n)}.{where}",
        legend=False,
    )
