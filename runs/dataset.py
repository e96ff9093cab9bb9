"""From recorded blocks to a point's table: named dimensions, units, labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from thermopolis.runs.cast import PointCast
from thermopolis.runs.schema import Experiment
from thermopolis.runs.spool import Kept, Memory, Spool, Values
from thermopolis.runs.table import Column, Table, column
from thermopolis.runs.variables import LEADS, OPERATIONS, describe, of_steps

#: Per-link quantities keep their links; all else is a mean over a player's links.
BY_LINK = ("action", "observation")
#: Graphs with more ends than this are recorded only where decisions are by link.
LINKS_DRAWN = 200_000


class Recorder:
    """Collects one point's recorded arrays, whatever the order they come in.

    Parameters
    ----------
    folder : where frames wait on disk; None keeps them in memory.
    """

    def __init__(self, point: PointCast, folder: Path | None = None) -> None:
        self.point = point
        experiment = point.experiment
        self.every = experiment.record.every
        self.frames = -(-experiment.steps // self.every)
        columns = experiment.replicates * point.stage.cells
        self.shelf: Memory | Spool = (
            Memory(self.frames, columns) if folder is None else Spool(folder, self.frames, columns)
        )

    def put(self, first_column: int, first_frame: int, values: Values) -> None:
        """Values of consecutive columns from a frame on, each (frames, *lead, rows, columns)."""
        self.shelf.put(first_column, first_frame, values)

    def kept(self, first_column: int, columns: int, frames: int) -> Values:
        """What is recorded of some columns up to a frame, for a checkpoint."""
        return self.shelf.kept(first_column, columns, frames)

    def restore(self, first_column: int, columns: int, kept: Values) -> None:
        """Puts back what :meth:`kept` gave."""
        self.shelf.restore(first_column, columns, kept)

    def forget(self) -> None:
        """Removes what lies on disk; the table can't be read any more."""
        self.shelf.forget()

    def table(self) -> Table:
        """The point's table, with dimensions (replicate, step, agent, …); its columns are read from what is kept."""
        point, stage = self.point, self.point.stage
        experiment = point.experiment
        names = self.shelf.names()
        alive = names.pop("alive", None)
        variables: dict[str, Column] = {}
        for name, kept in names.items():
            masked = alive is not None and kept.dtype == np.float64 and kept.inner[-1] == alive.inner[-1]
            if name != "action" or self._wanted("action"):
                variables[name] = self._variable(
                    name, kept, self._masked(name) if masked else self._raw(name)
                )
        if "action" in names and experiment.environment.kind == "matrix_game" and self._wanted("cooperation"):
            kept = Kept(np.dtype(np.float32), names["action"].inner)
            variables["cooperation"] = self._variable("cooperation", kept, self._cooperation)
        coordinates = {
            "replicate": column("replicate", np.arange(experiment.replicates)),
            "step": column(
                "step", np.arange(0, experiment.steps, self.every), of_steps(experiment.environment.kind)
            ),
            "agent": column("agent", np.arange(stage.players)),
            "world_seed": column("replicate", np.array(point.world_seeds, np.int64)),
        }
        kinds = np.array([group.kind for group in experiment.agents])
        if point.by_share:
            coordinates["kind"] = column(("replicate", "agent"), kinds[point.groups])
        else:
            coordinates["kind"] = column("agent", kinds[point.groups[0]])
        names_of = strategies(experiment)
        if names_of is not None and not point.by_share:
            coordinates["group"] = column("agent", names_of[point.groups[0]])
        if any("operation" in variable.dims for variable in variables.values()):
            coordinates["operation"] = column("operation", np.array(OPERATIONS))
        if "belief" in variables:
            states = np.array(stage.description.observation_names)
            if len(states) == variables["belief"].shape[-1]:  # a model of outcomes
                coordinates["state"] = column("state", states)
        graph = getattr(stage.params, "network", None)
        drawn = graph is not None and np.asarray(graph.source).size <= LINKS_DRAWN
        if drawn or any("link" in variable.dims for variable in variables.values()):
            ends = [np.asarray(x) for x in (stage.params.network.source, stage.params.network.target)]
            for name, end in zip(("source", "target"), ends, strict=True):
                several = end.shape[-1] > 1
                coordinates[name] = column(
                    ("replicate", "link") if several else "link", end.T if several else end[:, 0]
                )
        return Table(dict(sorted(variables.items())), coordinates)

    def _wanted(self, name: str) -> bool:
        chosen = self.point.experiment.record.variables
        return chosen == "all" or name in chosen

    def _raw(self, name: str) -> Callable[[slice], np.ndarray]:
        return lambda steps: self.shelf.read(name, steps)

    def _masked(self, name: str) -> Callable[[slice], np.ndarray]:
        """NaN where the game is over."""

        def read(steps: slice) -> np.ndarray:
            value, alive = self.shelf.read(name, steps), self.shelf.read("alive", steps)
            return np.where(_like(alive, value), value, np.nan)

        return read

    def _cooperation(self, steps: slice) -> np.ndarray:
        action = self.shelf.read("action", steps)
        return np.where(action < 0, np.nan, action == 0).astype(np.float32)

    def _variable(self, name: str, kept: Kept, read: Callable[[slice], np.ndarray]) -> Column:
        stage, replicates = self.point.stage, self.point.experiment.replicates
        about = describe(name)
        by_link = stage.linked and kept.inner[-1] == int(stage.world.slots)
        averaged = by_link and name not in BY_LINK
        rows = int(stage.world.players) if averaged else kept.inner[-1]
        lead = LEADS.get(name, ())
        dtype = kept.dtype if kept.dtype.kind == "i" else np.dtype(about.dtype)

        def table(steps: slice) -> np.ndarray:
            value = read(steps)
            value = self._over_links(value) if averaged else value
            value = value.reshape(
                *value.shape[:-1], replicates, stage.cells
            )  # (t, lead, rows, replicate, cell)
            t, n = value.shape[0], value.ndim - 4
            order = (n + 2, 0, n + 3, n + 1, *range(1, n + 1))
            shape = (replicates, t, stage.cells * rows, *value.shape[1 : n + 1])
            return np.transpose(value, order).reshape(shape).astype(dtype, copy=False)

        return Column(
            ("replicate", "step", "link" if by_link and not averaged else "agent", *lead),
            (replicates, self.frames, stage.cells * rows, *kept.inner[:-1]),
            dtype,
            {"units": about.units, "long_name": about.long_name} | self._meanings(name),
            table,
        )

    def _meanings(self, name: str) -> dict[str, str]:
        """What the numbers of an action mean, in the order of CF's flags."""
        if name != "action":
            return {}
        words = self.point.stage.description.action_names
        return {"flag_meanings": " ".join(str(word).replace(" ", "_") for word in words)}

    def _over_links(self, value: np.ndarray) -> np.ndarray:
        """Means over each player's links: (…, links, columns) -> (…, players, columns)."""
        owners = self.point.owners
        if owners.shape[1] == 1:  # one graph for all
            starts = np.searchsorted(owners[:, 0], np.arange(int(self.point.stage.world.players)))
            sums = np.add.reduceat(value, starts, axis=-2)
            return (sums / np.bincount(owners[:, 0])[:, None]).astype(np.float32)
        out = np.empty((*value.shape[:-2], int(self.point.stage.world.players), value.shape[-1]), np.float32)
        for place in range(value.shape[-1]):
            owner = self.point.slot_players(place)
            starts = np.searchsorted(owner, np.arange(out.shape[-2]))
            sums = np.add.reduceat(value[..., place], starts, axis=-1)
            out[..., place] = sums / np.bincount(owner, minlength=out.shape[-2])
        return out


def _like(alive: np.ndarray, value: np.ndarray) -> np.ndarray:
    return alive.reshape(alive.shape[0], *(1,) * (value.ndim - 3), *alive.shape[1:])


def strategies(experiment: Experiment) -> np.ndarray | None:
    """What tells groups of one kind apart, their strategies' names; ``None`` where kinds do."""
    kinds = [group.kind for group in experiment.agents]
    named = [str(getattr(group, "strategy", None) or group.kind) for group in experiment.agents]
    if len(set(kinds)) == len(kinds) or len(set(named)) == len(set(kinds)):
        return None
    return np.array(named)
