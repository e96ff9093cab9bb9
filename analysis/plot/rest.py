"""Figures of what has no figure of its own: actions of games with more than two, and a world's further quantities."""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from thermopolis.analysis.digests import action_share
from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.plot.panes import rows
from thermopolis.analysis.plot.places import place_label, places
from thermopolis.analysis.plot.style import PALETTE, band, figure, finish, interval_words, label_of, wrapped
from thermopolis.analysis.quantities import quantity
from thermopolis.analysis.series import by_bin, standard, sweep_dims, time_label
from thermopolis.errors import StoreError

_MOST = 5
_DRAWN = {
    "offspring", "expected_offspring",
    "cooperation", "reward", "belief_entropy", "policy_entropy", "free_energy", "complexity", "accuracy",
    "expected_free_energy", "risk", "ambiguity", "state_information_gain", "parameter_information_gain",
    "exploration_temperature", "core_joules", "core_entropy_production", "entropy_production", "kardashev",
    "kardashev_total", "power", "power_total", "planet_temperature", "magnetisation", "core_work", "energy_residual",
    "ledger_residual", "entropy_least", "core_temperature", "core_heat", "landauer_bound", "round_trips", "stock",
}  # fmt: skip
_FIRST = ("growth_rate", "harvest", "effort", "population", "fuel", "store", "energy", "acceptance", "regret")


def other_names(ds: xr.Dataset) -> list[str]:
    """Recorded series that no other figure shows, at most five."""
    fit = [
        str(n)
        for n, v in ds.data_vars.items()
        if n not in _DRAWN
        and "group" in v.dims
        and {"replicate", "step"} <= set(v.dims)
        and not set(v.dims) - {"replicate", "step", "group"} - set(sweep_dims(v))
        and not str(n).endswith(("_share", "_mean", "_variance", "_nash", "_optimum"))
        and np.isfinite(v.values).any()
        and float(np.nanstd(v.values)) > 0
    ]
    return sorted(fit, key=lambda n: (_FIRST.index(n) if n in _FIRST else len(_FIRST), n))[:_MOST]


def _size(ds: xr.Dataset) -> tuple[float, float]:
    return 6.8, 1.6 + 1.25 * max(1, len(other_names(ds)))


@partial(figure, size=_size)
def other_quantities(ds: xr.Dataset, ax: Axes) -> None:
    """What else a world recorded, over time, each on its own axis."""
    names = other_names(ds)
    if not names:
        raise StoreError("every recorded quantity that changes has a figure of its own")
    panes = rows(ax, len(names), gap=0.07)
    n = ds.sizes["replicate"]
    for pane, name in zip(panes, names, strict=True):
        series = by_bin(ds[name], 120)
        shown = places(series, 4)
        groups = [str(g) for g in series["group"].values if np.isfinite(series.sel(group=g).values).any()]
        groups = groups[: 3 if len(shown) == 1 else 1]
        for where, label, colour in shown:
            for g, group in enumerate(groups):
                line = series.isel(where).sel(group=group)
                tint = colour if len(shown) > 1 else PALETTE[g]
                style = ("-", (0, (5, 1.6)), (0, (1.2, 1.4)))[g] if len(shown) > 1 else "-"
                part = mean_interval(line, within=quantity(name).within, resamples=400)
                band(pane, line["step"].values, part, tint, linestyle=style)
                if pane is panes[0]:
                    word = ", ".join(filter(None, [label, label_of(group) if len(groups) > 1 else ""]))
                    ax.plot([], [], color=tint, linestyle=style, label=word or None)
        units = quantity(name, ds[name]).units
        pane.set_ylabel(wrapped(quantity(name, ds[name]).label, 16), fontsize=8.5)
        if units in ("J", "W", "J/K") or np.nanmax(np.abs(series.values)) > 1e5:
            pane.yaxis.set_major_formatter(EngFormatter("" if units == "1" else units))
        elif units != "1":
            pane.set_ylabel(f"{pane.get_ylabel()}\n({units})", fontsize=8.5)
        pane.margins(x=0.01)
    panes[-1].set_xlabel(time_label(ds))
    words = f" Group: {label_of(groups[0])}." if len(groups) == 1 < ds.sizes["group"] else ""
    caption = f"Means over the agents of a group. {interval_words(n)}.{words}"
    finish(ax, "Further quantities over time", caption)


@figure
def actions_over_time(ds: xr.Dataset, ax: Axes) -> None:
    """Share of each action at every step, where there are more than two."""
    share = ds["action_share"] if "action_share" in ds.data_vars else action_share(standard(ds))
    dims = sweep_dims(share)
    where = {d: share.sizes[d] // 2 for d in dims}
    words = "".join(f" At {place_label(share, d, i)}." for d, i in where.items())
    groups = [str(g) for g in share["group"].values]
    mean = by_bin(share.isel(where).isel(group=0), 120).mean("replicate").transpose("action", "step")
    names = str(share.attrs.get("flag_meanings", "")).split()
    count = mean.sizes["action"]
    labels = [names[k].replace("_", " ") if len(names) == count else f"action {k}" for k in range(count)]
    colours = [*PALETTE, *(f"{c}88" for c in PALETTE)]
    ax.stackplot(
        mean["step"].values,
        np.nan_to_num(mean.values),
        labels=labels,
        colors=colours,
        alpha=0.85,
        linewidth=0,
    )
    ax.set_ylim(0, 1)
    ax.margins(x=0)
    ax.grid(False)
    ax.set_xlabel(time_label(ds))
    ax.set_ylabel("share of actions")
    if len(groups) > 1:
        words += f" Group: {label_of(groups[0])}."
    caption = f"Mean over n = {share.sizes['replicate']} replicates, no interval shown.{words}"
    finish(ax, "Actions over time", caption)
