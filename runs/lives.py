"""One life of a generation: a point's societies with the players that were born into them.

To both engines a life is a point like any other, whose replicates are its societies and whose groups are *types*: a
group of the experiment with the phenotypes of the traits it expresses. Which programs run it follows from the
experiment's groups alone, so that nothing is compiled anew when a type appears or dies out.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from thermopolis.errors import ExperimentError, ModelError
from thermopolis.runs.cast import Cast, PointCast, Segment
from thermopolis.runs.players import build_player
from thermopolis.runs.schema import Experiment, Record
from thermopolis.runs.schema.evolution import Evolution
from thermopolis.runs.schema.heredity import OF_SELECTION, keys_of, value_of, with_value
from thermopolis.runs.streams import evolution_root, society_seeds
from thermopolis.runs.table import Table
from thermopolis.runs.variables import LEADS, OF_TRAITS

Type = tuple[int, tuple[float, ...] | None]
"""A group, and the phenotypes of its traits (None: as the file has them)."""


def wanted_of_lives(experiment: Experiment) -> tuple[str, ...] | Literal["all"]:
    """Variables that a life must record; none where nobody asks how players lived."""
    evolution = experiment.selection
    assert evolution is not None
    if experiment.record.variables == "all":
        return "all"
    of_lives = [
        name
        for name in experiment.record.variables
        if name not in OF_SELECTION and not name.startswith(OF_TRAITS)
    ]
    if evolution.fitness not in evolution.trait_names():
        of_lives.append(evolution.fitness)
    return tuple(dict.fromkeys(of_lives))


class Founders(PointCast):
    """The first generation of a point with selection: what all its lives share.

    Raises
    ------
    ExperimentError : a trait decides a program's structure, or groups can't change seats.
    """

    def __init__(self, experiment: Experiment) -> None:
        assert experiment.selection is not None
        self.whole, self.evolution = experiment, experiment.selection
        self.wanted = wanted_of_lives(experiment)
        life = {
            "replicates": experiment.replicates * self.evolution.societies(),
            "record": Record(variables=self.wanted or ("reward",)),
            "selection": None,
            "sweep": None,
        }
        super().__init__(experiment.model_copy(update=life))
        self.root = evolution_root(experiment)
        self.paths = [keys_of(trait) for trait in self.evolution.traits]
        self.expressed = [
            [number for number, (group, _) in enumerate(self.paths) if group == mine]
            for mine in range(len(experiment.agents))
        ]
        self.cast_by_type: dict[tuple[Type, int], tuple[Any, dict[str, Any]]] = {}
        self._refuse_structure()
        self.class_of = self._classes()

    @property
    def values(self) -> np.ndarray:
        """What the file says of every trait."""
        agents = self.whole.agents
        return np.array([value_of(agents[group], keys) for group, keys in self.paths], float)

    def model(self, kind: Type) -> Any:
        """The section of a type."""
        group, values = kind
        section = self.whole.agents[group]
        for number, value in zip(self.expressed[group], values or (), strict=False):
            section = with_value(section, self.paths[number][1], value)
        return section

    def of_type(self, kind: Type, role: int) -> tuple[Any, dict[str, Any]]:
        """The player of a type in a role, and its settings."""
        key = (kind, role)
        if key not in self.cast_by_type:
            try:
                player = build_player(self.model(kind), role, self.stage, self.experiment)
            except ModelError as error:
                raise ExperimentError(f"agents.{kind[0]} with traits {kind[1]}: {error}") from None
            self.cast_by_type[key] = (player, player.settings())
        return self.cast_by_type[key]

    def forget(self, kinds: set[Type]) -> None:
        """Keeps only the players of these types."""
        self.cast_by_type = {key: made for key, made in self.cast_by_type.items() if key[0] in kinds}

    def _roles(self) -> list[int]:
        return sorted(set(self.roles.tolist()))

    def _fit_together(self, one: Type, other: Type) -> bool:
        """Whether one program steps both types, lane by lane."""
        return all(
            self.of_type(one, role)[0].structure == self.of_type(other, role)[0].structure
            and self._alike(self.of_type(one, role)[0], self.of_type(other, role)[0])
            for role in self._roles()
        )

    def _refuse_structure(self) -> None:
        values = self.values
        for group, own in enumerate(self.expressed):
            for number in own:
                trait = self.evolution.traits[number]
                spread = trait.genetic + trait.environmental + trait.mutation
                for moved in (-spread, spread):
                    tried = values.copy()
                    tried[number] = clipped(self.evolution, values + moved)[number]
                    if not self._fit_together((group, None), (group, tuple(tried[own]))):
                        raise ExperimentError(
                            f"selection.traits.{number}.path: {trait.path} = {tried[number]:g} makes another program "
                            "or a table that players share: no number that players may differ in (a narrower range?)"
                        )

    def _classes(self) -> np.ndarray:
        """Of every group: the first of the groups that one program steps with it."""
        kinds: list[Type] = [(group, None) for group in range(len(self.whole.agents))]
        first = [next(g for g in kinds if self._fit_together(g, kind))[0] for kind in kinds]
        if len(set(first)) > 1 and len(self._roles()) > 1:
            raise ExperimentError(
                "selection: kinds of player that differ in structure can't take each other's seats in an asymmetric game"
            )
        return np.array(first)


class Life(PointCast):
    """A generation of societies.

    Parameters
    ----------
    groups : (societies, players)
        Group of every player.
    phenotypes : (societies, players, traits)
    """

    def __init__(
        self, founders: Founders, generation: int, groups: np.ndarray, phenotypes: np.ndarray
    ) -> None:
        self.founders, self.stage = founders, founders.stage
        self.kinds, types = _types(founders, groups, phenotypes)
        self.base = np.array([group for group, _ in self.kinds])
        sections = tuple(founders.whole.agents[group] for group in self.base)
        self.experiment = founders.experiment.model_copy(update={"agents": sections})
        root, societies = f"{founders.root}:{generation}", len(groups)
        self.world_seeds = society_seeds(root, societies, "world", 31)
        self.player_seeds = society_seeds(root, societies, "players", 64)
        self.by_share = True  # who sits where differs between societies
        self.__dict__["groups"] = types  # in the place of what the file's order would give
        founders.forget(set(self.kinds))

    def player(self, group: int, role: int) -> Any:
        return self.founders.of_type(self.kinds[group], role)[0]

    def _settings(self, group: int, role: int) -> dict[str, Any]:
        return self.founders.of_type(self.kinds[group], role)[1]

    def casts(self) -> list[tuple[Cast, np.ndarray]]:
        columns = np.arange(len(self.groups) * self.stage.cells)
        classes = np.unique(self.founders.class_of).tolist()
        if len(classes) == 1:
            first = self.groups[0, : int(self.stage.world.players)]
            return [(self._make_cast(tuple(first.tolist()), 0), columns)]
        slots = range(int(self.stage.world.slots))
        segments = [Segment(self.player(kind, 0), slots, kind) for kind in classes]
        return [(Cast(self.stage.world, tuple(segments), self._digest(segments)), columns)]

    def seats(self, groups: np.ndarray) -> np.ndarray:
        return self.founders.class_of[self.base[groups]]

    def stepped_with(self, group: int) -> int:
        return int(self.founders.class_of[self.base[group]])

    def segment_settings(
        self, segment: Segment, groups: np.ndarray
    ) -> tuple[list[dict[str, Any]], np.ndarray]:
        if segment.seat is None:
            return super().segment_settings(segment, groups)
        # others' seats are stepped too, as the first group of this class
        return self._occurring(np.where(self.seats(groups) == segment.seat, groups, segment.seat), 0)

    @property
    def first_observations(self) -> np.ndarray:
        by_group = [
            getattr(self.founders.of_type((group, None), 0)[0], "first_observation", -1)
            for group in range(len(self.founders.whole.agents))
        ]
        return np.array(by_group)[self.base]


def clipped(evolution: Evolution, values: np.ndarray) -> np.ndarray:
    """Phenotypes within their traits' ranges, (…, traits)."""
    if not evolution.traits:
        return values
    low = [-np.inf if trait.range[0] is None else trait.range[0] for trait in evolution.traits]
    high = [np.inf if trait.range[1] is None else trait.range[1] for trait in evolution.traits]
    return np.clip(values, low, high)


def _types(founders: Founders, groups: np.ndarray, phenotypes: np.ndarray) -> tuple[list[Type], np.ndarray]:
    """Types that occur, each group's own first, and every player's."""
    kinds: list[Type] = [(group, None) for group in range(len(founders.whole.agents))]
    types = groups.copy()
    for group, own in enumerate(founders.expressed):
        if own:
            mine = groups == group
            rows, place = np.unique(phenotypes[mine][:, own], axis=0, return_inverse=True)
            types[mine] = len(kinds) + place.reshape(-1)
            kinds += [(group, tuple(row)) for row in rows.tolist()]
    return kinds, types


def lifetimes(table: Table) -> dict[str, np.ndarray]:
    """Means of finite values over a life, (societies, players), of every variable that players have."""
    found = {}
    for name, one in table.variables.items():
        if one.dims[:3] != ("replicate", "step", "agent") or name in ("action", "observation", "belief"):
            continue
        values = np.asarray(one.values, np.float64)
        finite = np.isfinite(values)
        number = finite.sum(axis=1)
        total = np.where(finite, values, 0.0).sum(axis=1)
        mean = np.where(number > 0, total / np.maximum(number, 1), np.nan)
        found[name] = mean.sum(axis=-1) if name in LEADS else mean
    return found
