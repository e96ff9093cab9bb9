"""A core alone, from a mapping: right laws, right joules, one name per fault."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, make_key
from thermopolis.thermo import Device, Ising, enumerate_states
from thermopolis.thermo.alone import plan, relax
from thermopolis.thermo.linear_process import stationary_covariance

BOLTZMANN = 1.380649e-23
THERMAL = BOLTZMANN * 300.0


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
    """Δ(E/T) = W − Q in units of k_B T_device, heat from the moves alone: what all steps miss, to 1e-6 of Σ|W| + |Q|."""
    spec = {
        "energy": {"kind": "ising", "lattice": [4, 5], "coupling": 0.5, "bias": 0.2},
        "chains": 8,
    } | change
    result = relax(spec, keys(), 60)
    thermal = 1.380649e-23 * 300.0
    energy, temperature = (result.variables[name][1].astype(float) for name in ("energy", "temperature"))
    work, heat = (result.variables[f"core_{name}"][1] / thermal for name in ("work", "heat"))
    change_of = np.diff(energy / temperature, axis=1)
    missed = np.abs(change_of - (work - heat)[:, 1:]).sum(axis=1)
    assert (missed < 1e-6 * (np.abs(work) + np.abs(heat)).sum(axis=1)).all()


@pytest.mark.parametrize(
    ("energy", "to", "sampler"),
    [
        (
            {"kind": "ising", "edges": [[0, 1], [1, 2], [0, 2]], "bias": 0.1},
            {"coupling": 0.2, "bias": -0.4},
            "gibbs",
        ),
        (
            {"kind": "quadratic", "A": [[1.0]], "b": [0.0]},
            {"A": [[2.0]], "b": [1.0]},
            {"kind": "ornstein_uhlenbeck", "dt": 0.3},
        ),
        ({"kind": "double_well", "barrier": 1.0}, {"tilt": 0.8}, {"kind": "metropolis", "scale": 1.2}),
    ],
    ids=["ising", "quadratic", "double_well"],
)
def test_free_energies_along_a_protocol(energy: dict[str, Any], to: dict[str, Any], sampler: Any) -> None:
    """⟨e^{−w}⟩ = e^{−Δφ} both ways, ⟨W⟩ ≥ ΔF; the same exact ends in either direction; bounds from exact entropies."""
    spec = {
        "energy": energy,
        "sampler": sampler,
        "chains": 1500,
        "burn_in": 60,
        "temperature": 0.9,
        "states": False,
    }
    free = []
    for back in (False, True):
        result = relax(spec | {"protocol": {"to": to, "reverse": back}}, keys(), 8)
        values = {
            name: result.variables[name][1]
            for name in ("core_work", "core_free_energy", "core_entropy_production")
        }
        reduced = values["core_work"].sum(axis=1).ravel() / THERMAL
        change = (values["core_free_energy"][0, -1] - values["core_free_energy"][0, 0]) / THERMAL
        weight = np.exp(-reduced)
        assert abs(weight.mean() - np.exp(-change)) < 4 * weight.std(ddof=1) / np.sqrt(weight.size)
        made = values["core_entropy_production"].sum(axis=1).ravel() / BOLTZMANN
        np.testing.assert_allclose(made, reduced - change, atol=1e-6)
        assert made.mean() > -4 * made.std(ddof=1) / np.sqrt(made.size)
        assert result.variables["landauer_bound"][1].min() >= 0
        free.append(values["core_free_energy"][0])
    np.testing.assert_allclose(free[0], free[1][::-1], rtol=1e-5, atol=1e-6 * THERMAL)


def test_cooling_books_free_energy_entropy_and_landauers_bound() -> None:
    """Two spins cooled: F and H of the exact law at each step's temperature."""
    spec = {
        "energy": {"kind": "ising", "edges": [[0, 1]], "coupling": 1.0},
        "schedule": {"kind": "linear", "start": 3.0, "stop": 0.5},
        "chains": 4,
    }
    result = relax(spec, keys(), 20)
    temperature = result.variables["temperature"][1][0, :, 0]
    exact = [enumerate_states(Ising([(0, 1)], 1.0), float(t)) for t in (3.0, *temperature)]
    free = np.array([-e.log_partition for e in exact])
    np.testing.assert_allclose(result.variables["core_free_energy"][1][0] / THERMAL, free[1:], atol=1e-6)
    lost = np.maximum(0.0, -np.diff([e.entropy for e in exact]))
    np.testing.assert_allclose(result.variables["landauer_bound"][1][0, :, 0] / THERMAL, lost, atol=1e-6)
    adaptive = {**spec, "schedule": {"kind": "adaptive", "start": 3.0, "stop": 0.5}}
    assert (
        "landauer_bound" not in relax(adaptive, keys(), 90).variables
    )  # every lane has a temperature of its own


@pytest.mark.parametrize(
    ("imperfection", "held"),
    [
        ({"weight_bits": 3}, True),
        ({"mismatch": 0.3}, True),
        ({"coupling_noise": 0.9}, False),
        ({"noise_correlation": 0.9}, False),
    ],
    ids=lambda x: str(x),
)
def test_what_a_device_does_to_the_law_is_measured(imperfection: dict[str, float], held: bool) -> None:
    """Seen from the samples, against an ideal device; what is wrong in the weights is known exactly besides."""
    spec = {
        "energy": {
            "kind": "ising",
            "edges": [[0, 1], [1, 2], [2, 3], [3, 0]],
            "coupling": [1.0, 0.35, -0.6, 0.5],
            "bias": 0.2,
        },
        "chains": 32,
        "burn_in": 30,
    }
    ideal, bent = (
        relax(spec | {"device": {"name": "landauer", **changes}}, keys(), 400).variables
        for changes in ({}, imperfection)
    )
    assert ideal["held_law_error"][1].max() == 0 and ideal["law_error"][1].max() < 0.03
    assert bent["law_error"][1].min() > 2 * ideal["law_error"][1].max()
    exactly = bent["held_law_error"][1][0]
    assert (exactly > 0) == held
    if held:  # what is seen is what the device holds
        assert np.abs(bent["law_error"][1] - exactly).max() < ideal["law_error"][1].max()


def test_a_rotating_process_from_a_description() -> None:
    """A drift that no energy has, noise unlike in its directions: covariance within 4 standard errors."""
    A, D = [[0.5, 2.0], [-2.0, 1.0]], [[2.0, 0.3], [0.3, 0.5]]
    spec = {
        "energy": {"kind": "linear_process", "A": A, "D": D, "mean": [1.0, -2.0]},
        "sampler": {"kind": "ornstein_uhlenbeck", "dt": 8.0},
        "chains": 2000,
        "temperature": 0.7,
    }
    x = relax(spec, keys(), 3).variables["state"][1]
    away = x[:, -1].reshape(-1, 2) - [1.0, -2.0]
    expected = 0.7 * stationary_covariance(A, D)
    found, variances = away.T @ away / len(away), np.diag(expected)
    error = np.sqrt((np.outer(variances, variances) + expected**2) / len(away))
    assert (np.abs(found - expected) < 4 * error).all()
    eye, coarse = [[1.0, 0.0], [0.0, 1.0]], {"name": "landauer", "weight_bits": 2}
    for changed, device, name in (
        ({"A": [[-1.0, 0.0], [0.0, 1.0]], "D": eye}, "landauer", "drift"),
        ({"A": eye, "D": [[1.0, 0.0], [0.0, 0.0]]}, "landauer", "diffusion"),
        ({"A": [[9.0, 0.0], [0.0, 1.0]], "D": eye}, coarse, "drift"),  # two bits make nothing of the 1
    ):
        with pytest.raises(ModelError, match=name):
            relax({"energy": {"kind": "linear_process", **changed}, "device": device}, keys(), 1)


def test_usual_samplers() -> None:
    """Each energy has one that needs no settings."""
    for energy in (
        {"kind": "quadratic", "A": [[2.0]]},
        {"kind": "double_well", "barrier": 1.0},
        {"kind": "potential", "terms": [[1.0, [2]]]},
        {"kind": "mixed", "sizes": [2], "terms": [[1.0, [2]]]},
    ):
        assert relax({"energy": energy, "chains": 2}, keys(), 3).variables["state"][1].shape[:3] == (2, 3, 2)


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
    # (replicate, step, chain, rung): always all of them, moving by neighbours
    replica = result.variables["replica"][1]
    assert (np.sort(replica, axis=-1) == np.arange(5)).all()
    rung = np.argsort(replica, axis=-1)
    assert (np.abs(np.diff(rung, axis=1)) <= 1).all()
    # a round trip ends where a replica that was at the hot end since comes home
    trips, last = np.zeros((2, 16), int), np.zeros((2, 16, 5), int)
    for at in rung.transpose(1, 0, 2, 3):
        trips += ((at == 0) & (last == -1)).sum(axis=-1)
        last = np.where(at == 0, 1, np.where(at == 4, -1, last))
    assert (result.variables["round_trips"][1][:, -1] >= trips).all()
    assert (result.variables["round_trips"][1][:, -1] <= trips + 1).all()  # one began at the hot end
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
        ({"energy": {"kind": "quadratic", "A": [[1.0]]}, "sampler": "gibbs"}, "no discrete units"),
    ],
)
def test_bad_descriptions_are_refused(spec: dict[str, Any], message: str) -> None:
    """Before anything is run."""
    with pytest.raises(ModelError, match=message):
        plan(spec)


def test_no_steps_are_refused() -> None:
    with pytest.raises(ModelError, match="steps"):
        relax({"energy": {"kind": "ising", "lattice": [4, 4]}}, keys(), 0)
