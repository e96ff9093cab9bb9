"""Generations from an experiment: engines agree, cuts leave no trace, shipped files run, nonsense is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.runs.evolving import P, experiment, run
from thermopolis.analysis import selection
from thermopolis.analysis.figures import plot_all
from thermopolis.errors import ExperimentError
from thermopolis.runs.api import run as tp_run
from thermopolis.runs.checkpoints import Checkpoints
from thermopolis.runs.compiled import play_compiled
from thermopolis.runs.document import parse
from thermopolis.runs.generations import simulate_generations
from thermopolis.runs.loading import check, load
from thermopolis.runs.netcdf import image
from thermopolis.runs.schema import Experiment
from thermopolis.runs.schema.heredity import value_of
from thermopolis.runs.simulate import simulate
from thermopolis.runs.streams import world_seeds

Agree = Callable[[Experiment], xr.Dataset]
EXPERIMENTS = Path(__file__).parents[2] / "experiments"

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


@pytest.mark.long
def test_engines_agree_on_civilizations_that_reproduce_by_power(agree: Agree) -> None:
    point = Experiment.model_validate(
        {
            "name": "generations",
            "seed": 1,
            "replicates": 2,
            "steps": 15,
            "environment": {"kind": "civilization", "preset": "earth_now", "planets": [0, 1, 2]},
            "agents": [{"kind": "active_inference", "count": 3}],
            "selection": {
                "generations": 3,
                "fitness": "power",
                "temperature": 1e11,
                "traits": [{"path": "agents.0.temperature", "genetic": 0.3, "range": [0.05, None]}],
            },
        }
    )
    compiled = agree(point)
    np.testing.assert_array_equal(compiled["fitness"], compiled["power"])
    assert float(compiled["offspring"].max()) > 1


def test_a_point_does_not_depend_on_its_neighbours_nor_on_how_long_it_goes_on() -> None:
    longer = DEMES.model_copy(update={"selection": DEMES.selection.model_copy(update={"generations": 9})})
    other = DEMES.model_copy(update={"seed": 5})
    together = dict(simulate([other, longer, DEMES]))
    alone = run(DEMES)
    xr.testing.assert_identical(together[2], alone)
    for name in ("fitness", "genotype", "genetic_p", "reward"):
        np.testing.assert_array_equal(together[1][name].isel(step=slice(7)), alone[name])
    assert not together[0]["fitness"].equals(alone["fitness"])


def test_every_society_names_the_seed_of_its_graph() -> None:
    demes = run(DEMES)["world_seed"]
    assert demes.dims == ("deme", "replicate") and np.unique(demes).size == demes.size
    societies = DEMES.model_copy(update={"replicates": 2 * DEMES.replicates})
    assert demes.transpose("replicate", "deme").values.ravel().tolist() == world_seeds(societies)


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


SHIPPED = {
    "fixation": ("fixation", "type_shares"),
    "breeder": ("trait_evolution",),
    "hot_and_cold": ("demes", "type_shares"),
    "deme_laws": ("demes",),
    "selection_on_dissipation": ("trait_evolution",),
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
    "traits: [{path: agents.0.optimism.preference}, {path: agents.00.optimism.preference}]": "is given twice",
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


def test_a_place_beyond_a_list_is_named() -> None:
    with pytest.raises(LookupError, match=r"9 is no place in a list of 2 \(numbered from 0\)"):
        value_of((0.5, 0.5), (9,))


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
