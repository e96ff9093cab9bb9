"""A point's file, loaded and checked.

It is a netCDF-4 file, that is an HDF5 file whose variables name their dimensions by scales. Read with h5py: through
netCDF's layers each variable's bookkeeping costs more than its data, and a sweep has hundreds of files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from thermopolis.analysis.series import check
from thermopolis.errors import StoreError


def load_point(path: Path) -> xr.Dataset:
    """A netCDF-4 file of ours as a dataset in memory.

    Raises
    ------
    StoreError
        It is missing, damaged, or not ours.
    """
    try:
        with h5py.File(path, "r") as file:
            loaded = _dataset(file)
    except FileNotFoundError:
        raise StoreError(f"{path}: this file is missing; run the experiment again to make it anew") from None
    except (OSError, LookupError, ValueError, TypeError, RuntimeError) as fault:
        raise StoreError(
            f"{path}: not a readable netCDF file ({sentence(fault)}); run the experiment again to redo it"
        ) from fault
    try:
        return check(loaded)
    except StoreError as fault:
        raise StoreError(f"{path}: {fault}") from None


def _dataset(file: h5py.File) -> xr.Dataset:
    variables: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    listed = {n for d in file.values() for n in _text(d.attrs.get("coordinates", "")).split()}
    listed |= set(_text(file.attrs.get("coordinates", "")).split())
    for name, data in file.items():
        if not isinstance(data, h5py.Dataset):
            continue
        if data.is_scale and b"This is a netCDF dimension but not a netCDF variable" in bytes(
            data.attrs.get("NAME", b"")
        ):
            continue
        scales = data.attrs.get("DIMENSION_LIST")
        if scales is not None:
            dims = tuple(str(file[row[0]].name).lstrip("/") for row in scales)
        elif data.is_scale and data.ndim == 1:
            dims = (name,)
        elif data.ndim == 0:
            dims = ()
        else:
            raise ValueError(f"variable {name!r} has no named dimensions")
        values = data.asstr()[()] if h5py.check_string_dtype(data.dtype) else data[()]
        if isinstance(values, np.ndarray) and values.dtype == object:
            values = values.astype(str)
        attrs = {
            k: _text(data.attrs[k])
            for k in ("units", "long_name", "kT", "done_by", "flag_meanings")
            if k in data.attrs
        }
        into = coords if name in dims or name in listed else variables
        into[name] = (dims, values, attrs)
    return xr.Dataset(
        variables, coords, {k: _plain(v) for k, v in file.attrs.items() if not k.startswith("_NC")}
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
    return (
        value.item() if isinstance(value, np.generic) else _text(value) if isinstance(value, bytes) else value
    )


def sentence(fault: Exception) -> str:
    """What a fault says, in one line."""
    return " ".join(str(fault).split())[:160] or type(fault).__name__
