"""Cores by themselves: works and free energies, dwell times, the tempered free energy, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import thermopolis as tp
from thermopolis import analysis
from thermopolis.analysis import plot
from thermopolis.analysis.cores import bennett, jarzynski
from thermopolis.analysis.dwelling import kaplan_meier, stays
from thermopolis.errors import StoreError
from thermopolis.runs.schema import Experiment

from .simulated import simulate_protocol, simulate_tempered


def test_gaussian_works_tell_the_free_energy_difference():
    # forward N(ΔF + s/2, s) and reverse N(−ΔF + s/2, s) satisfy Crooks' relation exactly
    generator = np.random.default_rng(1)
    n, difference, spread = 40_000, 1.3, 0.8
    up = generator.normal(difference + spread / 2, np.sqrt(spread), n)
    down = generator.normal(-difference + spread / 2, np.sqrt(spread), n)
    # Var e^{−W} / (n e^{−2ΔF}) = (e^s − 1)/n
    assert jarzynski(up) == pytest.approx(difference, abs=4 * np.sqrt((np.exp(spread) - 1) / n))
    assert bennett(up, down) == pytest.approx(difference, abs=4 * np.sqrt((np.exp(spread) - 1) / n))
    assert bennett(up, down) == pytest.approx(-bennett(down, up), abs=1e-8)
    assert np.isnan(jarzynski(np.zeros(0))) and np.isnan(bennett(up, np.zeros(0)))


def test_bennett_agrees_with_pymbar():
    pymbar = pytest.importorskip("pymbar")
    generator = np.random.default_rng(2)
    up, down = generator.normal(1.0, 0.7, 300), generator.normal(-0.4, 0.6, 500)
    theirs = pymbar.bar(up, down)["Delta_f"]
    assert bennett(up, down) == pytest.approx(theirs, abs=1e-5)


def test_rows_of_a_protocol_take_both_directions_together():
    ds = simulate_protocol(chains=4000)
    rows = analysis.protocol_free_energy(ds)
    assert [r["dt"] for r in rows] == [0.1, 0.05]
    for row, spread in zip(rows, (0.5, 1.0), strict=True):
        assert row["bennett_low"] < row["bennett"] < row["bennett_high"]
        assert row["bennett"] == pytest.approx(0.7, abs=4 * np.sqrt((np.exp(spread) - 1) / 12_000))
        assert row["work"] > row["jarzynski"]
        assert row["spread"] == pytest.approx(spread, rel=4 * np.sqrt(2 / 12_000))
    whole = analysis.protocol_work(ds)
    assert whole.dims == ("reverse", "dt", "replicate", "agent") and whole.attrs["units"] == "kT"
    assert np.allclose(analysis.protocol_work(analysis.digest(ds)), whole)


def test_work_without_kt_stays_in_joules():
    ds = simulate_protocol(chains=10)
    del ds["core_work"].attrs["kT"]
    assert analysis.protocol_work(ds).attrs["units"] == "J"
    with pytest.raises(StoreError, match="kT isn't recorded"):
        analysis.protocol_free_energy(ds)
    with pytest.raises(StoreError, match="nothing was reprogrammed"):
        analysis.protocol_work(ds.assign(core_work=ds["core_work"] * 0))


def test_work_of_swaps_is_no_protocols():
    """Of parallel tempering: no Jarzynski average, but a landscape and stays."""
    core = {
        "kind": "core",
        "energy": {"kind": "ising", "lattice": [4, 4]},
        "tempering": [2.0, 3.0],
        "chains": 4,
    }
    ds = tp.run(Experiment.model_validate({"name": "swaps", "steps": 60, "environment": core}))
    assert ds["core_work"].values.any()
    with pytest.raises(StoreError, match="swap follow no protocol"):
        analysis.protocol_work(ds)
    kept = analysis.digest(ds)
    assert "protocol_work" not in kept and "dwell_survival" in kept
    for whole in (ds, kept):
        with pytest.raises(StoreError, match="protocol"):
            plot.work_histogram(whole)
    assert plot.energy_landscape(ds).axes


def test_stays_are_cut_where_the_sign_changes():
    rows = np.array([[0, 0, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 1, 1, 1]], bool)
    lengths, ended = stays(rows)
    assert lengths.tolist() == [3, 2, 1, 1, 4] and ended.tolist() == [True, False, True, True, False]
    # by hand: at t=1 two of five end, at 3 one of two
    curve = kaplan_meier(lengths, ended, np.array([1, 2, 3, 4, 5]))
    assert np.allclose(curve[:4], [3 / 5, 3 / 5, 3 / 10, 3 / 10]) and np.isnan(curve[4])


def test_dwell_times_of_a_constant_rate():
    # a chain that leaves its side with probability p a step stays geometric times, mean 1/p
    generator = np.random.default_rng(3)
    p, chains, steps = 0.05, 60, 2000
    side = np.cumsum(generator.random((1, steps, chains)) < p, axis=1) % 2 * 2.0 - 1.0
    ds = xr.Dataset({"magnetisation": (("replicate", "step", "chain"), side)})
    found = analysis.dwell_times(ds)
    n = float(found["stays"])
    assert float(found["mean_dwell"]) == pytest.approx(1 / p, rel=4 / np.sqrt(n))
    t = found["dwell"].values
    exact = (1 - p) ** t
    error = 4 * np.sqrt(exact * (1 - exact) / n) + 1e-12
    known = t < 60
    assert np.all(np.abs(found["survival"].values - exact)[known] < 2 * error[known])
    still = analysis.dwell_times(ds.assign(magnetisation=ds["magnetisation"] * 0 + 1.0))
    assert float(still["stays"]) == 0


def test_the_tempered_free_energy_of_an_agent():
    ds = simulate_tempered(replicates=16)
    found = analysis.tempered_free_energy(ds)
    # q is (sure, 1 − sure) either way: E_q[L] = ln 2 − E_q[ln p(o|s)], F_β = E_q[L] − H(q)/β
    beta = ds["beta"].values
    sure = 1 / (1 + (3 / 7) ** beta)
    entropy = -(sure * np.log(sure) + (1 - sure) * np.log(1 - sure))
    energy = np.log(2) - sure * np.log(0.7) - (1 - sure) * np.log(0.3)
    for replicate in range(16):
        assert np.allclose(found["energy"].isel(group=0, replicate=replicate), energy)
        assert np.allclose(found["free_energy"].isel(group=0, replicate=replicate), energy - entropy / beta)
    at_one = float(found["free_energy"].sel(beta=1.0, method="nearest").mean())
    assert at_one == pytest.approx(float(ds["free_energy"].sel(beta=1.0, method="nearest").mean()), abs=0.05)
    with pytest.raises(StoreError, match="no β was swept"):
        analysis.tempered_free_energy(ds.isel(beta=0))


def test_the_tempered_free_energy_of_a_core_is_helmholtz():
    # two free spins in a field h: F = −2T ln(2 cosh(h/T)); sampled independently, counted states
    generator = np.random.default_rng(4)
    temperatures, h = np.array([0.5, 1.0, 2.0]), 0.7
    up = 1 / (1 + np.exp(-2 * h / temperatures))
    spins = np.where(generator.random((3, 2, 4000, 8, 2)) < up[:, None, None, None, None], 1, -1).astype(
        np.int8
    )
    dims = ("temperature", "replicate", "step", "chain")
    data = {
        "state": ((*dims, "unit"), spins),
        "energy": (dims, -h * spins.sum(-1)),
        "core_temperature": (dims, np.broadcast_to(temperatures[:, None, None, None], spins.shape[:-1])),
    }
    ds = xr.Dataset(data, coords={"temperature": temperatures})
    exact = -2 * temperatures * np.log(2 * np.cosh(h / temperatures))
    for source in (ds, analysis.digest(ds)):
        found = analysis.tempered_free_energy(source)["free_energy"].mean(("replicate", "group"))
        # sampled laws lie above the minimum by a KL divergence of order states/2n
        assert np.allclose(found, exact, atol=1e-3)
    with pytest.raises(StoreError, match="continuous"):
        analysis.state_entropy(ds.assign(state=ds["state"].astype(float)))
    with pytest.raises(StoreError, match="too many"):
        analysis.state_entropy(ds.isel(step=slice(0, 2), chain=[0], replicate=[0]))


def test_paths_are_the_inverse_of_who_is_where():
    """Three replicas whose neighbours swap in turn; a place of the sweep with two, padded."""
    held = np.array([[0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 1, 0]])
    two = np.array([[0, 1, -1], [1, 0, -1], [1, 0, -1], [0, 1, -1]])
    data = np.stack([held, two])[:, None, :, None]
    ds = xr.Dataset({"replica": (("count", "replicate", "step", "chain", "rung"), data)})
    path = analysis.replica_paths(ds)
    assert path.dims == ("count", "step", "replica")
    assert path.values[0].tolist() == [[0, 1, 2], [1, 0, 2], [2, 0, 1], [2, 1, 0]]
    assert (
        path.values[1, :, :2].tolist() == [[0, 1], [1, 0], [1, 0], [0, 1]] and np.isnan(path[1, :, 2]).all()
    )
    assert analysis.replica_paths(ds, 2).sizes["step"] == 2
    seeded = ds.assign_coords(world_seed=("replicate", np.arange(ds.sizes["replicate"])))
    assert (
        "world_seed" not in analysis.replica_paths(seeded).coords
    )  # one replicate's, which differs along a sweep
    kept = analysis.digest(ds)
    assert "replica" not in kept.data_vars and np.array_equal(kept["replica_path"], path, equal_nan=True)
    with pytest.raises(StoreError, match="no parallel tempering"):
        analysis.replica_paths(ds.drop_vars("replica"))
