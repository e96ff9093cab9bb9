"""Discrete energies as programs of THRML, a block-Gibbs sampler of discrete graphs (extra ``peers``).

THRML samples exp(+Σ weights) with weights = −E/T: temperature is put into the weights. It has no forbidden
states, so +inf becomes an energy of 10⁴ T. Units of one colour and size make a block; blocks are swept in turn.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.errors import ModelError
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.schedules import positive

_FORBIDDEN = 1e4


class ThrmlProgram(NamedTuple):
    """A THRML program and how to run it.

    Attributes
    ----------
    program : thrml.BlockSamplingProgram
    blocks : list of thrml.Block
        In the order they are swept.
    order : np.ndarray
        The unit of each node, blocks one after another.
    sizes : tuple of int
        States of each unit; empty for spins.
    """

    program: Any
    blocks: list[Any]
    order: np.ndarray
    sizes: tuple[int, ...]

    def sample(self, key: jax.Array, samples: int, warmup: int = 0, thin: int = 1) -> np.ndarray:
        """Run one chain: (samples, units), ±1 for spins. ``key`` is any JAX key."""
        from thrml import SamplingSchedule, sample_states

        start = [self._start(jax.random.fold_in(key, n), block) for n, block in enumerate(self.blocks)]
        schedule = SamplingSchedule(n_warmup=warmup, n_samples=samples, steps_per_sample=thin)
        parts = sample_states(
            jax.random.fold_in(key, 1 << 20), self.program, schedule, start, [], self.blocks
        )
        stacked = np.concatenate([np.asarray(part).reshape(samples, -1) for part in parts], axis=1)
        values = np.empty((samples, len(self.order)), np.int32)
        values[:, self.order] = stacked
        return values if self.sizes else 2 * values - 1

    def _start(self, key: jax.Array, block: Any) -> jax.Array:
        if not self.sizes:
            return jax.random.bernoulli(key, 0.5, (len(block),))
        first = sum(len(other) for other in self.blocks[: self.blocks.index(block)])
        return jax.random.randint(key, (len(block),), 0, self.sizes[self.order[first]]).astype(jnp.uint8)


def to_thrml(energy: Any, temperature: float = 1.0) -> ThrmlProgram:
    """Translate a ``Categorical`` or ``Ising`` energy with shared (not per-lane) numbers.

    Raises
    ------
    ModelError
        THRML isn't installed, the energy is of another kind, has per-lane numbers or blocks of several units.
    """
    try:
        import thrml  # noqa: F401
    except ImportError:
        raise ModelError("export: THRML isn't installed; pip install thermopolis[peers]") from None
    positive(temperature, "export")
    if isinstance(energy, Ising):
        return _spins(energy, temperature)
    if isinstance(energy, Categorical):
        return _categories(energy, temperature)
    raise ModelError(f"export: expected Categorical or Ising, got {type(energy).__name__}")


def _spins(energy: Ising, temperature: float) -> ThrmlProgram:
    from thrml import Block, SpinNode
    from thrml.models import IsingEBM, IsingSamplingProgram

    if energy.couplings.ndim == 2 or energy.biases.ndim == 2:
        raise ModelError("export: per-lane couplings or biases; export one lane at a time")
    nodes = [SpinNode() for _ in range(energy.units)]
    edges = [(nodes[i], nodes[j]) for i, j in energy.edges.tolist()]
    biases = jnp.broadcast_to(energy.biases, (energy.units,))
    couplings = jnp.broadcast_to(energy.couplings, (len(edges),))
    groups = [units for units, _, _ in energy.graph.groups]
    blocks = [Block([nodes[unit] for unit in units]) for units in groups]
    model = IsingEBM(nodes, edges, biases, couplings, jnp.asarray(1.0 / temperature))
    return ThrmlProgram(IsingSamplingProgram(model, blocks, []), blocks, np.concatenate(groups), ())


def _categories(energy: Categorical, temperature: float) -> ThrmlProgram:
    from thrml import Block, BlockGibbsSpec, CategoricalNode, FactorSamplingProgram
    from thrml.models import CategoricalEBMFactor, CategoricalGibbsConditional

    if energy.lanes is not None:
        raise ModelError("export: per-lane tables; export one lane at a time")
    if any(len(block) > 1 for block in energy.blocks):
        raise ModelError("export: THRML draws units singly; this energy's blocks hold several")
    nodes = [CategoricalNode() for _ in range(energy.units)]
    groups = [
        [unit for unit in group if energy.sizes[unit] == size]
        for group in energy.colours
        for size in sorted({energy.sizes[unit] for unit in group})
    ]
    blocks = [Block([nodes[unit] for unit in group]) for group in groups]
    samplers = [CategoricalGibbsConditional(energy.sizes[group[0]]) for group in groups]
    factors = []
    for scope, table in zip(energy.scopes, energy.tables, strict=True):
        weights = jnp.where(jnp.isinf(table), -_FORBIDDEN, -table / temperature)[None]
        factors.append(CategoricalEBMFactor([Block([nodes[unit]]) for unit in scope], weights))
    kinds = {CategoricalNode: jax.ShapeDtypeStruct((), jnp.uint8)}
    program = FactorSamplingProgram(BlockGibbsSpec(blocks, [], kinds), samplers, factors, [])
    return ThrmlProgram(program, blocks, np.concatenate(groups), energy.sizes)
