"""Bad numbers in energies, choices and drivers are refused with a ModelError that names them."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis import thermo
from thermopolis.errors import ModelError
from thermopolis.keys import make_key
from thermopolis.thermo.alone import plan
from thermopolis.thermo.clamp import clamp
from thermopolis.thermo.master import stationary, trajectories
from thermopolis.thermo.noise import lane_keys

PAIR = thermo.Ising([(0, 1)])
UNITS = thermo.Categorical((2, 3), {(0, 1): np.zeros((2, 3))})
COARSE = thermo.Device.preset("landauer", weight_bits=3)


def stepped(sampler: Any, temperature: float) -> Any:
    keys = lane_keys(make_key(0), 2)
    return sampler.step(keys, sampler.init(keys, PAIR), PAIR, temperature)


def core(energy: dict[str, Any], **settings: Any) -> Any:
    return plan({"energy": energy, **settings})


RING: dict[str, Any] = {"kind": "ising", "edges": [[0, 1], [1, 2]]}
TRAP: dict[str, Any] = {"kind": "quadratic", "A": [[1.0]]}


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: thermo.thermodynamics(PAIR, -1.0), "temperature"),
        (lambda: thermo.thermodynamics(PAIR, 0.0), "temperature"),
        (lambda: stepped(thermo.Gibbs(), -1.0), "temperature"),
        (lambda: stepped(thermo.Metropolis(), 0.0), "temperature"),
        (lambda: stepped(thermo.Jump(), np.nan), "temperature"),
        (
            lambda: thermo.sample_lanes(
                lane_keys(make_key(0), 2), UNITS, -1.0, jnp.zeros((2, 2), jnp.int32), 0, 1
            ),
            "temperature",
        ),
        (lambda: clamp(PAIR, {0: 1.7}), "clamp: unit 0"),
        (lambda: clamp(UNITS, {1: 2.9}), "clamp: unit 1"),
        (lambda: clamp(UNITS, {0.6: 1}), "clamp: unit"),
        (lambda: clamp(PAIR, {0: "up"}), "clamp: unit 0"),
        (lambda: thermo.Quadratic([[1.0]], 0.0, np.nan), "offset"),
        (lambda: thermo.Quadratic([[1, 2], [3]]), "couplings"),
        (lambda: thermo.Quadratic(np.repeat(np.eye(2)[..., None], 3, -1), np.ones((2, 4))), "lanes"),
        (lambda: thermo.Ising.from_matrix([[0, 1], [1]]), "couplings"),
        (lambda: thermo.Ising([(0, 1)], "strong"), "couplings"),
        (lambda: thermo.Ising([(0, 1)], np.ones((1, 3)), np.ones((2, 4))), "lanes"),
        (lambda: thermo.Categorical((2, 2), {(0, 1): [[0, 1], [1]]}), r"factor \(0, 1\)"),
        (lambda: thermo.Categorical(["a"], {(0,): [0, 1]}), "unit 0"),
        (lambda: thermo.DoubleWell(np.ones(3), np.ones(4)), "lanes"),
        (lambda: thermo.Potential(lambda x, a: a * x[0], 1, (np.nan,)), r"parameters\[0\]"),
        (lambda: thermo.Mixed((2,), 1, lambda k, x, a: a * x[0], (np.nan,)), r"parameters\[0\]"),
        (lambda: thermo.from_model([np.array([[np.nan, 1.0]])], [np.ones(2) / 2], [0]), r"A\[0\]"),
        (lambda: thermo.from_model([np.eye(2)], [np.array([-0.5, 1.5])], [0]), r"prior\[0\]"),
        (lambda: thermo.LinearProcess(np.zeros((0, 0)), np.zeros((0, 0))), "drift"),
        (
            lambda: thermo.sample(
                make_key(0), thermo.DoubleWell(40.0), thermo.Langevin(0.001), device=COARSE
            ),
            "position",
        ),
        (lambda: thermo.Langevin(0.1, friction=1.0, adjusted=True), "adjusted"),
        (lambda: thermo.first_passage_time(thermo.DoubleWell(1e-4), 1.0, -1.0, 1.0), "reach"),
        (lambda: thermo.softmax_T(np.array([np.nan, 1.0])), "values"),
        (lambda: thermo.entmax(np.array([-np.inf, -np.inf])), "forbidden"),
        (lambda: thermo.entmax(np.array([[0.0, -np.inf], [1.0, -np.inf]]), 1.5), "forbidden"),
        (lambda: thermo.min_p(np.array([np.nan, 0.5]), 0.1), "values"),
        (lambda: thermo.adaptive_temperature(np.array([np.nan, 1.0])), "values"),
        (lambda: thermo.kl_bounded_step(np.ones(3), np.eye(2), 0.1, 1.0), "fisher"),
        (lambda: thermo.kl_bounded_step(np.array([np.nan, 1.0]), np.eye(2), 0.1, 1.0), "direction"),
        (lambda: thermo.categorical_natural_step(np.ones(2) / 2, np.array([np.nan, 1.0]), 0.1, 1.0), "grad"),
        (lambda: thermo.crooks([], []), "forward works"),
        (lambda: thermo.mean_field(PAIR, sweeps=0), "sweeps"),
        (lambda: thermo.logdet(make_key(0), np.eye(2), steps=0), "steps"),
        (lambda: stationary([[0, 1], [1]]), "rates"),
        (lambda: trajectories(lane_keys(make_key(0), 2), [[0, 1.0], [1, 0]], 0, -1.0), "duration"),
        (lambda: core({**RING, "clamp": {0: 1.5}}), "clamp: unit 0"),
        (lambda: core({**RING, "clamp": [0, 1]}), "clamp"),
        (lambda: core({**RING, "periodic": "maybe"}), "periodic"),
        (lambda: core({**RING, "coupling": [[1.0, 2.0], [1.0, 2.0]]}), "all chains"),
        (lambda: core({"kind": "logic", "gate": "xor", "clamp": [1]}), "clamp"),
        (lambda: core({"kind": "logic", "gates": ["xor"]}), r"gates\[0\]"),
        (lambda: core({"kind": "categorical", "sizes": [2], "factors": [3]}), r"factors\[0\]"),
        (lambda: core(RING, tempering={"start": 1.0, "stop": 2.0, "count": 2.7}), "count"),
        (lambda: core(RING, tempering={"start": "cold", "stop": 2.0, "count": 3}), "tempering"),
        (lambda: core(RING, device={"name": ["cpu"]}), "device"),
        (lambda: core(TRAP, sampler={"kind": "langevin", "dt": [0.1, 0.2]}), "dt"),
        (lambda: core(TRAP, protocol={"to": {"A": [[1.0, 0.0], [0.0, 1.0]]}}), "another structure"),
        (lambda: core({**RING, "clamp": {0: 1}}, protocol={"to": {"clamp": {0: -1}}}), "clamp"),
    ],
)
def test_bad_input_is_refused_by_name(call: Any, name: str) -> None:
    with pytest.raises(ModelError, match=name):
        call()
