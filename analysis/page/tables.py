"""The page's tables: tails with intervals, memory-one estimates, the second law, milestones, comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from thermopolis.analysis.civilizations import milestones
from thermopolis.analysis.comparisons import compare
from thermopolis.analysis.cooperation import conditional_cooperation
from thermopolis.analysis.cores import protocol_free_energy
from thermopolis.analysis.counting import OUTCOMES
from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.page.html import Markup, joined, table, tag
from thermopolis.analysis.plot.style import dim_label, label_of, with_prefix
from thermopolis.analysis.plot.words import said, value_text
from thermopolis.analysis.quantities import axis_label, quantity
from thermopolis.analysis.series import sweep_dims, tail, time_label
from thermopolis.analysis.thermodynamics import second_law
from thermopolis.errors import StoreError

_TABLED = (
    "cooperation", "reward", "belief_entropy", "policy_entropy", "free_energy", "kardashev", "power", "stock", "energy",
    "magnetisation",
)  # fmt: skip
_MOST_ROWS = 400


def tables(ds: xr.Dataset) -> Markup:
    """All tables that the data allow, each with a heading."""
    parts: list[Markup] = []
    for title, make in (
        ("What it came to", _tails),
        ("Cooperation given the last outcome", _memory_one),
        ("Groups compared", _comparisons),
        ("Free energy from work", _works),
        ("The second law, part by part", _laws),
        ("Milestones on Kardashev's scale", _milestones),
    ):
        try:
            made = make(ds)
        except StoreError:
            continue
        if made is not None:
            parts += [tag("h3", title), made]
    return joined(parts) if parts else tag("p", "Nothing recorded here has a table.")


def _table(heads: list[str], rows: list[list[object]], caption: str, label: str) -> Markup | None:
    if not rows:
        return None
    if len(rows) > _MOST_ROWS:
        caption += f" The first {_MOST_ROWS} of {len(rows)} rows."
    return table(heads, rows[:_MOST_ROWS], caption, label)


def _places(array: xr.DataArray | xr.Dataset, dims: list[str]) -> list[tuple[dict[str, int], list[object]]]:
    """Every place of the sweep, with its values as text."""
    out = []
    for place in np.ndindex(*[array.sizes[d] for d in dims]):
        where = dict(zip(dims, place, strict=True))
        words: list[object] = [value_text(array, d, i) for d, i in where.items()]
        out.append((where, words))
    return out


def _tails(ds: xr.Dataset) -> Markup | None:
    names = [n for n in _TABLED if n in ds.data_vars and np.isfinite(ds[n].values).any()]
    dims = sweep_dims(ds)
    known = {n: quantity(n) for n in names}
    found = {n: mean_interval(tail(ds, n), rate=q.is_rate, within=q.within) for n, q in known.items()}
    texts = {n: _interval_texts(interval, dims) for n, interval in found.items()}
    groups = [str(g) for g in ds["group"].values] if "group" in ds.coords else ["all"]
    rows: list[list[object]] = []
    for where, values in _places(ds, dims):
        for g, group in enumerate(groups):
            cells = (texts[n][(*where.values(), min(g, texts[n].shape[-1] - 1))] for n in names)
            rows.append([*values, label_of(group), *cells])
    heads = [*map(dim_label, dims), "group", *(axis_label(n, ds[n]) for n in names)]
    count = ds.sizes["replicate"]
    caption = f"Means over the last half of the steps, with 95% intervals over n = {count} replicates."
    return _table(heads, rows, caption, "Means with intervals") if names else None


def _interval_texts(interval: xr.Dataset, dims: list[str]) -> np.ndarray:
    """``mean [low, high]`` of every place and group, (…dims, group); one group where they don't differ."""
    whole = interval if "group" in interval.dims else interval.expand_dims("group")
    ordered = whole.transpose(*dims, "group")
    texts = np.empty(ordered["mean"].shape, object)
    for place in np.ndindex(texts.shape):
        mean, low, high = (float(ordered[k].values[place]) for k in ("mean", "low", "high"))
        between = f" [{low:.3g}, {high:.3g}]" if np.isfinite(low) else ""
        texts[place] = f"{mean:.3g}{between}" if np.isfinite(mean) else "undefined"
    return texts


def _memory_one(ds: xr.Dataset) -> Markup | None:
    found = conditional_cooperation(ds)
    dims = sweep_dims(found["trials"])
    ordered = found.transpose(*dims, "group", "context")
    table = np.stack([ordered[k].values for k in ("estimate", "low", "high")], -1)
    rows: list[list[object]] = []
    for where, values in _places(found, dims):
        for g, group in enumerate(found["group"].values):
            cells = (
                f"{p:.2f} [{low:.2f}, {high:.2f}]" if np.isfinite(p) else "never came"
                for p, low, high in table[(*where.values(), g)]
            )
            rows.append([*values, label_of(str(group)), *cells])
    heads = [*map(dim_label, dims), "group", *(f"after {o}" for o in OUTCOMES)]
    caption = "Probability to cooperate next, own move first; counts of the last half, 95% Wilson intervals."
    return _table(heads, rows, caption, "Cooperation given the last outcome")


def _comparisons(ds: xr.Dataset) -> Markup | None:
    if ds.sizes.get("group", 1) < 2 or ds.sizes["replicate"] < 4:
        return None
    name = next((n for n in ("reward", "power") if n in ds.data_vars), None)
    if name is None:
        return None
    array = tail(ds, name)
    dims = sweep_dims(array)
    rows: list[list[object]] = []
    for row in compare(array, "group"):
        if not np.isfinite(row["p"]):
            continue
        verdict = "differ" if row["p_adjusted"] < 0.05 else "not told apart"
        values = [said(array, d, row[d]) for d in dims]
        pair = [label_of(str(row[k])) for k in ("first", "second")]
        rows.append(
            [
                *values,
                *pair,
                f"{row['difference']:+.3g}",
                f"{row['p']:.2g}",
                f"{row['p_adjusted']:.2g}",
                verdict,
            ]
        )
    heads = [*map(dim_label, dims), "first", "second", "second − first", "p", "p adjusted", "verdict"]
    caption = (
        f"{quantity(name).label.capitalize()}, last half: permutation of replicates, Holm over all rows."
    )
    return _table(heads, rows, caption, "Groups compared")


def _works(ds: xr.Dataset) -> Markup | None:
    found = protocol_free_energy(ds)
    dims = [d for d in sweep_dims(ds) if found and d in found[0]]
    both = "bennett" in found[0]
    rows: list[list[object]] = []
    for r in found:
        cells: list[object] = [f"{r['work']:.4g}", f"{r['spread']:.3g}"]
        cells.append(f"{r['jarzynski']:.4g} [{r['low']:.4g}, {r['high']:.4g}]")
        if both:
            cells.append(f"{r['bennett']:.4g} [{r['bennett_low']:.4g}, {r['bennett_high']:.4g}]")
        rows.append([*(said(ds, d, r[d]) for d in dims), *cells])
    heads = [*map(dim_label, dims), "mean work (kT)", "its variance", "ΔF by Jarzynski (kT)"]
    heads += ["ΔF by Bennett (kT)"] if both else []
    caption = "Over all chains, 95% bootstrap intervals; a variance above about 1 biases Jarzynski's mean."
    return _table(heads, rows, caption, "Free energy from work")


def _unit(value: float, units: str) -> str:
    return with_prefix(value, units) if np.isfinite(value) else "undefined"


def _laws(ds: xr.Dataset) -> Markup | None:
    found: list[dict[str, Any]] = second_law(ds)
    dims = sweep_dims(ds)
    rows: list[list[object]] = []
    for r in found:
        interval = f"[{_unit(r['low'], r['units'])}, {_unit(r['high'], r['units'])}]"
        in_k = f"{r['in_k']:.3g}" if np.isfinite(r["in_k"]) else "–"
        verdict = "holds" if r["holds"] else "BROKEN"
        values = [said(ds, d, r[d]) for d in dims if d in r]
        rows.append([*values, r["part"], _unit(r["mean"], r["units"]), interval, in_k, verdict])
    heads = [
        *map(dim_label, dims),
        "part",
        f"mean per {time_label(ds)}",
        "95% interval",
        "in units of k",
        "0 or more",
    ]
    caption = "Each part has its own law and its own row; nothing is added across scales."
    return _table(heads, rows, caption, "Second law")


def _milestones(ds: xr.Dataset) -> Markup | None:
    found = milestones(ds)
    dims = [d for d in sweep_dims(ds) if found and d in found[0]]
    rows: list[list[object]] = []
    for r in found:
        when = f"{r['step']:.4g}" if r["reached"] else "never"
        values = [said(ds, d, r[d]) for d in dims]
        rows.append(
            [*values, r["milestone"], f"{r['kardashev']:.3f}", f"{r['reached']} of {r['replicates']}", when]
        )
    heads = [*map(dim_label, dims), "milestone", "K", "worlds that reached it", f"median {time_label(ds)}"]
    return _table(heads, rows, "All civilizations of a world together.", "Milestones")
