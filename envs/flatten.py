"""Discrete spaces as one number: Discrete, MultiDiscrete, MultiBinary, integer boxes, tuples and dicts of them.

A point of a finite product space is the mixed-radix number of its parts, the last part running fastest. A dict
``{"observation": …, "action_mask": …}`` (PettingZoo's convention) counts as its observation.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces

from thermopolis.errors import ModelError

MOST = 2**20


def radices(space: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and starts of the parts of a finite space.

    Raises
    ------
    ModelError : a part is continuous, unbounded or of a kind that isn't discrete; ``where`` names it.
    """
    if isinstance(space, spaces.Discrete):
        return np.array([int(space.n)]), np.array([int(space.start)])
    if isinstance(space, spaces.MultiDiscrete):
        return np.asarray(space.nvec, np.int64).ravel(), np.asarray(space.start, np.int64).ravel()
    if isinstance(space, spaces.MultiBinary):
        size = int(np.prod(space.shape))
        return np.full(size, 2), np.zeros(size, np.int64)
    if isinstance(space, spaces.Box):
        if not np.issubdtype(space.dtype, np.integer) and space.dtype != bool:
            raise ModelError(f"{where}: {space} is continuous; only discrete spaces can be played")
        low, high = space.low.astype(np.int64).ravel(), space.high.astype(np.int64).ravel()
        return high - low + 1, low
    if isinstance(space, spaces.Dict) and set(space) == {"observation", "action_mask"}:
        return radices(space["observation"], where)
    if isinstance(space, (spaces.Tuple, spaces.Dict)):
        named = space.items() if isinstance(space, spaces.Dict) else enumerate(space)
        parts = [radices(part, f"{where}[{name!r}]") for name, part in named]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    raise ModelError(f"{where}: {type(space).__name__} is no discrete space")


class Flat:
    """A finite space as 0..size-1.

    Raises
    ------
    ModelError : not finite, or more than 2**20 points.
    """

    def __init__(self, space: Any, where: str) -> None:
        self.space = space
        self.sizes, self.starts = radices(space, where)
        self.size = math.prod(int(n) for n in self.sizes)
        if self.size > MOST:
            raise ModelError(f"{where}: {self.size} points are more than {MOST} that a table can hold")
        self._weights = np.append(np.cumprod(self.sizes[::-1])[::-1][1:], 1)

    def number(self, point: Any) -> int:
        """The number of a point of the space."""
        parts = np.concatenate([np.ravel(np.asarray(part, np.int64)) for part in self._parts(point)])
        return int((parts - self.starts) @ self._weights)

    def _parts(self, point: Any) -> list[Any]:
        if isinstance(point, dict):
            if set(point) == {"observation", "action_mask"}:
                return [point["observation"]]
            return [part for name in self.space for part in [point[name]]]
        return list(point) if isinstance(point, tuple) else [point]

    def point(self, number: int) -> Any:
        """The point of a number, as the space takes it."""
        parts = number // self._weights % self.sizes + self.starts
        if isinstance(self.space, spaces.Discrete):
            return int(parts[0])
        if isinstance(self.space, (spaces.MultiDiscrete, spaces.MultiBinary, spaces.Box)):
            return parts.reshape(self.space.shape).astype(self.space.dtype)
        raise ModelError(f"{type(self.space).__name__}: actions can't be of this space")
