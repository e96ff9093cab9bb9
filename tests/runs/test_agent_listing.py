"""``list agents`` has a line on every kind of player and every option of an active-inference agent."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import BaseModel

from thermopolis.runs.cli.listing import CHOICES, OPTIONS, lines
from thermopolis.runs.schema import agents

#: Sections whose kinds are listed by themselves, each with the first line of what it says.
UNIONS = ("planner", "selection", "temperature")
PLACES = ("kind", "count", "share")


def words(annotation: object) -> set[str]:
    """The words an option chooses from, tuples of them included."""
    out: set[str] = set()
    for part in get_args(annotation):
        out |= {part} if isinstance(part, str) else {str(part)} if isinstance(part, int) else words(part)
    return out


def options_of(section: type[BaseModel], prefix: str = "") -> dict[str, set[str]]:
    """Every option of a section by its path, with the words it chooses from, if it does."""
    out = {}
    for name, field in section.model_fields.items():
        inner = [x for x in (field.annotation, *get_args(field.annotation)) if isinstance(x, type)]
        nested = [x for x in inner if issubclass(x, BaseModel)]
        if prefix + name in UNIONS or (not prefix and name in PLACES):
            continue
        if nested:
            out |= options_of(nested[0], f"{prefix}{name}.")
        else:
            out[f"{prefix}{name}".removesuffix(".kind")] = words(field.annotation)
    return out


def test_every_option_has_a_line() -> None:
    listed = list(lines("agents"))
    found = options_of(agents.ActiveInference)
    assert len(found) > 25
    for name, choices in found.items():
        if name in CHOICES:
            assert set(CHOICES[name]) == choices, name
        else:
            assert name in OPTIONS, name
    assert set(OPTIONS) <= set(found)
    for name, choice in [(n, c) for n, choices in CHOICES.items() for c in choices]:
        (line,) = [x for x in listed if x.startswith(f"{name}: {choice} ")]
        assert len(line.removeprefix(f"{name}: {choice}").strip()) > 5


@pytest.mark.parametrize(
    "start",
    ["temperature: doom", "selection: adaptive_entmax", "planner: monte_carlo", "memory_one", "axelrod"],
)
def test_every_kind_has_a_line(start: str) -> None:
    (line,) = [x for x in lines("agents") if x.startswith(f"{start} ")]
    assert len(line) > len(start) + 10
