"""The examples in these pages run as they stand, and so does the p-bit's script."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from thermopolis.keys import make_key
from thermopolis.thermo.alone import relax
from thermopolis.thermo.ledger import BOLTZMANN
from thermopolis.thermo.noise import lane_keys

ROOT = Path(__file__).parents[2]
PAGES = ("core", "choice", "continuous", "free-energy", "work", "pbit", "linear-algebra")


@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page: str) -> None:
    text = (ROOT / "docs" / f"thermo-{page}.md").read_text()
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), names)


def test_pbit_script_writes_what_it_measured(tmp_path, monkeypatch, capsys) -> None:
    out = tmp_path / "pbit.nc"
    monkeypatch.setattr(sys, "argv", ["pbit.py", "--quick", "--out", str(out)])
    runpy.run_path(str(ROOT / "experiments" / "pbit.py"), run_name="__main__")
    assert "logical" in capsys.readouterr().out
    with xr.open_dataset(out) as ds:
        deviation = abs(ds.dwell_fraction - ds.logical_fraction) / ds.dwell_error
        assert float(deviation.max()) < 4
        late = abs(ds.escape_time - ds.first_passage_time) / ds.escape_error
        assert float(late.max()) < 4


def test_shipped_jarzynski_experiment_obeys_the_equality() -> None:
    description = yaml.safe_load((ROOT / "experiments" / "jarzynski.yaml").read_text())
    spec = {name: value for name, value in description["environment"].items() if name != "kind"}
    spec["chains"], steps = 4000, description["steps"]
    relaxed = relax(spec, lane_keys(make_key(5), 1), steps)
    thermal = BOLTZMANN * 300
    done, given = (relaxed.variables[f"core_{n}"][1][0, 1:] / thermal for n in ("work", "heat"))
    energy = relaxed.variables["energy"][1][0].astype(float)
    closes = energy[-1] - energy[0] - (done.sum(axis=0) - given.sum(axis=0))
    assert np.abs(closes).max() < 1e-6 * (np.abs(done) + np.abs(given)).sum(axis=0).max()
    work = done.sum(axis=0)
    average = np.exp(-work)
    assert abs(average.mean() - 1) < 4 * average.std() / np.sqrt(work.size)
    stride, decay = 1.5 / (steps - 1), np.exp(-spec["sampler"]["dt"])
    lag = np.array([stride * decay * (1 - decay**n) / (1 - decay) for n in range(steps - 1)])
    assert abs(work.mean() - (stride * lag + stride**2 / 2).sum()) < 4 * work.std() / np.sqrt(work.size)
    assert work.mean() > 0
