"""Random keys of every lane: a counter-based generator registered with JAX, and threefry beside it.

A lane (one agent of one replicate of one sweep point) owns a key; a step's draws come from
``fold_in(key, step)``. Nothing depends on where a lane stands in a batch, so results don't either.

The counter-based generator hashes (key, counter) with 32-bit multiply-xorshift rounds. ``jax.random`` works
on its keys as on any other. It is no cryptographic generator; its statistical tests are in
``tests/thermo/test_keys.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import define_prng_impl

from thermopolis.errors import ModelError

RandomKind = Literal["counter", "threefry"]

DRAW_BITS = 23  # a uniform is a whole number of 2**-DRAW_BITS

_GOLDEN = 0x9E3779B9


def _mix(x: Any) -> Any:
    """A 32-bit bijection with avalanche bias below 0.2 % (multipliers found by C. Wellons' search)."""
    x = x ^ (x >> 16)
    x = x * jnp.uint32(0x21F0AAAD)
    x = x ^ (x >> 15)
    x = x * jnp.uint32(0x735A2D97)
    return x ^ (x >> 15)


def _rounds(left: Any, right: Any, data: Any) -> tuple[Any, Any]:
    """Fold 32 bits into both words of a key: four Feistel rounds, so distinct keys stay distinct."""
    for i in range(4):
        constant = jnp.uint32((_GOLDEN * (i + 1)) % 2**32)
        left, right = right, left ^ _mix(right + data * jnp.uint32(2 * i + 1) + constant)
    return left, right


def _absorb(key: Any, data: Any) -> Any:
    """Fold 32 bits into a (2,) uint32 key."""
    return jnp.stack(_rounds(key[0], key[1], data))


def _seed(seed: Any) -> Any:
    if seed.dtype.itemsize == 8:
        low, high = (seed & 0xFFFFFFFF).astype(jnp.uint32), (seed >> 32).astype(jnp.uint32)
    else:
        low, high = seed.astype(jnp.uint32), jnp.zeros_like(seed, jnp.uint32)
    return _absorb(jnp.stack([low, high]), jnp.uint32(0x7468726D))


def _fold_in(key: Any, data: Any) -> Any:
    return _absorb(key, jnp.asarray(data).astype(jnp.uint32))


def _hash_counter(key: Any, counter: Any) -> Any:
    x = counter * jnp.uint32(_GOLDEN) + key[0]
    # a bijection of the counter would never repeat a word, as true random words do: adding the input cures it
    return _mix((_mix(x) + x) ^ key[1])


def _random_bits(key: Any, bit_width: int, shape: tuple[int, ...]) -> Any:
    words = 2 if bit_width == 64 else 1
    size = 1
    for n in shape:
        size *= n
    bits = _hash_counter(key, jax.lax.iota(jnp.uint32, size * words))
    if bit_width == 64:
        bits = jax.lax.bitcast_convert_type(bits.reshape(*shape, 2), jnp.uint64)
        return bits
    return (bits >> (32 - bit_width)).astype(f"uint{bit_width}").reshape(shape)


def _split(key: Any, shape: tuple[int, ...]) -> Any:
    size = 1
    for n in shape:
        size *= n
    index = jax.lax.iota(jnp.uint32, size)
    keys = jax.vmap(lambda i: _absorb(_absorb(key, i), jnp.uint32(0x73706C74)))(index)
    return keys.reshape(*shape, 2)


COUNTER = define_prng_impl(
    key_shape=(2,),
    seed=_seed,
    split=_split,
    random_bits=_random_bits,
    fold_in=_fold_in,
    name="thermopolis_counter",
    tag="tpc",
)

_IMPLEMENTATIONS: dict[str, Any] = {"counter": COUNTER, "threefry": "threefry2x32"}


def make_key(seed: int, kind: RandomKind = "counter") -> jax.Array:
    """A scalar key from a non-negative integer below 2**64."""
    words = jnp.asarray([seed & 0xFFFFFFFF, seed >> 32], jnp.uint32)
    return jax.random.wrap_key_data(words, impl=_IMPLEMENTATIONS[kind])


def make_keys(seeds: Sequence[int] | np.ndarray, kind: RandomKind = "counter") -> jax.Array:
    """An array of the keys that ``make_key`` gives for each seed."""
    return keys_of(jnp.asarray(seed_words(seeds)), kind)


def seed_words(seeds: Sequence[int] | np.ndarray) -> np.ndarray:
    """Non-negative integers below 2**64 as words, low and high: uint32 (…, 2)."""
    numbers = np.asarray(seeds, np.uint64)
    return np.stack([numbers & np.uint64(0xFFFFFFFF), numbers >> np.uint64(32)], axis=-1).astype(np.uint32)


def keys_of(words: Any, kind: RandomKind = "counter") -> jax.Array:
    """The keys of ``seed_words``."""
    return jax.random.wrap_key_data(words, impl=_IMPLEMENTATIONS[kind])


def fold_in(keys: jax.Array, data: Any) -> jax.Array:
    """``jax.random.fold_in`` over an array of keys of any shape; ``data`` broadcasts against it."""
    words = jnp.uint32(data) if isinstance(data, int) else jnp.asarray(data).astype(jnp.uint32)
    data = jnp.broadcast_to(words, keys.shape)
    if is_counter(keys):  # elementwise, so that a compiled loop fuses it with the draws it is for
        raw = jax.random.key_data(keys)
        folded = jnp.stack(_rounds(raw[..., 0], raw[..., 1], data), axis=-1)
        return jax.random.wrap_key_data(folded, impl=COUNTER)
    return jax.vmap(jax.random.fold_in)(keys.reshape(-1), data.reshape(-1)).reshape(keys.shape)


def as_key(key: Any) -> jax.Array:
    """A scalar typed key from a key of either kind, ``jax.random.PRNGKey``'s raw words (threefry), or a seed.

    Raises
    ------
    ModelError
        Anything else, or several keys where one is needed.
    """
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        if not 0 <= key < 2**64:
            raise ModelError(f"key: a seed is a whole number from 0 to 2**64 - 1, got {key}")
        return make_key(int(key))
    dtype = getattr(key, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key):
        if key.shape == (1,):
            return key[0]
        if key.shape == ():
            return key
        raise ModelError(f"key: expected one key, got an array of shape {key.shape}")
    if dtype == np.uint32 and np.shape(key) == (2,):
        return jax.random.wrap_key_data(jnp.asarray(key), impl="threefry2x32")
    raise ModelError(f"key: expected a random key (make_key(0), jax.random.key(0)) or a seed, got {key!r}")


def is_counter(keys: jax.Array) -> bool:
    """Whether these keys belong to the counter-based generator."""
    return bool(jax.random.key_impl(keys) == COUNTER)


def _unit_interval(bits: Any) -> jax.Array:
    """float32 on [0, 1) from the upper 23 bits of a word, as ``jax.random.uniform`` makes it."""
    return jax.lax.bitcast_convert_type((bits >> 9) | jnp.uint32(0x3F800000), jnp.float32) - 1.0


def draws(keys: jax.Array, index: Any) -> jax.Array:
    """The draws numbered ``index`` of each key's stream of uniforms, shape ``(*index.shape, *keys.shape)``.

    A loop takes its draws one by one without ever holding all of them. With counter keys draw ``i`` is
    ``jax.random.uniform(key, (n,))[i]`` to the last bit; with others the uniform of ``fold_in(key, i)``.

    Parameters
    ----------
    keys : Key[Array, "*lanes"]
    index : int or Int32[Array, "*draws"]
        Non-negative numbers of draws; may be traced.
    """
    index = jnp.asarray(index).astype(jnp.uint32)
    index = index.reshape(index.shape + (1,) * keys.ndim)
    if is_counter(keys):
        data = jax.random.key_data(keys)
        return _unit_interval(_hash_counter((data[..., 0], data[..., 1]), index))
    shape = jnp.broadcast_shapes(index.shape, keys.shape)
    return uniforms(fold_in(jnp.broadcast_to(keys, shape), index))


def whole_draws(keys: jax.Array, index: Any) -> jax.Array:
    """``draws`` of one index times 2**DRAW_BITS, exactly: int32 from 0 to 2**DRAW_BITS − 1, one per key."""
    if is_counter(keys):
        words = random_words(keys, jnp.asarray(index).astype(jnp.uint32))
        return (words >> (32 - DRAW_BITS)).astype(jnp.int32)
    return (draws(keys, index) * 2.0**DRAW_BITS).astype(jnp.int32)


def random_words(keys: jax.Array, index: Any) -> jax.Array:
    """Words ``index`` of each counter key's stream: uint32, ``index`` broadcasts against the keys."""
    data = jax.random.key_data(keys)
    return _hash_counter((data[..., 0], data[..., 1]), index)


def uniforms(keys: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
    """float32 uniforms on [0, 1), shape ``(*shape, *keys.shape)``: lanes stay last.

    Bitwise the numbers of ``jax.random.uniform(key, shape)`` for each key.
    """
    if is_counter(keys):
        numbers = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
        return draws(keys, numbers)
    columns = jax.vmap(lambda key: jax.random.uniform(key, shape), out_axes=-1)(keys.reshape(-1))
    return columns.reshape(*shape, *keys.shape)
