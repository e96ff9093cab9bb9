"""Long runs cut short go on where they were: a block's state and what it has recorded, kept beside the results.

A checkpoint holds what the next chunk of a block starts from, so the numbers that follow are the same bits. It is
found again by the cells of its block; where those differ, because other points were finished meanwhile, the block
starts anew and gives the same results. A game stepped from Python has one of its own. Short runs write none.
"""

from __future__ import annotations

import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from thermopolis.errors import StoreError
from thermopolis.runs.blocks import Block
from thermopolis.runs.files import replace_file
from thermopolis.runs.identity import digest, point_id

EVERY_SECONDS = 20.0
"""Work of a block that a cut may cost."""
SHARE = 0.1
"""Of the time, at most, that writing takes."""

Arrays = dict[str, np.ndarray]


def block_key(block: Block, chunk: int) -> str:
    """A block's name, from what it simulates and how."""
    from thermopolis import __version__

    listed = [[point_id(part.point.experiment), part.columns.tolist()] for part in block.parts]
    return digest([__version__, jax.__version__, chunk, listed])[:24]


class Checkpoints:
    """The checkpoints of a results directory."""

    def __init__(self, folder: Path, every: float = EVERY_SECONDS) -> None:
        self.folder = folder
        self.every = every
        self.last: dict[str, float] = {}
        self.waiting: dict[str, set[int]] = {}
        self.off = False
        self.lock = threading.Lock()

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"

    def load(self, key: str, points: set[int]) -> Arrays | None:
        """What was saved, kept on until all these points are finished; None where nothing was, or where it is
        damaged. Its clock runs from here on."""
        self.last.setdefault(key, time.monotonic())
        if not self.path(key).exists():
            return None
        with self.lock:
            self.waiting[key] = points
        try:
            with np.load(self.path(key), allow_pickle=False) as saved:
                return dict(saved)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def due(self, key: str) -> bool:
        """Whether it is time to save this block."""
        return not self.off and time.monotonic() - self.last[key] >= self.every

    def save(self, key: str, arrays: Arrays, points: set[int]) -> None:
        """Keeps a block's state, until all its points are finished.

        A disk that is full ends checkpoints, not the run.
        """
        started = time.monotonic()

        def write(path: Path) -> None:
            with open(path, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]

        try:
            self.folder.mkdir(exist_ok=True)
            replace_file(self.path(key), write)
        except (OSError, StoreError):
            self.off = True
        ended = time.monotonic()
        with self.lock:
            self.waiting[key] = points
            self.last[key] = ended
            self.every = max(self.every, (ended - started) / SHARE)

    def finished(self, point: int) -> None:
        """Forgets blocks that have only waited for this point."""
        with self.lock:
            for key in [key for key, points in self.waiting.items() if point in points]:
                self.waiting[key] = self.waiting[key] - {point}
                if not self.waiting[key]:
                    del self.waiting[key]
                    self.path(key).unlink(missing_ok=True)


def leaves_of(carry: Any) -> Arrays:
    """A carry's leaves as arrays of their own (its buffers are given to the next chunk)."""
    arrays = {}
    for number, leaf in enumerate(jax.tree_util.tree_leaves(carry)):
        keys = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        arrays[f"carry{number}"] = np.array(jax.random.key_data(leaf) if keys else leaf)
    return arrays


def carry_from(arrays: Arrays, like: Any) -> Any:
    """The carry that :func:`leaves_of` took apart; ``like`` is one of the same structure."""
    import jax.numpy as jnp

    leaves, structure = jax.tree_util.tree_flatten(like)
    found = []
    with jax.enable_x64(True):
        for number, leaf in enumerate(leaves):
            value = jnp.asarray(arrays[f"carry{number}"])
            if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                value = jax.random.wrap_key_data(value, impl=jax.random.key_impl(leaf))
            if value.shape != leaf.shape or value.dtype != leaf.dtype:
                raise ValueError(
                    f"a checkpoint of {value.dtype}{value.shape}, expected {leaf.dtype}{leaf.shape}"
                )
            found.append(value)
    return jax.tree_util.tree_unflatten(structure, found)
