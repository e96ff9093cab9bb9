"""A dataset as a netCDF-4 file, written straight through HDF5.

A netCDF-4 file is an HDF5 file in which dimensions are dimension scales, variables name their dimensions by
``DIMENSION_LIST``, and creation order is kept (NetCDF-4 File Format, Unidata netCDF documentation, appendix C.4). Writing
it here rather than through xarray and h5netcdf takes a tenth of the time where there are many small variables, and
large ones can be written in slabs of steps, so that they need never be in memory as a whole.

Numbers are compressed by shuffle and deflate, with zlib's run-length strategy: on noisy floats it is as dense as
the usual one at half the cost, and any reader of deflate reads it. Equal datasets give equal bytes.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5ds, h5f, h5p, h5s, h5t

if TYPE_CHECKING:
    import xarray as xr

COMPRESSED_FROM = 1024
"""Values from which on a variable is compressed."""
CHUNK_BYTES = 1 << 20
"""Of a chunk, at most, unless one value is larger."""
SLAB_BYTES = 1 << 25
"""Of all the chunks that share their steps: what is in memory at once of a variable written in slabs."""

_PHONY = b"This is a netCDF dimension but not a netCDF variable.%10d"


def image(dataset: xr.Dataset) -> bytes:
    """The bytes of a dataset's file."""
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fapl_core(1 << 16, False)
    file = h5f.create(b"point.nc", h5f.ACC_TRUNC, fcpl=_ordered(h5p.FILE_CREATE), fapl=access)
    try:
        _fill(file, dataset)
        h5f.flush(file)
        return bytes(file.get_file_image())
    finally:
        file.close()


def write(dataset: xr.Dataset, path: Path) -> None:
    """Writes a dataset's file, large variables in slabs of steps.

    Raises
    ------
    OSError : the disk is full or refuses.
    """
    file = h5f.create(str(path).encode(), h5f.ACC_TRUNC, fcpl=_ordered(h5p.FILE_CREATE))
    try:
        _fill(file, dataset)
    finally:
        file.close()


def chunk_shape(dims: tuple[str, ...], shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The chunk of a variable: whole steps of as many replicates as fit, and few enough steps for a slab.

    It follows from the variable's shape alone, never from how it was written.
    """
    if "step" not in dims or shape[0] == 0:
        first = max(1, CHUNK_BYTES // max(1, itemsize * math.prod(shape[1:])))
        return (min(shape[0], first), *shape[1:])
    at = dims.index("step")
    row = itemsize * math.prod(shape[at + 1 :])
    slab = row * math.prod(shape[:at])
    steps = min(shape[at], max(1, SLAB_BYTES // slab), max(1, CHUNK_BYTES // row))
    chunk = [1] * at + [steps, *shape[at + 1 :]]
    if row > CHUNK_BYTES:
        chunk[at + 1] = max(1, CHUNK_BYTES * shape[at + 1] // row)
    for axis in reversed(range(at)):
        chunk[axis] = min(shape[axis], max(1, CHUNK_BYTES // (itemsize * math.prod(chunk))))
    return tuple(chunk)


def slabs(dims: tuple[str, ...], shape: tuple[int, ...], itemsize: int) -> Iterator[slice]:
    """Stretches of steps that hold whole chunks, a few of them at once where steps are small."""
    chunk = chunk_shape(dims, shape, itemsize)
    at = dims.index("step")
    bytes_of_chunks = itemsize * math.prod(shape) // shape[at] * chunk[at]
    stride = chunk[at] * max(1, SLAB_BYTES // bytes_of_chunks)
    for start in range(0, shape[at], stride):
        yield slice(start, min(shape[at], start + stride))


def _fill(file: h5f.FileID, dataset: xr.Dataset) -> None:
    root = h5py.h5g.open(file, b"/")
    sizes = {str(name): size for name, size in dataset.sizes.items()}
    labels = [str(name) for name in dataset.coords if name not in dataset.dims]
    scales = {}
    for number, (name, size) in enumerate(sizes.items()):
        if name in dataset.variables:
            scales[name] = _variable(file, name, dataset.variables[name], {})
            h5ds.set_scale(scales[name], name.encode())
        else:
            phony = h5t.IEEE_F32BE
            scales[name] = h5d.create(
                file, name.encode(), phony, h5s.create_simple((size,)), _ordered(h5p.DATASET_CREATE)
            )
            h5ds.set_scale(scales[name], _PHONY % size)
        _attribute(scales[name], "_Netcdf4Dimid", np.int32(number))
    for key, variable in dataset.variables.items():
        name = str(key)
        if name in scales:
            continue
        beside = [
            other
            for other in labels
            if key not in dataset.coords and set(dataset.variables[other].dims) <= set(variable.dims)
        ]
        stored = _variable(file, name, variable, {"coordinates": " ".join(beside)} if beside else {})
        for axis, dim in enumerate(variable.dims):
            h5ds.attach_scale(stored, scales[str(dim)], axis)
    for name, value in dataset.attrs.items():
        _attribute(root, str(name), value)
    if labels:
        _attribute(root, "coordinates", " ".join(labels))


def _variable(file: h5f.FileID, name: str, variable: xr.Variable, more: dict[str, Any]) -> h5d.DatasetID:
    """Writes a variable and its attributes."""
    attributes = {**variable.attrs, **more}
    dims, shape, dtype = tuple(map(str, variable.dims)), variable.shape, variable.dtype
    if dtype.kind in "UOT":
        text = np.asarray(variable.values, object)
        stored = h5d.create(
            file,
            name.encode(),
            h5t.py_create(h5py.string_dtype(), logical=True),
            h5s.create_simple(shape),
            _ordered(h5p.DATASET_CREATE),
        )
        h5py.Dataset(stored)[...] = text
    else:
        if dtype.kind == "b":
            attributes["dtype"], dtype = "bool", np.dtype("i1")
        settings = _ordered(h5p.DATASET_CREATE)
        large = variable.size > COMPRESSED_FROM
        if large:
            chunk = chunk_shape(dims, shape, dtype.itemsize)
            settings.set_chunk(chunk)
            settings.set_shuffle()
            settings.set_deflate(1)
        space = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
        stored = h5d.create(file, name.encode(), h5t.py_create(dtype), space, settings)
        if not large:
            stored.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(variable.values, dtype))
        elif "step" in dims:
            for steps in slabs(dims, shape, dtype.itemsize):
                values = np.asarray(variable[{"step": steps}].values, dtype)
                _chunks(stored, values, chunk, steps.start, dims.index("step"))
        else:
            _chunks(stored, np.asarray(variable.values, dtype), chunk, 0, 0)
    for key, value in attributes.items():
        _attribute(stored, str(key), value)
    return stored


def _chunks(stored: h5d.DatasetID, values: np.ndarray, chunk: tuple[int, ...], start: int, axis: int) -> None:
    """Writes whole chunks, the first of them ``start`` along an axis."""
    for corner in np.ndindex(*(-(-size // step) for size, step in zip(values.shape, chunk, strict=True))):
        offset = [place * step for place, step in zip(corner, chunk, strict=True)]
        part = values[tuple(slice(at, at + step) for at, step in zip(offset, chunk, strict=True))]
        if part.shape != chunk:
            whole = np.zeros(chunk, values.dtype)
            whole[tuple(slice(0, size) for size in part.shape)] = part
            part = whole
        offset[axis] += start
        stored.write_direct_chunk(tuple(offset), _deflated(np.ascontiguousarray(part)))


def _deflated(values: np.ndarray) -> bytes:
    """HDF5's shuffle and deflate filters."""
    size = values.dtype.itemsize
    shuffled = np.ascontiguousarray(values.reshape(-1).view(np.uint8).reshape(-1, size).T)
    stream = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return stream.compress(shuffled.data) + stream.flush()


def _ordered(kind: Any) -> Any:
    """Properties of what is created: in order of creation, without times."""
    properties = h5p.create(kind)
    order = h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED
    if kind is h5p.FILE_CREATE:
        properties.set_link_creation_order(order)
    else:
        properties.set_obj_track_times(False)
    properties.set_attr_creation_order(order)
    return properties


def _attribute(owner: Any, name: str, value: Any) -> None:
    if isinstance(value, str):
        raw = value.encode()
        kind = h5t.C_S1.copy()
        kind.set_size(max(1, len(raw)))
        kind.set_strpad(h5t.STR_NULLPAD)
        kind.set_cset(h5t.CSET_UTF8)
        attribute = h5a.create(owner, name.encode(), kind, h5s.create(h5s.SCALAR))
        attribute.write(np.array(raw, f"S{max(1, len(raw))}"), mtype=kind)
    else:
        array = np.atleast_1d(np.asarray(value)) if not isinstance(value, np.generic) else np.asarray(value)
        space = h5s.create_simple(array.shape) if array.shape else h5s.create(h5s.SCALAR)
        h5a.create(owner, name.encode(), h5t.py_create(array.dtype), space).write(array)
