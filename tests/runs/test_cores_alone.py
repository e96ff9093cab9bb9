"""A core alone from a file: swept, stored, opened, its variables asked for by name, its faults at their place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import thermopolis as tp
from thermopolis.errors import ExperimentError

DRIVEN = """\
name: driven
seed: 2
replicates: 2
steps: 6
environment:
  kind: core
  energy: {kind: potential, terms: [[0.25, [4]], [-0.5, [2]], [0.0, [1]]]}
  protocol: {to: {terms: [[0.25, [4]], [-0.5, [2]], [0.4, [1]]]}, reverse: false}
  sampler: {kind: metropolis, scale: 1.2}
  temperature: 0.7
  chains: 300
  burn_in: 40
  device: {name: landauer, temperature_kelvin: 77.0}
record: {variables: [core_work, core_free_energy, core_entropy_production, magnetisation]}
sweep:
  environment.protocol.reverse: [false, true]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "experiment.yaml"
    path.write_text(text)
    return path


def test_a_potential_driven_both_ways(tmp_path: Path) -> None:
    """Jarzynski's equality in either direction, with the exact free energies stored beside the works."""
    ds = tp.run(tp.load(write(tmp_path, DRIVEN)), out=tmp_path / "results")
    assert set(ds.data_vars) == {"core_work", "core_free_energy", "core_entropy_production", "magnetisation"}
    ds = tp.open(tmp_path / "results")
    thermal = 1.380649e-23 * 77.0
    assert ds["core_free_energy"].attrs["units"] == "J"
    changes = []
    for back in (False, True):
        here = ds.sel(reverse=back)
        work = here["core_work"].sum("step").values.ravel() / thermal
        free = here["core_free_energy"].values[0] / thermal
        changes.append(free[-1] - free[0])
        weight = np.exp(-work)
        assert abs(weight.mean() - np.exp(-changes[-1])) < 4 * weight.std(ddof=1) / np.sqrt(weight.size)
        assert float(here["core_entropy_production"].sum("step").mean()) > 0
    assert changes[0] == pytest.approx(-changes[1], rel=1e-4) and changes[0] < -0.05


def test_mixed_units_from_a_file(tmp_path: Path) -> None:
    text = DRIVEN.split("  energy:")[0] + (
        "  energy: {kind: mixed, sizes: [2], terms: [{coefficient: [0.5, 2.0], powers: [2], unit: 0}]}\n"
        "  chains: 200\n  burn_in: 60\nrecord: {variables: [state]}\n"
    )
    state = tp.run(tp.load(write(tmp_path, text)))["state"]
    narrow = state.isel(unit=0).values == 1
    # p(k) goes as 1/sqrt(stiffness): 1 to 2
    assert abs(narrow.mean() - 1 / 3) < 4 * np.sqrt(2 / 9 / 400)
    assert np.var(state.isel(unit=1).values[narrow]) < 0.5 * np.var(state.isel(unit=1).values[~narrow])


def test_forbidden_states_and_a_scale_for_each_unit(tmp_path: Path) -> None:
    """+inf in a table is read, stored, run and opened again; a list of scales is a setting."""
    head = DRIVEN.split("  energy:")[0]
    forbidding = (
        "  energy: {kind: categorical, sizes: [2, 2], factors: [[[0, 1], [[0, .inf], [0.7, 0]]]]}\n"
        "  chains: 200\n  burn_in: 20\nrecord: {variables: [state, law_error]}\n"
    )
    tp.run(tp.load(write(tmp_path, head + forbidding)), out=tmp_path / "results")
    ds = tp.open(tmp_path / "results")
    first, second = (ds["state"].isel(unit=unit).values for unit in (0, 1))
    assert not ((first == 0) & (second == 1)).any() and (first == 1).any()
    assert float(ds["law_error"].max()) < 0.1
    scales = (
        "  energy: {kind: quadratic, A: [[1.0, 0.0], [0.0, 100.0]]}\n"
        "  sampler: {kind: metropolis, scale: [1.0, 0.1]}\nrecord: {variables: [acceptance]}\n"
    )
    assert float(tp.run(tp.load(write(tmp_path, head + scales)))["acceptance"].mean()) > 0.4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[0.25, [4]], [-0.5, [2]], [0.0, [1]]]", "x**4", "terms"),
        ("scale: 1.2", "scale: -1", "scale"),
        ("reverse: false}", "reverse: 3}", "reverse"),
        ("magnetisation]", "magnetization]", "did you mean 'magnetisation'"),
        ("temperature_kelvin: 77.0", "temperature_kelvin: -1", "temperature_kelvin"),
        ("record: {", "record: {summary: {}, ", "record.summary: a core alone has no players to sum up"),
    ],
)
def test_faults_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in DRIVEN
    with pytest.raises(ExperimentError, match=message):
        tp.load(write(tmp_path, DRIVEN.replace(old, new, 1)))
