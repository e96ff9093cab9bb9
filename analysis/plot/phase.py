"""Phase diagrams: what the last half of a run looks like, against what was swept."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from thermopolis.analysis.figures import SUBJECTS
from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.modality import several_basins
from thermopolis.analysis.plot.curves import without_silent
from thermopolis.analysis.plot.places import place_label
from thermopolis.analysis.plot.style import (
    PALETTE,
    band,
    dim_label,
    figure,
    finish,
    geometric,
    interval_words,
    label_of,
    numeric,
    scale_axis,
    weights,
)
from thermopolis.analysis.plot.words import value_text
from thermopolis.analysis.quantities import axis_label, quantity
from thermopolis.analysis.series import standard, sweep_dims, tail
from thermopolis.errors import StoreError


def curves_of(array: xr.DataArray, dim: str) -> list[tuple[str, xr.DataArray]]:
    """An array split into labelled curves along ``dim``: one per group and value of the other dimensions."""
    others = [d for d in sweep_dims(array) if d != dim]
    keys = [*others, *(["group"] if "group" in array.dims else [])]
    curves: list[tuple[str, xr.DataArray]] = [("", array)]
    for key in keys:
        split = []
        for label, part in curves:
            for i in range(array.sizes[key]):
                value = array[key].values[i] if key in array.coords else i
                word = label_of(str(value)) if key == "group" else place_label(array, key, i)
                only = array.sizes[key] == 1
                joined = label if only else ", ".join(filter(None, [label, word]))
                split.append((joined, part.isel({key: i}, drop=True)))
        curves = split
    return curves


def main_dim(ds: xr.Dataset | xr.DataArray) -> str:
    """The dimension for the horizontal axis: a temperature where there is one, else the first of numbers."""
    dims = [d for d in sweep_dims(ds) if numeric(ds, d) and ds.sizes[d] > 1]
    if not dims:
        raise StoreError("nothing was swept over numbers, so there is nothing to draw this against")
    return next((d for d in dims if "temperature" in d), dims[0])


def against_sweep(ax: Axes, ds: xr.Dataset, names: list[str], dots: bool = False) -> str:
    """Tail means against the main sweep dimension, with intervals; returns words for the caption."""
    wanted, names = names, [n for n in names if n in ds.data_vars]
    if not names:
        raise StoreError(f"none of {', '.join(wanted)} recorded")
    colour = 0
    n, most, basins = 0, len(PALETTE), 0
    silent: list[str] | None = None
    styles = weights(len(names))
    for style, name in zip(styles, names, strict=True):
        array, without = without_silent(tail(ds, name))
        silent = without if silent is None else [group for group in silent if group in without]
        dim = main_dim(array)
        x = np.asarray(array[dim].values, float)
        n = int(array.sizes["replicate"])
        for label, curve in curves_of(array, dim):
            if colour >= most:
                break
            full = ", ".join(filter(None, [quantity(name).label if len(names) > 1 else "", label]))
            tint = PALETTE[colour % len(PALETTE)]
            if dots:
                _dots(ax, x, curve.transpose(dim, "replicate").values, tint)
            known = quantity(name)
            summary = mean_interval(curve, rate=known.is_rate, within=known.within)
            band(ax, x, summary, tint, full or None, marker="o", markersize=3.5, **style)
            if dots:
                split = several_basins(curve.transpose(dim, "replicate")).values
                means = summary["mean"].values[split]
                ax.plot(x[split], means, "o", mfc="white", mec=tint, mew=1.6, markersize=7)
                basins += int(split.sum())
            colour += 1
    scale_axis(ax, x)
    ax.set_xlabel(dim_label(dim))
    words = interval_words(n, rate=any(quantity(m).is_rate for m in names)) + "."
    if silent:
        words += f" Undefined for {', '.join(silent)}."
    if basins:
        words += " Hollow: replicates fall into several basins (dip test, p < .01), so the mean is no state."
    return words


def _dots(ax: Axes, x: np.ndarray, values: np.ndarray, colour: str) -> None:
    """Every replicate as a dot, spread sideways by a fixed quasi-random amount."""
    m = values.shape[1]
    spread = ((np.arange(m) * 0.6180339887) % 1.0 - 0.5) * min(1.0, len(x) / 12)
    if geometric(x):
        places = x[:, None] * np.exp(spread * 0.5 * np.median(np.diff(np.log(x))))
    else:
        places = x[:, None] + spread * 0.5 * (np.median(np.diff(x)) if len(x) > 1 else 1.0)
    ax.plot(places.ravel(), values.ravel(), ".", color=colour, alpha=0.45, markersize=4.5, markeredgewidth=0)


@figure
def phase_diagram(ds: xr.Dataset, ax: Axes, name: str | None = None) -> None:
    """One quantity against one swept number (with every replicate), or a heat map over two.

    Without a name it is cooperation, else what the world is about: a stock, Kardashev's number, power, reward.
    """
    ds = standard(ds)
    name = name or next((n for n in SUBJECTS if n in ds.data_vars and np.isfinite(ds[n].values).any()), None)
    if name is None:
        raise StoreError(f"none of {', '.join(SUBJECTS)} was recorded")
    dims = [d for d in sweep_dims(ds) if numeric(ds, d) and ds.sizes[d] > 1]
    title = f"{quantity(name).label.capitalize()} along the sweep"
    if len(dims) >= 2:
        return _heat_map(ax, tail(ds, name), dims, name)
    words = against_sweep(ax, ds, [name], dots=True)
    _marks(ax, ds, name)
    ax.set_ylabel(axis_label(name, ds[name]))
    if quantity(name).is_rate:
        ax.set_ylim(-0.03, 1.03)
    finish(ax, title, "Means over the last half of the steps; a dot is a replicate. " + words)


def _marks(ax: Axes, ds: xr.Dataset, name: str) -> None:
    """What theory says of a quantity, where the world recorded it: its Nash value and its optimum."""
    for end, style in (("nash", "--"), ("optimum", ":")):
        if f"{name}_{end}" not in ds.data_vars:
            continue
        array = tail(ds, f"{name}_{end}")
        dim = main_dim(array)
        line = array.mean([d for d in array.dims if d != dim])
        ax.plot(line[dim], line, style, color="#555555", linewidth=1.4, label=end.replace("nash", "Nash"))


def _heat_map(ax: Axes, array: xr.DataArray, dims: list[str], name: str) -> None:
    xdim = main_dim(array)
    ydim = next(d for d in dims if d != xdim)
    n = array.sizes["replicate"]
    fixed = [d for d in sweep_dims(array) if d not in (xdim, ydim)]
    words = "".join(f"; at {dim_label(d)} = {value_text(array, d, 0)}" for d in fixed)
    flat = array.isel(dict.fromkeys(fixed, 0))
    mean = flat.mean([d for d in flat.dims if d not in (xdim, ydim)]).transpose(ydim, xdim)
    rate = quantity(name).is_rate
    spread = float(np.nanmax(mean) - np.nanmin(mean)) if np.isfinite(mean.values).any() else 0.0
    low, high = (0.0, 1.0) if rate and (spread > 0.5 or spread == 0.0) else (None, None)
    mesh = ax.pcolormesh(
        _edges(mean[xdim].values),
        _edges(mean[ydim].values),
        mean.values,
        cmap="cividis",
        linewidth=0,
        rasterized=True,
        vmin=low,
        vmax=high,
    )
    scale_axis(ax, mean[xdim].values)
    scale_axis(ax, mean[ydim].values, "y")
    ax.grid(False)
    ax.set_xlabel(dim_label(xdim))
    ax.set_ylabel(dim_label(ydim))
    bar = ax.get_figure().colorbar(mesh, ax=ax, pad=0.02, aspect=28)  # type: ignore[union-attr]
    bar.set_label(axis_label(name))
    bar.outline.set_visible(False)
    caption = (
        f"Mean over the last half of the steps, all groups and n = {n} replicates (no interval shown){words}."
    )
    finish(ax, f"{quantity(name).label.capitalize()} over two swept numbers", caption, legend=False)


def _edges(values: np.ndarray) -> np.ndarray:
    """Cell borders around centres, halfway in the axis's own scale."""
    values = np.asarray(values, float)
    v = np.log(values) if geometric(values) else values
    middle = (v[1:] + v[:-1]) / 2
    edges = np.concatenate([[v[0] - (middle[0] - v[0])], middle, [v[-1] + (v[-1] - middle[-1])]])
    return np.exp(edges) if geometric(values) else edges
