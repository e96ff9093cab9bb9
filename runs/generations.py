"""Generations: lives played by either engine, and births between them (``selection:``).

All points of a batch go through a generation together, in the same blocks; a point's numbers don't depend on the others.
What a point has come to is kept between generations, so that a run cut short goes on from the last one kept. A life that
nobody asks about, neither fitness nor record, isn't played.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import jax
import numpy as np

from thermopolis.errors import ExperimentError, SimulationError
from thermopolis.keys import make_keys
from thermopolis.runs.cast import PointCast
from thermopolis.runs.checkpoints import Arrays, Checkpoints
from thermopolis.runs.genealogy import Genealogy
from thermopolis.runs.guards import check
from thermopolis.runs.identity import digest, point_id
from thermopolis.runs.lives import Founders, Life, lifetimes
from thermopolis.runs.population import Population, first_population, next_generation
from thermopolis.runs.schema import Experiment
from thermopolis.runs.streams import society_seeds
from thermopolis.runs.table import Table

Play = Callable[[Sequence[PointCast]], Iterator[tuple[int, Table | SimulationError]]]
"""An engine: plays points that are made ready."""


def simulate_generations(
    points: Sequence[Experiment],
    play: Play,
    on_steps: Callable[..., None],
    checkpoints: Checkpoints | None = None,
) -> Iterator[tuple[int, Table | SimulationError]]:
    """Run points with selection; yields (index, table) as points are finished, or what went wrong with one.

    Raises
    ------
    ExperimentError : a point has no selection, or one that can't be run.
    """
    if any(point.selection is None for point in points):
        raise ExperimentError("points with and without selection can't be simulated as one batch")
    lineages = {index: Lineage(point) for index, point in enumerate(points)}
    if checkpoints is not None:
        for index, lineage in lineages.items():
            lineage.resume(checkpoints.load(lineage.key, {index}))
            on_steps(lineage.generation * lineage.decisions)
    while lineages:
        for index, failed in _generation(lineages, play, on_steps):
            lineage = lineages[index]
            if failed is None and lineage.generation < lineage.generations:
                if checkpoints is not None and checkpoints.due(lineage.key):
                    checkpoints.save(lineage.key, lineage.kept(), {index})
                continue
            del lineages[index]
            yield index, failed or lineage.genealogy.table()
            if checkpoints is not None:
                checkpoints.finished(index)


def _generation(
    lineages: dict[int, Lineage], play: Play, on_steps: Callable[..., None]
) -> list[tuple[int, SimulationError | None]]:
    """One generation of every point; what went wrong with each, if anything."""
    lived = {index: lineage.life() for index, lineage in lineages.items() if lineage.founders.wanted}
    places = list(lived)
    results: dict[int, Table | SimulationError | None] = dict.fromkeys(lineages)
    for number, table in play(list(lived.values())):
        results[places[number]] = table
    ended: list[tuple[int, SimulationError | None]] = []
    for index, lineage in lineages.items():
        result = results[index]
        try:
            if isinstance(result, SimulationError):
                raise result
            if result is not None:
                check(result, lived[index].experiment)
            else:
                on_steps(lineage.decisions)
            lineage.turn({} if result is None else lifetimes(result))
        except SimulationError as error:
            ended.append((index, SimulationError(f"generation {lineage.generation}: {error}")))
        else:
            ended.append((index, None))
    return ended


class Lineage:
    """A point with selection, as far as it has come."""

    def __init__(self, point: Experiment) -> None:
        from thermopolis import __version__

        self.founders = Founders(point)
        self.generations = self.founders.evolution.generations
        societies = self.founders.experiment.replicates
        seeds = society_seeds(self.founders.root, societies, "selection", 64)
        self.keys = make_keys(seeds, point.random)
        self.population = first_population(self.founders, self.keys)
        self.genealogy = Genealogy(self.founders)
        self.generation = 0
        self.decisions = societies * point.steps * sum(point.group_counts())
        self.key = digest([__version__, jax.__version__, "generations", point_id(point)])[:24]

    def life(self) -> Life:
        """The next life to be played."""
        phenotypes = self.population.phenotypes(self.founders.evolution)
        return Life(self.founders, self.generation, self.population.groups, phenotypes)

    def turn(self, means: dict[str, np.ndarray]) -> None:
        """Writes down a generation and goes on to the next.

        Raises
        ------
        SimulationError : a player has no fitness.
        """
        fitness = self.fitness(means)
        turn = next_generation(self.founders, self.population, fitness, self.keys, self.generation)
        self.genealogy.put(self.generation, self.population, means, fitness, turn)
        self.population, self.generation = turn.population, self.generation + 1

    def fitness(self, means: dict[str, np.ndarray]) -> np.ndarray:
        """Fitness of every player, (societies, players)."""
        evolution = self.founders.evolution
        names = evolution.trait_names()
        if evolution.fitness in names:
            return self.population.phenotypes(evolution)[..., names.index(evolution.fitness)]
        if evolution.fitness not in means:
            there = ", ".join(sorted(means)) or "none"
            raise ExperimentError(
                f"selection.fitness: {evolution.fitness} isn't recorded of these players; there are: {there}"
            )
        fitness = means[evolution.fitness]
        if not np.isfinite(fitness).all():
            society, player = np.argwhere(~np.isfinite(fitness))[0]
            raise SimulationError(
                f"the fitness of agent {player}, replicate {society // evolution.societies()}, is no number: its "
                f"{evolution.fitness} was undefined throughout its life"
            )
        return fitness

    def kept(self) -> Arrays:
        """All that the rest follows from, and what is written down."""
        arrays: Arrays = {"generation": np.array(self.generation)}
        arrays |= {f"population:{one.name}": getattr(self.population, one.name) for one in fields(Population)}
        return arrays | {f"record:{name}": value for name, value in self.genealogy.arrays.items()}

    def resume(self, saved: Arrays | None) -> None:
        """Goes on from what was kept, if anything was."""
        if saved is None:
            return
        try:
            found: dict[str, Any] = {one.name: saved[f"population:{one.name}"] for one in fields(Population)}
            generation = int(saved["generation"])
        except (KeyError, ValueError):  # of another version: from the start
            return
        self.population, self.generation = Population(**found), generation
        self.genealogy.arrays = {
            name.removeprefix("record:"): value for name, value in saved.items() if name.startswith("record:")
        }
