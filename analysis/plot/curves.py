"""Lines over time: one per group, or one per value of a sweep."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.plot.places import place_label
from thermopolis.analysis.plot.style import (
    PALETTE,
    band,
    dim_label,
    heat_bar,
    heat_colours,
    interval_words,
    label_of,
    numeric,
)
from thermopolis.analysis.plot.words import value_text
from thermopolis.analysis.quantities import quantity
from thermopolis.analysis.series import by_bin, sweep_dims, time_label

_MOST_LINES = 8
_BINS, _SWEPT_BINS = 200, 50
_STYLES = ("-", (0, (5, 1.6)), (0, (1.2, 1.4)), (0, (6, 1.5, 1.2, 1.5)))


def pick_time_dims(ds: xr.DataArray) -> tuple[xr.DataArray, str | None, str]:
    """The array along at most one sweep dimension, that dimension, and words on what was fixed."""
    dims = sweep_dims(ds)
    shown = next((d for d in dims if numeric(ds, d)), dims[0] if dims else None)
    fixed = []
    for dim in dims:
        if dim != shown:
            fixed.append(f"{dim_label(dim)} = {value_text(ds, dim, 0)}")
            ds = ds.isel({dim: 0})
    return ds, shown, ", ".join(fixed)


def without_silent(array: xr.DataArray) -> tuple[xr.DataArray, list[str]]:
    """An array without the groups that have no number in it, and those groups' names: no legend should name them."""
    if "group" not in array.dims:
        return array, []
    other = tuple(k for k, d in enumerate(array.dims) if d != "group")
    known = np.isfinite(array.values).any(other)
    if not known.any():
        return array, []
    silent = [label_of(str(g)) for g in array["group"].values[~known]]
    return array.isel(group=np.flatnonzero(known)), silent


def over_time(ax: Axes, series: xr.DataArray, name: str) -> str:
    """Draws ``(…, replicate, step, group)`` over ``step``; returns the caption's words on it."""
    series, dim, fixed = pick_time_dims(series)
    whole = series.sizes["step"]
    series = by_bin(series, _BINS if dim is None or series.sizes["replicate"] == 1 else _SWEPT_BINS)
    if "group" not in series.dims:
        series = series.expand_dims(group=["all"])
    series, silent = without_silent(series)
    groups = [str(g) for g in series["group"].values][:_MOST_LINES]
    steps = series["step"].values if "step" in series.coords else np.arange(series.sizes["step"])
    n = int(series.sizes["replicate"])
    rate, within = quantity(name).is_rate, quantity(name).within
    words = interval_words(n, rate=rate)
    if dim is None:
        for i, group in enumerate(groups):
            label = label_of(group) if len(groups) > 1 else None
            part = mean_interval(series.sel(group=group), rate=rate, within=within)
            band(ax, steps, part, PALETTE[i % len(PALETTE)], label)
    else:
        values = series[dim].values if dim in series.coords else np.arange(series.sizes[dim])
        chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), _MOST_LINES)).astype(int))
        colours = _line_colours(ax, values, chosen, dim, numeric(series, dim))
        for j, group in enumerate(groups[: len(_STYLES)]):
            for i, colour in zip(chosen, colours, strict=True):
                line = series.isel({dim: int(i)}).sel(group=group)
                part = mean_interval(line, rate=rate, within=within)
                label = place_label(series, dim, int(i)) if not numeric(series, dim) and j == 0 else None
                band(ax, steps, part, colour, label, shade=0.12, linestyle=_STYLES[j], linewidth=1.6)
            if len(groups) > 1:
                ax.plot([], [], color="#444444", linestyle=_STYLES[j], label=label_of(group))
        if len(chosen) < len(values):
            words += f"; {len(chosen)} of {len(values)} values of {dim_label(dim)} shown"
    if whole > series.sizes["step"]:
        words += f"; each point averages {whole / series.sizes['step']:.3g} recorded {time_label(series)}s"
    if silent:
        words += f"; undefined for {', '.join(silent)}"
    if fixed:
        words += f"; at {fixed}"
    if quantity(name).low == 0.0 and not np.nanmax(np.nan_to_num(series.values)) > 1e-5:
        ax.set_ylim(-0.05, 1.0)  # nothing but rounding: an axis of 1e-8 would say otherwise
    ax.set_xlabel(time_label(series))
    ax.margins(x=0.01)
    return words + "."


def _line_colours(ax: Axes, values: np.ndarray, chosen: np.ndarray, dim: str, numbers: bool) -> list:
    if not numbers:
        return [PALETTE[k % len(PALETTE)] for k in range(len(chosen))]
    values = np.asarray(values, float)
    if len(chosen) == 1:
        return [PALETTE[0]]
    norm, colours = heat_bar(ax, values, dim_label(dim)), heat_colours()
    return [colours(norm(values[i])) for i in chosen]
