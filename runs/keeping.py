"""A finished point becomes two files: ``<id>.nc`` with its numbers, ``<id>.json`` with what is said of them.

Both are written beside and renamed, the note just before the numbers; it holds their SHA-256, so that a file cut short,
flipped or foreign is found. Whoever simulates a point writes it, where it sees the directory; equal points are equal
bytes, so two that write the same one do no harm. Large points are written slab by slab, and flushed to the disk.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermopolis.runs.batches import LARGE_BYTES
from thermopolis.runs.files import refusals, replace_file, replace_json
from thermopolis.runs.table import Table


@dataclass(frozen=True)
class Parcel:
    """A finished point on its way to a directory that its maker doesn't see."""

    raw: bytes
    state: dict[str, Any]


def keep(points: Path, key: str, table: Table, seconds: float) -> dict[str, Any]:
    """Writes a point into the folder of points; what is said of it.

    Raises
    ------
    StoreError : the disk is full or refuses; nothing half-written stays behind.
    """
    state: dict[str, Any] = {}

    def write(temporary: Path) -> None:
        _write(table, temporary)
        with open(temporary, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        state.update(_said(table, seconds, temporary.stat().st_size, digest))
        replace_json(points / f"{key}.json", state, durable=False)

    replace_file(points / f"{key}.nc", write, durable=table.nbytes >= LARGE_BYTES)
    return state


def pack(table: Table, seconds: float) -> Parcel:
    """A point as a parcel."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "point.nc")
        with refusals(path):
            _write(table, path)
            raw = path.read_bytes()
    return Parcel(raw, _said(table, seconds, len(raw), hashlib.sha256(raw).hexdigest()))


def unpack(points: Path, key: str, parcel: Parcel) -> dict[str, Any]:
    """Writes a parcel into the folder of points; what is said of it."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(parcel.raw)
        replace_json(points / f"{key}.json", parcel.state, durable=False)

    replace_file(points / f"{key}.nc", write, durable=len(parcel.raw) >= LARGE_BYTES)
    return parcel.state


def sound(points: Path, key: str) -> dict[str, Any] | None:
    """What is said of a point whose file is as it was written; None of any other.

    Raises
    ------
    FileNotFoundError : there is no such file.
    """
    import json

    with open(points / f"{key}.nc", "rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        said = json.loads((points / f"{key}.json").read_text())
        return dict(said) if said["sha256"] == actual else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(table: Table, path: Path) -> None:
    from thermopolis.runs.netcdf import image, write

    if table.nbytes >= LARGE_BYTES:
        write(table, path)
    else:
        path.write_bytes(image(table))


def _said(table: Table, seconds: float, size: int, digest: str) -> dict[str, Any]:
    from thermopolis.runs.layout import layout

    return {
        "status": "done",
        "seconds": round(seconds, 3),
        "bytes": size,
        "sha256": digest,
        **layout(table),
    }
