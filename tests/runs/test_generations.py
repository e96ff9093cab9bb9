"""Generations from an experiment: engines agree, cuts leave no trace, descent closes, known laws come out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from thermopolis.analysis import selection
from thermopolis.analysis.figures import plot_all
from thermopolis.analysis.generations import kept_variance
from thermopolis.errors import ExperimentError
from thermopolis.runs.api import run as tp_run
from thermopolis.runs.checkpoints import Checkpoints
from thermopolis.runs.compiled import play_compiled
from thermopolis.runs.document import parse
from thermopolis.runs.generations import simulate_generations
from thermopolis.runs.loading import check, load
from thermopolis.runs.netcdf import image
from thermopolis.runs.schema import Experiment
from thermopolis.runs.simulate import simulate

Agree = Callable[[Experiment], xr.Dataset]
GAME = {"payoffs": [[1.2, 1.2], [1.0, 1.0]]}  # cooperators have 1.2 and defectors 1 whomever they meet
P = "agents.0.p"
EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def experiment(agents: list[dict[str, Any]], **settings: Any) -> Experiment:
    counted = sum(group.get("count", 1) for group in agents)
    whole = {
        "name": "generations",
        "seed": 4,
        "replicates": 3,
        "steps": 1,
        "environment": {
            "kind": "matrix_game",
            "game": settings.pop("game", "prisoners_dilemma"),
            "topology": {"kind": "complete", "n": counted},
        },
        "agents": agents,
    }
    for key in ("steps", "replicates", "record", "environment"):
        if key in settings:
            whole[key] = settings.pop(key)
    return Experiment.model_validate(whole | {"selection": settings})


def always(*numbers: int) -> list[dict[str, Any]]:
    """So many cooperators, then so many defectors."""
    names = ("always_cooperate", "always_defect")
    return [
        {"kind": "memory_one", "strategy": name, "count": n} for name, n in zip(names, numbers, strict=True)
    ]


def run(point: Experiment) -> xr.Dataset:
    ((_, dataset),) = simulate([point])
    return dataset


def within(values: np.ndarray, expected: float, errors: float = 4.0) -> None:
    """The mean of independent values is what is expected, within standard errors."""
    error = values.std(ddof=1) / np.sqrt(values.size)
    assert abs(values.mean() - expected) <= errors * error, (values.mean(), expected, error)


DEMES = experiment(
    [{"kind": "random", "p": 0.5, "count": 3}, {"kind": "random", "p": 0.1, "count": 2}],
    generations=7,
    mutation=0.5,
    reproduction={"kind": "pairwise"},
    traits=[{"path": P, "genetic": 0.2, "environmental": 0.1, "mutation": 0.05, "range": [0.01, 0.99]}],
    demes={"temperatures": [0.2, 1.0], "exchange": 2},
    steps=3,
)
MIXED = experiment(
    [
        {"kind": "active_inference", "count": 2},
        {"kind": "memory_one", "strategy": "tit_for_tat", "count": 2},
        {"kind": "random", "count": 2},
    ],
    generations=4,
    mutation=0.3,
    temperature=0.5,
    parents=2,
    traits=[
        {"path": "agents.0.optimism.preference", "genetic": 1.0, "mutation": 0.3},
        {"path": "agents.0.temperature", "genetic": 0.3, "range": [0.05, None]},
    ],
    steps=3,
)


def test_engines_agree_on_generations(agree: Agree) -> None:
    compiled = agree(DEMES)
    assert dict(compiled["fitness"].sizes) == {"deme": 2, "replicate": 3, "step": 7, "agent": 5}
    assert (compiled["swapped"] == 1).any() and (compiled["on_trial"] == 1).any()
    assert compiled["step"].attrs["long_name"] == "generation"


@pytest.mark.long
def test_engines_agree_on_kinds_that_take_each_others_seats(agree: Agree) -> None:
    compiled = agree(MIXED)
    assert len(np.unique(compiled["genotype"])) == 3


def test_a_point_does_not_depend_on_its_neighbours_nor_on_how_long_it_goes_on() -> None:
    longer = DEMES.model_copy(update={"selection": DEMES.selection.model_copy(update={"generations": 9})})
    other = DEMES.model_copy(update={"seed": 5})
    together = dict(simulate([other, longer, DEMES]))
    alone = run(DEMES)
    xr.testing.assert_identical(together[2], alone)
    for name in ("fitness", "genotype", "genetic_p", "reward"):
        np.testing.assert_array_equal(together[1][name].isel(step=slice(7)), alone[name])
    assert not together[0]["fitness"].equals(alone["fitness"])


class Cut(Exception):
    """The run ends here."""


def test_a_run_cut_short_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    def table(checkpoints: Checkpoints | None, tell: Callable[..., None]) -> Any:
        play = lambda lives: play_compiled(lives, lambda *_: None)
        ((_, found),) = simulate_generations([DEMES], play, tell, checkpoints)
        return found

    whole = image(table(None, lambda *_: None))
    lived = {"generations": 0}
    play = lambda lives: play_compiled(lives, count)

    def count(*_: Any) -> None:
        lived["generations"] += 1
        if lived["generations"] == 6:
            raise Cut

    with pytest.raises(Cut):
        list(simulate_generations([DEMES], play, lambda *_: None, Checkpoints(tmp_path, every=0.0)))
    assert list(tmp_path.glob("*.npz"))
    resumed: list[int] = []
    assert image(table(Checkpoints(tmp_path, every=0.0), lambda steps, *_: resumed.append(steps))) == whole
    assert resumed[0] > 0
    assert not list(tmp_path.glob("*.npz"))


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


SHIPPED = {
    "fixation": ("fixation", "type_shares"),
    "breeder": ("trait_evolution",),
    "hot_and_cold": ("demes", "type_shares"),
    "deme_laws": ("demes",),
}


def _shipped(name: str, tmp_path: Path, *changes: str) -> xr.Dataset:
    path = EXPERIMENTS / f"{name}.yaml"
    short = load(path, ["replicates=3", "selection.generations=6", *changes])
    return tp_run(short, tmp_path / name)


@pytest.mark.parametrize(
    "name",
    [name if name == "hot_and_cold" else pytest.param(name, marks=pytest.mark.long) for name in SHIPPED],
)
def test_shipped_experiments_run_and_are_drawn(name: str, tmp_path: Path) -> None:
    ds = _shipped(name, tmp_path)
    assert ds.sizes["step"] == -(-6 // int(ds["step"][1])) and not ds["step"].isnull().any()
    drawn = plot_all(tmp_path / name, SHIPPED[name], ("png",))
    assert not drawn.left_out and len(drawn) == len(SHIPPED[name])


@pytest.mark.long
def test_optimism_is_bred_where_payoffs_are_fitness(tmp_path: Path) -> None:
    ds = _shipped("evolving_optimism", tmp_path)
    terms = selection.price(ds, "trait_preference")
    np.testing.assert_allclose(terms["change"], terms["selection"] + terms["transmission"], atol=1e-12)
    np.testing.assert_allclose(ds["fitness"], ds["reward"], rtol=1e-6)
    assert "trait_evolution" not in plot_all(tmp_path / "evolving_optimism", None, ("png",)).left_out


BAD = {
    "fitness: rewrd": "selection.fitness: 'rewrd' is no variable and no trait; did you mean 'reward'?",
    "traits: [{path: agents.0.horizon}]": "selection.traits.0.path: not a fractional number",
    "traits: [{path: agents.0.temperature, genetic: 1}]": "agents.0.temperature can't be -1e+06: give a range",
    "traits: [{path: agents.7.temperature}]": "selection.traits.0.path: a trait is a number of a group",
    "traits: [{path: agents.0.temprature}]": "selection.traits.0.path: there is no key 'temprature'",
    "reproduction: {kind: pairwise}, parents: 2": "selection.parents: who copies another has one parent",
    "demes: {temperatures: [1.0, 1.0]}": "selection.demes.temperatures.1: 1 is given twice",
    "weight: linear, demes: {temperatures: [1.0, 2.0]}": "linear weights have none",
    "generations: 0": "selection.generations: must be at least 1",
}


@pytest.mark.parametrize("settings", BAD)
def test_selections_that_make_no_sense_are_refused_at_their_line(settings: str) -> None:
    start = "" if "generations" in settings else "generations: 3, "
    text = f"""\
name: bad
steps: 2
environment: {{kind: matrix_game}}
agents: [{{kind: active_inference, count: 2}}]
selection: {{{start}{settings}}}
"""
    with pytest.raises(ExperimentError) as error:
        check(parse(text, "bad.yaml"))
    assert str(error.value).startswith("bad.yaml:5:") and BAD[settings] in str(error.value)


@pytest.mark.parametrize(
    ("variables", "selected", "what"),
    [
        ("[action]", True, "with selection a life is summed up, which action can't be"),
        ("[trait_temperature]", True, "'trait_temperature' is of no trait; there are: none"),
        ("[fitness]", False, "'fitness' is recorded with selection: alone"),
    ],
)
def test_what_can_not_be_recorded_is_refused_at_its_line(variables: str, selected: bool, what: str) -> None:
    text = f"""\
name: bad
steps: 2
environment: {{kind: matrix_game}}
agents: [{{kind: active_inference, count: 2}}]
{"selection: {generations: 3}" if selected else "seed: 1"}
record: {{variables: {variables}}}
"""
    with pytest.raises(ExperimentError, match=rf"bad\.yaml:6:\d+: record\.variables\.0: {what}"):
        check(parse(text, "bad.yaml"))


def test_a_trait_that_decides_a_program_is_refused() -> None:
    point = experiment(
        [{"kind": "memory_one", "cooperation": [0.5, 0.5, 0.5, 0.0], "opening": 1.0, "count": 4}],
        generations=2,
        traits=[{"path": "agents.0.cooperation.0", "genetic": 0.1, "range": [0.0, 1.0]}],
    )
    assert run(point)["trait_agents_0_cooperation_0"].std() > 0
    odd = experiment(
        [{"kind": "memory_one", "cooperation": [1.0, 1.0, 1.0, 0.0], "opening": 1.0, "count": 4}],
        generations=2,
        traits=[{"path": "agents.0.cooperation.0", "genetic": 0.1, "range": [0.0, 1.0]}],
    )
    with pytest.raises(
        ExperimentError, match=r"selection\.traits\.0\.path: agents\.0\.cooperation\.0 = 0\.9 makes"
    ):
        run(odd)
