"""Figures of order and disorder: the index with its parts, irreversibility, fluctuations along a sweep."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from thermopolis.analysis.criticality import BINDER_ISING_2D, binder_cumulant, critical_temperature
from thermopolis.analysis.digests import order_moments
from thermopolis.analysis.disorder_index import PARTS, disorder
from thermopolis.analysis.dynamics import (
    action_information,
    entropy_rate,
    joint_entropy,
    outcome_entropy_production,
    transfer_entropy,
)
from thermopolis.analysis.intervals import bootstrap_interval, mean_interval
from thermopolis.analysis.plot.panes import rows
from thermopolis.analysis.plot.phase import main_dim
from thermopolis.analysis.plot.style import (
    PALETTE,
    band,
    dim_label,
    figure,
    finish,
    interval_words,
    scale_axis,
)
from thermopolis.analysis.plot.words import value_text
from thermopolis.analysis.series import sweep_dims, tail, time_label
from thermopolis.errors import StoreError


@figure
def disorder_index(ds: xr.Dataset, ax: Axes) -> None:
    """The disorder index and its parts, over time or along the sweep."""
    parts = disorder(ds)
    dims = [str(d) for d in parts.dims if d not in ("replicate", "step", "part")]
    try:
        dim = main_dim(parts)
    except StoreError:
        dim = None
    others = {d: 0 for d in dims if d != dim}
    words = "".join(f" At {dim_label(d)} = {value_text(parts, d, 0)}." for d in others if d in parts.coords)
    parts = parts.isel(others)
    if dim is None:
        x, flat = parts["step"].values, parts
        ax.set_xlabel(time_label(ds))
    else:
        late = parts.isel(step=slice(parts.sizes["step"] // 2, None))
        x, flat = np.asarray(parts[dim].values, float), late.mean("step")
        scale_axis(ax, x)
        ax.set_xlabel(dim_label(dim))
    for i, part in enumerate((*PARTS, "index")):
        values = flat.sel(part=part)
        if not np.isfinite(values.values).any():
            continue
        strong = part == "index"
        colour = "#222222" if strong else PALETTE[i]
        band(ax, x, mean_interval(values, within=(0.0, 1.0)), colour, part, linewidth=2.6 if strong else 1.5)
    ax.set_ylim(-0.03, 1.03)
    ax.set_ylabel("disorder")
    n = parts.sizes["replicate"]
    caption = "Each part over its own attainable maximum; the index is the mean of those defined. "
    finish(ax, "Disorder and its parts", caption + interval_words(n) + "." + words)


@figure
def outcome_dynamics(ds: xr.Dataset, ax: Axes) -> None:
    """Entropy rate, information between players and irreversibility of joint outcomes, along the sweep."""
    dim = main_dim(ds)
    quantities = {
        "joint entropy": joint_entropy(ds),
        "entropy rate": entropy_rate(ds),
        "mutual information": action_information(ds),
        "transfer entropy": transfer_entropy(ds)["transfer"].mean("direction"),
        "entropy production": outcome_entropy_production(ds),
    }
    n = 0
    for i, (label, values) in enumerate(quantities.items()):
        values = values.isel({d: 0 for d in sweep_dims(values) if d != dim})
        n = values.sizes["replicate"]
        x = np.asarray(values[dim].values, float)
        band(ax, x, mean_interval(values), PALETTE[i], label, marker="o", markersize=3.5)
    scale_axis(ax, x)
    ax.axhline(0.0, color="#888888", linewidth=0.8)
    ax.set_xlabel(dim_label(dim))
    ax.set_ylabel("nat, nat per step")
    caption = "Joint outcomes of pairs, last half of the steps, corrected for bias (may fall just below 0). "
    finish(ax, "Information and irreversibility", caption + interval_words(n) + ".")


@figure
def critical_fluctuations(ds: xr.Dataset, ax: Axes, name: str = "cooperation") -> None:
    """Fluctuations between replicates along the sweep: susceptibility and Binder's cumulant of 2·cooperation − 1."""
    dim = main_dim(ds)
    order = (
        2.0 * tail(ds, name).mean("group") - 1.0 if name == "cooperation" else tail(ds, name).mean("group")
    )
    order = order.isel({d: 0 for d in sweep_dims(order) if d != dim})
    if order.sizes["replicate"] < 2:
        raise StoreError("one replicate has no fluctuations between replicates")
    if not np.isfinite(order.values).any():
        raise StoreError(f"{name} is undefined (NaN) throughout")
    x = np.asarray(order[dim].values, float)
    sites = float(ds.attrs.get("agents", 1))
    top, bottom = rows(ax, 2)
    spread = sites * order.var("replicate", ddof=1)
    cumulant = binder_cumulant(order - order.mean("replicate"))
    low, high = _resampled(order, dim, sites)
    top.fill_between(x, low[0], high[0], color=PALETTE[0], alpha=0.16, linewidth=0)
    top.plot(x, spread, "o-", color=PALETTE[0], markersize=3.5)
    bottom.fill_between(x, low[1], high[1], color=PALETTE[1], alpha=0.16, linewidth=0)
    bottom.plot(x, cumulant, "o-", color=PALETTE[1], markersize=3.5)
    for pane, label in ((top, "χ = N Var(m)"), (bottom, "cumulant U")):
        scale_axis(pane, x)
        pane.set_ylabel(label)
    bottom.axhline(2 / 3, color="#888888", linewidth=0.8, linestyle=(0, (4, 3)))
    bottom.set_xlabel(dim_label(dim))
    top.set_ylim(bottom=0.0)
    n = order.sizes["replicate"]
    what = "2 · cooperation − 1" if name == "cooperation" else name
    caption = (
        f"m = {what}, last half of the steps, about its mean at each value; U is 0 for Gaussian fluctuations and 2/3 for "
        f"two sharp, even states. Band: 95% bootstrap over n = {n} replicates."
    )
    finish(ax, "Fluctuations along the sweep", caption, legend=False)


def _resampled(order: xr.DataArray, dim: str, sites: float) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap bounds of both curves, each (2, values of the sweep)."""
    values = order.transpose(dim, "replicate").values
    if values.shape[1] < 2:
        return np.full((2, len(values)), np.nan), np.full((2, len(values)), np.nan)
    generator = np.random.default_rng(3)
    picks = generator.integers(0, values.shape[1], (400, values.shape[1]))
    drawn = values[:, picks]  # sweep, resample, replicate
    drawn = drawn - drawn.mean(-1, keepdims=True)
    spread = sites * drawn.var(-1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cumulant = 1 - (drawn**4).mean(-1) / (3 * (drawn**2).mean(-1) ** 2)
    both = np.stack([spread, cumulant])
    known = np.isfinite(both).any(-1)  # a point that isn't there yet has nothing to resample
    low, high = np.full((2, *known.shape), np.nan)
    low[known], high[known] = np.nanquantile(both[known], [0.025, 0.975], axis=-1)
    return low, high


@figure
def order_parameter(ds: xr.Dataset, ax: Axes) -> None:
    """Magnetisation and Binder's cumulant of a core's chains along the sweep, with the temperature they cross at."""
    moments = ds["order_moments"] if "order_moments" in ds.data_vars else order_moments(ds)
    dim = main_dim(moments)
    if "temperature" not in dim:
        raise StoreError("no temperature was swept, so there is no order to see giving way")
    moments = moments.isel({d: 0 for d in sweep_dims(moments) if d != dim})
    x = np.asarray(moments[dim].values, float)
    worlds = moments.stack(world=("replicate", "agent")).transpose("world", dim, "moment").values
    n = worlds.shape[0]
    low, high = bootstrap_interval(worlds[..., 0])
    mean = worlds.mean(0)
    top, bottom = rows(ax, 2)
    top.fill_between(x, low, high, color=PALETTE[0], alpha=0.2, linewidth=0)
    top.plot(x, mean[:, 0], "o-", color=PALETTE[0], markersize=3.5)
    bottom.plot(x, 1 - mean[:, 2] / (3 * mean[:, 1] ** 2), "o-", color=PALETTE[1], markersize=3.5)
    found = critical_temperature(moments, dim)
    words = ""
    if np.isfinite(found["value"]):
        words = (
            f" Dashed: the universal value {BINDER_ISING_2D} of the 2-D Ising model, met at {found['value']:.4g} "
            f"[{found['low']:.4g}, {found['high']:.4g}] (dotted)."
        )
        bottom.axhline(BINDER_ISING_2D, color="#888888", linewidth=0.8, linestyle=(0, (4, 3)))
        for pane in (top, bottom):
            pane.axvline(found["value"], color="#444444", linewidth=1, linestyle=(0, (1.2, 1.6)))
    for pane, label in ((top, "⟨|m|⟩"), (bottom, "Binder U")):
        scale_axis(pane, x)
        pane.set_ylabel(label)
    bottom.set_xlabel(dim_label(dim))
    caption = f"Last half of the steps, n = {n} chains; band: 95% bootstrap interval over chains.{words}"
    finish(ax, "Order along the sweep", caption, legend=False)
