"""Figures of beliefs: the simplex they move in, and the plane of belief and policy entropy."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.plot.places import places
from thermopolis.analysis.plot.style import PALETTE, band, figure, finish, interval_words, label_of
from thermopolis.analysis.series import by_bin, group_series, time_label
from thermopolis.errors import StoreError

_MOST_STATES = 8
_WORLDS = 6


@figure
def belief_simplex(ds: xr.Dataset, ax: Axes) -> None:
    """Beliefs about the state as a way through their simplex: corners are certainty."""
    belief = group_series(ds, "belief")
    if "state" not in belief.dims:
        raise StoreError("belief has no dimension 'state'")
    count = belief.sizes["state"]
    if count > _MOST_STATES:
        raise StoreError(f"{count} states have more corners than a figure can show")
    names = (
        [str(s) for s in belief["state"].values] if "state" in belief.coords else list(map(str, range(count)))
    )
    groups = [g for g in belief["group"].values if np.isfinite(belief.sel(group=g).values).any()]
    if not groups:
        raise StoreError("no group has beliefs")
    one = belief.sel(group=groups[0], drop=True)
    shown = places(one, 5)
    n = one.sizes["replicate"]
    words = f" Group: {label_of(str(groups[0]))}." if len(groups) > 1 else ""
    if count == 2:
        for where, label, colour in shown:
            line = by_bin(one.isel(where).isel(state=0), 200)
            band(ax, line["step"].values, mean_interval(line, rate=True), colour, label or None)
        ax.set_xlabel(time_label(ds))
        ax.set_ylabel(f"belief in {names[0]}")
        ax.set_ylim(-0.03, 1.03)
        return finish(
            ax, "Beliefs over time", f"Belief in {names[1]} is the rest. {interval_words(n)}.{words}"
        )
    angle = np.pi / 2 - 2 * np.pi * np.arange(count) / count
    corners = np.stack([np.cos(angle), np.sin(angle)], 1)
    ring = np.vstack([corners, corners[:1]])
    ax.plot(*ring.T, color="#999999", linewidth=1)
    for corner, name in zip(corners, names, strict=True):
        ax.annotate(name, corner * 1.1, ha="center", va="center", fontsize=9, annotation_clip=False)
    for k, (where, label, colour) in enumerate(shown):
        paths = by_bin(one.isel(where), 60).transpose("replicate", "step", "state").values @ corners
        for path in paths[: _WORLDS if len(shown) == 1 else 2]:
            ax.plot(*path.T, color=PALETTE[k] if len(shown) == 1 else colour, linewidth=0.6, alpha=0.35)
        known = np.isfinite(paths).all(-1)
        number = known.sum(0)
        mean = np.where(known[..., None], paths, 0.0).sum(0) / np.maximum(number, 1)[:, None]
        mean = mean[number > 0]
        ax.plot(*mean.T, color=colour, linewidth=1.6, label=label or None)
        ax.scatter(mean[:, 0], mean[:, 1], s=np.linspace(5, 24, len(mean)), color=colour, linewidths=0)
        ax.plot(*mean[:1].T, "o", mfc="white", mec=colour, markersize=7, zorder=4)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_xlim(-1.35, 1.35)
    ax.set_ylim(-1.2, 1.25)
    flat = "" if count == 3 else f" The simplex of {count} states is seen flattened onto its corners."
    caption = (
        f"Thick: mean over n = {n} replicates (no interval shown), from the hollow start, dots growing with time; thin: "
        f"single replicates. A corner is certainty.{flat}{words}"
    )
    finish(ax, "Beliefs in their simplex", caption)
    return None
