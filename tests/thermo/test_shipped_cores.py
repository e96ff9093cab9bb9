"""The shipped core experiments run from their files' own words, and show what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from thermopolis.keys import fold_in, make_key
from thermopolis.thermo import bennett, crooks
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


def test_crooks_forward_and_in_reverse() -> None:
    """Works of both files' directions: Bennett's ΔF is ln(4)/2 kT; the exact one is written beside them."""
    thermal = 1.380649e-23 * 300.0
    works = []
    for back in (False, True):
        made = run("crooks", 16, protocol={"to": {"A": [[4.0]]}, "reverse": back})
        works.append(made.variables["core_work"][1].sum(axis=1).ravel() / thermal)
        free = made.variables["core_free_energy"][1][0] / thermal
        assert abs(free[-1] - free[0]) == pytest.approx(np.log(4) / 2, abs=1e-6)
    found = bennett(*works)
    assert abs(found - np.log(4) / 2) < 4 * found.standard_error < 0.1
    assert works[0].mean() > found > -works[1].mean()
    at, ratio, error = crooks(*works)
    assert np.all(np.abs(ratio - (at - np.log(4) / 2)) < 4 * error)


def test_landscape_is_that_of_the_quartic() -> None:
    """Share of time on the right against quadrature, within 4 standard errors over chains."""
    result = run("landscape", 300, temperature=0.6)
    right = (result.variables["state"][1][..., 0] > 0).mean(axis=1).ravel()
    x = np.linspace(-3, 3, 6001)
    weight = np.exp(-((x**2 - 1) ** 2 - x / 10) / 0.6)
    exact = weight[x > 0].sum() / weight.sum()
    assert abs(right.mean() - exact) < 4 * right.std(ddof=1) / np.sqrt(right.size)


def test_imperfections_are_told_apart() -> None:
    """Wrong weights are known exactly, noise is seen beside them."""
    ideal = {"name": "landauer", "weight_bits": 16}
    seen = {
        name: run("imperfections", 200, device=ideal | change).variables
        for name, change in {
            "ideal": {},
            "rounded": {"weight_bits": 4},
            "noisy": {"coupling_noise": 0.5},
        }.items()
    }
    floor = seen["ideal"]["law_error"][1].max()
    assert seen["ideal"]["held_law_error"][1].max() < 1e-3 and floor < 0.05
    held = seen["rounded"]["held_law_error"][1][0]
    assert held > 0.03 and np.abs(seen["rounded"]["law_error"][1] - held).max() < floor
    assert seen["noisy"]["held_law_error"][1][0] < 1e-3 < 0.06 < seen["noisy"]["law_error"][1].min()


def test_devices_differ_in_joules_and_rounding() -> None:
    fine = run("devices", 40, device={"name": "cmos_pbit", "weight_bits": 8})
    rough = run("devices", 40, device={"name": "cmos_pbit", "weight_bits": 2})
    energies = [r.variables["energy"][1].astype(float).mean(axis=(1, 2)) for r in (fine, rough)]
    assert energies[1].min() > energies[0].max() + 0.3
    update, read, write, rng, _ = fine.variables["core_joules"][1].sum(axis=1)[0, 0]
    assert min(read, write) > 10 * (update + rng) and write > 0
    unknown = run("devices", 2, device="rlc_stochastic_unit").variables["core_joules"][1]
    assert np.isnan(unknown[..., :4]).all()
