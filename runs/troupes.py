"""Players of one kind, stepped together from Python: all their lanes at once, by jitted functions."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.keys import fold_in, make_keys
from thermopolis.runs.cast import PointCast, is_shared

Values = dict[str, np.ndarray]


@dataclass
class Troupe:
    """Lanes stepped together: players of one (group, role), who may differ in numbers."""

    player: Any
    place: tuple[np.ndarray, np.ndarray]  # (slot, column) of every lane
    keys: Any
    settings: dict[str, Any]
    state: Any

    @property
    def on_host(self) -> bool:
        """Whether its players are Python objects, whose state can't be written down."""
        return bool(getattr(self.player, "on_host", False))

    @property
    def imitates(self) -> bool:
        """Whether its players look at their whole society."""
        return bool(getattr(self.player, "society", False))

    def step(
        self, time: int, settings: dict[str, Any], seen: np.ndarray
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """The lanes' actions after what they saw, and what they report."""
        stepper = _stepper(self.player)
        shown = jnp.asarray(seen, jnp.int32)
        self.state, action, trace = stepper(self.keys, np.uint32(time), self.state, settings, shown)
        return np.asarray(action), trace


_STEPS: dict[Hashable, Callable[..., Any]] = {}


def _stepper(player: Any) -> Callable[..., Any]:
    """``step(keys, time, state, settings, observation)``, compiled once a structure; host players run as they are."""

    def step(keys: Any, time: Any, state: Any, settings: Any, observation: Any) -> Any:
        return player.step(fold_in(keys, time), state, settings, observation)

    if getattr(player, "on_host", False):
        return step
    return _STEPS.setdefault(player.structure, jax.jit(step))


def troupes(point: PointCast) -> list[Troupe]:
    """Everybody who plays at a point, as they are before the first step."""
    stage, slots = point.stage, int(point.stage.world.slots)
    players = int(stage.world.players)
    places: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for replicate in range(point.experiment.replicates):
        owner = point.slot_players(replicate)
        for cell in range(stage.cells):
            groups = point.groups[replicate, cell * players : (cell + 1) * players]
            for slot in range(slots):
                group = int(groups[owner[slot]])
                key = (point.stepped_with(group), stage.role(slot))
                places.setdefault(key, []).append((slot, replicate * stage.cells + cell, group))
    bases = make_keys(point.player_seeds, point.experiment.random)
    found = []
    for (_, role), unordered in places.items():
        # by slot, then cell, as in the compiled loop: members of a team lie side by side
        lanes = sorted(unordered)
        at, column, group = np.array(lanes).T
        kinds, which = np.unique(group, return_inverse=True)
        alike = [point.player(int(kind), role) for kind in kinds]
        player = alike[0]
        keys = fold_in(bases[column // stage.cells], column % stage.cells * slots + at)
        described = [one.settings() for one in alike]
        settings = {}
        for name in described[0]:
            table = np.stack([np.asarray(one[name]) for one in described], axis=-1)
            settings[name] = jnp.asarray(table[..., :1] if is_shared(player, name) else table[..., which])
        found.append(Troupe(player, (at, column), keys, settings, player.init(keys, settings)))
    return found


def collect(reports: Values, troupe: Troupe, trace: dict[str, Any], slots: int, columns: int) -> None:
    """Puts a troupe's reports to those of others: (…, slots, columns), NaN where nobody reports."""
    for name, value in trace.items():
        array = np.asarray(value)
        if name not in reports:
            reports[name] = np.full((*array.shape[:-1], slots, columns), np.nan, np.float32)
        short = [n - m for n, m in zip(array.shape[:-1], reports[name].shape[:-2], strict=True)]
        if any(n > 0 for n in short):  # players whose models differ in size share the larger one's table
            room = [(0, max(n, 0)) for n in short]
            reports[name] = np.pad(reports[name], [*room, (0, 0), (0, 0)], constant_values=np.nan)
        corner: tuple[Any, ...] = tuple(slice(0, n) for n in array.shape[:-1])
        reports[name][(*corner, *troupe.place)] = array
