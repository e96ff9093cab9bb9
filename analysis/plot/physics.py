"""Figures of work, of the second law by part, and of civilizations on Kardashev's scale."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from thermopolis.analysis.civilizations import HUMANITY, TYPES, collapses, kardashev_total
from thermopolis.analysis.cores import is_core, protocol_work
from thermopolis.analysis.digests import QUANTILES, quantiles
from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.plot.core import protocol_histogram
from thermopolis.analysis.plot.curves import over_time
from thermopolis.analysis.plot.panes import rows
from thermopolis.analysis.plot.style import (
    PALETTE,
    dim_label,
    figure,
    finish,
    interval_words,
    label_of,
)
from thermopolis.analysis.plot.words import said, value_text
from thermopolis.analysis.series import by_bin, group_series, sweep_dims, time_label
from thermopolis.analysis.thermodynamics import LAWS
from thermopolis.errors import StoreError


@figure
def work_histogram(ds: xr.Dataset, ax: Axes) -> None:
    """How the work done on the core is spread: over decisions, or over chains that go through a protocol."""
    try:
        protocol_work(ds)
    except StoreError:
        if is_core(ds):
            raise
    else:
        return protocol_histogram(ds, ax)
    table = ds["work_quantile"] if "work_quantile" in ds.data_vars else quantiles(ds, "core_work")
    dims = [str(d) for d in table.dims if d != "quantile"]
    flat = table.stack(place=dims) if dims else table.expand_dims(place=1)
    flat = flat.transpose("place", "quantile")
    count = flat.sizes["place"]
    chosen = np.unique(np.linspace(0, count - 1, min(count, 4)).astype(int))
    drawn = 0
    for k, i in enumerate(chosen):
        edges = flat.values[i]
        if not np.isfinite(edges).all() or np.ptp(edges) == 0:
            continue
        where = flat.isel(place=int(i))
        label = ", ".join(f"{dim_label(d)} {said(ds, d, where[d].item())}" for d in dims if d in where.coords)
        _density(ax, edges, PALETTE[k % len(PALETTE)], label or None)
        drawn += 1
    if not drawn:
        raise StoreError("the core's work is the same in every decision, so it has no histogram")
    ax.axvline(0.0, color="#777777", linewidth=0.9)
    ax.xaxis.set_major_formatter(EngFormatter("J"))
    ax.set_ylim(bottom=0.0)
    ax.set_yticks([])
    ax.set_xlabel("work done on the core in a decision")
    ax.set_ylabel("density")
    n = ds.sizes.get("replicate", 1)
    caption = f"All decisions of n = {n} replicates, percentiles 1 to 99; unit areas. Triangles: means."
    finish(ax, "Work of reprogramming the core", caption)
    return None


def _density(ax: Axes, edges: np.ndarray, colour: str, label: str | None) -> None:
    """A histogram on even bins, from percentiles."""
    low, high = edges[1], edges[-2]
    if high <= low:
        low, high = edges[0], edges[-1]
    bins = np.linspace(low, high, 41)
    cumulative = np.interp(bins, edges, QUANTILES)
    density = np.diff(cumulative) / np.diff(bins)
    ax.stairs(density, bins, color=colour, linewidth=1.6, label=label)
    ax.stairs(density, bins, color=colour, fill=True, alpha=0.13)
    mean = float(np.mean((edges[1:] + edges[:-1]) / 2))
    ax.plot(
        [mean],
        [0.02],
        "v",
        color=colour,
        markersize=7,
        markeredgecolor="white",
        transform=ax.get_xaxis_transform(),
    )


@figure
def second_law(ds: xr.Dataset, ax: Axes) -> None:
    """Entropy produced over time by each part, each on its own scale: areas never added together."""
    found = [
        (name, part) for name, part, _ in LAWS if name in ds.data_vars and np.isfinite(ds[name].values).any()
    ]
    if not found:
        raise StoreError("no entropy production was recorded")
    n = 0
    for pane, (name, part), colour in zip(rows(ax, len(found)), found, ("#0072B2", "#009E73"), strict=False):
        series = group_series(ds, name)
        where = {d: series.sizes[d] // 2 for d in sweep_dims(series)}
        flat = by_bin(series.isel(where), 150)
        if "group" in flat.dims:
            flat = flat.mean("group")
        n = flat.sizes["replicate"]
        total = flat.cumsum("step") * (series.sizes["step"] / flat.sizes["step"])
        interval = mean_interval(total)
        steps = flat["step"].values
        mean = interval["mean"].values
        pane.fill_between(steps, 0.0, mean, where=mean >= 0, color=colour, alpha=0.28, linewidth=0)
        pane.fill_between(steps, 0.0, mean, where=mean < 0, color="#D55E00", alpha=0.4, linewidth=0)
        pane.fill_between(steps, interval["low"], interval["high"], color=colour, alpha=0.3, linewidth=0)
        pane.plot(steps, mean, color=colour)
        pane.axhline(0.0, color="#777777", linewidth=0.9)
        pane.yaxis.set_major_formatter(EngFormatter("J/K"))
        pane.set_ylabel("entropy produced")
        pane.annotate(part, (0.02, 0.93), xycoords="axes fraction", va="top", fontsize=9.5, color="#333333")
        pane.margins(x=0.01)
    pane.set_xlabel(time_label(ds))
    words = "".join(
        f" At {dim_label(d)} = {value_text(ds, d, i)}." for d, i in where.items() if d in ds.coords
    )
    each = "chain" if is_core(ds) else "agent"
    caption = f"Entropy produced since the start, per {each}; below zero (orange) would break the law. "
    finish(ax, "The second law, part by part", caption + interval_words(n) + "." + words, legend=False)


@figure
def kardashev(ds: xr.Dataset, ax: Axes) -> None:
    """Kardashev numbers over time, by group or along the sweep, with Type lines and collapses."""
    whole = "world_kardashev" in ds.data_vars or "power" in ds.data_vars
    series = kardashev_total(ds) if whole else group_series(ds, "kardashev")
    series = series.where(np.isfinite(series))
    if not np.isfinite(series.values).any():
        raise StoreError("no civilization ever used any power")
    caption = over_time(ax, series, "kardashev")
    low, high = float(series.min()), float(series.max())
    reach = max(0.04, 0.12 * (high - low))
    low, high = low - reach, high + reach
    ax.set_ylim(low, high)
    labelled: list[float] = []
    for name, mark in (*TYPES, *reversed(HUMANITY)):
        if low < mark < high and all(abs(mark - m) > 0.06 * (high - low) for m in labelled):
            labelled.append(mark)
            ax.axhline(
                mark, color="#8C6D1F" if "Type" in name else "#999999", linewidth=1, linestyle=(0, (4, 3))
            )
            ax.annotate(
                name, (0.995, mark), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8,
                color="#6B5210" if "Type" in name else "#666666",
            )  # fmt: skip
    marks = _collapse_marks(ax, ds)
    ax.set_ylabel("Kardashev number K = (log₁₀ P − 6)/10")
    what = "All civilizations of a world together. " if whole else "Mean over civilizations. "
    finish(ax, "On Kardashev's scale", what + caption + marks)


def _collapse_marks(ax: Axes, ds: xr.Dataset) -> str:
    try:
        ends = collapses(ds).values.ravel()
    except StoreError:
        return ""
    fallen = ends[np.isfinite(ends)]
    if not fallen.size:
        return " No civilization collapsed."
    ax.plot(
        fallen, np.full(fallen.size, 0.02), "x", transform=ax.get_xaxis_transform(), color="#B3261E", markersize=5,
        alpha=0.5, label="collapse", clip_on=False,
    )  # fmt: skip
    return f" Crosses: {fallen.size} of {ends.size} civilizations collapsed."


@figure
def planet_temperature(ds: xr.Dataset, ax: Axes) -> None:
    """Temperature of the planet over time, warmed by waste heat."""
    caption = over_time(ax, group_series(ds, "planet_temperature").isel(group=[0]), "planet_temperature")
    ax.set_ylabel("planet temperature (K)")
    finish(ax, "Temperature of the planet", "Surface temperature. " + caption)


@figure
def energy_shares(ds: xr.Dataset, ax: Axes) -> None:
    """Share of each group in power (else in what is stored), over time."""
    from thermopolis.analysis.inequality import energy_share, player_share

    name = "power" if {"power", "power_share"} & set(ds.data_vars) else "store"
    share = energy_share(ds, name)
    if share.sizes["group"] == 1:  # players of one kind are told apart by number
        kept = f"{name}_by_player"
        share = ds[kept] if kept in ds.data_vars else player_share(ds, name)
        share = share.rename(agent="group").assign_coords(
            group=[f"player {k}" for k in range(share.sizes["agent"])]
        )
    dims = sweep_dims(share)
    where = {d: share.sizes[d] // 2 for d in dims}
    mean = by_bin(share.isel(where), 150).mean("replicate").transpose("group", "step")
    groups = [label_of(str(g)) for g in mean["group"].values]
    ax.stackplot(
        mean["step"].values,
        np.nan_to_num(mean.values),
        labels=groups,
        colors=PALETTE,
        alpha=0.85,
        linewidth=0,
    )
    ax.set_ylim(0, 1)
    ax.margins(x=0)
    ax.set_xlabel(time_label(ds))
    ax.set_ylabel(f"share of {name}")
    words = "".join(
        f" At {dim_label(d)} = {value_text(share, d, i)}." for d, i in where.items() if d in share.coords
    )
    caption = (
        f"Mean over n = {share.sizes['replicate']} replicates, no interval shown; white: none left." + words
    )
    finish(ax, f"Who holds the {name}", caption)
