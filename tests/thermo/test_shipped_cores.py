"""The shipped core experiments run from their files' own words, and show what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from thermopolis.keys import fold_in, make_key
from thermopolis.thermo.alone import Relaxed, relax

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def run(name: str, steps: int, **changes: Any) -> Relaxed:
    """A shipped file's environment, with settings changed, on two replicates."""
    spec = yaml.safe_load((EXPERIMENTS / f"{name}.yaml").read_text())["environment"]
    keys = fold_in(jnp.broadcast_to(make_key(1), (2,)), jnp.arange(2))
    return relax({key: value for key, value in (spec | changes).items() if key != "kind"}, keys, steps)


def test_xor_backwards() -> None:
    result = run("xor", 200)
    units = result.coordinates["unit"].tolist()
    state = result.variables["state"][1]
    different = state[..., units.index("a")] != state[..., units.index("b")]
    assert different.mean() > 0.9


def test_ordering_across_the_transition() -> None:
    below, above = (run("ising_transition", 10, temperature=t, burn_in=300) for t in (2.0, 3.0))
    cold, hot = (np.abs(r.variables["magnetisation"][1]).mean() for r in (below, above))
    assert abs(cold - 0.911) < 0.01 and hot < 0.1


@pytest.mark.long
def test_tempering_crosses() -> None:
    """Chains agree on the share of time spent up only where replicas are hot enough."""
    spreads = []
    for stop in (1.1, 8.0):
        result = run("tempering", 400, tempering={"start": 1.0, "stop": stop, "count": 8}, chains=16)
        up = (result.variables["magnetisation"][1][:, 100:] > 0).mean(axis=1)
        spreads.append(up.std())
    assert spreads[1] < 0.7 * spreads[0]


def test_devices_differ_in_joules_and_rounding() -> None:
    fine = run("devices", 40, device={"name": "cmos_pbit", "weight_bits": 8})
    rough = run("devices", 40, device={"name": "cmos_pbit", "weight_bits": 2})
    energies = [r.variables["energy"][1].astype(float).mean(axis=(1, 2)) for r in (fine, rough)]
    assert energies[1].min() > energies[0].max() + 0.3
    update, read, write, rng, _ = fine.variables["core_joules"][1].sum(axis=1)[0, 0]
    assert min(read, write) > 10 * (update + rng) and write > 0
    unknown = run("devices", 2, device="rlc_stochastic_unit").variables["core_joules"][1]
    assert np.isnan(unknown[..., :4]).all()
