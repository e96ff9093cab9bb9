"""Who plays: the players of every slot of a point's cells, and their settings and keys as lanes.

A *cell* is an independent copy of the world: a replicate, or one pair of it. Cells whose slots are taken by the same
kinds of player, in the same places, run in one compiled program (a *cast*); a program runs blocks of cells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from thermopolis.runs.players import build_player
from thermopolis.runs.schema import Experiment
from thermopolis.runs.streams import placement_seeds, player_seeds, world_seeds
from thermopolis.runs.worlds import Stage, build_world

#: Players of a cell up to which places drawn by share make casts of their own.
SMALL = 8


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
        """What every lane of the widest player needs in a core's cache: its own arrays, or what planning works out."""
        sizes = [
            max(
                getattr(s.player, "working_numbers", 0),
                sum(np.size(v) for name, v in s.player.settings().items() if not is_shared(s.player, name)),
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
        self.world_seeds: Sequence[int] = world_seeds(experiment)
        self.player_seeds: Sequence[int] = player_seeds(experiment)
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
        return self.owners[:, replicate if self.owners.shape[1] > 1 else 0]

    def casts(self) -> list[tuple[Cast, np.ndarray]]:
        """Casts of all cells, each with the columns (replicate · cells + cell) it is found in, ascending."""
        players = int(self.stage.world.players)
        rows = self.groups.reshape(-1, players)
        if self.by_share and players > SMALL:
            return [(self._make_cast(None, 0), np.arange(len(rows)))]
        if (rows == rows[0]).all():
            return [(self._make_cast(tuple(rows[0].tolist()), 0), np.arange(len(rows)))]
        unique, which = np.unique(rows, axis=0, return_inverse=True)
        found = []
        for number, groups in enumerate(unique.tolist()):
            columns = np.flatnonzero(which.reshape(-1) == number)
            found.append((self._make_cast(tuple(groups), int(columns[0]) // self.stage.cells), columns))
        return found

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
        if one is other or not getattr(one, "shared", ()):
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

    @cached_property
    def owners(self) -> np.ndarray:
        """Player (within its cell) of every slot: (slots, 1), or (slots, replicates) where each has its own graph."""
        network = getattr(self.stage.params, "network", None)
        if self.stage.linked and network is not None:
            return np.asarray(network.source)
        return np.asarray(self.stage.world.slot_player)[:, None]

    @cached_property
    def roles(self) -> np.ndarray:
        """Role of every slot."""
        return np.array([self.stage.role(slot) for slot in range(int(self.stage.world.slots))])

    def slot_groups(self, replicates: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """Group of every slot of some cells: (slots, cells)."""
        owners = self.owners[:, replicates] if self.owners.shape[1] > 1 else self.owners
        return self.groups[replicates, cells * int(self.stage.world.players) + owners]

    def seats(self, groups: np.ndarray) -> np.ndarray:
        """Which segment's decision counts where players of these groups sit, if seats are drawn."""
        return groups

    def stepped_with(self, group: int) -> int:
        """The group whose players are stepped together with this one's, if from Python."""
        return group

    def segment_settings(
        self, segment: Segment, groups: np.ndarray
    ) -> tuple[list[dict[str, Any]], np.ndarray]:
        """Settings of a segment's slots, without lanes: those that occur, and which of them each place has."""
        if segment.seat is not None:
            return [self._settings(segment.seat, 0)], np.zeros(groups.shape, np.intp)
        return self._occurring(groups, self.roles[segment.slots.start : segment.slots.stop, None])

    def _occurring(self, groups: np.ndarray, roles: Any) -> tuple[list[dict[str, Any]], np.ndarray]:
        span = int(self.roles.max()) + 1
        codes = groups * span + roles
        present = np.bincount(codes.ravel()) > 0
        table = (np.cumsum(present) - 1)[codes]
        return [self._settings(*divmod(int(code), span)) for code in np.flatnonzero(present)], table

    @cached_property
    def _settings_cache(self) -> dict[tuple[int, int], dict[str, Any]]:
        return {}

    def _settings(self, group: int, role: int) -> dict[str, Any]:
        key = (group, role)
        if key not in self._settings_cache:
            self._settings_cache[key] = self.player(group, role).settings()
        return self._settings_cache[key]

    @cached_property
    def first_observations(self) -> np.ndarray:
        """By group: the outcome its players take themselves to have just seen, or -1."""
        firsts = [getattr(self.player(group, 0), "first_observation", -1) for group in self._present]
        out = np.full(len(self.experiment.agents), -1)
        out[self._present] = firsts
        return out

    @property
    def _present(self) -> np.ndarray:
        return np.unique(self.groups)


def leaves(params: Any) -> list[Any]:
    """The arrays of a world's parameters."""
    import jax

    return [np.asarray(x) for x in jax.tree_util.tree_leaves(params)]


def shared_leaf(leaf: np.ndarray) -> bool:
    """Whether a parameter is structure that all cells share: whole numbers with one column."""
    return leaf.dtype.kind in "iub" and leaf.shape[-1:] == (1,)
