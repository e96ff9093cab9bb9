"""Information in motion against closed forms: copy chains, rings, memory-one chains, coin tosses."""

from __future__ import annotations

import numpy as np
import pytest

from thermopolis import analysis
from thermopolis.analysis.dynamics import (
    entropy_production_from_counts,
    lempel_ziv,
    schnakenberg,
    transfer_entropy_of,
)
from thermopolis.analysis.information import counts_of
from thermopolis.errors import StoreError

TFT = np.array([1.0, 0.0, 1.0, 0.0])


def binary_entropy(p):
    return -p * np.log(p) - (1 - p) * np.log(1 - p)


@pytest.mark.parametrize("flip", [0.05, 0.2, 0.5])
def test_transfer_entropy_of_a_noisy_copy(flip):
    # x_{t+1} is y_t flipped with probability e, y a fair coin: T = ln 2 − h(e) one way and 0 the other
    generator = np.random.default_rng(3)
    n, trials = 2000, 60
    y = generator.integers(0, 2, (trials, n))
    x = np.concatenate(
        [generator.integers(0, 2, (trials, 1)), y[:, :-1] ^ (generator.random((trials, n - 1)) < flip)], 1
    )
    there, back = transfer_entropy_of(x, y, 2), transfer_entropy_of(y, x, 2)
    for values, exact in ((there, np.log(2) - binary_entropy(flip)), (back, 0.0)):
        assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(trials) + 2e-4


def test_transfer_entropy_agrees_with_infomeasure():
    infomeasure = pytest.importorskip("infomeasure")
    generator = np.random.default_rng(4)
    y = generator.integers(0, 2, 500)
    x = np.roll(y, 1) ^ (generator.random(500) < 0.1)
    theirs = infomeasure.transfer_entropy(y, x.astype(int), approach="discrete")
    assert transfer_entropy_of(x, y, 2, corrected=False) == pytest.approx(theirs, rel=1e-6)


def test_surrogates_tell_who_follows_whom(memory_one_game):
    # tit for tat follows; a coin does not
    ds = memory_one_game(np.full(4, 0.5), TFT, steps=300, replicates=6, noise=0.02)
    found = analysis.transfer_entropy(ds, surrogates=99, fraction=1.0)
    assert (found["p"].sel(direction="even to odd") == 0.01).all()
    assert found["p"].sel(direction="odd to even").mean() > 0.1
    assert (found["transfer"].sel(direction="even to odd") > 0.4).all()
    with pytest.raises(StoreError, match="too few"):
        analysis.transfer_entropy(ds.isel(step=slice(0, 3)), fraction=1.0)


def test_counts_and_sequences_give_the_same_transfer(memory_one_game):
    ds = memory_one_game(np.array([0.9, 0.1, 0.5, 0.3]), TFT, steps=400, replicates=5, noise=0.05)
    counted = ds.assign(transition_count=analysis.transition_counts(ds))
    assert np.allclose(
        analysis.transfer_entropy(ds)["transfer"], analysis.transfer_entropy(counted)["transfer"]
    )


@pytest.mark.parametrize(("forward", "backward"), [(3.0, 1.0), (2.0, 2.0), (5.0, 0.5)])
@pytest.mark.parametrize("size", [3, 5])
def test_entropy_production_of_a_ring(forward, backward, size):
    rates = forward * np.roll(np.eye(size), 1, axis=1) + backward * np.roll(np.eye(size), -1, axis=1)
    exact = (forward - backward) * np.log(forward / backward)
    assert schnakenberg(np.full(size, 1 / size), rates) == pytest.approx(exact)


def test_one_way_transitions_cost_without_bound():
    assert np.isinf(schnakenberg(np.full(3, 1 / 3), np.roll(np.eye(3), 1, axis=1)))


def test_tit_for_tat_under_noise_is_reversible(memory_one_matrix, stationary, memory_one_game):
    e = 0.05
    noisy = TFT * (1 - 2 * e) + e
    matrix = memory_one_matrix(noisy, noisy)
    assert schnakenberg(stationary(matrix), matrix) == pytest.approx(0.0, abs=1e-12)
    ds = memory_one_game(TFT, TFT, steps=4000, replicates=32, noise=e)
    sigma = analysis.outcome_entropy_production(ds, fraction=1.0)
    assert abs(float(sigma.mean())) < 4 * float(sigma.std()) / np.sqrt(32) + 2e-4


def test_entropy_production_of_a_memory_one_chain(memory_one_matrix, stationary, memory_one_game):
    p, q = np.array([0.9, 0.1, 0.7, 0.3]), np.array([0.4, 0.8, 0.2, 0.6])
    matrix = memory_one_matrix(p, q)
    exact = float(schnakenberg(stationary(matrix), matrix))
    assert exact > 0.1
    ds = memory_one_game(p, q, steps=2000, replicates=32)
    sigma = analysis.outcome_entropy_production(ds)
    assert abs(float(sigma.mean()) - exact) < 4 * float(sigma.std()) / np.sqrt(32) + 0.01 * exact


def test_the_bias_of_a_reversible_chain_is_taken_off():
    # fair outcomes one after the other: 6 pairs of 4 states have 6 − 4 + 1 = 3 independent cycles
    x = np.random.default_rng(6).integers(0, 4, (2000, 401))
    counts = counts_of(4 * x[:, :-1] + x[:, 1:], 16).reshape(-1, 4, 4)
    plain = entropy_production_from_counts(counts, corrected=False).mean()
    assert plain == pytest.approx(2 * 3 / 400, rel=0.1)
    assert abs(entropy_production_from_counts(counts).mean()) < 0.1 * plain


def test_entropy_rate_of_a_memory_one_chain(memory_one_matrix, stationary, memory_one_game):
    p, q = np.array([0.9, 0.1, 0.7, 0.3]), np.array([0.4, 0.8, 0.2, 0.6])
    matrix = memory_one_matrix(p, q)
    rows = -(matrix * np.log(matrix)).sum(1)
    exact = float(stationary(matrix) @ rows)
    ds = memory_one_game(p, q, steps=2000, replicates=32)
    rate = analysis.entropy_rate(ds)
    assert abs(float(rate.mean()) - exact) < 4 * float(rate.std()) / np.sqrt(32) + 1e-3
    assert (analysis.joint_entropy(ds) <= np.log(4) + 1e-12).all()


def test_information_between_independent_coins_is_nothing(memory_one_game):
    ds = memory_one_game(np.full(4, 0.5), np.full(4, 0.5), steps=600, replicates=40)
    shared = analysis.action_information(ds)
    assert abs(float(shared.mean())) < 4 * float(shared.std()) / np.sqrt(40)


def test_lempel_ziv_parses_as_published():
    # Kaspar & Schuster 1987: 0001101001000101 has the history 0·001·10·100·1000·101
    assert lempel_ziv(np.array([int(c) for c in "0001101001000101"]))[0] == 6
    assert lempel_ziv(np.zeros(100))[0] == 2
    assert lempel_ziv(np.array([0, 256] * 50)) == lempel_ziv(np.array([0, 1] * 50))


def test_lempel_ziv_of_a_fair_coin_nears_its_entropy_rate(memory_one_game):
    value = lempel_ziv(np.random.default_rng(7).integers(0, 2, 20_000))[1]
    assert value == pytest.approx(np.log(2), rel=0.1)  # it comes down slowly, as ln ln n / ln n
    ds = memory_one_game(np.ones(4), np.full(4, 0.5), steps=400, replicates=3, opening=1.0)
    by_player = analysis.lempel_ziv_complexity(ds)
    assert (by_player.isel(agent=0) < 0.1).all() and (by_player.isel(agent=1) > 0.6).all()
