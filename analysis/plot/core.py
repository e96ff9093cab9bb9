"""Figures of a core by itself: works and free energies, landscapes with trajectories, dwell times, swaps."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from thermopolis.analysis.cores import DIRECTION, directions, is_core, protocol_free_energy, protocol_work
from thermopolis.analysis.counting import late
from thermopolis.analysis.dwelling import dwell_times as dwelling
from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.plot.panes import rows
from thermopolis.analysis.plot.places import places
from thermopolis.analysis.plot.style import PALETTE, band, figure, finish, interval_words
from thermopolis.analysis.replicas import replica_paths
from thermopolis.analysis.series import group_series, standard, time_label
from thermopolis.errors import StoreError

_BINS = 40


def protocol_histogram(ds: xr.Dataset, ax: Axes) -> None:
    """Works of a whole protocol, forward and (mirrored) in reverse, with the free-energy difference they tell."""
    work = protocol_work(ds)
    units = str(work.attrs.get("units", "J"))
    shown = places(work, 4, skip=(DIRECTION,))
    both = [directions(work.isel(where)) for where, _, _ in shown]
    everything = np.concatenate([np.concatenate([up, -down]) for up, down in both])
    low, high = (float(q) for q in np.quantile(everything, [0.002, 0.998]))
    bins = np.linspace(low, high, _BINS + 1)
    if not bins[-1] > bins[0]:
        raise StoreError("the core's work is the same on every chain, so it has no histogram")
    fallback = len(shown) > 1
    for (_, label, colour), (up, down) in zip(shown, both, strict=True):
        word = f"{label}, forward" if label and len(down) else label or ("forward" if len(down) else None)
        ax.stairs(np.histogram(up, bins, density=True)[0], bins, color=colour, linewidth=1.6, label=word)
        ax.stairs(np.histogram(up, bins, density=True)[0], bins, color=colour, fill=True, alpha=0.13)
        if len(down):
            mirrored = np.histogram(-down, bins, density=True)[0]
            word = f"{label}, reverse (−W)" if label else "reverse (−W)"
            ax.stairs(mirrored, bins, color=colour, linewidth=1.6, linestyle=(0, (4, 2)), label=word)
        foot = ax.get_xaxis_transform()
        ax.plot([up.mean()], [0.02], "v", color=colour, markeredgecolor="white", transform=foot)
    ax.set_xlabel(f"work of the whole protocol ({units})")
    ax.set_ylabel(f"density (1/{units})")
    if units == "J":
        ax.xaxis.set_major_formatter(EngFormatter("J"))
        ax.set_xlabel("work of the whole protocol")
        ax.set_yticks([])
        ax.set_ylabel("density")
    ax.set_ylim(bottom=0.0)
    caption = f"n = {len(both[0][0])} chains forward; unit areas. Triangles: means."
    if units == "kT":
        told = protocol_free_energy(ds)
        name = "bennett" if "bennett" in told[0] else "jarzynski"
        value = float(np.mean([r[name] for r in told]))
        ax.axvline(value, color="#444444", linewidth=1, linestyle=(0, (1.2, 1.6)))
        below, above = (told[0][f"{name}_{k}" if name == "bennett" else k] for k in ("low", "high"))
        at = f" at {shown[0][1]}" if fallback else ""
        interval = f"{told[0][name]:.3g} kT [{below:.3g}, {above:.3g}]{at}"
        caption += f" Dotted: ΔF by {name.capitalize()}, {interval} (95% bootstrap over chains)."
    finish(ax, "Work of the protocol", caption)


@figure
def swap_traces(ds: xr.Dataset, ax: Axes) -> None:
    """Parallel tempering: replicas' ways through the temperatures, how often neighbours swap, round trips so far."""
    if "swap_rate" not in ds.data_vars:
        raise StoreError("swap_rate was not recorded: no parallel tempering")
    rate, trips = group_series(ds, "swap_rate"), group_series(ds, "round_trips")
    *paths, top, bottom = rows(ax, 3 if _has_replicas(ds) else 2, gap=0.24, share=False)
    n = rate.sizes["replicate"]
    for where, label, colour in places(rate, 6):
        last = rate.isel(where).isel(step=-1, group=0)
        pairs = np.arange(1, last.sizes["pair"] + 1)
        band(top, pairs, mean_interval(last, rate=True), colour, marker="o", markersize=3.5)
        trace = trips.isel(where).isel(group=0)
        steps = trace["step"].values if "step" in trace.coords else np.arange(trace.sizes["step"])
        band(bottom, steps, mean_interval(trace), colour)
        ax.plot([], [], color=colour, label=label or None)
    top.set_xlabel("pair of neighbouring temperatures, coldest first")
    top.set_xticks(pairs)
    top.set_ylim(-0.03, 1.03)
    top.set_ylabel("accepted")
    bottom.set_xlabel(time_label(ds))
    bottom.set_ylabel("trips")
    bottom.set_ylim(bottom=0.0)
    caption = "Accepted share of all swaps; round trips of a chain's replicas so far, mean over chains. "
    caption += interval_words(n, rate=True) + "."
    if paths:
        caption = _replica_paths(ds, paths[0]) + caption
    finish(ax, "Swaps of parallel tempering", caption)


def _has_replicas(ds: xr.Dataset) -> bool:
    return bool({"replica", "replica_path"} & set(ds.data_vars))


def _replica_paths(ds: xr.Dataset, ax: Axes) -> str:
    """Each replica's rung over time, in one chain, at the last place of a sweep; the words to it."""
    path = (
        ds["replica_path"] if "replica_path" in ds.data_vars else replica_paths(ds).rename(step="path_step")
    )
    where, label, _ = places(path, 6)[-1]
    here = path.isel(where).transpose("path_step", "replica").dropna("replica", how="all")
    steps = here["path_step"].values if "path_step" in here.coords else np.arange(here.sizes["path_step"])
    count = here.sizes["replica"]
    first = {0, count - 1}  # two are easy to follow by eye
    for number in sorted(range(count), key=lambda k: k in first):
        colour = PALETTE[1 if number else 0] if number in first else "#BBBBBB"
        ax.plot(steps, here.values[:, number] + 1, color=colour, linewidth=1.5 if number in first else 0.7)
    ax.set_xlabel("recorded step")
    ax.set_yticks([1, count], ["coldest", "hottest"])
    at = f" at {label}" if label else ""
    return (
        f"Top: at which temperature each of the {count} replicas of one chain is{at}, last {len(steps)} recorded "
        "steps; blue and orange are the ones that began at the coldest and the hottest. "
    )


@figure
def dwell_times(ds: xr.Dataset, ax: Axes) -> None:
    """How long a core's chains stay on one side: the share of stays that last longer than t."""
    found = dwelling(ds)
    shown = places(found["survival"], 6)
    number = 0
    for where, label, colour in shown:
        here = found.isel(where)
        number += int(here["stays"])
        mean = float(here["mean_dwell"])
        if int(here["stays"]) < 1:
            continue
        t = here["dwell"].values
        word = f"{label}: mean {mean:.3g}" if label else f"mean {mean:.3g}"
        ax.plot(t, here["survival"], color=colour, label=word, drawstyle="steps-post")
        ax.plot(t, np.exp(-t / mean), color=colour, linewidth=0.9, linestyle=(0, (2, 2)))
    if not number:
        raise StoreError("no chain crossed from one side to the other, so there are no dwell times")
    ax.set_yscale("log")
    ax.set_ylim(1e-3, 1.2)
    ax.set_xscale("log")
    ax.set_xlabel("t (recorded steps)")
    ax.set_ylabel("share of stays longer than t")
    caption = (
        f"Sides of zero of the mean of the units; n = {number} whole stays of all chains and replicates; stays cut by "
        "the end count as longer (Kaplan–Meier, no interval shown). Dashed: a constant rate of leaving, same mean."
    )
    finish(ax, "Dwell times", caption)


@figure
def energy_landscape(ds: xr.Dataset, ax: Axes, replicate: int = 0) -> None:
    """The landscape a core's chains see along their order parameter, in kT, and some of their trajectories."""
    if not is_core(ds):
        raise StoreError("no core by itself was recorded")
    ds = standard(ds)
    if "magnetisation" not in ds.data_vars:
        raise StoreError("magnetisation was not recorded")
    moved = "core_work" in ds.data_vars and ds["core_work"].attrs.get("done_by") != "swaps"
    if moved and np.any(ds["core_work"].values):
        raise StoreError("a protocol moves the landscape, so there is no one to draw")
    order = ds["magnetisation"].astype(np.float64)
    if [d for d in order.dims if d not in ("replicate", "step", "agent")]:
        raise StoreError("a landscape is that of one point of a sweep: select one first")
    values = late(order).values.ravel()
    distinct = np.unique(values)
    if len(distinct) < 2:
        raise StoreError("the chains never moved")
    top, bottom = rows(ax, 2, gap=0.3)
    if len(distinct) <= 64:
        centres, counts = np.unique(values, return_counts=True)
    else:
        counts, edges = np.histogram(values, _BINS)
        centres = (edges[1:] + edges[:-1]) / 2
    seen = counts > 0
    top.plot(centres[seen], -np.log(counts[seen] / counts.max()), "o-", color=PALETTE[0], markersize=3)
    words = (
        "Minus the logarithm of how often each value was seen, in the last half of the steps of all chains"
    )
    words += f" (n = {values.size} samples, no interval shown)"
    if ds.sizes.get("unit", 0) == 1 and "energy" in ds.data_vars:
        words += _potential(top, ds)
    top.set_ylabel("landscape (kT)")
    top.set_xlabel("mean of the units")
    top.tick_params(labelbottom=True)
    chains = order.isel(replicate=replicate)
    steps = np.asarray(ds["step"].values if "step" in ds.coords else np.arange(ds.sizes["step"]))
    few = min(4, chains.sizes["agent"])
    path = chains.transpose("step", "agent").values[:, :few]
    leap = float(np.quantile(np.abs(np.diff(path, axis=0)), 0.99)) if len(path) > 1 else 0.0
    jumps = leap > 0.3 * np.ptp(values)  # lines between the sides would be a block of colour
    for k in range(few):
        style = {"linestyle": "", "marker": ".", "markersize": 2} if jumps else {"linewidth": 0.9}
        bottom.plot(chains.isel(agent=k), steps, color=PALETTE[k], alpha=0.85, **style)
    bottom.set_ylabel(time_label(ds))
    bottom.set_xlabel("mean of the units")
    bottom.invert_yaxis()
    caption = f"{words}. Below: {few} chains of replicate {replicate}, time going down."
    finish(ax, "Energy landscape and trajectories", caption, legend=False)


def _potential(pane: Axes, ds: xr.Dataset) -> str:
    """The recorded energy against the state, where a core has one unit alone; words for the caption."""
    temperature = ds["core_temperature"] if "core_temperature" in ds.data_vars else 1.0
    x = late(ds["magnetisation"]).values.ravel()
    y = late(ds["energy"] / temperature).values.ravel()
    order = np.argsort(x)[:: max(1, x.size // 400)]
    pane.plot(x[order], y[order] - y.min(), color="#888888", linewidth=1, zorder=1)
    return "; grey: the energy itself over temperature"
