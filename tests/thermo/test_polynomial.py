"""Energies from coefficients alone: equal to the same energies written as code, sampled and driven from a mapping."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, make_key
from thermopolis.thermo import DoubleWell, Metropolis, log_partition, sample
from thermopolis.thermo.alone import relax
from thermopolis.thermo.described import energy_from
from thermopolis.thermo.polynomial import mixed, potential

WELL = [[0.25, [4]], [-0.5, [2]], [-0.1, [1]], [0.25, [0]]]  # ¼(x² − 1)² − x/10
THERMAL = 1.380649e-23 * 300.0


def keys(replicates: int = 2) -> Any:
    return fold_in(jnp.broadcast_to(make_key(1), (replicates,)), jnp.arange(replicates))


def test_a_quartic_is_the_double_well() -> None:
    x = jnp.linspace(-2, 2, 41)[None]
    written, coded = potential(WELL), DoubleWell(0.25, 1.0, 0.1)
    np.testing.assert_allclose(written(x), coded(x), atol=1e-6)
    np.testing.assert_allclose(written.gradient(x), coded.gradient(x), atol=1e-5)
    assert log_partition(written, 0.7) == pytest.approx(log_partition(coded, 0.7), abs=1e-6)


def test_several_units_and_equal_structures() -> None:
    one = potential([[0.5, [2, 0]], [0.5, [0, 2]], [0.3, [1, 1]]])
    other = energy_from(
        {
            "kind": "potential",
            "terms": [{"coefficient": c, "powers": p} for c, p in ((1, (2, 0)), (1, (0, 2)), (0, (1, 1)))],
        }
    ).energy
    assert jax.tree.structure(one) == jax.tree.structure(other)  # compiled once, and a protocol may join them
    determinant = 1 - 0.3**2
    assert log_partition(one, 2.0) == pytest.approx(
        np.log(2 * np.pi * 2.0) - np.log(determinant) / 2, abs=1e-6
    )


def test_mixed_goes_by_the_state() -> None:
    """E = table[k] + ½ s_k x² − b_k x: p(k) ∝ e^{−table/T} e^{b²/2sT}/√s, sampled by Metropolis."""
    table, stiffness, tilt, temperature = (
        np.array([0.0, 0.4, -0.3]),
        np.array([1.0, 4.0, 2.0]),
        np.array([0, 1, -1]),
        0.8,
    )
    terms = [
        {"coefficient": (stiffness / 2).tolist(), "powers": 2, "unit": 0},
        {"coefficient": (-tilt).tolist(), "powers": [1], "unit": 0},
    ]
    energy = mixed([3], terms, [([0], table)])
    weights = np.exp(-(table - tilt**2 / (2 * stiffness)) / temperature) / np.sqrt(stiffness)
    exact = np.log(weights.sum() * np.sqrt(2 * np.pi * temperature))
    assert log_partition(energy, temperature) == pytest.approx(exact, abs=1e-5)
    drawn = sample(
        make_key(3), energy, Metropolis(scale=1.0), temperature, chains=256, samples=300, burn_in=50
    )
    share = (drawn.values[:, :1] == np.arange(3)[None, :, None]).mean(axis=0)  # (state, chain)
    error = share.std(axis=1, ddof=1) / np.sqrt(256)
    assert np.all(np.abs(share.mean(axis=1) - weights / weights.sum()) < 4 * error)


def test_a_polynomial_is_driven_from_a_mapping() -> None:
    """The tilt of a quartic is moved over: ⟨e^{−W/T}⟩ = Z₁/Z₀, and the first law holds at every step."""
    spec = {
        "energy": {"kind": "potential", "terms": WELL},
        "protocol": {"to": {"terms": [*WELL[:2], [0.3, [1]], WELL[3]]}},
        "sampler": {"kind": "gaussian_metropolis", "scale": 1.2},
        "temperature": 0.6,
        "chains": 2000,
        "burn_in": 60,
        "states": False,
    }
    result = relax(spec, keys(), 12)
    work, heat = (result.variables[f"core_{n}"][1] / THERMAL for n in ("work", "heat"))
    reduced = result.variables["energy"][1].astype(float) / 0.6
    np.testing.assert_allclose(np.diff(reduced, axis=1), (work - heat)[:, 1:], atol=1e-4)
    total = np.exp(-work.sum(axis=1)).ravel()
    end = potential(spec["protocol"]["to"]["terms"])
    ratio = np.exp(log_partition(end, 0.6) - log_partition(potential(WELL), 0.6))
    assert abs(total.mean() - ratio) < 4 * total.std(ddof=1) / np.sqrt(total.size)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "potential"}, "terms"),
        ({"kind": "potential", "terms": []}, "terms"),
        ({"kind": "potential", "terms": "x**4"}, "terms: expected a list"),
        ({"kind": "potential", "terms": [[1.0, [2.5]]]}, "powers"),
        ({"kind": "potential", "terms": [[1.0, [40]]]}, "at most 12"),
        ({"kind": "potential", "terms": [[float("nan"), [2]]]}, "coefficient"),
        ({"kind": "potential", "terms": [[1.0, [2]], [1.0, [2, 2]]]}, "2 powers"),
        ({"kind": "potential", "terms": [{"coefficient": 1.0, "power": 2}]}, "coefficient, powers"),
        ({"kind": "potential", "terms": [{"coefficient": [1.0, 2.0], "powers": 2, "unit": 0}]}, "mixed"),
        ({"kind": "mixed", "sizes": [2], "terms": [{"coefficient": [1.0], "powers": 2, "unit": 0}]}, "shape"),
        ({"kind": "mixed", "sizes": [2], "terms": [{"coefficient": 1.0, "powers": 2, "unit": 3}]}, "terms"),
        ({"kind": "mixed", "sizes": [1], "terms": [[1.0, 2]]}, "sizes"),
    ],
)
def test_bad_descriptions_are_refused_by_name(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        energy_from(spec)
