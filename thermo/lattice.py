"""Spins of a square lattice, 32 to a word: heat-bath sweeps by bitwise logic (multi-spin coding).

With four neighbours the chance of pointing against their majority takes two values, q = 1/(1 + e^{2n|J|/T})
for n = 4 and 2, and is ½ where they are split. A bit that is one with chance q is made of 24 random words, from
the lowest bit of q up: r ← majority(q_b, r, ¬w_b), that is the comparison *w < q* done for 32 spins at once
(Jacobs & Rebbi 1981; Zorn, Herrmann & Rebbi 1981 on multi-spin coding). Chances are exact to 2⁻²⁵.

Words hold 32 chains of one site, or, where there are fewer than 32 chains, 32 rows of one chain. The random
words of chains 32w … 32w + 31 come from the key of w alone, so a chain doesn't depend on how many run.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int8, Key

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, is_counter, random_words

BITS = 24
WORD = 32


class Packed(NamedTuple):
    """The two colours, each (row parity, rows, columns, words) of uint32.

    Colour k holds the sites (i, j) with (i + j) mod 2 = k, at row parity i mod 2, row i//2, column j//2.
    """

    even: Any
    odd: Any


def packs_chains(chains: int) -> bool:
    """Whether the bits of a word are chains (else they are rows of one chain)."""
    return chains >= WORD


def packed_width(shape: tuple[int, ...], chains: int) -> int:
    """Chains to run so that words are full: as asked where rows fill them, else the next multiple of 32."""
    return chains if check(shape, chains) is None else -(-chains // WORD) * WORD


def check(shape: tuple[int, ...], chains: int) -> str | None:
    """Why this lattice can't be packed; ``None`` if it can."""
    if len(shape) != 2 or any(side % 2 or side < 4 for side in shape):
        return f"expected two even sides of at least 4, got {shape}"
    if packs_chains(chains):
        return None if chains % WORD == 0 else f"expected a multiple of {WORD} chains, got {chains}"
    return None if shape[0] % (2 * WORD) == 0 else f"fewer than {WORD} chains need rows in multiples of 64"


def pack(state: Int8[Array, "units chains"], shape: tuple[int, ...]) -> Packed:
    """Words from spins ±1, units in row-major order."""
    rows, columns = shape
    chains = state.shape[-1]
    if problem := check(shape, chains):
        raise ModelError(f"lattice: {problem}")
    grid = (state > 0).reshape(rows // 2, 2, columns // 2, 2, chains)
    return Packed(*(jnp.stack([_to_words(grid[:, p, :, (p + k) % 2]) for p in (0, 1)]) for k in (0, 1)))


def unpack(packed: Packed, shape: tuple[int, ...], chains: int) -> Int8[Array, "units chains"]:
    """Spins ±1 from words."""
    rows, columns = shape
    grid = jnp.zeros((rows // 2, 2, columns // 2, 2, chains), bool)
    for k, colour in enumerate(packed):
        for p in (0, 1):
            grid = grid.at[:, p, :, (p + k) % 2].set(_from_words(colour[p], chains))
    return jnp.where(grid.reshape(rows * columns, chains), jnp.int8(1), jnp.int8(-1))


def thresholds(coupling: Any, temperature: Any, chains: int) -> tuple[Any, Any]:
    """Bits of q for 4 and for 2 more neighbours one way, as masks of words (BITS, words or 1); lowest first.

    ``temperature`` is a number, or one per chain.
    """
    ratio = jnp.asarray(jnp.abs(coupling) / temperature, jnp.float32)
    masks = []
    for neighbours in (4.0, 2.0):
        chance = jax.nn.sigmoid(-2.0 * neighbours * ratio)
        integer = jnp.round(chance * 2.0**BITS).astype(jnp.uint32)
        bits = (integer >> jnp.arange(BITS, dtype=jnp.uint32).reshape((BITS,) + (1,) * integer.ndim)) & 1
        if bits.ndim == 1:
            words = (jnp.uint32(0) - bits)[:, None]
        elif packs_chains(chains):
            words = _or_bits(bits.reshape(BITS, -1, WORD))
        else:
            words = jnp.uint32(0) - bits
        masks.append(words)
    return masks[0], masks[1]


def sweep(
    keys: Key[Array, " words"], packed: Packed, masks: tuple[Any, Any], aligned: Any, rows_in_bits: bool
) -> Packed:
    """One checkerboard heat-bath sweep.

    Parameters
    ----------
    keys : Key[Array, "words"]
        One per word of chains (or per chain), fresh for this sweep; counter keys.
    packed : Packed
    masks : from ``thresholds``
    aligned : UInt32
        All ones where the coupling favours equal spins, zero where opposite.
    rows_in_bits : bool
        Whether bits of a word are rows.
    """
    even, odd = packed
    down, up = _row_shifts(rows_in_bits)
    left, right = (lambda words: jnp.roll(words, 1, 1)), (lambda words: jnp.roll(words, -1, 1))
    even = _updated(keys, 0, masks, aligned, _neighbours(odd, left, right, down, up))
    odd = _updated(keys, 1, masks, aligned, _neighbours(even, right, left, down, up))
    return Packed(even, odd)


def run(
    keys: Key[Array, " words"],
    packed: Packed,
    coupling: Any,
    temperature: Any,
    chains: int,
    start: Any,
    stop: Any,
) -> Packed:
    """Sweeps number ``start`` … ``stop − 1`` (traced); sweep n takes ``fold_in(keys, n)``."""
    if not is_counter(keys):
        raise ModelError("lattice: packed spins take counter keys")
    masks = jax.lax.optimization_barrier(thresholds(coupling, temperature, chains))
    aligned = jnp.where(jnp.asarray(coupling) >= 0, jnp.uint32(0xFFFFFFFF), jnp.uint32(0))
    rows_in_bits = not packs_chains(chains)

    def one(number: Any, state: Packed) -> Packed:
        return sweep(fold_in(keys, number), state, masks, aligned, rows_in_bits)

    return jax.lax.fori_loop(start, stop, one, packed)


def word_keys(key: jax.Array, chains: int) -> jax.Array:
    """A key for every word of chains (every chain, where bits are rows)."""
    count = chains // WORD if packs_chains(chains) else chains
    return fold_in(jnp.broadcast_to(key, (count,)), jnp.arange(count))


def energy_per_bond(packed: Packed, shape: tuple[int, ...], chains: int) -> Float[Array, " chains"]:
    """Mean of −s_i s_j over nearest-neighbour bonds, per chain."""
    spins = unpack(packed, shape, chains).reshape(*shape, chains).astype(jnp.int32)
    bonds = spins * (jnp.roll(spins, 1, 0) + jnp.roll(spins, 1, 1))
    return -bonds.sum(axis=(0, 1)) / (2.0 * shape[0] * shape[1])


def _neighbours(other: Any, first: Any, second: Any, down: Any, up: Any) -> list[Any]:
    """Words of the four neighbours of a colour: beside it in its row, then in the rows above and below."""
    beside = jnp.stack([first(other[0]), second(other[1])])
    return [other, beside, other[::-1], jnp.stack([down(other[1]), up(other[0])])]


def _updated(keys: Any, number: int, masks: Any, aligned: Any, neighbours: list[Any]) -> Any:
    """New spins of a colour from the words of its neighbours."""
    a, b, c, d = neighbours
    odd = a ^ b ^ c ^ d
    most = (a & b & (c | d)) | (c & d & (a | b))
    all_one_way = (a & b & c & d) | ~(a | b | c | d)
    odd, most, all_one_way = jax.lax.optimization_barrier((odd, most, all_one_way))
    size = math.prod(odd.shape[:-1])
    site = jax.lax.iota(jnp.uint32, size).reshape(odd.shape[:-1])[..., None] * BITS + number * size * BITS
    four: Any = jnp.uint32(0)
    two: Any = jnp.uint32(0)
    word: Any = jnp.uint32(0)
    for bit in range(BITS):
        word = ~random_words(keys, site + bit)
        four = (word & (masks[0][bit] | four)) | (masks[0][bit] & four)
        two = (word & (masks[1][bit] | two)) | (masks[1][bit] & two)
    split = ~(odd | all_one_way)
    against = (all_one_way & four) | (odd & two)
    # the neighbours' majority, turned where the coupling favours opposites, unless the bath says otherwise
    chosen = ~split & (most ^ ~aligned ^ against)
    return jax.lax.optimization_barrier(chosen | (split & word))


def _row_shifts(rows_in_bits: bool) -> tuple[Any, Any]:
    """Functions giving each row its upper and its lower neighbour row."""
    if not rows_in_bits:
        return (lambda words: jnp.roll(words, 1, 0)), (lambda words: jnp.roll(words, -1, 0))

    def down(words: Any) -> Any:
        last = words[-1:]
        return jnp.concatenate([(last << 1) | (last >> (WORD - 1)), words[:-1]])

    def up(words: Any) -> Any:
        first = words[:1]
        return jnp.concatenate([words[1:], (first >> 1) | (first << (WORD - 1))])

    return down, up


def _to_words(bits: Any) -> Any:
    """(rows, columns, chains) of bool to words: 32 chains a word, or 32 rows a word."""
    rows, columns, chains = bits.shape
    if packs_chains(chains):
        return _or_bits(bits.reshape(rows, columns, chains // WORD, WORD))
    # bit b of word row r holds row r + b · (rows/32): vertical neighbours are then neighbouring words
    return _or_bits(jnp.moveaxis(bits.reshape(WORD, rows // WORD, columns, chains), 0, -1))


def _or_bits(bits: Any) -> Any:
    return (bits.astype(jnp.uint32) << jnp.arange(WORD, dtype=jnp.uint32)).sum(axis=-1, dtype=jnp.uint32)


def _from_words(words: Any, chains: int) -> Any:
    bits = ((words[..., None] >> jnp.arange(WORD, dtype=jnp.uint32)) & 1).astype(bool)
    rows, columns, count, _ = bits.shape
    if packs_chains(chains):
        return bits.reshape(rows, columns, count * WORD)
    return jnp.moveaxis(bits, -1, 0).reshape(WORD * rows, columns, count)
