"""A core alone, from a mapping: right laws, right joules, one name per fault."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, make_key
from thermopolis.thermo import Device, Ising, enumerate_states
from thermopolis.thermo.alone import relax


def keys(replicates: int = 2) -> Any:
    return fold_in(jnp.broadcast_to(make_key(1), (replicates,)), jnp.arange(replicates))


def test_logic_gate_by_name() -> None:
    spec = {
        "energy": {"kind": "logic", "gate": "xor", "clamp": {"out": 1}},
        "temperature": 0.3,
        "chains": 32,
        "burn_in": 50,
    }
    result = relax(spec, keys(), 300)
    dims, state, _ = result.variables["state"]
    assert dims == ("replicate", "step", "chain", "unit") and state.shape == (2, 300, 32, 4)
    names = result.coordinates["unit"].tolist()
    a, b, out = (state[..., names.index(name)] for name in ("a", "b", "out"))
    assert (out == 1).all()
    assert ((a ^ b) == 1).mean() > 0.9
    assert 0.4 < a.mean() < 0.6


def test_joules_of_each_step() -> None:
    spec = {
        "energy": {"kind": "ising", "edges": [[0, 1], [1, 2]], "bias": 0.1},
        "device": "cmos_pbit",
        "sweeps": 4,
        "burn_in": 10,
        "chains": 3,
    }
    result = relax(spec, keys(), 5)
    _, joules, _ = result.variables["core_joules"]
    device = Device.preset("cmos_pbit")
    energy = Ising([(0, 1), (1, 2)])
    first = device.joules(device.operations(energy, 14, 1, 1)).operations
    later = device.joules(device.operations(energy, 4, 1, 0)).operations
    assert np.allclose(joules[:, 0], first, rtol=1e-6) and np.allclose(joules[:, 1:], later, rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": {"kind": "linear", "start": 3.0, "stop": 1.0}},
        {"protocol": {"to": {"coupling": 2.0, "bias": -0.5}}},
        {"protocol": {"to": {"coupling": 2.0}}, "schedule": {"kind": "geometric", "start": 3.0, "stop": 1.0}},
    ],
)
def test_first_law_at_every_step(change: dict[str, Any]) -> None:
    """Δ(E/T) = W − Q in units of k_B T_device at each step, heat from the moves alone."""
    spec = {
        "energy": {"kind": "ising", "lattice": [4, 5], "coupling": 0.5, "bias": 0.2},
        "chains": 8,
    } | change
    result = relax(spec, keys(), 60)
    thermal = 1.380649e-23 * 300.0
    energy, temperature = (result.variables[name][1].astype(float) for name in ("energy", "temperature"))
    work, heat = (result.variables[f"core_{name}"][1] / thermal for name in ("work", "heat"))
    change_of = np.diff(energy / temperature, axis=1)
    assert np.abs(change_of - (work - heat)[:, 1:]).max() < 1e-5 * np.abs(energy / temperature).max()


def test_packed_lattice_and_general_sampler_agree() -> None:
    """A lattice above T_c: mean energy by words and by the graph within 4 standard errors."""
    means = []
    for extra in ({}, {"bias": 1e-9}):
        spec = {
            "energy": {"kind": "ising", "lattice": [8, 8], **extra},
            "temperature": 3.5,
            "chains": 32,
            "burn_in": 50,
            "sweeps": 3,
        }
        energy = relax(spec, keys(), 150).variables["energy"][1].astype(float)
        per_chain = energy.mean(axis=1).ravel()
        means.append((per_chain.mean(), per_chain.std(ddof=1) / np.sqrt(per_chain.size)))
    (a, da), (b, db) = means
    assert abs(a - b) < 4 * np.hypot(da, db)


def test_tempering_and_continuous_energies() -> None:
    spec = {
        "energy": {"kind": "ising", "matrix": (np.ones((6, 6)) - np.eye(6)).tolist()},
        "tempering": {"start": 1.0, "stop": 12.0, "count": 5},
        "chains": 16,
    }
    result = relax(spec, keys(), 400)
    assert result.variables["swap_rate"][1].shape == (2, 400, 16, 4)
    assert result.variables["round_trips"][1][:, -1].sum() > 20
    well = {
        "energy": {"kind": "double_well", "barrier": 2.0},
        "sampler": {"kind": "overdamped", "dt": 0.01},
        "chains": 4,
    }
    assert relax(well, keys(), 20).variables["state"][1].shape == (2, 20, 4, 1)


def test_a_device_changes_the_samples() -> None:
    """Rounding to 2 bits turns couplings 1 and .4 into 1 and 0: the weak pair becomes independent."""
    energy = {"kind": "ising", "edges": [[0, 1], [2, 3]], "coupling": [1.0, 0.4]}
    spec = {"energy": energy, "chains": 64, "burn_in": 20, "device": {"name": "landauer", "weight_bits": 2}}
    state = relax(spec, keys(), 300).variables["state"][1].astype(float)
    pairs = state[..., [0, 2]] * state[..., [1, 3]]
    assert abs(pairs[..., 1].mean()) < 0.03
    exact = enumerate_states(Ising([(0, 1)], 1.0))
    expected = (exact.probabilities * exact.states[0] * exact.states[1]).sum()
    assert abs(pairs[..., 0].mean() - expected) < 0.02


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "energy: expected a mapping"),
        ({"energy": {"kind": "isng"}}, "did you mean 'ising'"),
        ({"energy": {"kind": "ising"}}, "one of lattice, edges, matrix"),
        ({"energy": {"kind": "ising", "latice": [4, 4]}}, "did you mean 'lattice'"),
        ({"energy": {"kind": "categorical", "sizes": [2]}}, "factors"),
        ({"energy": {"kind": "logic", "gate": "xor", "clamp": {"out": 3}}}, "out of range"),
        ({"energy": {"kind": "ising", "lattice": [4, 4]}, "sampler": "heatbath"}, "no kind 'heatbath'"),
        ({"energy": {"kind": "ising", "lattice": [4, 4]}, "temperature": 0.0}, "> 0"),
        ({"energy": {"kind": "ising", "lattice": [4, 4]}, "chains": 0}, "chains"),
        ({"energy": {"kind": "ising", "lattice": [4, 4]}, "tempering": [2.0, 1.0]}, "must rise"),
        ({"energy": {"kind": "ising", "lattice": [4, 4]}, "colour": 1}, "unknown setting 'colour'"),
        ({"energy": {"kind": "ising", "lattice": [4, 4]}, "device": "rlc_stochastic_unit"}, "8 are missing"),
        (
            {"energy": {"kind": "ising", "lattice": [4, 4]}, "protocol": {"to": {"lattice": [4, 6]}}},
            "another structure",
        ),
        ({"energy": {"kind": "ising", "lattice": [4, 4]}, "temperature": 1.0, "schedule": 2.0}, "not both"),
    ],
)
def test_bad_descriptions_are_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        relax(spec, keys(), 3)


def test_no_steps_are_refused() -> None:
    with pytest.raises(ModelError, match="steps"):
        relax({"energy": {"kind": "ising", "lattice": [4, 4]}}, keys(), 0)
