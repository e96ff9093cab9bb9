"""Digests of a sweep's points: in this process where they are few, else by helper processes held to a core each.

A helper is ``python -c "…serve()"`` with a pipe to it and a pipe back: a point's path in, its pickled digest out. It is
no child of :mod:`multiprocessing`, for those run the caller's main module again, which a script or notebook that only
asked for a report needn't survive; and not a thread, for small array operations hold Python's lock for most of their
time. Held to a core, helpers don't disturb each other.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import xarray as xr

from thermopolis.analysis.digests import digest
from thermopolis.analysis.point import load_point

_WORTH = 2.0  # seconds of work that starting one helper must save
_MOST = 16
_HOLDS = hasattr(os, "sched_setaffinity")
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "33554432",  # memory of one point is used again for the next
    "MALLOC_TRIM_THRESHOLD_": "268435456",
}
_SERVE = """
import sys
sys.modules.update(dask=None, sparse=None)  # xarray would import them, if only to tell their arrays: two seconds
from thermopolis.analysis.side_by_side import serve
serve()
"""


def digest_of(path: Path, bins: int) -> xr.Dataset:
    """The digest of one point's file."""
    return digest(load_point(path), bins)


def digests(paths: Sequence[Path], bins: int, helpers: int | None = None) -> Iterator[xr.Dataset]:
    """The digest of every point, in order.

    Parameters
    ----------
    paths : the points' files.
    bins : most steps kept.
    helpers : processes besides this one; by default one a core where the first point tells that it pays.

    Raises
    ------
    StoreError
        A file is missing, damaged, or not ours.
    """
    if not paths:
        return
    rest = paths
    cores = sorted(os.sched_getaffinity(0)) if _HOLDS else list(range(os.cpu_count() or 1))
    if helpers is None:
        start = time.perf_counter()
        yield digest_of(paths[0], bins)
        rest = paths[1:]
        helpers = min(len(cores), _MOST, int((time.perf_counter() - start) * len(rest) / _WORTH))
    if helpers < 2:
        for path in rest:
            yield digest_of(path, bins)
        return
    team = [Helper(cores[k % len(cores)], bins) for k in range(helpers)]
    idle: SimpleQueue[Helper] = SimpleQueue()
    for helper in team:
        idle.put(helper)

    def one(path: Path) -> xr.Dataset:
        helper = idle.get()
        try:
            return helper.digest(path)
        finally:
            idle.put(helper)

    pool = ThreadPoolExecutor(helpers)
    try:
        yield from pool.map(one, rest)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for helper in team:
            helper.close()


class Helper:
    """A process that makes digests, as long as it lives; after that, this one does."""

    def __init__(self, core: int, bins: int) -> None:
        self.bins = bins
        self.process: subprocess.Popen[bytes] | None = None
        seen = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _SERVE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": seen} | _ENVIRONMENT,
            )
            _send(self.process.stdin, (core, bins))
        except OSError:  # there is no more room for a process
            self.close()

    def digest(self, path: Path) -> xr.Dataset:
        """A point's digest, made by the helper, or here where there is none any more."""
        process = self.process
        if process is not None:
            try:
                _send(process.stdin, path)
                answer = _receive(process.stdout)
            except (OSError, ValueError, EOFError):
                if self.process is None:  # closed meanwhile: nobody waits for this
                    raise
                self.close()  # it was killed, for want of memory perhaps
            else:
                if isinstance(answer, Exception):
                    raise answer
                found: xr.Dataset = answer
                return found
        return digest_of(path, self.bins)

    def close(self) -> None:
        """Ends the helper."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # what it was asked last
                    pipe.close()  # type: ignore[union-attr]


def serve() -> None:
    """What a helper does until its parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to answer
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    core, bins = _receive(asked)
    if _HOLDS:
        os.sched_setaffinity(0, {core})
    while True:
        try:
            path = _receive(asked)
        except EOFError:
            return
        try:
            answer: object = digest_of(path, bins)
        except Exception as fault:  # the parent raises it
            answer = fault
        _send(answers, answer)


def _send(pipe: IO[bytes] | None, thing: object) -> None:
    assert pipe is not None
    raw = pickle.dumps(thing, protocol=5)
    pipe.write(struct.pack("<q", len(raw)) + raw)
    pipe.flush()


def _receive(pipe: IO[bytes] | None) -> Any:
    assert pipe is not None
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError
    raw = pipe.read(struct.unpack("<q", head)[0])
    return pickle.loads(raw)
