"""Known laws come out of experiments: Price, Fisher, fixation, the breeder's equation, hot and cold demes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.runs.evolving import GAME, P, always, experiment, run, within
from thermopolis.analysis import selection
from thermopolis.analysis.generations import kept_variance
from thermopolis.errors import StoreError
from thermopolis.runs.api import run as tp_run
from thermopolis.runs.loading import load


@pytest.mark.parametrize(
    "how",
    [
        {"reproduction": {"kind": "moran"}},
        {"reproduction": {"kind": "wright_fisher"}, "parents": 2},
        {"reproduction": {"kind": "truncation", "share": 0.3}},
        {"reproduction": {"kind": "moran"}, "demes": {"temperatures": [0.1, 2.0, 9.0], "exchange": 2}},
    ],
    ids=["moran", "two parents", "truncation", "demes"],
)
def test_price_closes_and_fishers_theorem_holds(how: dict[str, Any]) -> None:
    trait = {"path": P, "genetic": 0.2, "environmental": 0.2, "mutation": 0.1, "range": [0.0, 1.0]}
    ds = run(
        experiment(
            [{"kind": "random", "p": 0.5, "count": 12}],
            generations=12,
            replicates=60,
            fitness="p",
            temperature=0.3,
            mutation=0.2,
            traits=[trait],
            record={"variables": ["offspring", "expected_offspring", "parent", "trait_p", "genetic_p", "origin"]
                    + ["other_parent"] * ("parents" in how)},
            **how,
        )
    )  # fmt: skip
    for name in ("trait_p", "genetic_p"):
        terms = selection.price(ds, name)
        np.testing.assert_allclose(terms["change"], terms["selection"] + terms["transmission"], atol=1e-14)
        assert float(abs(terms["change"]).max()) > 0.01
    parts = selection.fisher(ds)
    assert float(parts["expected"].min()) >= 0
    gap = (
        (parts["measured"] - parts["expected"])
        .isel(step=slice(-1))
        .mean([d for d in parts.dims if d != "replicate"])
    )
    if how["reproduction"]["kind"] == "truncation":
        assert float(parts["expected"].isel(step=0).max()) == pytest.approx(12 / 4 - 1)
        np.testing.assert_allclose(gap, 0.0, atol=1e-12)  # whoever is chosen expects the same
        return
    within(gap.values, 0.0)


def test_price_closes_in_a_sweep_of_one_parent_and_two(tmp_path: Path) -> None:
    """Who has one parent has no other: −1 is nobody, not the last player."""
    text = """\
name: parents
steps: 1
replicates: 4
environment: {kind: matrix_game, topology: {kind: complete, n: 6}}
agents: [{kind: random, p: 0.5, count: 6}]
selection:
  generations: 4
  fitness: p
  traits: [{path: agents.0.p, genetic: 0.2, environmental: 0.2, mutation: 0.1, range: [0.0, 1.0]}]
sweep: {selection.parents: [1, 2]}
"""
    (tmp_path / "parents.yaml").write_text(text)
    ds = tp_run(load(tmp_path / "parents.yaml"), tmp_path / "results")
    terms = selection.price(ds, "trait_p")
    np.testing.assert_allclose(terms["change"], terms["selection"] + terms["transmission"], atol=1e-14)
    slopes = selection.breeder(ds, "p")["regression"]
    alone = selection.breeder(ds.isel(parents=0).drop_vars("other_parent"), "p")["regression"]
    np.testing.assert_array_equal(slopes.isel(parents=0), alone)
    with pytest.raises(StoreError, match="'other_parent' was not recorded"):
        selection.price(ds.drop_vars("other_parent"), "trait_p")


def test_descent_between_demes_needs_to_know_where_parents_lived() -> None:
    trait = {"path": P, "genetic": 0.2, "range": [0.0, 1.0]}
    ds = run(
        experiment(
            [{"kind": "random", "p": 0.5, "count": 4}],
            generations=4,
            fitness="p",
            traits=[trait],
            demes={"temperatures": [0.1, 2.0], "exchange": 1},
            record={"variables": ["offspring", "parent", "trait_p"]},
        )
    )
    with pytest.raises(StoreError, match="'origin' was not recorded"):
        selection.price(ds, "trait_p")


def test_nothing_is_fixed_for_good_where_players_mutate() -> None:
    point = experiment(
        always(2, 2), generations=3, mutation=1e-9, reproduction={"kind": "moran"}, record=FIXED
    )
    with pytest.raises(StoreError, match="mutants may bring types back"):
        selection.fixation(run(point))


@pytest.mark.parametrize("several", [1, 2])
def test_the_breeders_equation(several: int) -> None:
    """Truncation of the best fifth of 200: S = iσ_P, R = h²S, and children regress on their parents by h²."""
    players, chosen = 200, 40
    spread = 0.5 if several == 1 else np.sqrt(0.5)
    ds = run(
        experiment(
            [{"kind": "active_inference", "count": players}],
            generations=3,
            replicates=200,
            fitness="preference",
            parents=several,
            reproduction={"kind": "truncation", "share": 0.2},
            traits=[
                {
                    "path": "agents.0.optimism.preference",
                    "genetic": 1.0,
                    "environmental": 1.5,
                    "mutation": float(spread),
                }
            ],
            record={"variables": ["offspring", "parent", "trait_preference", "genetic_preference"]
                    + ["other_parent"] * (several == 2)},
        )
    )  # fmt: skip
    found = selection.breeder(ds, "preference").isel(step=0)
    heritability, deviation = 1 / (1 + 1.5**2), np.sqrt(1 + 1.5**2)
    best = -np.sort(-np.random.default_rng(0).standard_normal((20_000, players)), axis=1)[:, :chosen].mean(
        axis=1
    )
    assert abs(best.mean() - 1.39981) < 0.01  # of infinitely many; of 200 by order statistics a little less
    within(found["differential"].values - deviation * best.mean(), 0.0)
    within(found["response"].values - heritability * found["differential"].values, 0.0)
    within(found["heritability"].values, heritability)
    within(found["regression"].values, heritability)
    later = selection.breeder(ds, "preference").isel(step=1)
    within((later["response"] - later["predicted"]).values, 0.0)


def _takes_over(ds: xr.Dataset, exact: float) -> None:
    won = selection.fixation(ds).isel(type=0)
    assert not won.isnull().any()
    share, n = float(won.mean()), won.size
    assert abs(share - exact) < 4 * np.sqrt(exact * (1 - exact) / n), (share, exact)
    assert abs(float(selection.fixation_expected(ds)) - exact) < 1e-6


FIXED = {"variables": ["fitness", "genotype", "type_share", "expected_offspring"]}


def test_a_mutant_of_constant_fitness_takes_over_as_morans_formula_says() -> None:
    players, fitter = 4, 1.2
    point = experiment(
        always(1, players - 1),
        game=GAME,
        generations=120,
        replicates=120,
        weight="linear",
        reproduction={"kind": "moran"},
        record=FIXED,
    )
    _takes_over(run(point), (1 - 1 / fitter) / (1 - fitter**-players))


def repeated(one: str, other: str, rounds: int) -> np.ndarray:
    """Mean payoffs of two deterministic strategies against each other over some rounds, [own, partner's]."""
    first = {"always_cooperate": 0, "always_defect": 1, "tit_for_tat": 0}
    payoff = np.array([[3.0, 0.0], [5.0, 1.0]])
    table = np.zeros((2, 2))
    for a, mine in enumerate((one, other)):
        for b, theirs in enumerate((one, other)):
            moves = [first[mine], first[theirs]]
            for _ in range(rounds):
                table[a, b] += payoff[moves[0], moves[1]] / rounds
                moves = [
                    moves[1 - k] if name == "tit_for_tat" else moves[k]
                    for k, name in enumerate((mine, theirs))
                ]
    return table


def game_payoffs(table: np.ndarray, players: int) -> tuple[np.ndarray, np.ndarray]:
    """Payoffs of both types where i = 1 … N − 1 are of the first, nobody meeting itself."""
    i = np.arange(1, players)
    first = (table[0, 0] * (i - 1) + table[0, 1] * (players - i)) / (players - 1)
    second = (table[1, 0] * i + table[1, 1] * (players - i - 1)) / (players - 1)
    return first, second


@pytest.mark.long
@pytest.mark.parametrize("kind", ["moran", "pairwise", "wright_fisher"])
@pytest.mark.parametrize(
    "types", [("always_defect", "always_cooperate"), ("tit_for_tat", "always_defect")], ids=" into ".join
)
def test_invasions_succeed_as_often_as_their_chains_say(types: tuple[str, str], kind: str) -> None:
    players, rounds, temperature = 6, 8, 2.0
    first, second = game_payoffs(repeated(*types, rounds), players)
    ratio = np.exp((second - first) / temperature)
    if kind == "wright_fisher":
        i = np.arange(1, players)
        share = i / (i + (players - i) * ratio)
        exact = selection.binomial_fixation(np.concatenate([[0.0], share, [1.0]]))[1]
    else:
        exact = selection.birth_death_fixation(ratio)[1]
    ds = run(
        experiment(
            [
                {"kind": "memory_one", "strategy": name, "count": n}
                for name, n in zip(types, (1, players - 1), strict=True)
            ],
            generations=60 if kind == "wright_fisher" else 400,
            replicates=600,
            steps=rounds,
            temperature=temperature,
            reproduction={"kind": kind},
            record=FIXED,
        )
    )
    _takes_over(ds, float(exact))


def _ladder(replicates: int, generations: int) -> xr.Dataset:
    return run(
        experiment(
            always(2, 2),
            game=GAME,
            generations=generations,
            replicates=replicates,
            mutation=0.3,
            reproduction={"kind": "pairwise"},
            demes={"temperatures": [0.1, 0.4], "exchange": 3},
            record={"variables": ["type_share", "on_trial", "swapped"]},
        )
    )


@pytest.mark.long
def test_hot_and_cold_demes_have_their_laws_and_swap_as_theory_says() -> None:
    players, gap, burn = 4, 1.2 - 1.0, 40
    temperatures = (0.1, 0.4)
    ds = _ladder(400, 160).isel(step=slice(burn, None))
    number = np.round(ds["type_share"].isel(type=0).values * players).astype(int)
    calm = ds["on_trial"].values == 0
    laws = [selection.pairwise_law(players, 0.3, gap, t) for t in temperatures]
    for deme, law in enumerate(laws):
        for i, expected in enumerate(law):
            seen = ((number[deme] == i) & calm[deme]).sum(axis=1)
            within((seen - expected * calm[deme].sum(axis=1)).astype(float), 0.0)
    energy = -gap * np.arange(players + 1)
    gain = (1 / 0.1 - 1 / 0.4) * (energy[:, None] - energy[None])
    rate = float((np.outer(*laws) * np.minimum(1.0, np.exp(gain))).sum())
    swapped = ds["swapped"].isel(pair=0)
    within(((swapped == 1).sum("step") - rate * (swapped >= 0).sum("step")).values.astype(float), 0.0)


@pytest.mark.long
def test_a_cold_deme_keeps_more_variance_with_a_hot_neighbour() -> None:
    """Two conventions, either as good: alone the cold deme keeps the one it began with."""
    kept = {}
    for exchange in (5, None):
        point = experiment(
            always(5, 1),
            game={"payoffs": [[1.0, 0.0], [0.0, 1.0]]},
            generations=300,
            replicates=32,
            mutation=0.1,
            reproduction={"kind": "pairwise"},
            demes={"temperatures": [0.1, 0.5, 4.0], "exchange": exchange},
            record={"variables": ["type_share"]},
        )
        kept[exchange] = kept_variance(run(point)).isel(deme=0).values
    apart = kept[5] - kept[None]
    assert kept[None].mean() < 0.1
    assert apart.mean() > 4 * apart.std(ddof=1) / np.sqrt(apart.size)
