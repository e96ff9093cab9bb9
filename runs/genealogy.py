"""What is written down of generations: a table whose ``step`` counts them.

Players' variables are means over their lives; ``fitness``, ``offspring``, ``parent``, ``genotype`` and the traits are
theirs for life. Demes are a dimension before the others, so that whatever reads results takes them as something swept.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from thermopolis.runs.checkpoints import Arrays
from thermopolis.runs.dataset import strategies
from thermopolis.runs.lives import Founders
from thermopolis.runs.population import Population, Turn
from thermopolis.runs.table import Column, Table, column
from thermopolis.runs.variables import describe

OF_SOCIETIES = {"type_share": ("type",), "origin": (), "on_trial": (), "swapped": ("pair",)}
"""Variables of a society, not of its players, and their own dimensions."""


class Genealogy:
    """Collects one point's generations."""

    def __init__(self, founders: Founders) -> None:
        self.founders = founders
        self.every = founders.whole.record.every
        self.frames = -(-founders.evolution.generations // self.every)
        self.arrays: Arrays = {}

    def put(
        self,
        generation: int,
        population: Population,
        means: dict[str, np.ndarray],
        fitness: np.ndarray,
        turn: Turn,
    ) -> None:
        """A generation that has lived, and the births after it."""
        evolution = self.founders.evolution
        if generation == 0:
            nobody = np.full_like(turn.parents, -1)
            self._came(0, nobody, np.arange(len(fitness)))
        self._came(generation + 1, turn.parents, turn.origin)
        number = len(self.founders.whole.agents)
        phenotypes = population.phenotypes(evolution)
        values = means | {
            "fitness": fitness,
            "offspring": turn.offspring,
            "genotype": population.groups,
            "type_share": np.stack([(population.groups == k).mean(axis=1) for k in range(number)], axis=-1),
        }
        if turn.expected is not None:
            values["expected_offspring"] = turn.expected
        else:
            values["on_trial"] = population.trial >= 0
        if turn.swapped is not None:
            self._swapped(generation, turn.swapped)
        for place, name in enumerate(evolution.trait_names()):
            values[f"trait_{name}"] = phenotypes[..., place]
            values[f"genetic_{name}"] = population.genetic[..., place]
        self._write(generation, values)

    def _swapped(self, generation: int, swapped: np.ndarray) -> None:
        """Swaps of any generation, at the recorded one before it: of several the last that was asked for."""
        chosen = self.founders.whole.record.variables
        if chosen != "all" and "swapped" not in chosen:
            return
        kept = self.arrays.setdefault("swapped", np.full((self.frames, *swapped.shape), -1, np.int8))
        here = kept[generation // self.every]
        here[:] = np.where(swapped >= 0, swapped, here)

    def _came(self, generation: int, parents: np.ndarray, origin: np.ndarray) -> None:
        """Where a generation comes from, told before it lives."""
        demes = self.founders.evolution.societies()
        values = {"parent": parents[..., 0]}
        if parents.shape[2] > 1:
            values["other_parent"] = parents[..., 1]
        if demes > 1:
            values["origin"] = origin % demes
        self._write(generation, values)

    def _write(self, generation: int, values: dict[str, Any]) -> None:
        frame, rest = divmod(generation, self.every)
        if rest or frame >= self.frames:
            return
        chosen = self.founders.whole.record.variables
        for name, value in values.items():
            if chosen != "all" and name not in chosen:
                continue
            if name not in self.arrays:
                dtype = np.dtype(describe(name).dtype)
                nothing = np.nan if dtype.kind == "f" else -1
                self.arrays[name] = np.full((self.frames, *value.shape), nothing, dtype)
            self.arrays[name][frame] = value

    def table(self) -> Table:
        """(deme, replicate, step, agent), without ``deme`` where there are none."""
        experiment, evolution = self.founders.whole, self.founders.evolution
        variables = {name: self._column(name, value) for name, value in sorted(self.arrays.items())}
        steps = np.arange(0, evolution.generations, self.every)
        players = sum(experiment.group_counts())
        coordinates = {
            "replicate": column("replicate", np.arange(experiment.replicates)),
            "step": column("step", steps, {"long_name": "generation"}),
            "agent": column("agent", np.arange(players)),
            "type": column("type", np.array(labels(experiment))),
            "world_seed": self._seeds(),
        }
        coordinates |= self._laws()
        if len(experiment.agents) == 1:
            coordinates["kind"] = column("agent", np.array([experiment.agents[0].kind] * players))
        if evolution.demes is not None:
            ladder = np.array(evolution.demes.temperatures)
            coordinates["deme"] = column("deme", ladder, {"long_name": "selection temperature of the deme"})
        return Table(variables, coordinates)

    def _seeds(self) -> Column:
        """What each society's graph is drawn with (lives have seeds of their own)."""
        seeds = np.array(self.founders.world_seeds, np.int64).reshape(-1, self.founders.evolution.societies())
        if self.founders.evolution.demes is None:
            return column("replicate", seeds[:, 0])
        return column(("deme", "replicate"), seeds.T)

    def _laws(self) -> dict[str, Column]:
        """What analysis needs of the selection to say what should have come of it."""
        evolution = self.founders.evolution
        ladder = evolution.temperature if evolution.demes is None else evolution.demes.temperatures
        over = () if evolution.demes is None else ("deme",)
        return {
            "reproduction": column((), np.array(evolution.reproduction.kind)),
            "selection_temperature": column(over, np.array(ladder)),
            "group_mutation": column((), np.array(evolution.mutation)),
        }

    def _column(self, name: str, value: np.ndarray) -> Column:
        """(frames, societies, …) as (deme, replicate, step, …)."""
        evolution = self.founders.evolution
        demes, about = evolution.societies(), describe(name)
        inner = OF_SOCIETIES.get(name, ("agent",))
        attrs = {"units": about.units, "long_name": about.long_name}
        if name == "genotype":
            attrs["flag_meanings"] = " ".join(
                label.replace(" ", "_") for label in labels(self.founders.whole)
            )
        if name == "swapped":
            return column(("replicate", "step", *inner), np.moveaxis(value, 0, 1), attrs)
        split = value.reshape(len(value), -1, demes, *value.shape[2:])
        if evolution.demes is None:
            return column(("replicate", "step", *inner), np.moveaxis(split[:, :, 0], 0, 1), attrs)
        return column(("deme", "replicate", "step", *inner), np.moveaxis(split, (2, 1), (0, 1)), attrs)


def labels(experiment: Any) -> list[str]:
    """A name for every group: its strategy or kind, numbered where several share it."""
    named = strategies(experiment)
    words = [group.kind for group in experiment.agents] if named is None else named.tolist()
    shared = Counter(words)
    return [word if shared[word] == 1 else f"{word}_{number}" for number, word in enumerate(words)]
