"""Files that are whole or absent: written beside, flushed, then renamed into place."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from thermopolis.errors import StoreError


def store_error(path: Path, error: OSError) -> StoreError:
    """An operating system's refusal, in words."""
    reasons = {
        errno.ENOSPC: "the disk is full; free some space, or choose another place with --out",
        errno.EDQUOT: "your disk quota is used up; free some space, or choose another place with --out",
        errno.EACCES: "you may not write here; choose another place with --out",
        errno.EPERM: "you may not write here; choose another place with --out",
        errno.EROFS: "this is a read-only file system; choose another place with --out",
        errno.ENOENT: "no such file or directory; run again, or choose another place with --out",
        errno.ENOTDIR: "a file stands where a directory is needed",
        errno.EEXIST: "a file stands where a directory is needed",
    }
    return StoreError(f"{path}: {reasons.get(error.errno or 0, error.strerror or str(error))}")


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turns ``OSError`` into ``StoreError``."""
    try:
        yield
    except OSError as error:
        raise store_error(path, error) from None


def replace_file(path: Path, write: Callable[[Path], None], durable: bool = True) -> None:
    """Lets ``write`` fill a temporary file in the same directory, flushes it and renames it to ``path``.

    Parameters
    ----------
    durable : whether it must outlive a power cut. A point needn't: one that is lost is found and done again.

    Raises
    ------
    StoreError : the disk is full or refuses; nothing half-written stays behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    with refusals(path):
        try:
            write(temporary)
            if durable:
                with open(temporary, "rb+") as file:
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        if durable:
            _flush_directory(path.parent)


def replace_text(path: Path, text: str, durable: bool = True) -> None:
    """:func:`replace_file` of a text."""
    replace_file(path, lambda temporary: _write_all(temporary, text.encode()), durable)


def replace_json(path: Path, data: Any, durable: bool = True) -> None:
    """:func:`replace_file` of JSON."""
    replace_text(path, json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n", durable)


def _write_all(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)


def _flush_directory(directory: Path) -> None:
    if os.name == "nt":  # directories can't be opened there, and renames are journalled
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, holder: str) -> Iterator[None]:
    """Holds a lock file for one process; it is freed by the system however the process ends.

    Raises
    ------
    StoreError : another process holds it.
    """
    with refusals(path):
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - held open as long as the lock
    try:
        try:
            _lock(file)
        except OSError:
            file.seek(0)
            other = file.read(200).strip() or "another process"
            raise StoreError(
                f"{path.parent}: {other} is writing here; wait for it, or use another --out"
            ) from None
        file.seek(0)
        file.truncate()
        file.write(holder)
        file.flush()
        yield
    finally:
        file.close()


def _lock(file: Any) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
