"""The look all figures share: one style file, colours, captions, scales, bands."""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from thermopolis.analysis.intervals import FEW

STYLE = Path(__file__).parents[1] / "thermopolis.mplstyle"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555", "#8C6D1F")
INK, QUIET = "#222222", "#666666"


def heat_colours() -> Colormap:
    """Cold to hot, dark to light, perceptually even and safe for colour-blind readers."""
    colours = matplotlib.colormaps["plasma"](np.linspace(0.02, 0.86, 256))
    return matplotlib.colors.ListedColormap(colours, "heat")


Size = tuple[float, float] | Callable[[xr.Dataset], tuple[float, float]] | None


def figure(function: Callable[..., None], size: Size = None) -> Callable[..., Figure]:
    """Draws ``function(ds, ax, …)`` within the style, on a new figure (of ``size`` inches) where ``ax`` is None."""

    @functools.wraps(function)
    def drawn(ds: xr.Dataset, ax: Axes | None = None, **options: Any) -> Figure:
        with matplotlib.rc_context(fname=str(STYLE)):
            if ax is None:
                made = Figure(figsize=size(ds) if callable(size) else size)
                FigureCanvasAgg(made)
                ax = made.add_subplot()
            function(ds, ax, **options)
        owner = ax.get_figure(root=True)
        assert owner is not None
        return owner

    return drawn


def finish(ax: Axes, title: str, caption: str, legend: bool = True) -> None:
    """Title, a caption under the axis, and a legend beside the axes where there is anything to tell apart."""
    handles, labels = ax.get_legend_handles_labels()
    letters = sum(len(word) + 7 for word in labels)
    if not legend or len(handles) < 2:
        ax.set_title(title)
    elif letters < 75:  # one row between title and axes
        ax.set_title(title, pad=27)
        ax.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(-0.012, 0.99),
            ncols=len(handles),
            borderaxespad=0.2,
            columnspacing=1.4,
            handlelength=1.7,
        )
    else:
        ax.set_title(title)
        ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    width = ax.get_position().width * ax.get_figure(root=True).get_figwidth()  # type: ignore[union-attr]
    wrapped = textwrap.fill(caption, max(30, int(width * 17.5)))
    ax.annotate(
        wrapped,
        (0, 0),
        (0, -40),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="left",
        va="top",
        fontsize=7.5,
        color=QUIET,
        linespacing=1.35,
        annotation_clip=False,
    )


def weights(count: int) -> list[dict[str, Any]]:
    """Line styles for curves that may lie on each other: wide under narrow, whole under dashed."""
    dashes: list[Any] = ["-", (0, (5, 2.2)), (0, (1.4, 1.6)), (0, (7, 2, 1.4, 2)), (0, (3, 3))]
    if count < 2:
        return [{}] * count
    return [
        {"linewidth": max(1.6, 3.4 - 0.6 * i), "linestyle": dashes[i % len(dashes)]} for i in range(count)
    ]


def wrapped(label: str, width: int = 20) -> str:
    """A long axis label in lines."""
    return "\n".join(textwrap.wrap(label, width))


def label_of(group: str) -> str:
    """A group's name as words, shortened where it would fill a figure."""
    words = group.replace("_", " ")
    return words if len(words) <= 40 else words[:39] + "…"


def geometric(values: np.ndarray) -> bool:
    """Whether positive values spread over more than a decade more evenly in their logarithm."""
    values = np.asarray(values, float)
    return bool(len(values) > 2 and values.min() > 0 and values.max() / values.min() > 10)


def scale_axis(ax: Axes, values: np.ndarray, which: str = "x") -> None:
    """A logarithmic axis where the values ask for one."""
    if not geometric(values):
        return
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    if which == "x":  # a curve that is undefined throughout would leave the axis without limits
        pad = (np.max(values) / np.min(values)) ** 0.04
        ax.set_xlim(np.min(values) / pad, np.max(values) * pad)
    plain_ticks(ax.xaxis if which == "x" else ax.yaxis, values)


def plain_ticks(axis: Axis, values: np.ndarray) -> None:
    """Ticks at 0.1, 0.2, 0.5, 1 … where a few decades are shown; powers of ten beyond."""
    low, high = float(np.min(values)), float(np.max(values))
    decades = np.log10(high / low)
    if decades > 3.2 or low < 1e-3 or high > 1e4:
        axis.set_major_locator(LogLocator(numticks=7))
    else:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades <= 2.2 else (1.0,)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def heat_bar(ax: Axes, values: np.ndarray, label: str) -> Normalize:
    """A colour bar of a sweep's values, beside the axes; returns its scale."""
    norm = norm_of(values)
    owner = ax.get_figure()
    assert owner is not None
    bar = owner.colorbar(ScalarMappable(norm, heat_colours()), ax=ax, pad=0.02, aspect=28)
    bar.set_label(label)
    bar.outline.set_visible(False)
    if isinstance(norm, LogNorm):
        plain_ticks(bar.ax.yaxis, values)
    return norm


def norm_of(values: np.ndarray) -> Normalize:
    """The colour scale of a sweep's values."""
    values = np.asarray(values, float)
    return LogNorm(values.min(), values.max()) if geometric(values) else Normalize(values.min(), values.max())


def numeric(ds: xr.Dataset | xr.DataArray, dim: str) -> bool:
    """Whether a dimension's coordinate is made of numbers."""
    return dim not in ds.coords or ds[dim].dtype.kind in "fiu"


def dim_label(dim: str) -> str:
    """A sweep dimension's name as words; where in the list of agents it stands is left to the experiment."""
    return re.sub(r"^agents_\d+_", "", dim).replace("_", " ")


def band(
    ax: Axes,
    x: np.ndarray,
    interval: xr.Dataset,
    colour: Any,
    label: str | None = None,
    shade: float = 0.16,
    **line: Any,
) -> None:
    """Mean line over its interval."""
    if np.isfinite(interval["low"].values).any():
        ax.fill_between(
            x, interval["low"].values, interval["high"].values, color=colour, alpha=shade, linewidth=0
        )
    ax.plot(x, interval["mean"].values, color=colour, label=label, **line)


def interval_words(n: int, level: float = 0.95, rate: bool = False) -> str:
    """How the interval was made, for a caption."""
    if n < 2:
        return f"n = {n} replicate: no interval can be given"
    kind = "bootstrap over replicates" if n >= FEW else "Student's t over replicates"
    kind += ", BCa or Wilson near 0 and 1" if rate else ""
    return f"Band: {level:.0%} interval of the mean ({kind}); n = {n} replicates"


_PREFIXES = dict(
    zip(range(-30, 33, 3), ["q", "r", "y", "z", "a", "f", "p", "n", "µ", "m", "", *"kMGTPEZYRQ"], strict=True)
)


def with_prefix(value: float, unit: str) -> str:
    """``3.1 nJ``: a number with an SI prefix where there is one."""
    if value == 0 or not np.isfinite(value):
        return f"{value:g} {unit}"
    power = int(3 * np.floor(np.log10(abs(value)) / 3))
    if power not in _PREFIXES:
        return f"{value:.2e} {unit}"
    return f"{value / 10.0**power:.3g} {_PREFIXES[power]}{unit}"
