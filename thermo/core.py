"""One use of the core by many lanes: burn in, then sample, every lane an independent factor graph.

Chromatic block Gibbs (see ``gibbs``) with lanes last. The energies stay fixed during a use, so the
conditional laws are tabulated once, and a sweep is one counter-based uniform and K − 1 comparisons per unit.
A lane's draws depend on its own key alone. The heat of a use is the drop of the energy over it.

For a single unit exact inference is cheaper than sampling and has the same law; the core is for coupled
factors, for policy selection, and for studying the machine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32, Key

from thermopolis.errors import ModelError
from thermopolis.keys import draws
from thermopolis.thermo import coupled
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.conditionals import conditional_table, draw, neighbours_of, thresholds
from thermopolis.thermo.noise import positive_temperature

_UNROLL = 8
_ROWS = 16  # thresholds of a unit that are compared one by one


class CoreDraw(NamedTuple):
    """What a use of the core returns.

    Attributes
    ----------
    state : Int32[Array, "units lanes"]
        The last sample.
    counts : list of Float32[Array, "states lanes"]
        For each unit, how often each of its states was seen over the samples.
    heat : Float32[Array, "lanes"]
        Energy given to the bath over all sweeps, burn-in included, in the energy's own unit. Zero where the
        first state was forbidden.
    energy : Float32[Array, "lanes"]
        Energy of the last state.
    """

    state: Int32[Array, "units lanes"]
    counts: list[Float[Array, "states lanes"]]
    heat: Float[Array, " lanes"]
    energy: Float[Array, " lanes"]


def sample_lanes(
    keys: Key[Array, " lanes"],
    energy: Categorical,
    temperature: Any,
    state: Int32[Array, "units lanes"],
    burn_in: int,
    samples: int,
    taken: Int32[Array, "lanes"] | None = None,
) -> CoreDraw:
    """Relax ``burn_in`` sweeps from ``state``, then take ``samples`` samples, one a sweep.

    Parameters
    ----------
    keys : Key[Array, "lanes"]
        One key per lane.
    energy : Categorical
        Tables shared or per lane, traced or not.
    temperature : float or Float[Array, "lanes"]
        In the energy's unit.
    state : Int32[Array, "units lanes"]
        Where the core stands.
    burn_in, samples : int
        Static numbers of sweeps, ``samples`` at least 1.
    taken : Int32[Array, "lanes"], optional
        How many of the samples each lane takes, 0 to ``samples``: a lane that takes k gets to the last bit what
        a core of k samples would give it; one that takes none isn't touched. ``None``: all take all.

    Raises
    ------
    ModelError
        No samples, a state of another shape, a temperature that is not positive (where known).
    """
    if samples < 1 or burn_in < 0:
        raise ModelError(f"core: expected samples ≥ 1 and burn_in ≥ 0, got {samples} and {burn_in}")
    positive_temperature(temperature)
    if state.shape != (energy.units, keys.shape[0]):
        raise ModelError(
            f"core: expected a state of shape {(energy.units, keys.shape[0])}, got {state.shape}"
        )
    merged = energy.merged()
    first = energy.join(state)
    isolated = all(not neighbours_of(merged, unit) for unit in range(merged.units))
    run = _isolated if isolated else coupled.relax
    last, counts = run(keys, merged, temperature, first, burn_in, samples, taken)
    if taken is not None:
        last = jnp.where(taken > 0, last, first)
    before, after = merged(first), merged(last)
    heat = jnp.where(jnp.isfinite(before), before - after, 0.0)
    return CoreDraw(energy.split(last), _unit_counts(energy, counts), heat, after)


def _isolated(
    keys: Any, energy: Categorical, temperature: Any, state: Any, burn_in: int, samples: int, taken: Any
) -> tuple[Any, list[Any]]:
    """Units without neighbours: draws are independent, so the burn-in's need not be worked out."""
    lanes, units = keys.shape[0], energy.units
    laws = []
    for unit in range(units):
        rows = thresholds(conditional_table(energy, unit)[:, 0], temperature)
        rows = [jnp.broadcast_to(row, (lanes,)) for row in rows]
        laws.append(rows if len(rows) <= _ROWS else [jnp.stack(rows)])
    laws = jax.lax.optimization_barrier(laws)
    unroll = _UNROLL if sum(len(law) for law in laws) <= _ROWS else 1

    def reached(sweep: Any, above: list[list[Any]]) -> list[list[Any]]:
        """Add one to every threshold that the draw of this sweep reaches."""
        result = []
        for unit, law in enumerate(laws):
            uniform = draws(keys, (sweep + burn_in) * units + unit)
            hits = [uniform >= row for row in law]
            if taken is not None:
                hits = [hit & (sweep < taken) for hit in hits]
            result.append([total + hit for total, hit in zip(above[unit], hits, strict=True)])
        return result

    def chunk(block: Any, above: list[list[Any]]) -> list[list[Any]]:
        for i in range(unroll):
            above = reached(block * unroll + i, above)
        return above

    above = jax.lax.fori_loop(
        0, samples // unroll, chunk, [[jnp.zeros(row.shape, jnp.float32) for row in law] for law in laws]
    )
    for sweep in range(samples - samples % unroll, samples):
        above = reached(sweep, above)
    if taken is None:
        number: Any = (burn_in + samples - 1) * units
        drawn = draws
    else:
        number = (burn_in + jnp.maximum(taken, 1) - 1) * units
        drawn = jax.vmap(draws)
    last = [_draw_rows(drawn(keys, number + unit), law) for unit, law in enumerate(laws)]
    seen = jnp.broadcast_to(jnp.asarray(samples if taken is None else taken, jnp.float32), (1, lanes))
    return jnp.stack(last), [_from_above(rows, seen) for rows in above]


def _draw_rows(uniform: Any, law: list[Any]) -> Any:
    if len(law) == 1 and law[0].ndim == 2:
        return (uniform >= law[0]).sum(axis=0, dtype=jnp.int32)
    return draw(uniform, law)


def _from_above(above: list[Any], samples: Float[Array, "1 lanes"]) -> jax.Array:
    """Counts of each state from how often each threshold was reached."""
    rows = [samples, *(row.reshape(-1, samples.shape[-1]) for row in above)]
    reached = jnp.concatenate([*rows, jnp.zeros_like(samples)])
    return reached[:-1] - reached[1:]


def _unit_counts(energy: Categorical, counts: list[Any]) -> list[jax.Array]:
    """Counts of each unit from the counts of its block."""
    result: list[Any] = [None] * energy.units
    for block, seen in zip(energy.blocks, counts, strict=True):
        shape = tuple(energy.sizes[unit] for unit in block)
        for axis, unit in enumerate(block):
            cells = seen.reshape(*shape, seen.shape[-1])
            result[unit] = cells.sum(axis=tuple(a for a in range(len(shape)) if a != axis))
    return result
