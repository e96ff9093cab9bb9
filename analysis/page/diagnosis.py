"""What a reader must be warned of: several basins, runs that haven't settled, too few replicates, gaps."""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.comparisons import holm
from thermopolis.analysis.modality import several_basins
from thermopolis.analysis.plot.style import dim_label, label_of
from thermopolis.analysis.plot.words import value_text
from thermopolis.analysis.quantities import quantity
from thermopolis.analysis.read import Results
from thermopolis.analysis.series import sweep_dims, tail
from thermopolis.analysis.stationarity import drift
from thermopolis.analysis.thermodynamics import second_law

_WATCHED = ("cooperation", "reward", "belief_entropy", "policy_entropy", "power")
_SMALL = 0.02  # of the quantity's own spread: a drift below it isn't worth a warning
_NAMED = 6


def diagnose(results: Results, ds: xr.Dataset) -> list[tuple[str, str]]:
    """Warnings as (title, sentence), the gravest first."""
    return [*_gaps(results), *_replicates(ds), *_basins(ds), *_drifts(ds), *_laws(ds)]


def _gaps(results: Results) -> list[tuple[str, str]]:
    said = []
    failed = [p for p in results.points if p.status == "failed"]
    if failed:
        first = failed[0].message or "no reason was recorded"
        said.append(
            ("Failed points", f"{len(failed)} of {len(results.points)} points failed. The first: {first}")
        )
    left = sum(not p.done for p in results.points) - len(failed)
    if left:
        said.append(("Unfinished", f"{left} of {len(results.points)} points have no results yet."))
    return said


def _replicates(ds: xr.Dataset) -> list[tuple[str, str]]:
    n = ds.sizes["replicate"]
    if n < 2:
        text = "One replicate gives no interval: nothing here says how far chance reaches."
    elif n < 8:
        text = f"Intervals over {n} replicates take them for Gaussian (Student's t) and are rough; 32 or more is better."
    else:
        return []
    return [("Too few replicates", text)]


def _basins(ds: xr.Dataset) -> list[tuple[str, str]]:
    if "cooperation" not in ds.data_vars or ds.sizes["replicate"] < 8:
        return []
    flags = several_basins(tail(ds, "cooperation"))
    places = _places(flags)
    if not places:
        return []
    text = (
        f"Cooperation of the replicates falls into several basins {_listed(places)} (dip test, p < .01): its mean there "
        "is no state that any world is in. Look at the dots, not the line."
    )
    return [("Several basins", text)]


def _drifts(ds: xr.Dataset) -> list[tuple[str, str]]:
    if ds.sizes["step"] < 8 or ds.sizes["replicate"] < 3:
        return []
    found: dict[str, list[str]] = {}
    for name in _WATCHED:
        if name not in ds.data_vars or not np.isfinite(ds[name].values).any():
            continue
        change = drift(ds, name)
        spread = float(np.nanmax(ds[name].values) - np.nanmin(ds[name].values))
        moving = (holm(change["p"].values) < 0.01) & (np.abs(change["change"].values) > _SMALL * spread)
        places = _places(change["p"].copy(data=moving))
        if places:
            found[quantity(name).label] = places
    return [
        (
            "Not settled",
            f"The {label} still changes between the third and the last quarter of the steps {_listed(places)}.",
        )
        for label, places in found.items()
    ]


def _laws(ds: xr.Dataset) -> list[tuple[str, str]]:
    broken = [r["part"] for r in second_law(ds) if not r["holds"]]
    if not broken:
        return []
    parts = ", ".join(dict.fromkeys(broken))
    return [
        ("Second law", f"The mean falls below its bound by more than chance for: {parts}. See the table.")
    ]


def _places(flags: xr.DataArray) -> list[str]:
    """Where booleans hold, in words."""
    dims = sweep_dims(flags)
    several = flags.sizes.get("group", 1) > 1
    out = []
    for place in zip(*np.nonzero(flags.values), strict=True):
        where = dict(zip(flags.dims, place, strict=True))
        words = [f"{dim_label(d)} {value_text(flags, d, where[d])}" for d in dims if d in flags.coords]
        if several:
            words.append(label_of(str(flags["group"].values[where["group"]])))
        out.append(", ".join(words) or "throughout")
    return out


def _listed(places: list[str]) -> str:
    if places == ["throughout"]:
        return "throughout"
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    return "at " + "; ".join(places[:_NAMED]) + more
