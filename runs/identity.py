"""Names that follow from settings alone: a point's id, an experiment's hash.

Both are SHA-256 of canonical JSON (sorted keys, defaults filled in, numbers as pydantic typed them), so that
equal settings have equal names whatever the file looked like. Files that an experiment refers to count by
content.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from thermopolis.runs.schema import Experiment

#: Options that came later and aren't named while they are at rest, so that older experiments keep their streams.
_LATER: dict[str, dict[str, Any]] = {
    "group": {"model": None, "policies": None},
    "team": {"of": ["parameters"]},
}


def settings(experiment: Experiment, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The resolved settings as plain data; a model file appears by its content's digest."""
    data = experiment.model_dump(mode="json", exclude=set(without))
    if data.get("selection") is None:
        data.pop("selection", None)
    for group in data.get("agents", ()):
        if group.get("model") is not None:
            group["model"] = hashlib.sha256(Path(group["model"]).read_bytes()).hexdigest()
        for part, names in _LATER.items():
            section = group if part == "group" else group.get(part)
            for name, rest in names.items():
                if section and section.get(name, rest) == rest:
                    section.pop(name, None)
    return data


def digest(data: Any) -> str:
    """SHA-256 of canonical JSON."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def point_id(experiment: Experiment) -> str:
    """16 hexadecimal digits of everything a point's results depend on."""
    return digest(settings(experiment, ("name", "sweep")))[:16]


def experiment_hash(experiment: Experiment) -> str:
    """8 digits that name the results directory: a grown sweep or more replicates keep it."""
    return digest(settings(experiment, ("name", "sweep", "record", "replicates")))[:8]
