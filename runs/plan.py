"""From a sweep to its points: every combination as a resolved experiment.

A swept dimension is named by its path's last component, or by the whole path (dots as ``_``) where that is
shared or is a name of the results; zipped paths share a dimension, named by the first.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from thermopolis.runs.document import Document, Fault, Location, refuse
from thermopolis.runs.faults import did_you_mean, explain, shown
from thermopolis.runs.identity import point_id
from thermopolis.runs.schema import COORDINATES, DIMENSIONS, VARIABLES, Experiment

MOST_POINTS = 1_000_000
FREE = ("kwargs", "parameters", "energy", "protocol")
"""Sections whose keys are those of a world; the world itself says which there are."""
_ALIKE: dict[str, tuple[Callable[[Experiment], Any], str]] = {
    "record.every": (lambda e: e.record.every, "points would differ in which steps they have"),
    "record.summary": (lambda e: e.record.summary is None, "some points would have players, others none"),
    "selection": (lambda e: e.selection is None, "a step of some points would be a generation"),
    "selection.demes": (lambda e: e.selection and e.selection.demes is None, "some points would have demes"),
}
"""What all points of a sweep have in common, for their results are one dataset."""
_RESERVED = frozenset((*VARIABLES, *DIMENSIONS, *COORDINATES))


@dataclass(frozen=True)
class Dimension:
    """A dimension of a sweep: one path, or several that move together."""

    paths: tuple[str, ...]
    names: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    """One tuple of values per path."""

    @property
    def name(self) -> str:
        return self.names[0]

    def __len__(self) -> int:
        return len(self.values[0])


@dataclass(frozen=True)
class Point:
    """One combination of swept values."""

    index: tuple[int, ...]
    swept: dict[str, Any]
    experiment: Experiment

    @cached_property
    def id(self) -> str:
        return point_id(self.experiment)


@dataclass(frozen=True)
class Plan:
    """A sweep laid out: its dimensions, and its points in row-major order."""

    experiment: Experiment
    dimensions: tuple[Dimension, ...]
    points: tuple[Point, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(dimension) for dimension in self.dimensions)


def split(path: str) -> Location:
    """``agents.0.temperature`` as keys and places."""
    return tuple(int(part) if part.isdecimal() else part for part in path.split("."))


def assign(data: Any, location: Location, value: Any) -> Any:
    """A copy of plain data with one value set; sections on the way are made where absent.

    Raises
    ------
    KeyError : with a message, where the way leads through something that is no section or list.
    """
    if not location:
        return value
    first, rest = location[0], location[1:]
    if isinstance(data, list):
        if not isinstance(first, int) or first >= len(data):
            raise KeyError(f"{first} is no place in a list of {len(data)} (numbered from 0)")
        return [*data[:first], assign(data[first], rest, value), *data[first + 1 :]]
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise KeyError(f"{shown(data)} has no keys, so there is no {first!r} in it")
    key = str(first)
    return {**data, key: assign(data.get(key), rest, value)}


def _why_impossible(resolved: Any, path: str) -> str | None:
    """Why nothing can be set at a path of a resolved experiment; None if it can."""
    for part in split(path):
        if isinstance(resolved, list):
            if not isinstance(part, int) or part >= len(resolved):
                return f"{part!r} is no place in a list of {len(resolved)} (numbered from 0)"
            resolved = resolved[part]
        elif isinstance(resolved, dict):
            if part in FREE and part in resolved:
                return None
            if str(part) not in resolved:
                return f"there is no key {str(part)!r}{did_you_mean(str(part), list(resolved))}"
            resolved = resolved[str(part)]
        else:
            return f"{shown(resolved)} has no keys, so there is no {str(part)!r} in it"
    return None


def names_of(paths: list[str]) -> dict[str, str]:
    """A dimension or coordinate name for every path."""
    last = Counter(path.rsplit(".", 1)[-1] for path in paths)
    names = {}
    for path in paths:
        short = path.rsplit(".", 1)[-1]
        clear = last[short] == 1 and short not in _RESERVED and short.isidentifier()
        names[path] = short if clear else path.replace(".", "_")
    return names


def label(value: Any) -> Any:
    """A swept value as a coordinate: numbers, flags and text as they are, anything else as JSON."""
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value, sort_keys=True)


def dimensions_of(experiment: Experiment) -> tuple[Dimension, ...]:
    """The dimensions of an experiment's sweep, in the order of the file."""
    if experiment.sweep is None:
        return ()
    paths = experiment.sweep.paths
    names = names_of(list(paths))
    together = {path: group for group in experiment.sweep.zip for path in group}
    dimensions = []
    for path in paths:
        group = together.get(path, (path,))
        if path != next(other for other in paths if other in group):
            continue
        values = tuple(tuple(paths[other]) for other in group)
        dimensions.append(Dimension(tuple(group), tuple(names[other] for other in group), values))
    return tuple(dimensions)


def plan(experiment: Experiment, document: Document | None = None) -> Plan:
    """Every point of an experiment, validated.

    Parameters
    ----------
    document : where the experiment was read from, for the lines of faults.

    Raises
    ------
    ExperimentError : impossible paths and values, one line each.
    """
    if document is None:
        document = Document(experiment.model_dump(mode="json"), f"<{experiment.name}>", {})
    dimensions = dimensions_of(experiment)
    resolved = experiment.model_dump(mode="json")
    faults = []
    for dimension in dimensions:
        for path in dimension.paths:
            why = _why_impossible(resolved, path)
            if path.split(".")[0] in ("sweep", "name"):
                why = f"{path.split('.')[0]} can't be swept"
            if why:
                faults.append(document.fault(("sweep", path), why))
    number = math.prod(len(dimension) for dimension in dimensions)
    if number > MOST_POINTS:
        faults.append(document.fault(("sweep",), f"{number} points are more than {MOST_POINTS}"))
    if faults:
        raise refuse(faults)
    base = experiment.model_dump(mode="json", exclude={"sweep"}, exclude_unset=True)
    points = []
    for index in itertools.product(*(range(len(dimension)) for dimension in dimensions)):
        swept = {
            path: dimension.values[k][i]
            for dimension, i in zip(dimensions, index, strict=True)
            for k, path in enumerate(dimension.paths)
        }
        try:
            data = base
            for path, value in swept.items():
                data = assign(data, split(path), value)
            points.append(Point(index, swept, Experiment.model_validate(data)))
        except ValidationError as error:
            faults += _faults_of_point(error, document, data, swept)
            if len(faults) > 50:
                break
    faults = faults or _unlike(points, document)
    if faults:
        raise refuse(faults)
    return Plan(experiment, dimensions, tuple(points))


def _unlike(points: list[Point], document: Document) -> list[Fault]:
    """The swept path, if any, that would give some points other dimensions, or steps that mean something else."""
    for setting, (value, why) in _ALIKE.items():
        top = setting.split(".")[0]
        swept = [path for path in points[0].swept if path.split(".")[0] == top]
        if swept and len({value(point.experiment) for point in points}) > 1:
            guilty = [path for path in swept if f"{setting}.".startswith(f"{path}.")]
            return [document.fault(("sweep", (guilty or swept)[0]), f"{why}: run them apart")]
    return []


def _faults_of_point(
    error: ValidationError, document: Document, data: Any, swept: Mapping[str, Any]
) -> list[Fault]:
    """The faults of one combination, at the line of the swept path to blame."""
    here = Document(data, document.source, {})
    faults = []
    for fault in explain(error, here, Experiment):
        guilty = [path for path in swept if fault.path == path or fault.path.startswith(f"{path}.")]
        blamed = guilty or list(swept)
        values = ", ".join(f"{path} = {shown(swept[path])}" for path in blamed)
        what = fault.what if guilty == [fault.path] else f"{fault.path}: {fault.what}"
        faults.append(document.fault(("sweep", blamed[0]), f"with {values}: {what}"))
    return faults


def needs_python(experiment: Experiment) -> str | None:
    """What can only be stepped from Python, a world or a player; ``None`` if nothing."""
    if experiment.environment.kind == "pettingzoo":
        return "environment.kind pettingzoo"
    for number, group in enumerate(experiment.agents):
        if group.kind == "axelrod":
            return f"agents.{number}.kind axelrod"
    return None
