"""The report's panels as plain data: means and intervals packed to 16 bits, read back by ``page.js``.

A page may weigh 6 MB and Plotly takes 4.8 of them, so curves are thinned to the budget that is left:
two bytes a number, about 1/65,000 of a panel's range, and as many bins of steps as fit.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import xarray as xr

from thermopolis.analysis.intervals import mean_interval
from thermopolis.analysis.plot.style import PALETTE, dim_label, geometric, label_of, numeric
from thermopolis.analysis.plot.words import texts
from thermopolis.analysis.quantities import axis_label, quantity
from thermopolis.analysis.series import by_bin, sweep_dims, tail, time_label
from thermopolis.analysis.thermodynamics import joules_per_decision

PANEL_BYTES = 440_000  # of packed numbers, before base64
_MOST_GROUPS = 8
_ORDER = (
    "cooperation", "reward", "fitness", "belief_entropy", "policy_entropy", "free_energy", "complexity", "accuracy",
    "expected_free_energy", "state_information_gain", "parameter_information_gain", "exploration_temperature",
    "regret", "core_joules", "core_entropy_production", "kardashev", "power", "planet_temperature",
    "population", "store", "fuel", "stock", "growth_rate", "energy", "magnetisation", "core_temperature", "acceptance",
)  # fmt: skip


def pack(values: np.ndarray) -> dict[str, Any]:
    """Numbers as little-endian uint16 over their range, base64; NaN is 65535."""
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    low = float(values[finite].min()) if finite.any() else 0.0
    high = float(values[finite].max()) if finite.any() else 0.0
    span = high - low if high > low else 1.0
    codes = np.where(finite, np.round((np.where(finite, values, low) - low) / span * 65534), 65535)
    return {"low": low, "high": low + span, "data": base64.b64encode(codes.astype("<u2").tobytes()).decode()}


def unpack(packed: dict[str, Any]) -> np.ndarray:
    """What ``page.js`` will see."""
    codes = np.frombuffer(base64.b64decode(packed["data"]), "<u2")
    values = packed["low"] + (packed["high"] - packed["low"]) * codes / 65534
    return np.where(codes == 65535, np.nan, values)


def panel_data(ds: xr.Dataset) -> dict[str, Any]:
    """Everything the page's script needs: dimensions, groups, colours and panels."""
    ds = ds.isel(group=slice(0, _MOST_GROUPS)) if "group" in ds.dims else ds
    dims = sweep_dims(ds)
    groups = [str(g) for g in ds["group"].values] if "group" in ds.coords else ["all"]
    quantities = _quantities(ds, dims)
    points = int(np.prod([ds.sizes[d] for d in dims], dtype=int))
    swept = [d for d in dims if numeric(ds, d) and ds.sizes[d] > 1]
    main = next((d for d in swept if "temperature" in d), swept[0] if swept else None)
    per_bin = points * len(groups) * max(1, len(quantities)) * 3 * 2
    dots = PANEL_BYTES // 4 if main else 0
    bins = int(np.clip((PANEL_BYTES - dots) // per_bin, 12, 120 if points > 1 else 300))
    panels = []
    for name, array in quantities.items():
        if main is not None:
            room = dots // max(1, len(quantities) * points * len(groups) * 2)
            panels.append(_sweep_panel(name, tail(ds.assign({name: array}), name), main, dims, room))
        panels.append(_time_panel(name, array, dims, bins))
    if ds.attrs.get("alone"):
        for panel in panels:
            panel |= {k: panel[k].replace("a decision", "a step") for k in ("title", "ylabel")}
    described = [_dimension(ds, d) for d in dims]
    plain = [label_of(g) for g in groups]
    return {"dims": described, "groups": groups, "plain": plain, "colours": list(PALETTE), "panels": panels}


def _quantities(ds: xr.Dataset, dims: list[str]) -> dict[str, xr.DataArray]:
    """What is shown, everywhere: a quantity that lacks a dimension others have is the same all along it."""
    everywhere = {d: ds[d].values if d in ds.coords else range(ds.sizes[d]) for d in dims}
    found = {}
    for name in _ORDER:
        if name not in ds.data_vars:
            continue
        array = joules_per_decision(ds) if name == "core_joules" else ds[name]
        if set(array.dims) - set(sweep_dims(array)) - {"replicate", "step", "group"}:
            continue
        if not np.isfinite(array.values).any():
            continue
        if "group" not in array.dims and "group" in ds.coords:
            array = array.expand_dims(group=ds["group"].values)
        array = array if "group" in array.dims else array.expand_dims(group=["all"])
        found[name] = array.expand_dims({d: at for d, at in everywhere.items() if d not in array.dims})
    return found


def _dimension(ds: xr.Dataset, dim: str) -> dict[str, Any]:
    values = ds[dim].values if dim in ds.coords else np.arange(ds.sizes[dim])
    numbers = values.dtype.kind in "fiu"
    return {
        "name": dim,
        "label": dim_label(dim),
        "values": [float(v) if numbers else i for i, v in enumerate(values)],
        "text": texts(values.tolist()),
        "numeric": bool(numbers),
        "start": len(values) // 2 if numbers else 0,
    }


def _time_panel(name: str, array: xr.DataArray, dims: list[str], bins: int) -> dict[str, Any]:
    array = by_bin(array, bins).transpose("replicate", *dims, "group", "step")
    known = quantity(name)
    interval = mean_interval(array, rate=known.is_rate, within=known.within, resamples=400)
    out = _common(name, array, interval, "time")
    out |= {"title": f"{quantity(name).label} over time", "xlabel": time_label(array)}
    out["x"] = [round(float(s), 2) for s in array["step"].values]
    return out


def _sweep_panel(name: str, array: xr.DataArray, main: str, dims: list[str], room: int) -> dict[str, Any]:
    array = array.transpose("replicate", *dims, "group")
    known = quantity(name)
    out = _common(name, array, mean_interval(array, rate=known.is_rate, within=known.within), "sweep")
    x = np.asarray(array[main].values, float)
    out |= {
        "title": f"{quantity(name).label} along {dim_label(main)}",
        "xlabel": dim_label(main),
        "xlog": geometric(x),
    }
    out |= {"x": [float(v) for v in x], "dim": dims.index(main)}
    shown = min(room, array.sizes["replicate"])
    if shown >= 4:
        points = array.isel(replicate=slice(0, shown)).transpose(*dims, "group", "replicate").values
        out |= {"dots": pack(points.ravel()), "replicates": shown, "range": _range(name, points)}
    return out


def _common(name: str, array: xr.DataArray, interval: xr.Dataset, kind: str) -> dict[str, Any]:
    packed = {key: pack(interval[key].values.ravel()) for key in ("mean", "low", "high")}
    everything = np.concatenate([interval[k].values.ravel() for k in ("mean", "low", "high")])
    return {
        "kind": kind,
        "name": name,
        "ylabel": axis_label(name, array),
        "units": quantity(name, array).units,
        "n": int(array.sizes["replicate"]),
        "range": _range(name, everything),
        **packed,
    }


def _range(name: str, values: np.ndarray) -> list[float]:
    """The vertical range every place of the slider shares, so that panels can be compared."""
    if quantity(name).is_rate:
        return [-0.03, 1.03]
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    same = high - low <= 1e-9 * max(abs(low), abs(high))  # but for the last digits
    pad = (0.05 * abs(high) or 0.05) if same else 0.05 * (high - low)
    known = quantity(name)
    floor = -0.02 * (high - low or 1.0) if known.low == 0.0 and low < 0.4 * high else low - pad
    return [floor, high + pad]
