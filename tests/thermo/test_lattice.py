"""Packed spins: packing is lossless, neighbours are right, and the law is Onsager's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ellipk

from thermopolis.errors import ModelError
from thermopolis.keys import make_key
from thermopolis.thermo import Gibbs, Ising, enumerate_states, lattice, sample
from thermopolis.thermo.diagnostics import effective_sample_size

LONG = pytest.mark.long


def onsager_energy(temperature: float) -> float:
    """Energy per spin of the infinite square lattice, J = 1 (Onsager 1944)."""
    two = 2.0 / temperature
    modulus = 2 * np.sinh(two) / np.cosh(two) ** 2
    return float(-1 / np.tanh(two) * (1 + 2 / np.pi * (2 * np.tanh(two) ** 2 - 1) * ellipk(modulus**2)))


def onsager_magnetisation(temperature: float) -> float:
    return float((1 - np.sinh(2 / temperature) ** -4) ** 0.125)


@pytest.mark.parametrize(("shape", "chains"), [((64, 6), 3), ((6, 4), 64), ((128, 8), 1)])
def test_packing_is_lossless_and_neighbours_are_right(shape: tuple[int, int], chains: int) -> None:
    """At T → 0 a sweep puts every spin with its neighbours' majority: compared with roll on the grid."""
    spins = np.random.default_rng(0).choice([-1, 1], size=(shape[0] * shape[1], chains)).astype(np.int8)
    packed = lattice.pack(jnp.asarray(spins), shape)
    assert (lattice.unpack(packed, shape, chains) == spins).all()
    keys = lattice.word_keys(make_key(0), chains)
    cold = lattice.unpack(lattice.run(keys, packed, 1.0, 1e-3, chains, 0, 1), shape, chains)
    grid, new = spins.reshape(*shape, chains).astype(int), np.asarray(cold).reshape(*shape, chains)
    colour = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 2
    for k in (0, 1):
        field = sum(np.roll(grid, shift, axis) for shift in (1, -1) for axis in (0, 1))
        decided = (colour == k)[..., None] & (field != 0)
        assert (new[decided] == np.sign(field)[decided]).all()
        grid = np.where((colour == k)[..., None], new, grid)


@pytest.mark.parametrize("coupling", [pytest.param(1.0, marks=LONG), -1.0])
def test_small_lattice_matches_enumeration(coupling: float) -> None:
    """4 × 4 at two temperatures at once: every energy level's share within 4.5 standard errors."""
    energy = Ising.lattice((4, 4), coupling)
    temperature = np.repeat([2.2, 3.5], 64)
    drawn = sample(make_key(1), energy, Gibbs(), temperature, chains=128, samples=400, burn_in=100, thin=2)
    for half, t in ((slice(0, 64), 2.2), (slice(64, 128), 3.5)):
        exact = enumerate_states(energy, t)
        values = drawn.energies[:, half]
        effective = effective_sample_size(values)
        for level in np.unique(exact.energies):
            share = exact.probabilities[exact.energies == level].sum()
            error = np.sqrt(share * (1 - share) / effective) + 1e-4
            assert abs((values == level).mean() - share) < 4.5 * error


def test_chances_are_exact() -> None:
    """Single spin flips against 4 and against 2 neighbours occur with the heat-bath chances."""
    shape, chains = (64, 64), 256
    keys = lattice.word_keys(make_key(4), chains)
    up = lattice.pack(jnp.ones((4096, chains), jnp.int8), shape)
    new = np.asarray(lattice.unpack(lattice.run(keys, up, 1.0, 3.0, chains, 0, 1), shape, chains))
    first = (np.add.outer(np.arange(64), np.arange(64)) % 2 == 0).reshape(-1)
    chance = 1 / (1 + np.exp(8 / 3.0))
    flipped = (new[first] == -1).mean()
    assert abs(flipped - chance) < 4 * np.sqrt(chance * (1 - chance) / (2048 * chains))


def packed_run(temperature: float, seed: int, sweeps: int) -> tuple[np.ndarray, np.ndarray]:
    shape, chains = (64, 64), 64
    keys = lattice.word_keys(make_key(seed), chains)

    @jax.jit
    def run(temperature: jax.Array) -> tuple[jax.Array, jax.Array]:
        packed = lattice.pack(jnp.ones((4096, chains), jnp.int8), shape)
        packed = lattice.run(keys, packed, 1.0, temperature, chains, 0, 400)

        def keep(
            packed: lattice.Packed, index: jax.Array
        ) -> tuple[lattice.Packed, tuple[jax.Array, jax.Array]]:
            packed = lattice.run(keys, packed, 1.0, temperature, chains, 400 + 10 * index, 410 + 10 * index)
            spins = lattice.unpack(packed, shape, chains)
            magnetisation = jnp.abs(spins.astype(jnp.float32).mean(axis=0))
            return packed, (2 * lattice.energy_per_bond(packed, shape, chains), magnetisation)

        return jax.lax.scan(keep, packed, jnp.arange(sweeps // 10))[1]

    energy, magnetisation = jax.device_get(run(jnp.float32(temperature)))
    return energy, magnetisation


@pytest.mark.parametrize(
    "temperature", [pytest.param(1.8, marks=LONG), 2.0, *(pytest.param(t, marks=LONG) for t in (2.6, 3.0))]
)
def test_onsager(temperature: float) -> None:
    """64 × 64 from order: energy and |m| of the infinite lattice (finite size: 1e-3 below T_c, 2e-3 above)."""
    energy, magnetisation = packed_run(temperature, 7, 3000)
    error = energy.std() / np.sqrt(effective_sample_size(energy))
    assert abs(energy.mean() - onsager_energy(temperature)) < 4 * error + 1e-3
    if temperature < 2.2:
        error = magnetisation.std() / np.sqrt(effective_sample_size(magnetisation))
        assert abs(magnetisation.mean() - onsager_magnetisation(temperature)) < 4 * error + 1e-3


def test_onsager_by_the_general_sampler_with_both_generators() -> None:
    """T = 2 by colour-by-colour Gibbs on the graph, with counter keys and with threefry: −1.74556 and .91132."""
    energy = Ising.lattice((32, 32))
    for kind in ("counter", "threefry"):
        from thermopolis.keys import fold_in

        keys = fold_in(jnp.broadcast_to(make_key(2, kind), (16,)), jnp.arange(16))
        sampler = Gibbs()

        @jax.jit
        def run(keys: jax.Array) -> tuple[jax.Array, jax.Array]:
            def one(state: jax.Array, number: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
                state, _ = sampler.step(fold_in(keys, number), state, energy, 2.0)  # noqa: B023
                return state, (energy(state) / 1024, jnp.abs(state.astype(jnp.float32).mean(axis=0)))

            return jax.lax.scan(one, jnp.ones((1024, 16), jnp.int8), jnp.arange(500))[1]

        trace, order = (np.asarray(a)[100:] for a in run(keys))
        error = trace.std() / np.sqrt(effective_sample_size(trace))
        assert abs(trace.mean() - onsager_energy(2.0)) < 4 * error + 2e-3
        error = order.std() / np.sqrt(effective_sample_size(order))
        assert abs(order.mean() - onsager_magnetisation(2.0)) < 4 * error + 2e-3


def test_reference_values() -> None:
    assert abs(onsager_energy(2.0) + 1.74556) < 1e-5
    assert abs(onsager_magnetisation(2.0) - 0.91132) < 1e-5


def test_odd_sides_are_refused_and_sampled_otherwise() -> None:
    with pytest.raises(ModelError, match="even sides"):
        lattice.pack(jnp.ones((15, 32), jnp.int8), (3, 5))
    energy = Ising.lattice((3, 3))
    drawn = sample(make_key(0), energy, Gibbs(), 3.0, chains=32, samples=400)
    exact = enumerate_states(energy, 3.0).mean_energy
    error = drawn.energies.std() / np.sqrt(effective_sample_size(drawn.energies))
    assert abs(drawn.energies.mean() - exact) < 4 * error
