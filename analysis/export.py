"""Results for other people's tools: CSV, Parquet (with pyarrow installed), ArviZ's data tree (with arviz-base).

Tables are long: one row per place of the sweep, replicate, step and agent, one column per variable. What societies
decide link by link is a table of its own, with a row per link.
"""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from thermopolis.analysis.series import check, sweep_dims
from thermopolis.errors import StoreError

_BASE = ("replicate", "step", "agent", "chain")
_BY = {"agent": "link", "link": "agent"}
"""Whose rows a table has, and whose variables it therefore can't hold."""


def columns(ds: xr.Dataset, names: Sequence[str] | None = None, by: str = "agent") -> dict[str, np.ndarray]:
    """The long table as columns, ready for any data frame: ``pandas.DataFrame(columns(ds))``.

    Parameters
    ----------
    names : sequence of str, optional
        The variables wanted; by default all that the table can hold.
    by : "agent" or "link"
        Whether rows are players, or links with their ``source`` and ``target``.

    Raises
    ------
    StoreError
        A variable wasn't recorded, or belongs to the other table.
    """
    check(ds)
    names = _held(ds, names, by)
    ds = ds[names]
    dims = [*sweep_dims(ds), *(d for d in (*_BASE, "link") if d in ds.dims)]
    shape = [ds.sizes[d] for d in dims]
    out: dict[str, np.ndarray] = {}
    grid = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij", copy=False)
    for dim, index in zip(dims, grid, strict=True):
        labels = ds[dim].values if dim in ds.coords else np.arange(ds.sizes[dim])
        out[dim] = labels[index.ravel()]
    template = xr.DataArray(np.empty(shape, bool), dims=dims)
    if "kind" in ds.coords:
        out["kind"] = ds["kind"].broadcast_like(template).transpose(*dims).values.ravel()
    ends = [c for c in ("source", "target") if by == "link" and c in ds.coords]
    for end in ends:
        out[end] = ds[end].reset_coords(drop=True).broadcast_like(template).transpose(*dims).values.ravel()
    for name in names:
        for suffix, part in _split(ds[name], dims):
            flat = part.reset_coords(drop=True).broadcast_like(template)
            out[name + suffix] = flat.transpose(*dims).values.ravel()
    if ends and (out["source"] < 0).any():  # where a replicate has fewer links than another
        out = {name: column[out["source"] >= 0] for name, column in out.items()}
    return out


def _held(ds: xr.Dataset, names: Sequence[str] | None, by: str) -> list[str]:
    """The variables of a table by player or by link."""
    if by not in _BY:
        raise StoreError(f"tables are by {' or by '.join(_BY)}, not by {by!r}")
    other = _BY[by]
    wanted = _recorded(ds, names)
    amiss = [n for n in wanted if other in ds[n].dims]
    held = [n for n in wanted if n not in amiss]
    if names is None and by == "link":
        held = [n for n in held if "link" in ds[n].dims]
    if (names is not None and amiss) or not held:
        raise StoreError(f"{', '.join(amiss or map(str, ds.data_vars))}: not by {by}; ask for by={other!r}")
    return held


def _recorded(ds: xr.Dataset, names: Sequence[str] | None) -> list[str]:
    """The names asked for, or all; refused where one wasn't recorded."""
    wanted = [str(n) for n in (ds.data_vars if names is None else names)]
    missing = [n for n in wanted if n not in ds.data_vars]
    if missing:
        raise StoreError(
            f"{', '.join(missing)} not recorded (there are: {', '.join(map(str, ds.data_vars))})"
        )
    return wanted


def _split(array: xr.DataArray, dims: list[str]) -> Iterator[tuple[str, xr.DataArray]]:
    """An array with further dimensions as one column for each of their labels."""
    extra = [str(d) for d in array.dims if d not in dims]
    if not extra:
        yield "", array
        return
    dim = extra[0]
    labels = array[dim].values if dim in array.coords else np.arange(array.sizes[dim])
    for i, label in enumerate(labels):
        for suffix, part in _split(array.isel({dim: i}, drop=True), dims):
            yield f"_{label}{suffix}", part


def to_csv(ds: xr.Dataset, path: str | Path, names: Sequence[str] | None = None, by: str = "agent") -> Path:
    """Writes the long table as CSV; undefined values are empty. Text that a spreadsheet would run is quoted."""
    table = columns(ds, names, by)
    path = Path(path)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([_harmless(n) for n in table])
        texts = [[_cell(v) for v in column] for column in table.values()]
        writer.writerows(zip(*texts, strict=True))
    return path


def _cell(value: Any) -> Any:
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else str(value)
    return _harmless(str(value)) if isinstance(value, str) else value


def _harmless(text: str) -> str:
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def to_parquet(
    ds: xr.Dataset, path: str | Path, names: Sequence[str] | None = None, by: str = "agent"
) -> Path:
    """Writes the long table as Parquet; needs pyarrow."""
    arrow, parquet = (_optional(name, "pyarrow") for name in ("pyarrow", "pyarrow.parquet"))
    path = Path(path)
    parquet.write_table(arrow.table(columns(ds, names, by)), str(path))
    return path


def to_arviz(ds: xr.Dataset, names: Sequence[str] | None = None) -> Any:
    """Replicates as chains, steps as draws, in ArviZ's container (needs arviz-base). One place of a sweep at a time.

    A core's own chains are its dimension ``core_chain``.
    """
    check(ds)
    if sweep_dims(ds):
        raise StoreError(
            f"select one place of the sweep first (it has {', '.join(sweep_dims(ds))}): ds.isel(…)"
        )
    fit = [n for n in _recorded(ds, names) if {"replicate", "step"} <= set(ds[n].dims)]
    if not fit:
        raise StoreError("none of these has both replicates and steps, so there are no chains and draws")
    own = {"chain": "core_chain"} if "chain" in ds[fit].dims else {}
    posterior = ds[fit].rename(own | {"replicate": "chain", "step": "draw"})
    posterior = posterior.transpose("chain", "draw", ...)
    arviz = _optional("arviz_base", "arviz-base")
    data = {n: posterior[n].values for n in fit}
    dims = {n: [str(d) for d in posterior[n].dims[2:]] for n in fit}
    coords = {
        str(k): v.values
        for k, v in posterior.coords.variables.items()
        if v.dims == (k,) and k not in ("chain", "draw")
    }
    return arviz.from_dict({"posterior": data}, dims=dims, coords=coords)


def _optional(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise StoreError(
            f"this export needs {package}: pip install {package} (or thermopolis[export])"
        ) from None
