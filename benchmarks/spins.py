"""The core against THRML: Ising lattices, and ten thousand small coupled posteriors.

Both sides sweep the same lattice as often, colour by colour, from the same kind of start, and give back every spin.
The note of a row says how near ours is to a floor measured in the same run: one random word and one exponential for
each update. Packed spins may go below it: they take 24 words for 32 spins, and no exponential.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from timing import Row, best, in_turn, report

from thermopolis.keys import fold_in, make_key, uniforms
from thermopolis.thermo import Categorical, Ising, lattice, sample_lanes

TEMPERATURE = 2.5
SWEEPS = {(64, 1): 1000, (64, 32): 100, (64, 256): 20, (256, 1): 60, (256, 32): 8, (256, 256): 2}
POSTERIORS, STATES, POSTERIOR_SWEEPS = 10_000, 4, 100


def ours(side: int, chains: int, sweeps: int) -> Callable[[], Any]:
    """A call that sweeps packed spins and unpacks them."""
    keys = lattice.word_keys(make_key(1), chains)
    start = jnp.ones((side * side, chains), jnp.int8)

    @jax.jit
    def run(start: jax.Array) -> jax.Array:
        packed = lattice.pack(start, (side, side))
        packed = lattice.run(keys, packed, 1.0, TEMPERATURE, chains, 0, sweeps)
        return lattice.unpack(packed, (side, side), chains)

    return lambda: run(start).block_until_ready()


def thrml_lattice(side: int, chains: int, sweeps: int) -> Callable[[], Any]:
    """The same by THRML, chains by ``vmap``."""
    from thrml import SamplingSchedule, sample_states

    from thermopolis.thermo.export import to_thrml

    made = to_thrml(Ising.lattice((side, side)), TEMPERATURE)
    schedule = SamplingSchedule(n_warmup=sweeps, n_samples=1, steps_per_sample=1)
    start = [jnp.ones((chains, len(block)), bool) for block in made.blocks]

    @jax.jit
    @partial(jax.vmap, in_axes=(0, 0))
    def run(key: jax.Array, state: list[jax.Array]) -> Any:
        return sample_states(key, made.program, schedule, state, [], made.blocks)

    keys = jax.random.split(jax.random.key(0), chains)
    return lambda: jax.block_until_ready(run(keys, start))


def floor_seconds(updates: int) -> float:
    """One random word and one exponential per update."""
    size = min(updates, 1 << 22)

    @jax.jit
    def run(key: jax.Array) -> jax.Array:
        return jnp.exp(uniforms(key, (size,))).max()

    return best(lambda: run(make_key(0)).block_until_ready()) * updates / size


def beside_floor(updates: int, own: float) -> str:
    """Updates a second, and how many times the floor's seconds that took."""
    floor = floor_seconds(updates)
    rate, least = (f"{updates / seconds / 1e6:.0f} M" for seconds in (own, floor))
    return f"{rate} updates/s, {own / floor:.2f} of the floor's time ({least}/s)"


def posterior_tables() -> np.ndarray:
    """Joint energies of two coupled four-state units, one pair a lane."""
    return np.random.default_rng(0).normal(size=(STATES, STATES, POSTERIORS)).astype(np.float32)


def our_posteriors() -> Callable[[], Any]:
    """A call that sweeps all posteriors and counts their states."""
    keys = fold_in(jnp.broadcast_to(make_key(1), (POSTERIORS,)), jnp.arange(POSTERIORS))
    state = jnp.zeros((2, POSTERIORS), jnp.int32)

    @jax.jit
    def run(tables: jax.Array) -> Any:
        energy = Categorical((STATES, STATES), {(0, 1): tables})
        return sample_lanes(keys, energy, 1.0, state, 0, POSTERIOR_SWEEPS)

    tables = jnp.asarray(posterior_tables())
    return lambda: jax.block_until_ready(run(tables))


def thrml_posteriors() -> Callable[[], Any]:
    """The same by THRML: two blocks of ten thousand nodes, every sample of both observed."""
    from thrml import (
        Block,
        BlockGibbsSpec,
        CategoricalNode,
        FactorSamplingProgram,
        SamplingSchedule,
        sample_states,
    )
    from thrml.models import CategoricalGibbsConditional, SquareCategoricalEBMFactor

    blocks = [Block([CategoricalNode() for _ in range(POSTERIORS)]) for _ in range(2)]
    factor = SquareCategoricalEBMFactor(blocks, -jnp.asarray(np.moveaxis(posterior_tables(), -1, 0)))
    spec = BlockGibbsSpec(blocks, [], {CategoricalNode: jax.ShapeDtypeStruct((), jnp.uint8)})
    program = FactorSamplingProgram(spec, [CategoricalGibbsConditional(STATES)] * 2, [factor], [])
    schedule = SamplingSchedule(n_warmup=1, n_samples=POSTERIOR_SWEEPS, steps_per_sample=1)
    start = [jnp.zeros(POSTERIORS, jnp.uint8) for _ in blocks]
    run = jax.jit(lambda key: sample_states(key, program, schedule, start, [], blocks))
    return lambda: jax.block_until_ready(run(jax.random.key(0)))


def rows() -> Iterator[Row]:
    """Six lattices, their geometric mean, and the posteriors; nothing if THRML isn't there."""
    try:
        import thrml  # noqa: F401
    except ImportError:
        return
    ratios = []
    for (side, chains), sweeps in SWEEPS.items():
        peer, own = in_turn(thrml_lattice(side, chains, sweeps), ours(side, chains, sweeps))
        updates = side * side * chains * sweeps
        ratios.append(peer / own)
        work = f"Ising {side}², {chains} chains, {sweeps} sweeps"
        yield Row(work, "THRML", peer, own, 2.0, beside_floor(updates, own))
    mean = float(np.exp(np.mean(np.log(ratios))))
    yield Row("Ising, geometric mean of the six", "THRML", mean, 1.0, 8.0, "ratios, not seconds")
    peer, own = in_turn(thrml_posteriors(), our_posteriors(), repeats=7)  # two milliseconds scatter
    updates = 2 * POSTERIORS * POSTERIOR_SWEEPS
    work = f"{POSTERIORS} coupled 4×4 posteriors × {POSTERIOR_SWEEPS} sweeps"
    yield Row(work, "THRML", peer, own, 40.0, beside_floor(updates, own))


if __name__ == "__main__":
    report(rows())
