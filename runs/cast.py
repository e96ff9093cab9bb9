"""Who plays: the players of every slot of a point's cells, and their settings and keys as lanes.

A *cell* is an independent copy of the world: a replicate, or one pair of it. Cells whose slots are taken by the same
kinds of player, in the same places, run in one compiled program (a *cast*); a program runs blocks of cells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from thermopolis.runs.players import build_player
from thermopolis.runs.schema import Experiment
from thermopolis.runs.streams import placement_seeds, player_seeds, world_seeds
from thermopolis.runs.worlds import Stage, build_world


@dataclass(frozen=True)
class Segment:
    """Slots stepped together by one player structure.

    ``slots`` are consecutive. Where seats are drawn by share on a graph, every segment covers all slots and ``seat``
    tells whose decision counts.
    """

    player: Any
    slots: range
    seat: int | None

    @property
    def key(self) -> Hashable:
        """What of a segment decides the compiled program."""
        return (self.player.structure, self.slots, self.seat)


@dataclass(frozen=True)
class Cast:
    """The segments of one kind of cell."""

    world: Any
    segments: tuple[Segment, ...]
    shared: str  # digest of everything that is equal for all lanes of a batch

    @property
    def key(self) -> Hashable:
        """What decides the compiled program."""
        return (self.world, tuple(s.key for s in self.segments))

    @cached_property
    def lane_bytes(self) -> int:
        """Size of the widest player's own arrays, which a step reads and writes for every lane."""
        sizes = [
            sum(
                np.size(value) for name, value in s.player.settings().items() if not is_shared(s.player, name)
            )
            for s in self.segments
        ]
        return 4 * max(sizes)

    @property
    def batch(self) -> Hashable:
        """What cells must have in common to share a block."""
        return (self.key, self.shared)


def is_shared(player: Any, name: str) -> bool:
    """Whether a setting is the same for all lanes of a block (a rule of structure, so that bits never depend on it)."""
    return name in getattr(player, "shared", ())


class PointCast:
    """One point, made ready: its stage, its players by (group, role), its seats and seeds."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.world_seeds = world_seeds(experiment)
        self.player_seeds = player_seeds(experiment)
        self.stage: Stage = build_world(experiment, self.world_seeds)
        self._players: dict[tuple[int, int], Any] = {}
        self.by_share = bool(experiment.agents) and experiment.agents[0].share is not None

    def player(self, group: int, role: int) -> Any:
        """The player of a group in a role."""
        key = (group, role)
        if key not in self._players:
            self._players[key] = build_player(
                self.experiment.agents[group], role, self.stage, self.experiment
            )
        return self._players[key]

    @cached_property
    def groups(self) -> np.ndarray:
        """Group of every player: (replicates, players)."""
        counts = self.experiment.group_counts()
        in_order = np.repeat(np.arange(len(counts)), counts)
        rows = np.broadcast_to(in_order, (self.experiment.replicates, len(in_order))).copy()
        if self.by_share:
            for row, seed in zip(rows, placement_seeds(self.experiment), strict=True):
                np.random.default_rng(seed).shuffle(row)
        return rows

    def slot_players(self, replicate: int) -> np.ndarray:
        """Player (within its cell) of every slot."""
        network = getattr(self.stage.params, "network", None)
        if self.stage.linked and network is not None:
            source = np.asarray(network.source)
            return source[:, replicate if source.shape[-1] > 1 else 0]
        return np.asarray(self.stage.world.slot_player)

    def cast(self, replicate: int, cell: int) -> Cast:
        """The cast of one cell."""
        players = int(self.stage.world.players)
        groups = self.groups[replicate, cell * players : (cell + 1) * players]
        return self._cast(
            tuple(int(g) for g in groups) if players <= 8 or not self.by_share else None, replicate
        )

    @cached_property
    def _casts(self) -> dict[Any, Cast]:
        return {}

    def _cast(self, groups: tuple[int, ...] | None, replicate: int) -> Cast:
        key = groups if groups is not None else "by share"
        if key not in self._casts:
            self._casts[key] = self._make_cast(groups, replicate)
        return self._casts[key]

    def _make_cast(self, groups: tuple[int, ...] | None, replicate: int) -> Cast:
        slots = int(self.stage.world.slots)
        segments: list[Segment] = []
        if groups is None:
            for group in range(len(self.experiment.agents)):
                segments.append(Segment(self.player(group, 0), range(slots), group))
        else:
            of_slot = [groups[p] for p in self.slot_players(replicate)]
            start = 0
            for stop in range(1, slots + 1):
                if stop == slots or not self._same(of_slot[stop], stop, of_slot[start], start):
                    segments.append(
                        Segment(self.player(of_slot[start], self.stage.role(start)), range(start, stop), None)
                    )
                    start = stop
        return Cast(self.stage.world, tuple(segments), self._digest(segments))

    def _same(self, group: int, slot: int, other: int, other_slot: int) -> bool:
        a, b = self.stage.role(slot), self.stage.role(other_slot)
        return self.player(group, a).structure == self.player(other, b).structure and self._alike(
            self.player(group, a), self.player(other, b)
        )

    def _alike(self, one: Any, other: Any) -> bool:
        """Whether two players of one structure agree in what lanes share."""
        if one is other:
            return True
        mine, theirs = one.settings(), other.settings()
        return all(np.array_equal(mine[n], theirs[n]) for n in mine if is_shared(one, n))

    def _digest(self, segments: list[Segment]) -> str:
        digest = hashlib.sha256()
        for segment in segments:
            for name, value in sorted(segment.player.settings().items()):
                if is_shared(segment.player, name):
                    digest.update(name.encode() + np.ascontiguousarray(value).tobytes())
        for leaf in leaves(self.stage.params):
            if shared_leaf(leaf):
                digest.update(np.ascontiguousarray(leaf).tobytes())
        return digest.hexdigest()

    def slot_settings(self, replicate: int, cell: int, segment: Segment) -> list[dict[str, Any]]:
        """Settings of each slot of a segment, without lanes (slots of one player share one dict)."""
        if segment.seat is not None:
            settings = self._settings(segment.seat, 0)
            return [settings] * len(segment.slots)
        players = int(self.stage.world.players)
        groups = self.groups[replicate, cell * players : (cell + 1) * players]
        of_slot = self.slot_players(replicate)
        return [self._settings(int(groups[of_slot[s]]), self.stage.role(s)) for s in segment.slots]

    @cached_property
    def _settings_cache(self) -> dict[tuple[int, int], dict[str, Any]]:
        return {}

    def _settings(self, group: int, role: int) -> dict[str, Any]:
        key = (group, role)
        if key not in self._settings_cache:
            self._settings_cache[key] = self.player(group, role).settings()
        return self._settings_cache[key]

    def first_observation(self, group: int) -> int:
        """The outcome a group's players take themselves to have just seen, or -1."""
        return int(getattr(self.player(group, 0), "first_observation", -1))


def leaves(params: Any) -> list[Any]:
    """The arrays of a world's parameters."""
    import jax

    return [np.asarray(x) for x in jax.tree_util.tree_leaves(params)]


def shared_leaf(leaf: np.ndarray) -> bool:
    """Whether a parameter is structure that all cells share: whole numbers with one column."""
    return leaf.dtype.kind in "iub" and leaf.shape[-1:] == (1,)
