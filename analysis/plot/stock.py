"""A common stock over time, beside what theory says it would have come to at Nash and at the planner's harvest."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from thermopolis.analysis.plot.curves import over_time
from thermopolis.analysis.plot.places import place_label
from thermopolis.analysis.plot.style import figure, finish, geometric
from thermopolis.analysis.series import by_bin, group_series, sweep_dims

_BINS = 200
_REFERENCES = (("nash", "Nash", "--"), ("optimum", "optimum", ":"))


@figure
def stock_over_time(ds: xr.Dataset, ax: Axes) -> None:
    """The stock at every step, along a sweep where there is one, and its two references; powers where it spreads."""
    series = group_series(ds, "stock")
    if "group" in series.dims:  # all of a world have the same stock
        series = series.isel(group=[0])
    caption = over_time(ax, series, "stock")
    values, words = series.values, ""
    for end, label, style in _REFERENCES:
        if f"stock_{end}" in ds.data_vars:
            line, words = _reference(ds, f"stock_{end}")
            ax.plot(line["step"], line, style, color="#555555", linewidth=1.4, label=label)
            values = np.append(values, line.values)
    known = values[np.isfinite(values) & (values > 0)]
    if known.size and geometric(known):
        ax.set_yscale("log", nonpositive="mask")
    else:
        ax.set_ylim(bottom=0.0)
    ax.set_ylabel("stock")
    finish(ax, "The stock over time", "Stock left after a round. " + caption + words)


def _reference(ds: xr.Dataset, name: str) -> tuple[xr.DataArray, str]:
    """A reference's way, (step,), that of the sweep's middle where places differ in it, and words on that."""
    array = by_bin(group_series(ds, name), _BINS)
    dims = sweep_dims(array)
    line = array.mean([d for d in array.dims if d not in (*dims, "step")])
    middle = line.isel({d: line.sizes[d] // 2 for d in dims})
    if not dims or np.allclose(line, middle, equal_nan=True):
        return middle, ""
    at = ", ".join(place_label(line, d, line.sizes[d] // 2) for d in dims)
    return middle, f" References at {at}."
