"""Figures of what thinking cost."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from thermopolis.analysis.cores import is_core
from thermopolis.analysis.intervals import bootstrap_interval
from thermopolis.analysis.plot.phase import against_sweep
from thermopolis.analysis.plot.places import places
from thermopolis.analysis.plot.style import PALETTE, figure, finish, label_of, with_prefix
from thermopolis.analysis.series import nanmean, sweep_dims, tail
from thermopolis.analysis.thermodynamics import joules_per_decision
from thermopolis.errors import StoreError

_MOST = 6


@figure
def joules_by_operation(ds: xr.Dataset, ax: Axes) -> None:
    """Mean joules by kind of operation, on a logarithmic axis, with intervals; apart where the sweep changes them."""
    array = tail(ds, "core_joules", 1.0)
    kinds = (
        [str(k) for k in array["operation"].values]
        if "operation" in array.coords
        else list(map(str, range(array.sizes["operation"])))
    )
    rows, silent, pooled, there_are = _spending(array)
    if not rows:
        raise StoreError("the core spent nothing")
    everything = np.concatenate([mean for _, mean, _, _, _ in rows])
    floor = everything[everything > 0].min() / 4
    for i, (label, mean, low, high, _) in enumerate(rows):
        heights = np.arange(len(kinds)) + (i - (len(rows) - 1) / 2) * min(0.24, 0.8 / len(rows))
        some = mean > 0
        colour = PALETTE[i % len(PALETTE)]
        ax.hlines(heights[some], floor, mean[some], color=colour, alpha=0.35, linewidth=1.2)
        reach = np.nan_to_num(np.abs(np.stack([mean - low, high - mean])))[:, some]
        ax.errorbar(
            mean[some], heights[some], xerr=reach, fmt="o", color=colour, markersize=6 if len(rows) < 4 else 4,
            label=label or None,
        )  # fmt: skip
        if len(rows) > 3:
            continue
        for height, value in zip(heights, mean, strict=True):
            text = with_prefix(value, "J") if value > 0 else "0 J"
            where = (max(value, floor), height)
            ax.annotate(text, where, (9, 0), textcoords="offset points", va="center", fontsize=8.5)
    ax.set_xscale("log")
    ax.set_xlim(floor, everything.max() * 12)
    ax.set_yticks(np.arange(len(kinds)), kinds)
    ax.set_ylim(len(kinds) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    what = unit_of_work(ds)
    ax.set_xlabel(f"energy of a {what} (J)")
    who = "chain" if what == "step" else "agent"
    counts = sorted({count for *_, count in rows})
    worlds = " to ".join(map(str, (counts if len(counts) < 3 else (counts[0], counts[-1]))))
    alike = ", at places of the sweep that cost alike" if pooled else ""
    caption = f"Mean per {who} and step with its 95% bootstrap interval over n = {worlds} worlds (replicates{alike}), "
    caption += "all steps." if len(rows) == there_are else f"all steps; {len(rows)} of {there_are} are drawn."
    if silent:
        caption += f" No core, no joules: {', '.join(silent)}."
    finish(ax, f"Joules of a {what} by operation", caption)


Row = tuple[str, np.ndarray, np.ndarray, np.ndarray, int]


def _spending(array: xr.DataArray) -> tuple[list[Row], list[str], bool, int]:
    """Label, mean and bounds by operation, and number of worlds, of every group or place that spends; silent groups;
    whether places that cost alike are taken together; how many groups and places there are to draw."""
    mean = array.mean("replicate")
    split = [d for d in sweep_dims(array) if _changes(mean, d)]
    rows: list[Row] = []
    groups = list(map(str, array["group"].values))
    spending = [g for g in range(len(groups)) if np.nan_to_num(array.isel(group=g).values).any()]
    silent = [label_of(group) for g, group in enumerate(groups) if g not in spending]
    for g in spending:
        group, own = groups[g], array.isel(group=g)
        kept = own.transpose(*split, ...)
        for where, label, _ in places(
            kept, _MOST, skip=tuple(d for d in sweep_dims(array) if d not in split)
        ):
            picked = {d: i for d, i in where.items() if d in split}
            here = kept.isel(picked)
            worlds = here.stack(world=[d for d in here.dims if d != "operation"]).transpose(
                "world", "operation"
            )
            values = np.asarray(worlds.values, float)
            low, high = bootstrap_interval(values)
            words = ", ".join(
                filter(None, [label_of(group) if len(spending) > 1 or not label else "", label])
            )
            count = int(np.isfinite(values).any(1).sum())
            rows.append((words, np.nan_to_num(nanmean(values, 0)), low, high, count))
    pooled = any(array.sizes[d] > 1 for d in sweep_dims(array) if d not in split)
    there_are = len(spending) * math.prod(array.sizes[d] for d in split)
    return rows[: len(PALETTE)], silent, pooled, there_are


def _changes(mean: xr.DataArray, dim: str) -> bool:
    """Whether joules differ along a dimension by more than a twentieth."""
    low, high = float(mean.sum("operation").min(dim).max()), float(mean.sum("operation").max(dim).max())
    return bool(high > 1.05 * low)


def unit_of_work(ds: xr.Dataset) -> str:
    """What joules are counted by: a core's steps or a player's decisions."""
    return "step" if is_core(ds) else "decision"


@figure
def joules_against_temperature(ds: xr.Dataset, ax: Axes) -> None:
    """Joules of a decision, all kinds added, against the sweep's temperature."""
    joules = joules_per_decision(ds)
    spends = (joules.fillna(0.0) != 0.0).any([d for d in joules.dims if d != "group"])
    total = xr.Dataset({"core_joules": joules.where(spends)}, attrs={**ds.attrs, "digest": 1})
    words = against_sweep(ax, total, ["core_joules"])
    ax.set_ylabel(f"energy of a {unit_of_work(ds)}")
    ax.set_ylim(bottom=0.0)
    ax.yaxis.set_major_formatter(EngFormatter("J"))
    finish(
        ax,
        f"Joules per {unit_of_work(ds)} along the sweep",
        "All kinds of operation added, last half of the steps. " + words,
    )
