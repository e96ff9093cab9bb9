"""Figures of free energy, of the choice it drives, and of the temperature that tempers it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from thermopolis.analysis.cores import tempered_free_energy as tempered
from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.plot.curves import over_time
from thermopolis.analysis.plot.panes import columns, rows
from thermopolis.analysis.plot.phase import against_sweep, main_dim
from thermopolis.analysis.plot.places import place_label, places
from thermopolis.analysis.plot.style import (
    PALETTE,
    band,
    dim_label,
    figure,
    finish,
    heat_bar,
    heat_colours,
    interval_words,
    label_of,
    norm_of,
    scale_axis,
    weights,
    wrapped,
)
from thermopolis.analysis.plot.words import number
from thermopolis.analysis.quantities import axis_label, quantity
from thermopolis.analysis.series import by_bin, group_series, sweep_dims, tail, time_label
from thermopolis.errors import StoreError


def _parts(ax: Axes, ds: xr.Dataset, names: tuple[str, ...]) -> str:
    """Several quantities of the first group with values: along the sweep where there is one, else over time."""
    names = tuple(n for n in names if n in ds.data_vars and np.isfinite(ds[n].values).any())
    if not names:
        raise StoreError("none of these quantities is defined anywhere")
    series = {n: group_series(ds, n) for n in names}
    groups = [str(g) for g in next(iter(series.values()))["group"].values]
    defined = [g for g in groups if all(np.isfinite(s.sel(group=g).values).any() for s in series.values())]
    group = (defined or groups)[0]
    one = xr.Dataset({n: s.sel(group=[group]) for n, s in series.items()}, attrs={**ds.attrs, "digest": 1})
    words = f" Group: {label_of(group)}." if len(groups) > 1 else ""
    try:
        main_dim(one)
    except StoreError:
        n, styles = 0, weights(len(names))
        for i, name in enumerate(names):
            flat = one[name].isel(dict.fromkeys(sweep_dims(one), 0)).isel(group=0)
            flat = by_bin(flat, 150)
            n = flat.sizes["replicate"]
            interval = mean_interval(flat, within=quantity(name).within)
            band(
                ax,
                flat["step"].values,
                interval,
                PALETTE[i % len(PALETTE)],
                quantity(name).label,
                **styles[i],
            )
        ax.set_xlabel(time_label(ds))
        return interval_words(n) + "." + words
    return "Last half of the steps. " + against_sweep(ax, one, list(names)) + words


@figure
def free_energy_parts(ds: xr.Dataset, ax: Axes) -> None:
    """Variational free energy with the complexity and the accuracy it is the difference of."""
    words = _parts(ax, ds, ("free_energy", "complexity", "accuracy"))
    ax.set_ylabel("nat")
    finish(ax, "Free energy = complexity − accuracy", words)


@figure
def expected_free_energy_parts(ds: xr.Dataset, ax: Axes) -> None:
    """Expected free energy and its parts, means under q(π)."""
    names = (
        "expected_free_energy",
        "risk",
        "ambiguity",
        "state_information_gain",
        "parameter_information_gain",
    )
    words = _parts(ax, ds, names)
    ax.set_ylabel("nat")
    finish(ax, "Expected free energy and its parts", "Means under q(π). " + words)


@figure
def controller_response(ds: xr.Dataset, ax: Axes) -> None:
    """The exploration temperature at every step: what a controller made of what it saw."""
    temperature = group_series(ds, "exploration_temperature")
    seen = next((n for n in _SIGNALS if n in ds.data_vars and np.isfinite(ds[n].values).any()), None)
    steady = float(np.nanstd(temperature.std("step", skipna=True).values)) == 0.0
    if seen is None or steady:
        caption = over_time(ax, temperature, "exploration_temperature")
        ax.set_ylabel("exploration temperature")
        scale_axis(ax, _positive(temperature.values), "y")
        return finish(
            ax, "Exploration temperature over time", "Temperature T of q(π) ∝ E exp(−G/T). " + caption
        )
    top, bottom = rows(ax, 2, gap=0.1)
    signal = group_series(ds, seen)
    for where, label, colour in places(temperature, 6):
        for pane, series in ((top, temperature), (bottom, signal)):
            line = by_bin(series.isel(where).isel(group=0), 120)
            band(pane, line["step"].values, mean_interval(line), colour, linewidth=1.5)
        ax.plot([], [], color=colour, label=label or None)
    top.set_ylabel("temperature T")
    scale_axis(top, _positive(temperature.values), "y")
    bottom.set_ylabel(wrapped(axis_label(seen, ds[seen])), fontsize=9)
    bottom.set_xlabel(time_label(ds))
    words = f"Temperature T of q(π) ∝ E exp(−G/T), and below it the {quantity(seen).label} beside it. "
    finish(ax, "The controller's response", words + interval_words(temperature.sizes["replicate"]) + ".")
    return None


_SIGNALS = ("temperature_doom", "mutual_defection", "policy_entropy", "belief_entropy")


def _positive(values: np.ndarray) -> np.ndarray:
    known = np.asarray(values)[np.isfinite(values)]
    return known if known.size else np.ones(1)


@figure
def belief_trajectory(ds: xr.Dataset, ax: Axes) -> None:
    """The way through the plane of belief and policy entropy, from the first step to the last."""
    paths = [by_bin(group_series(ds, n), 60) for n in ("belief_entropy", "policy_entropy")]
    n = paths[0].sizes["replicate"]
    mean = [p.mean("replicate") for p in paths]
    dims = sweep_dims(paths[0])
    many = dims[0] if dims else "group"
    fixed = dict.fromkeys(dims[1:], 0) | ({"group": 0} if dims else {})
    mean = [m.isel(fixed) for m in mean]
    values = mean[0][many].values
    chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), 6)).astype(int))
    numbers = values.dtype.kind in "fi" and len(values) > 1
    norm = norm_of(values) if numbers else None
    for k, i in enumerate(chosen):
        colour = heat_colours()(norm(values[i])) if norm else PALETTE[k % len(PALETTE)]
        x, y = (m.isel({many: int(i)}).values for m in mean)
        label = place_label(mean[0], many, int(i)) if dims else label_of(str(values[i]))
        ax.plot(x, y, color=colour, linewidth=1.2, alpha=0.75, label=label)
        ax.scatter(x, y, s=np.linspace(6, 26, len(x)), color=colour, linewidths=0, alpha=0.8)
        ax.plot(x[:1], y[:1], "o", mfc="white", mec=colour, markersize=7)
    ax.set_xlabel("belief entropy (nat)")
    ax.set_ylabel("policy entropy (nat)")
    caption = (
        f"Mean over n = {n} replicates in {mean[0].sizes['step']} stretches of steps (no interval shown); hollow: the "
        "start, and dots grow with time."
    )
    finish(ax, "From belief to choice", caption)


@figure
def complexity_accuracy(ds: xr.Dataset, ax: Axes) -> None:
    """Complexity paid against inaccuracy left, one point per place of the sweep: the rate–distortion plane."""
    dim = main_dim(ds)
    rate, accuracy = tail(ds, "complexity"), tail(ds, "accuracy")
    others = {d: 0 for d in sweep_dims(rate) if d != dim}
    rate, loss = rate.isel(others), -accuracy.isel(others)
    if not np.isfinite(loss.values).any() or float(abs(loss).max()) < 1e-9:
        raise StoreError("accuracy is 0 throughout (what is seen leaves no doubt about the state)")
    values = np.asarray(rate[dim].values, float)
    norm = heat_bar(ax, values, dim_label(dim))
    groups = [str(g) for g in rate["group"].values]
    markers = "osD^v<>P"
    for g, group in enumerate(groups[: len(markers)]):
        x, y = (mean_interval(a.sel(group=group)) for a in (loss, rate))
        if not np.isfinite(x["mean"].values).any():
            continue
        ax.plot(x["mean"], y["mean"], color="#BBBBBB", linewidth=1, zorder=1)
        for i, value in enumerate(values):
            reach_x, reach_y = (
                [
                    [max(0.0, float(v["mean"][i] - v["low"][i]))],
                    [max(0.0, float(v["high"][i] - v["mean"][i]))],
                ]
                for v in (x, y)
            )
            colour = heat_colours()(norm(value))
            label = label_of(group) if i == 0 and len(groups) > 1 else None
            ax.errorbar(
                x["mean"][i], y["mean"][i], xerr=reach_x, yerr=reach_y, fmt=markers[g], color=colour,
                ecolor=colour, elinewidth=0.9, markersize=6, label=label,
            )  # fmt: skip
    ax.set_xlabel("inaccuracy −E[ln p(o|s)] (nat)")
    ax.set_ylabel("complexity (nat)")
    n = rate.sizes["replicate"]
    caption = f"Last half of the steps; bars: 95% bootstrap intervals over n = {n} replicates."
    finish(ax, "Complexity against inaccuracy", caption)


@figure
def tempered_free_energy(ds: xr.Dataset, ax: Axes) -> None:
    """F_β(q) = E_q[L] − H(q)/β over β, and beside it what an agent pays in complexity for accuracy."""
    found = tempered(ds)
    beside = {"complexity", "accuracy"} <= set(ds.data_vars)
    left, *right = columns(ax, 2, gap=0.2, height=1.0) if beside else [ax]
    dims = sweep_dims(found["free_energy"])
    if not dims:
        raise StoreError("nothing was swept, so there is one β alone")
    dim = "beta" if "beta" in dims else main_dim(found["free_energy"])
    found = found.isel({d: 0 for d in dims if d != dim}).isel(group=0)
    found = found.isel(
        {dim: np.argsort(found["inverse_temperature"].mean("replicate").values, kind="stable")}
    )
    x = found["inverse_temperature"].mean("replicate").values
    if not np.ptp(x) > 0:
        raise StoreError("β is the same throughout")
    shown = {"F_β(q)": found["free_energy"], "E_q[L]": found["energy"], "H(q)": found["entropy"]}
    for k, ((label, values), style) in enumerate(zip(shown.items(), weights(3), strict=True)):
        band(left, x, mean_interval(values), PALETTE[k], marker="o", markersize=3, **style)
        ax.plot([], [], color=PALETTE[k], label=label, **style)
    scale_axis(left, x)
    low = float(np.nanmin(found["free_energy"]))
    high = max(float(np.nanmax(v)) for v in shown.values())
    words = "L = −ln p(o, s); last half of the steps. " if beside else "L: the core's energy, β = 1/T. "
    if beside and low < -3.0 * high:  # H(q)/β takes F_β far down where β is small
        left.set_ylim(-1.5 * high, 1.1 * high)
        words += f"F_β falls to {low:.3g} at the smallest β, below the axis. "
    left.set_xlabel("β")
    left.set_ylabel("nat" if beside else "energy's unit; H(q) in nat")
    if right:
        own = ds.isel({d: 0 for d in sweep_dims(ds) if d != dim})
        loss, rate = (
            mean_interval(a.isel(group=0)) for a in (-tail(own, "accuracy"), tail(own, "complexity"))
        )
        beta = np.asarray(own[dim].values, float)
        tints = heat_colours()(norm_of(beta)(beta))
        right[0].plot(loss["mean"], rate["mean"], color="#BBBBBB", linewidth=1, zorder=1)
        right[0].scatter(loss["mean"], rate["mean"], color=tints, s=26)
        right[0].set_xlabel("inaccuracy −E[ln p(o|s)] (nat)")
        right[0].set_ylabel("complexity (nat)")
        words += f"Right: from β = {number(beta.min())} (dark) to {number(beta.max())} (light). "
    finish(ax, "Tempered free energy", words + interval_words(found.sizes["replicate"]) + ".")


@figure
def accuracy_per_joule(ds: xr.Dataset, ax: Axes) -> None:
    """What a joule buys: accuracy (else reward) against the energy of a decision, and the frontier."""
    from thermopolis.analysis.thermodynamics import accuracy_per_joule as table

    defined = "accuracy" in ds.data_vars and np.nan_to_num(ds["accuracy"].values).std() > 1e-9
    name = "accuracy" if defined else "reward"
    rows = table(ds, name)
    groups = list(dict.fromkeys(r["group"] for r in rows))
    for i, group in enumerate(groups):
        own = [r for r in rows if r["group"] == group]
        centre = np.array([r["value"] for r in own])
        reach = np.abs(
            np.array(
                [[r["value"] - r["value_low"] for r in own], [r["value_high"] - r["value"] for r in own]]
            )
        )
        joules = [r["joules"] for r in own]
        ax.errorbar(
            joules, centre, yerr=np.nan_to_num(reach), fmt="o", color=PALETTE[i % len(PALETTE)], elinewidth=1,
            label=label_of(group),
        )  # fmt: skip
    best = sorted((r["joules"], r["value"]) for r in rows if r["frontier"])
    ax.plot(
        *zip(*best, strict=True),
        color="#444444",
        linestyle=(0, (5, 2)),
        linewidth=1.2,
        label="frontier",
        zorder=1,
    )
    scale_axis(ax, np.array([r["joules"] for r in rows]))
    if ax.get_xscale() == "linear":
        from matplotlib.ticker import EngFormatter

        ax.xaxis.set_major_formatter(EngFormatter("J"))
        ax.set_xlabel("energy of a decision")
    else:
        ax.set_xlabel("energy of a decision (J)")
    ax.set_ylabel("accuracy (nat)" if name == "accuracy" else "reward per round")
    n = ds.sizes["replicate"]
    caption = (
        f"One point per setting, last half of the steps; bars: 95% bootstrap intervals, n = {n} replicates. Nothing is "
        "both cheaper and better than the frontier."
    )
    finish(ax, f"{'Accuracy' if name == 'accuracy' else 'Reward'} against joules", caption)
