"""Reading an experiment file: all its faults at once, each with file, line, column, path and remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from thermopolis.runs.document import Document, Fault, parse, read, refuse
from thermopolis.runs.faults import explain
from thermopolis.runs.plan import Plan, assign, plan, split
from thermopolis.runs.schema import Experiment


def load(path: str | Path, changes: Iterable[str] = (), over: Iterable[str] = ()) -> Experiment:
    """An experiment from a YAML file.

    Parameters
    ----------
    path : the file.
    changes : ``"agents.0.temperature=2"``: settings changed before anything is checked.
    over : ``"agents.0.temperature=[0.1, 1]"`` or ``"…={geomspace: [0.1, 10, 5]}"``: swept paths added.

    Raises
    ------
    ExperimentError : one line per fault, ``file:line:column: path: what; did you mean 'x'?``.
    """
    return load_plan(path, changes, over).experiment


def load_plan(path: str | Path, changes: Iterable[str] = (), over: Iterable[str] = ()) -> Plan:
    """The experiment of a file and all points of its sweep."""
    document = read(path)
    for change in changes:
        location, value = _setting("--set", change)
        document = _changed(document, location, value, f"--set {change}")
    for change in over:
        location, value = _setting("--over", change)
        if isinstance(value, str) and "," in value:
            value = parse(f"v: [{value}]", f"--over {change}").data["v"]
        key = ".".join(str(part) for part in location)
        document = _changed(document, ("sweep", key), value, f"--over {change}")
    return check(document, Path(path).parent)


def check(document: Document, folder: Path | None = None) -> Plan:
    """An experiment and its points from a document.

    Raises
    ------
    ExperimentError : one line per fault.
    """
    context = {"folder": folder} if folder is not None else None
    try:
        experiment = Experiment.model_validate(document.data, context=context)
    except ValidationError as error:
        raise refuse([*document.faults, *explain(error, document, Experiment)]) from None
    if document.faults:
        raise refuse(list(document.faults))
    return plan(experiment, document)


def with_sweep(experiment: Experiment, paths: Mapping[str, Any]) -> Experiment:
    """A copy of an experiment with paths swept, besides those it sweeps already."""
    data = experiment.model_dump(mode="json", exclude_unset=True)
    data["sweep"] = {**_sweep_as_written(experiment), **{path: _plain(spec) for path, spec in paths.items()}}
    return check(Document(data, f"<{experiment.name}>", {})).experiment


def _sweep_as_written(experiment: Experiment) -> dict[str, Any]:
    if experiment.sweep is None:
        return {}
    return experiment.sweep.model_dump(mode="json", exclude_none=True, exclude_unset=True)


def _plain(spec: Any) -> Any:
    """A spec given from Python as plain data: arrays and tuples as lists, NumPy numbers as numbers."""
    if hasattr(spec, "tolist"):
        spec = spec.tolist()
    if isinstance(spec, Mapping):
        return {str(key): _plain(value) for key, value in spec.items()}
    if isinstance(spec, (list, tuple)):
        return [_plain(value) for value in spec]
    return spec


def _setting(option: str, change: str) -> tuple[tuple[str | int, ...], Any]:
    """``PATH=VALUE`` with the value in YAML."""
    path, equals, text = change.partition("=")
    source = f"{option} {change}"
    if not equals or not path.strip() or any(not part for part in path.strip().split(".")):
        raise refuse([Fault(0, 0, "", "expected PATH=VALUE, as in agents.0.temperature=2", source)])
    indented = text.replace("\n", "\n  ")
    document = parse(f"v:\n  {indented}", source)
    if document.faults:
        raise refuse([Fault(0, 0, path, fault.what, source) for fault in document.faults])
    value = document.data.get("v")
    return split(path.strip()), value


def _changed(document: Document, location: tuple[str | int, ...], value: Any, source: str) -> Document:
    try:
        data = assign(document.data, location, value)
    except KeyError as error:
        path = ".".join(str(part) for part in location)
        raise refuse([Fault(0, 0, path, str(error.args[0]), source)]) from None
    return replace(document, data=data, changed={**document.changed, location: source})
