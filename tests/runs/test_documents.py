"""Any text is either an experiment or an error with lines; YAML's traps are none."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from thermopolis.errors import ExperimentError
from thermopolis.runs.document import parse, scalar
from thermopolis.runs.loading import check

GOOD = """\
name: good
steps: 3
environment: {kind: matrix_game, noise: 1e-3}
agents:
  - {kind: active_inference, count: 2}
"""

PIECES = st.sampled_from(
    ["name", "steps", "agents", "environment", "kind", "matrix_game", "active_inference", "sweep", "zip", ":", ": ",
     "- ", "\n", "\n  ", "[", "]", "{", "}", ",", "&a ", "*a", "!!int ", "1", "-1e5", ".nan", "no", "'", '"', "|\n", "#",
     "<<", "?", "temperature", "agents.0.temperature", "geomspace", "\t", "null", "%YAML 1.1\n", "---\n"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join)))
def test_any_text_gives_an_experiment_or_an_error(text: str) -> None:
    try:
        check(parse(text, "f.yaml"))
    except ExperimentError as error:
        assert all(line.startswith("f.yaml:") for line in str(error).splitlines())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(
        ["name", "seed", "replicates", "steps", "environment", "agents", "core", "record", "random", "sweep"]
    ),
    VALUES,
)
def test_any_value_in_any_section_gives_an_experiment_or_an_error(key: str, value: object) -> None:
    data = yaml.safe_load(GOOD)
    data[key] = value
    text = yaml.safe_dump(data)
    try:
        check(parse(text, "f.yaml"))
    except ExperimentError as error:
        assert all(line.startswith("f.yaml:") for line in str(error).splitlines())


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_written(number: float) -> None:
    assert scalar(repr(number)) == number


NO_TRAPS = {
    "1e-3": 1e-3, "1E5": 1e5, ".5": 0.5, "5.": 5.0, "0x1F": 31, "010": 10, "~": None, "true": True,
    "no": "no", "off": "off", "yes": "yes", "12:30:00": "12:30:00", "1_000": "1_000", "2026-01-01": "2026-01-01",
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), NO_TRAPS.items())
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_quotes_make_text_and_a_scalar_may_be_an_alias() -> None:
    data = parse("a: '5'\nb: &n 7\nc: *n\nd: |\n  two\n  lines\n", "f").data
    assert data == {"a": "5", "b": 7, "c": 7, "d": "two\nlines\n"}


def test_a_resolved_experiment_reads_back_as_itself(tmp_path: Path) -> None:
    from thermopolis.runs.loading import load
    from thermopolis.runs.store import written

    path = tmp_path / "e.yaml"
    path.write_text(GOOD + "sweep:\n  agents.0.temperature: {geomspace: [0.1, 10, 5]}\n")
    first = load(path)
    path.write_text(written(first))
    assert load(path) == first
