"""Guards: a value that isn't finite where it should be stops a point, with its place."""

from __future__ import annotations

import numpy as np

from thermopolis.errors import SimulationError
from thermopolis.runs.schema import Experiment
from thermopolis.runs.table import Table

#: NaN here says that there was nothing to observe (free energy), that a device's figure is unknown (joules), or that
#: another player has more states (beliefs).
MAY_BE_NAN = ("free_energy", "complexity", "accuracy", "core_joules", "belief")
#: -inf is the rating of a civilization without power.
MAY_BE_INFINITE = ("kardashev",)


def check(table: Table, experiment: Experiment) -> None:
    """Raise ``SimulationError`` at the first value that left the numbers.

    After the end of a game NaN is right; an infinite free energy says that an agent's model holds what it saw
    impossible.
    """
    if experiment.record.summary is not None:
        _check_summary(table)
        return
    reporting = {name: _reporting(table, name) for name in _guarded(table)}
    for steps in table.stretches():
        action = table.variables.get("action")
        over = action.read(steps) < 0 if action is not None and "agent" in action.dims else None
        for name, reports in reporting.items():
            values = table.variables[name].read(steps)
            bad = np.isinf(values)
            if reports is not None and over is not None and values.shape == over.shape:
                bad |= np.isnan(values) & ~over & reports[:, None]
            if bad.any():
                raise _fault(table, name, values, bad, steps.start)


def _guarded(table: Table) -> list[str]:
    """Names of variables that hold numbers step by step."""
    return [
        name
        for name, column in table.variables.items()
        if column.dtype.kind == "f" and column.over_steps and name not in MAY_BE_INFINITE
    ]


def _reporting(table: Table, name: str) -> np.ndarray | None:
    """Which agents report a variable at all, (replicate or 1, agent); None where NaN may stand anyway."""
    column = table.variables[name]
    if name in MAY_BE_NAN or column.dims != ("replicate", "step", "agent"):
        return None
    replicates, _, agents = column.shape
    drawn = "kind" in table.coordinates and "replicate" in table.coordinates["kind"].dims
    reports = np.zeros((replicates if drawn else 1, agents), bool)
    for steps in table.stretches():
        there = (~np.isnan(column.read(steps))).any(axis=1)
        reports |= there if drawn else there.any(axis=0)
        if reports.all():
            break
    return reports


def _fault(table: Table, name: str, values: np.ndarray, bad: np.ndarray, first: int) -> SimulationError:
    places = np.argwhere(bad)
    place = tuple(places[places[:, 1].argmin()])
    replicate, frame, agent = (int(i) for i in (*place, 0)[:3])
    step = int(table.coordinates["step"].values[first + frame])
    kinds = table.coordinates["kind"].values if "kind" in table.coordinates else np.array(["core"])
    kind = kinds[min(agent, len(kinds) - 1)] if kinds.ndim == 1 else kinds[replicate, agent]
    why = ""
    if name in ("free_energy", "complexity") and np.isinf(values[place]):
        why = ": it saw an outcome that its model holds impossible"
    return SimulationError(
        f"{name} is {values[place]} at step {step}, replicate {replicate}, agent {agent} ({kind}){why}"
    )


def _check_summary(table: Table) -> None:
    for name, column in table.variables.items():
        values = column.values
        if name.rpartition("_")[0] in MAY_BE_INFINITE or not np.isinf(values).any():
            continue
        place = np.argwhere(np.isinf(values))
        replicate, step = place[place[:, 1].argmin()][:2]
        raise SimulationError(
            f"{name} is infinite at step {int(table.coordinates['step'].values[step])}, replicate {replicate}"
        )
