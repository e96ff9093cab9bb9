"""Sweeps of coupled units over lanes: conditional laws tabulated once, several sweeps a kernel.

A unit is redrawn by comparing a whole random number with the K − 1 thresholds that its neighbours' joint state picks.
Where units are small the states of several sweeps share one 32-bit word, so that these sweeps are a single elementwise
kernel: it takes keys and tables from memory once and gives one word, of which states are counted, four to a word again.
Draws are those of sweeping one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.keys import whole_draws
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.conditionals import (
    conditional_table,
    configuration,
    draw,
    neighbours_of,
    select,
    whole_thresholds,
)

_WORD = 32
_PACKED = 4  # states whose counts share a word, eight bits each
_CHUNK = 255  # samples after which those bits are full
_TABULATED = 64  # neighbour configurations of a unit whose conditional laws are kept as tables
_MANY = 1 << 16  # samples of all lanes from which a kernel of several sweeps is worth its compilation
_WORK = 220  # choices and comparisons in one kernel: with more it gets no faster, and slow to compile
_HASH = 10  # what a random number costs beside those


class Register(NamedTuple):
    """How lanes' states are held between kernels: ``sweeps`` of them at most.

    ``pack(rows, held)`` adds the units' states after one more sweep (``held`` is ``None`` before the first);
    ``rows(held, back)`` are the states of so many sweeps ago.
    """

    sweeps: int
    pack: Callable[[list[Any], Any], Any]
    rows: Callable[[Any, int], list[Any]]


def relax(
    keys: Any, energy: Categorical, temperature: Any, state: Any, burn_in: int, samples: int, taken: Any
) -> tuple[Any, list[Any]]:
    """The last states and each unit's counts (see ``core.sample_lanes``)."""
    lanes, units = keys.shape[0], energy.units
    tables = [conditional_table(energy, unit) for unit in range(units)]
    kernels = [_kernel(energy, unit, tables[unit], temperature) for unit in range(units)]
    order = [unit for group in energy.colours for unit in group]
    register = _register(energy.sizes, [table.shape[1] for table in tables], lanes, samples)

    def run(first: Any, count: int, held: Any) -> Any:
        """Sweeps ``first`` … ``first + count − 1``."""
        rows, result = register.rows(held, 0), None
        for number in range(count):
            before, sweep = list(rows), first + number
            for position, unit in enumerate(order):
                rows[unit] = kernels[unit](whole_draws(keys, sweep * units + position), rows)
            if taken is not None:
                on = sweep < burn_in + taken
                rows = [jnp.where(on, row, old) for row, old in zip(rows, before, strict=True)]
            result = register.pack(rows, result)
        return result

    def run_and_count(first: Any, count: int, carry: tuple[Any, list[Any]]) -> tuple[Any, list[Any]]:
        held, seen = carry
        held = run(first, count, held)
        for number in range(count):
            on = None if taken is None else first + number < burn_in + taken
            rows = register.rows(held, count - 1 - number)
            seen = [_one_more(words, row, on) for words, row in zip(seen, rows, strict=True)]
        return held, seen

    def chunk(first: Any, length: int, held: Any) -> tuple[Any, list[Any]]:
        """Sweeps of which no state's count can leave its eight bits."""
        zero = jnp.zeros(lanes, jnp.uint32)
        none = [[zero] * -(-size // _PACKED) for size in energy.sizes]
        held, words = _in_groups(run_and_count, first, length, register.sweeps, (held, none))
        return held, [_unpacked(w, size) for w, size in zip(words, energy.sizes, strict=True)]

    def more(block: Any, carry: tuple[Any, list[Any]]) -> tuple[Any, list[Any]]:
        held, totals = carry
        held, seen = chunk(burn_in + block * full, full, held)
        return held, [total + part for total, part in zip(totals, seen, strict=True)]

    held = register.pack([state[unit] for unit in range(units)], None)
    held = _in_groups(run, 0, burn_in, register.sweeps, held)
    full = _CHUNK - _CHUNK % register.sweeps
    whole, rest = divmod(samples, full)
    totals = [jnp.zeros((size, lanes), jnp.float32) for size in energy.sizes]
    if whole:
        held, totals = jax.lax.fori_loop(0, whole, more, (held, totals))
    if rest:
        held, seen = chunk(burn_in + whole * full, rest, held)
        totals = [total + part for total, part in zip(totals, seen, strict=True)]
    return jnp.stack(register.rows(held, 0)), totals


def _register(sizes: Sequence[int], configurations: Sequence[int], lanes: int, samples: int) -> Register:
    """A word of several sweeps where it is worth it, else a row per unit."""
    bits = [(size - 1).bit_length() for size in sizes]
    work = sum(count * (size - 1) + _HASH for size, count in zip(sizes, configurations, strict=True))
    sweeps = min(_WORD // max(sum(bits), 1), _WORK // work)
    by_heart = max(configurations) <= _TABULATED  # else an ulp could hang on how sweeps are fused
    if sweeps < 2 or not by_heart or lanes * samples < _MANY:
        return Register(1, lambda rows, held: list(rows), lambda held, back: list(held))
    offsets = [int(offset) for offset in np.cumsum([0, *bits])]

    def pack(rows: list[Any], held: Any) -> Any:
        word: Any = jnp.zeros(lanes, jnp.uint32) if held is None else held << offsets[-1]
        for row, offset in zip(rows, offsets, strict=False):
            word = word | (row.astype(jnp.uint32) << offset)
        return word

    def rows(held: Any, back: int) -> list[Any]:
        shifted = held >> (back * offsets[-1])
        places = zip(offsets, bits, strict=False)
        return [((shifted >> offset) & (2**width - 1)).astype(jnp.int32) for offset, width in places]

    return Register(sweeps, pack, rows)


def _in_groups(body: Callable[..., Any], first: Any, length: int, group: int, carry: Any) -> Any:
    """``body(first, count, carry)`` over so many sweeps: in groups, and what is left one by one.

    XLA unrolls a loop of one turn and then works its sweeps out anew for each result: loops have two turns or none.
    """
    groups, rest = divmod(length, group)
    if rest == 1 and groups:
        groups, rest = groups - 1, group + 1
    if groups == 1:
        groups, rest = 0, length
    if groups:
        carry = jax.lax.fori_loop(0, groups, lambda i, c: body(first + i * group, group, c), carry)
    if rest:
        start = first + groups * group
        carry = jax.lax.fori_loop(start, start + rest, lambda number, c: body(number, 1, c), carry)
    return carry


def _one_more(words: list[Any], row: Any, on: Any) -> list[Any]:
    """One added to the eight bits of each lane's state."""
    result = []
    for number, word in enumerate(words):
        place = row - number * _PACKED
        one = jnp.uint32(1) << (8 * (place & (_PACKED - 1))).astype(jnp.uint32)
        here = None if len(words) == 1 else (place >= 0) & (place < _PACKED)
        counted = here if on is None else on if here is None else here & on
        result.append(word + (one if counted is None else jnp.where(counted, one, jnp.uint32(0))))
    return result


def _unpacked(words: list[Any], size: int) -> jax.Array:
    """Counts of each state, (states, lanes)."""
    rows = [(words[k // _PACKED] >> (8 * (k % _PACKED))) & 0xFF for k in range(size)]
    return jnp.stack(rows).astype(jnp.float32)


def _kernel(energy: Categorical, unit: int, table: Any, temperature: Any) -> Callable[..., Any]:
    """``(number, rows) -> new row`` of one unit, from tabulated conditional laws where they are small."""
    others = neighbours_of(energy, unit)
    if table.shape[1] <= _TABULATED:
        laws = jax.lax.optimization_barrier(whole_thresholds(table, temperature))

        def tabulated(number: Any, rows: list[Any]) -> Any:
            place = configuration(energy, others, rows)
            return draw(number, [select(law, place) for law in laws])

        return tabulated

    def direct(number: Any, rows: list[Any]) -> Any:
        place = configuration(energy, others, rows)
        energies = jnp.stack([select(table[k], place) for k in range(table.shape[0])])
        return draw(number, whole_thresholds(energies, temperature))

    return direct
