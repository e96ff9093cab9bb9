"""Devices and the ledger: counts, joules, provenance, imperfections that bend the law as predicted."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from graphs import random_graph, total_variation_excess

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, make_key
from thermopolis.thermo import (
    Categorical,
    Device,
    Gibbs,
    Ising,
    Ledger,
    autocorrelation_time,
    devices,
    enumerate_states,
    law_error,
    sample,
)
from thermopolis.thermo.device import landauer_joules
from thermopolis.thermo.imperfections import NoisyGibbs, realised
from thermopolis.thermo.ledger import relaxation_ledger


def test_landauer_at_300_kelvin() -> None:
    assert landauer_joules(300.0) == pytest.approx(2.87098e-21, rel=1e-5)


def test_every_figure_has_its_provenance() -> None:
    for row in devices():
        for name in ("update", "read", "write", "rng", "clock_hertz", "rng_correlation_seconds"):
            if row[name] is None:
                assert row[f"{name}_provenance"] == "unknown"
            else:
                assert row[f"{name}_provenance"] != "unknown" and row[f"{name}_source"]
                low, high = row[f"{name}_low"], row[f"{name}_high"]
                assert (low is None or low <= row[name]) and (high is None or row[name] <= high)


def test_operations_and_joules() -> None:
    """A 4-state and a 2-state unit: 3 + 1 cells, 8 + 2 numbers; joules are counts times figures."""
    energy = Categorical((4, 2), {(0, 1): np.zeros((4, 2)), (1,): [0.0, 1.0]})
    device = Device.preset("cmos_pbit")
    uses = device.operations(energy, sweeps=72, reads=64, writes=1)
    assert uses == (72 * 4, 64 * 4, 10, 72 * 4)
    ledger = device.joules(uses, host_joules=1e-12)
    assert ledger.update_joules + ledger.rng_joules == pytest.approx(72 * 4 * 7.09e-15)
    assert ledger.read_joules == pytest.approx(256 * 1.692e-12)
    assert ledger.write_joules == pytest.approx(10 * 153.6e-12)
    assert ledger.running_joules == pytest.approx(float(ledger.operations.sum()))


def test_reading_and_writing_cost_far_more_than_sampling() -> None:
    """16 bits, 100 sweeps: 200 to 2700 times, by how often one reads."""
    energy = Ising([(i, i + 1) for i in range(15)])
    device = Device.preset("cmos_pbit")
    for reads, least, most in ((1, 200, 2700), (100, 200, 2700)):
        ledger = device.joules(device.operations(energy, 100, reads, 1))
        rest = ledger.read_joules + ledger.write_joules
        assert least < rest / (ledger.update_joules + ledger.rng_joules) < most


def test_unknown_costs_are_not_zero() -> None:
    device = Device.preset("magnetic_pbit")
    ledger = device.joules(device.operations(Ising([(0, 1)]), 10))
    assert np.isnan(ledger.update_joules) and np.isnan(ledger.running_joules)
    assert ledger.rng_joules == pytest.approx(20 * 2e-15)


def test_ledgers_add_up_and_are_pytrees() -> None:
    one = Ledger(update_joules=jnp.ones(3), heat=2.0)
    total = sum([one, one, Ledger(work=1.0)])
    assert (total.update_joules == 2).all() and total.heat == 4 and total.work == 1
    doubled = jax.tree.map(lambda x: 2 * x, one)
    assert doubled.heat == 4
    with pytest.raises(TypeError):
        one + 1  # type: ignore[operator]


def test_relaxation_obeys_the_second_law_and_landauer() -> None:
    """From the uniform law: entropy production ≥ 0 on the ensemble, and heat ≥ the Landauer bound's kT ΔH."""
    energy, temperature = random_graph(13, zeros=False), 0.7
    lanes = 4000
    keys = fold_in(jnp.broadcast_to(make_key(0), (lanes,)), jnp.arange(lanes))
    state = Gibbs().init(keys, energy)
    before = energy(state)
    step = jax.jit(lambda keys, state: Gibbs().step(keys, state, energy, temperature))
    for number in range(30):
        state, _ = step(fold_in(keys, number), state)
    heat = float((before - energy(state)).mean()) / temperature
    exact = enumerate_states(energy, temperature)
    start = float(np.log(energy.sizes).sum())
    ledger = relaxation_ledger(300.0, heat, 0.0, start, exact.entropy)
    assert ledger.entropy_production > 0
    assert ledger.heat > ledger.landauer_bound > 0
    # what is produced is the relative entropy of the start to the end's law: ln N-state uniform ‖ π
    produced = float(-start - np.log(exact.probabilities).mean())
    error = float((before / temperature).std()) / np.sqrt(lanes) * 1.5
    assert abs(ledger.entropy_production / 1.380649e-23 - produced) < 4 * error


def test_ledger_of_samples_knows_its_entropies() -> None:
    """From the uniform law to Boltzmann's: what is produced is KL[uniform ‖ π]; too many units: NaN."""
    energy = Ising([(0, 1), (1, 2), (2, 0)], 0.8, 0.3)
    drawn = sample(make_key(2), energy, Gibbs(), [0.9] * 4000, samples=1, burn_in=30, device="landauer")
    exact = enumerate_states(energy, 0.9)
    produced = drawn.ledger.entropy_production / 1.380649e-23
    relative = float(-3 * np.log(2) - np.log(exact.probabilities).mean())
    assert abs(produced.mean() - relative) < 4 * produced.std(ddof=1) / np.sqrt(4000)
    bound = landauer_joules() / np.log(2) * (3 * np.log(2) - exact.entropy)
    np.testing.assert_allclose(drawn.ledger.landauer_bound, bound, rtol=1e-6)
    assert drawn.ledger.heat.mean() > bound
    large = sample(make_key(2), Ising.lattice((6, 6)), Gibbs(), samples=2, burn_in=0)
    assert np.isnan(large.ledger.landauer_bound).all()


def test_first_law_with_reprogramming() -> None:
    """A core that keeps its state while its energy is rewritten: Δ(E) = W − Q per step, heat from the moves."""
    rng = np.random.default_rng(0)
    lanes = 64
    keys = fold_in(jnp.broadcast_to(make_key(0), (lanes,)), jnp.arange(lanes))
    energies = [Ising([(0, 1), (1, 2), (2, 0)], rng.normal(size=3), rng.normal(size=3)) for _ in range(6)]
    state = Gibbs().init(keys, energies[0])
    value, work, heat, through = energies[0](state), 0.0, 0.0, 0.0
    start = value
    for number, energy in enumerate(energies):
        work = work + energy(state) - value
        state, info = Gibbs().step(fold_in(keys, number), state, energy, 1.0)
        heat = heat - info.delta_energy
        through = through + jnp.abs(info.delta_energy)
        value = energy(state)
    assert float(jnp.abs(value - start - (work - heat)).max()) < 1e-6 * float(through.max() + 10)


def test_weights_of_few_bits_bend_the_law_as_predicted() -> None:
    """Samples of a 3-bit device follow the rounded energy's law, and not the one asked for."""
    energy = random_graph(9)
    device = Device.preset("landauer", weight_bits=3)
    drawn = sample(make_key(1), energy, Gibbs(), 0.8, chains=64, samples=800, device=device)
    assert total_variation_excess(realised(device, energy), 0.8, drawn.values) < 4
    assert total_variation_excess(energy, 0.8, drawn.values) > 6
    errors = [
        law_error(energy, Device.preset("landauer", weight_bits=b), 0.8)["total_variation"]
        for b in (3, 5, 8, 12)
    ]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-3


@pytest.mark.long
def test_mismatch_is_a_chips_own() -> None:
    energy = random_graph(10)
    device = Device.preset("landauer", mismatch=0.2)
    one, same, other = (realised(device, energy, chip) for chip in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(one.tables, same.tables, strict=True))
    assert any((a != b).any() for a, b in zip(one.tables, other.tables, strict=True))
    assert all((jnp.isinf(a) == jnp.isinf(b)).all() for a, b in zip(one.tables, energy.tables, strict=True))
    drawn = sample(make_key(1), energy, Gibbs(), 0.8, chains=64, samples=800, device=device)
    assert total_variation_excess(one, 0.8, drawn.values) < 4
    assert total_variation_excess(energy, 0.8, drawn.values) > 6


def test_coupling_noise_flattens_the_law() -> None:
    energy = Ising([(0, 1)], 1.0)
    device = Device.preset("landauer", coupling_noise=0.9)
    drawn = sample(make_key(1), energy, Gibbs(), 0.5, chains=1, samples=40000, device=device)
    aligned = (drawn.values[:, 0] == drawn.values[:, 1]).mean()
    exact = enumerate_states(energy, 0.5)
    ideal = exact.probabilities[exact.energies < 0].sum()
    assert aligned < ideal - 0.02


def test_dull_noise_slows_the_chain_and_keeps_a_single_units_law() -> None:
    """One free p-bit with noise correlation ρ: the law stays, the correlation of its sign is (2/π) asin ρ."""
    energy = Ising([], 1.0, [0.0])
    device = Device.preset("landauer", noise_correlation=0.8)
    drawn = sample(make_key(1), energy, Gibbs(), 1.0, chains=64, samples=3000, device=device)
    trace = drawn.values[:, 0].astype(float)
    error = np.sqrt(autocorrelation_time(trace) / trace.size)
    assert abs(trace.mean()) < 4 * error
    assert (trace[1:] * trace[:-1]).mean() == pytest.approx(2 / np.pi * np.arcsin(0.8), abs=0.01)


@pytest.mark.long
def test_dull_noise_bends_a_coupled_law() -> None:
    """Two coupled p-bits: sampled shares leave the law by more than 6 standard deviations."""
    energy = Ising([(0, 1), (1, 2), (2, 3), (3, 0)], 0.5, 0.2)
    device = Device.preset("landauer", noise_correlation=0.9)
    drawn = sample(make_key(1), energy, Gibbs(), 1.0, chains=128, samples=1500, device=device)
    assert total_variation_excess(energy, 1.0, drawn.values) > 6


@pytest.mark.long
def test_ideal_noisy_gibbs_is_gibbs() -> None:
    energy = random_graph(12)
    drawn = sample(make_key(1), energy, NoisyGibbs(), 0.8, chains=64, samples=600)
    assert total_variation_excess(energy, 0.8, drawn.values) < 4


def test_correlation_at_a_clock() -> None:
    assert Device.preset("cmos_pbit").correlation_at(10e6) == pytest.approx(np.exp(-1))
    assert np.isnan(Device.preset("landauer").correlation_at(10e6))


@pytest.mark.parametrize(
    "changes",
    [
        {"weight_bits": 1},
        {"mismatch": -0.1},
        {"coupling_noise": 2.0},
        {"temperature_kelvin": 0.0},
        {"noise_correlation": 1.0},
    ],
)
def test_bad_devices_are_refused(changes: dict) -> None:
    with pytest.raises(ModelError, match=next(iter(changes))):
        Device.preset("landauer", **changes)
