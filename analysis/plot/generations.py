"""Figures of generations: types over time, takeovers, traits with the breeder's way, hot and cold demes."""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from thermopolis.analysis.digests import digest
from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.plot.curves import over_time
from thermopolis.analysis.plot.panes import rows
from thermopolis.analysis.plot.phase import curves_of
from thermopolis.analysis.plot.places import places
from thermopolis.analysis.plot.style import (
    PALETTE,
    band,
    dim_label,
    figure,
    finish,
    interval_words,
    label_of,
    numeric,
    scale_axis,
)
from thermopolis.analysis.series import sweep_dims, time_label
from thermopolis.errors import StoreError

_MOST = 3  # traits with a pane of their own
_DASHED, _DOTTED = (0, (5, 1.8)), (0, (1.2, 1.4))


@figure
def type_shares(ds: xr.Dataset, ax: Axes) -> None:
    """Share of players of each type, generation by generation."""
    ds = digest(ds)
    share = ds["type_share"].rename(type="group")
    names = [label_of(str(name)) for name in share["group"].values] if "group" in share.coords else []
    if sweep_dims(share):  # lines of several places: of two types one says it all
        share = share.isel(group=slice(0, 1 if share.sizes["group"] == 2 else 3))
    words = over_time(ax, share, "type_share")
    ax.set_ylabel(f"share of {names[0]}" if names and share.sizes["group"] == 1 else "share of players")
    ax.set_ylim(-0.03, 1.03)
    finish(ax, "Types of players", words)


@figure
def fixation(ds: xr.Dataset, ax: Axes) -> None:
    """How often the first type has taken over, against what was swept, beside what its chain says."""
    ds = digest(ds)
    if "fixation" not in ds.data_vars:
        raise StoreError("no type could take over for good: mutation or exchange brings types back")
    won = ds["fixation"].isel(type=0)
    exact = ds["fixation_expected"] if "fixation_expected" in ds.data_vars else None
    open_ended = int(won.isnull().sum())
    dims = [d for d in sweep_dims(won) if numeric(won, d) and won.sizes[d] > 1]
    if dims:
        _against(ax, won, exact, dims[0])
    else:
        _side_by_side(ax, won, exact)
    name = label_of(str(ds["type"].values[0])) if "type" in ds.coords else "the first type"
    ax.set_ylabel(f"{name} take{'s' * (not name.endswith('s'))} over")
    ax.set_ylim(bottom=0.0)
    n = won.sizes["replicate"]
    words = interval_words(n, rate=True).replace("Band", "Bars") + "."
    if exact is not None:
        words += " Dashed: the absorbing chain whose steps follow from how the types fared in the run."
    if open_ended:
        words += f" {open_ended} of {won.size} societies had not decided by the end and are left out."
    finish(ax, "Takeover", words)


def _against(ax: Axes, won: xr.DataArray, exact: xr.DataArray | None, dim: str) -> None:
    x = np.asarray(won[dim].values, float) if dim in won.coords else np.arange(won.sizes[dim], dtype=float)
    expected = dict(curves_of(exact, dim)) if exact is not None else {}
    for k, (label, curve) in enumerate(curves_of(won, dim)[: len(PALETTE)]):
        line = curve.transpose("replicate", dim)
        tint = PALETTE[k]
        summary = mean_interval(line, rate=True)
        ax.errorbar(
            x, summary["mean"], _bars(summary), fmt="o", color=tint, markersize=5, label=label or None
        )
        if label in expected:
            ax.plot(x, expected[label].values, color=tint, linestyle=_DASHED, linewidth=1.3)
    scale_axis(ax, x)
    ax.set_xlabel(dim_label(dim))


def _side_by_side(ax: Axes, won: xr.DataArray, exact: xr.DataArray | None) -> None:
    shown = places(won, 12)
    for k, (where, _, _) in enumerate(shown):
        summary = mean_interval(won.isel(where), rate=True)
        ax.errorbar([k], [float(summary["mean"])], _bars(summary).reshape(2, 1), fmt="o", color=PALETTE[0])
        if exact is not None:
            value = float(exact.isel({d: i for d, i in where.items() if d in exact.dims}))
            ax.plot([k - 0.3, k + 0.3], [value, value], color=PALETTE[0], linestyle=_DASHED, linewidth=1.3)
    ax.set_xticks(range(len(shown)), [word or "this run" for _, word, _ in shown])
    ax.set_xlim(-0.6, len(shown) - 0.4)


def _bars(summary: xr.Dataset) -> np.ndarray:
    mean = summary["mean"].values
    return np.abs(np.stack([mean - summary["low"].values, summary["high"].values - mean]))


def _height(ds: xr.Dataset) -> tuple[float, float]:
    return 6.8, 2.2 + 1.5 * (1 + min(_MOST, ds.sizes.get("trait", 1)))


@partial(figure, size=_height)
def trait_evolution(ds: xr.Dataset, ax: Axes) -> None:
    """Means of heritable traits with the way that the breeder's equation goes, and Price's terms of the first one."""
    ds = digest(ds)
    if "trait_mean" not in ds.data_vars:
        raise StoreError("no traits were recorded")
    means = ds["trait_mean"]
    names = [str(t) for t in means["trait"].values][:_MOST]
    priced = "price_selection" in ds.data_vars
    panes = rows(ax, len(names) + priced, gap=0.09)
    shown = places(means, 5)
    predicted = ds.get("trait_predicted")
    for pane, name in zip(panes, names, strict=False):
        for where, label, colour in shown:
            line = means.sel(trait=name).isel(where)
            steps = line["step"].values
            band(pane, steps, mean_interval(line), colour)
            if predicted is not None:
                way = predicted.sel(trait=name).isel(where).mean("replicate")
                pane.plot(steps, way, color=colour, linestyle=_DASHED, linewidth=1.3)
            if pane is panes[0]:
                ax.plot([], [], color=colour, label=label or None)
        pane.set_ylabel(label_of(name))
    words = interval_words(int(means.sizes["replicate"])) + "."
    if predicted is not None:
        words += " Dashed: the breeder's equation, Σ h²S with S and h² = V_G/V_P of each generation."
    if priced:
        below = panes[-1]
        for term, style in (("selection", "-"), ("transmission", _DOTTED)):
            for where, _, colour in shown:
                line = ds[f"price_{term}"].isel(trait=0).isel(where)
                band(below, line["step"].values, mean_interval(line), colour, linestyle=style, linewidth=1.4)
        below.axhline(0.0, color="#999999", linewidth=0.7)
        below.set_ylabel("Price's terms,\nadded up")
        words += f" Bottom: Price's selection (line) and transmission (dotted) of {label_of(names[0])}."
    panes[-1].set_xlabel(time_label(ds))
    finish(ax, "Heritable traits", words)


def _panes_of(ds: xr.Dataset) -> list[str]:
    """The parts of the figure of demes that there is anything to draw for."""
    return [name for name in ("kept_variance", "composition", "deme_swaps") if name in ds.data_vars]


@partial(figure, size=lambda ds: (6.8, 1.4 + 2.0 * len(_panes_of(digest(ds)))))
def demes(ds: xr.Dataset, ax: Axes) -> None:
    """Hot and cold demes: the variance they keep, the law of their composition, how often neighbours swap."""
    ds = digest(ds)
    if "kept_variance" not in ds.data_vars:
        raise StoreError("there are no demes of players who differ")
    names = _panes_of(ds)
    panes = dict(zip(names, rows(ax, len(names), gap=0.17, share=False), strict=True))
    _kept(panes["kept_variance"], ax, ds)
    words = "Variance over players and late generations (last half). "
    if "composition" in panes:
        words += _laws(panes["composition"], ds)
    if "deme_swaps" in panes:
        pane, swaps = panes["deme_swaps"], ds["deme_swaps"]
        pairs = np.arange(1, swaps.sizes["pair"] + 1)
        for where, _, colour in places(swaps, 4):
            summary = mean_interval(swaps.isel(where), rate=True)
            band(pane, pairs, summary, colour, marker="o", markersize=4)
        pane.set_xticks(pairs)
        pane.set_ylim(-0.03, 1.03)
        pane.set_xlabel("pair of neighbours on the ladder of demes")
        pane.set_ylabel("swaps\naccepted")
    words += interval_words(int(ds.sizes["replicate"]), rate=True)
    finish(ax, "Hot and cold demes", words + ".")


def _kept(pane: Axes, ax: Axes, ds: xr.Dataset) -> None:
    """What each deme keeps, by its temperature."""
    kept = ds["kept_variance"]
    x = np.asarray(kept["deme"].values, float) if "deme" in kept.coords else np.arange(kept.sizes["deme"])
    for where, label, colour in places(kept, 4, skip=("deme",)):
        line = kept.isel(where).transpose("replicate", "deme")
        summary = mean_interval(line, within=(0.0, np.inf))
        band(pane, x, summary, colour, marker="o", markersize=4)
        ax.plot([], [], color=colour, label="no exchange" if label == "null" else label or None)
    scale_axis(pane, x)
    pane.set_xlabel("selection temperature of the deme")
    pane.set_ylabel("variance")
    pane.set_ylim(bottom=0.0)


def _laws(pane: Axes, ds: xr.Dataset) -> str:
    """Composition of the coldest and the hottest deme, beside the exact law where there is one; words on it."""
    seen, law = ds["composition"], ds.get("composition_law")
    number = seen["players_of_first"].values
    heat = np.asarray(seen["deme"].values, float) if "deme" in seen.coords else np.arange(seen.sizes["deme"])
    exact = law is not None and bool(np.isfinite(law.values).all())
    for deme, marker in ((int(heat.argmin()), "o"), (int(heat.argmax()), "s")):
        for where, _, colour in places(seen.isel(deme=deme, drop=True), 4):
            summary = mean_interval(seen.isel(deme=deme).isel(where), rate=True)
            face = colour if marker == "o" else "white"
            pane.errorbar(
                number, summary["mean"], _bars(summary), fmt=marker, color=colour, markersize=4.5, mfc=face
            )
            if exact:
                assert law is not None
                here = law.isel(deme=deme).isel({d: i for d, i in where.items() if d in law.dims})
                pane.plot(number, here, color=colour, linestyle=_DASHED, linewidth=1.2)
            elif marker == "o":
                pane.plot(number, summary["mean"], color=colour, linewidth=0.8)
    first = label_of(str(ds["type"].values[0])) if "type" in ds.coords else "the first type"
    pane.set_xlabel(f"players of {first}")
    pane.set_ylabel("share of late\ngenerations")
    pane.set_ylim(bottom=0.0)
    words = f"Middle: filled the coldest deme ({heat.min():g}), hollow the hottest ({heat.max():g})"
    return words + (", dashed the exact law π₀ exp(−E/T). " if exact else ". ")
