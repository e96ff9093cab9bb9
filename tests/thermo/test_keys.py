"""The counter-based generator: uniformity, independence along and across streams, folding, speed path.

p values are two-sided where that makes sense; each test is held to 1e-5 (the family of some 40 at 4e-4). Seeds are
fixed. The sharpest test is elsewhere: the Ising model at T = 2 (``test_lattice``).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from thermopolis.keys import draws, fold_in, make_key, random_words, uniforms

LEVEL = 1e-5


def lane_keys(seed: int, lanes: int, kind: str = "counter") -> jax.Array:
    return fold_in(jnp.broadcast_to(make_key(seed, kind), (lanes,)), jnp.arange(lanes))  # type: ignore[arg-type]


def words(layout: str, seed: int, count: int = 1 << 20) -> np.ndarray:
    """32-bit words along one stream, across lanes at one counter, or across steps of one lane (folding)."""
    key = make_key(seed)
    if layout == "stream":
        return np.asarray(random_words(key, jnp.arange(count, dtype=jnp.uint32)))
    if layout == "lanes":
        return np.asarray(random_words(lane_keys(seed, count), jnp.uint32(0)))
    if layout == "interleaved":  # 1024 lanes × 1024 draws, lanes fastest, as a loop over lanes consumes them
        return np.asarray(
            random_words(lane_keys(seed, 1024), jnp.arange(count // 1024, dtype=jnp.uint32)[:, None])
        ).ravel()
    steps = fold_in(jnp.broadcast_to(lane_keys(seed, 1), (count,)), jnp.arange(count))
    return np.asarray(random_words(steps, jnp.uint32(3)))


LAYOUTS = ("stream", "lanes", "interleaved", "steps")


def two_sided(p: float) -> float:
    return 2 * min(p, 1 - p)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_uniformity(layout: str) -> None:
    """χ² over 2¹² bins of the high and of the low bits, and Kolmogorov–Smirnov."""
    sample = words(layout, 1)
    for part in (sample >> 20, sample & 0xFFF):
        seen = np.bincount(part, minlength=4096)
        statistic = ((seen - sample.size / 4096) ** 2).sum() / (sample.size / 4096)
        assert two_sided(stats.chi2.sf(statistic, 4095)) > LEVEL
    assert stats.kstest((sample + 0.5) / 2.0**32, "uniform").pvalue > LEVEL


@pytest.mark.long
@pytest.mark.parametrize("layout", LAYOUTS)
def test_bit_planes(layout: str) -> None:
    """Each bit is fair, and pairs of bits of a word, and a bit and its successor, are independent."""
    bits = ((words(layout, 2)[:, None] >> np.arange(32, dtype=np.uint32)) & 1).astype(np.float32) * 2 - 1
    count = len(bits)
    scores = bits.sum(axis=0) / np.sqrt(count)
    within = (bits.T @ bits / np.sqrt(count))[np.triu_indices(32, 1)]
    along = bits[:-1].T @ bits[1:] / np.sqrt(count - 1)
    largest = max(np.abs(scores).max(), np.abs(within).max(), np.abs(along).max())
    assert 2 * stats.norm.sf(largest) * (32 + 496 + 1024) > LEVEL
    assert two_sided(stats.chi2.sf((within**2).sum(), within.size)) > LEVEL
    assert two_sided(stats.chi2.sf((along**2).sum(), along.size)) > LEVEL


@pytest.mark.parametrize("layout", LAYOUTS)
def test_serial_correlation(layout: str) -> None:
    """Lags 1 to 64 and the powers of two, as one χ²."""
    x = words(layout, 3) / 2.0**32 - 0.5
    lags = sorted({*range(1, 65), *(1 << k for k in range(7, 17))})
    scores = np.array([np.sqrt(x.size - lag) * np.mean(x[:-lag] * x[lag:]) * 12 for lag in lags])
    assert two_sided(stats.chi2.sf((scores**2).sum(), len(lags))) > LEVEL


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pairs_fill_the_square(layout: str) -> None:
    """χ² of successive pairs over 64 × 64 cells, high bits and low bits."""
    sample = words(layout, 4)
    for part in (sample >> 26, sample & 63):
        cells = np.bincount(part[::2].astype(np.int64) * 64 + part[1::2], minlength=4096)
        expected = sample.size / 2 / 4096
        assert two_sided(stats.chi2.sf(((cells - expected) ** 2 / expected).sum(), 4095)) > LEVEL


@pytest.mark.parametrize("layout", LAYOUTS)
def test_birthday_spacings(layout: str) -> None:
    """512 birthdays in a year of 2²⁴ days, 1,000 years at each of two bit offsets: repeated spacings are
    Poisson with mean m³/4n = 2 each (Marsaglia 1984)."""
    count, year = 512, 24
    for shift in (8, 0):
        sample = words(layout, 5, 1 << 19).astype(np.uint32)[: 1000 * count]
        days = (sample >> shift) & ((1 << year) - 1)
        sorted_days = np.sort(days.reshape(1000, count).astype(np.int64), axis=1)
        spacings = np.sort(np.diff(sorted_days, axis=1), axis=1)
        repeats = (np.diff(spacings, axis=1) == 0).sum()
        mean = count**3 / (4 * 2.0**year) * 1000
        assert two_sided(stats.poisson.sf(repeats - 1, mean)) > LEVEL / 10


def test_streams_are_independent() -> None:
    """Neighbouring lanes, neighbouring seeds and neighbouring steps: correlations over 4096 streams, one χ² each."""
    count, length = 4096, 256
    index = jnp.arange(length, dtype=jnp.uint32)[:, None]
    lanes = np.asarray(random_words(lane_keys(6, count), index)) / 2.0**32 - 0.5
    seeds = jnp.stack([make_key(seed) for seed in range(512)])
    apart = np.asarray(random_words(seeds, index)) / 2.0**32 - 0.5
    later = np.asarray(random_words(fold_in(lane_keys(6, count), 1), index)) / 2.0**32 - 0.5
    for a, b in (
        (lanes[:, :-1], lanes[:, 1:]),
        (apart[:, :-1], apart[:, 1:]),
        (lanes, later),
        (lanes[1:], later[:-1]),
    ):
        scores = 12 * np.sum(a * b, axis=0) / np.sqrt(len(a))
        assert two_sided(stats.chi2.sf((scores**2).sum(), scores.size)) > LEVEL
    assert stats.kstest(lanes.sum(axis=0) / np.sqrt(length / 12), "norm").pvalue > LEVEL


def test_words_repeat_as_random_words_do() -> None:
    """A generator that is a bijection of its counter never repeats a word; a random one does, by the birthday law."""
    count = 1 << 20
    repeats = count - np.unique(words("stream", 7, count)).size
    assert two_sided(stats.poisson.sf(repeats - 1, count**2 / 2.0**33)) > LEVEL


def test_no_two_lanes_or_steps_share_a_key() -> None:
    lanes = lane_keys(8, 1 << 15)
    data = np.concatenate([np.asarray(jax.random.key_data(fold_in(lanes, step))) for step in range(16)])
    assert len(np.unique(data, axis=0)) == len(data)
    assert (
        len(np.unique(np.asarray(jax.random.key_data(jax.random.split(make_key(1), 4096))), axis=0)) == 4096
    )


def test_avalanche_of_folding() -> None:
    """Flipping any bit of the data or of the key changes each bit of the first word half of the time."""
    base = jnp.broadcast_to(lane_keys(9, 1), (20000,))
    data = jnp.arange(20000, dtype=jnp.uint32)
    plain = np.asarray(random_words(fold_in(base, data), jnp.uint32(0)))
    for bit in range(32):
        flipped = np.asarray(random_words(fold_in(base, data ^ jnp.uint32(1 << bit)), jnp.uint32(0)))
        changed = ((plain ^ flipped)[:, None] >> np.arange(32, dtype=np.uint32)) & 1
        assert np.abs(changed.mean(axis=0) - 0.5).max() < 6 * 0.5 / np.sqrt(20000)


@pytest.mark.parametrize("kind", ["counter", "threefry"])
def test_uniforms_are_those_of_jax_random(kind: str) -> None:
    keys = lane_keys(1, 50, kind)
    expected = jax.vmap(lambda key: jax.random.uniform(key, (3, 4)), out_axes=-1)(keys)
    assert (uniforms(keys, (3, 4)) == expected).all()
    assert uniforms(keys).shape == (50,)


def test_draws_by_number() -> None:
    keys = lane_keys(1, 50)
    whole = uniforms(keys, (20,))
    assert (draws(keys, jnp.arange(5, 9)) == whole[5:9]).all()
    assert (draws(keys, 7) == whole[7]).all()
    other = lane_keys(1, 50, "threefry")
    assert (draws(other, jnp.arange(5, 9))[2] == draws(other, 7)).all()


def test_a_lane_is_blind_to_its_batch() -> None:
    assert (uniforms(lane_keys(3, 1000), (7,))[:, 40:50] == uniforms(lane_keys(3, 1000)[40:50], (7,))).all()


def test_folding_takes_numbers_up_to_32_bits_and_any_shape() -> None:
    keys = lane_keys(3, 6).reshape(2, 3)
    assert fold_in(keys, 0xFFFFFFFF).shape == (2, 3)
    assert (jax.random.key_data(fold_in(keys, 5)[1, 2]) == jax.random.key_data(fold_in(keys[1, 2], 5))).all()
