"""``list agents`` has a line on every choice of an active-inference agent."""

from __future__ import annotations

from typing import get_args

from thermopolis.runs.cli.listing import CHOICES, lines
from thermopolis.runs.schema import agents


def test_every_choice_has_a_line() -> None:
    listed = list(lines("agents"))
    fields = {
        "perception": agents.Perception.model_fields["kind"],
        "policy": agents.Policy.model_fields["kind"],
        "learning.method": agents.Learning.model_fields["method"],
        "team": agents.Team.model_fields["kind"],
        "opponent.levels": agents.Opponent.model_fields["levels"],
    }
    assert set(fields) == set(CHOICES)
    for name, field in fields.items():
        assert {str(x) for x in get_args(field.annotation)} == set(CHOICES[name])
    for choice in (
        "temperature: doom",
        "selection: entmax",
        "planner: sophisticated",
        "team: merge",
        "memory_one",
    ):
        (line,) = [x for x in listed if x.startswith(choice)]
        assert len(line) > len(choice) + 10
