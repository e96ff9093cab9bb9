"""The public names take what a file may say, in the same words and with the same defaults; wrong ones are refused."""

from __future__ import annotations

from typing import Any, get_args

import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.agents import ActiveInference, Core, GenerativeModel, Learning, MemoryOne, options
from thermopolis.errors import ModelError
from thermopolis.runs.schema import mind
from thermopolis.runs.schema.agents import PymdpPlanner
from thermopolis.runs.schema.temperature import CONTROLLERS

MODEL = GenerativeModel([np.eye(4)], [np.full((4, 4, 2), 0.25)], [np.arange(4.0)])


def kinds(union: Any) -> dict[str, dict[str, Any]]:
    """Kinds of a union of the schema with their settings' defaults."""
    members = get_args(union)
    members = get_args(members[0]) or members
    out = {}
    for member in members:
        fields = {name: field.default for name, field in member.model_fields.items() if name != "kind"}
        out[get_args(member.model_fields["kind"].annotation)[0]] = fields
    return out


def test_defaults_are_those_of_the_experiment_file() -> None:
    assert kinds(CONTROLLERS) == options.CONTROLLERS
    assert kinds(mind.Selection) == options.SELECTIONS
    assert kinds(mind.Planner) == options.PLANNERS
    assert kinds(PymdpPlanner) == options.PYMDP_PLANNERS
    perceptions = mind.Perception.model_fields
    assert set(get_args(perceptions["kind"].annotation)) == set(options.PERCEPTIONS)
    assert {d["beta"] for d in options.PERCEPTIONS.values()} == {perceptions["beta"].default}
    assert set(get_args(mind.Policy.model_fields["kind"].annotation)) == set(options.POLICIES)


def test_words_mappings_and_objects_mean_the_same() -> None:
    words = ActiveInference(
        MODEL,
        temperature={"kind": "entropy_target"},
        horizon=np.int64(2),
        learning={"rate": 0.3, "of": ["B", "D"]},
        perception={"kind": "core"},
        core={"device": "cmos_pbit", "samples": 8},
        information_gain={"parameter": True},
        selection="min_p",
    )
    objects = ActiveInference(
        MODEL,
        temperature={"kind": "entropy_target", "entropy": 0.3, "lower": 1e-3, "upper": 1e3},
        horizon=2,
        learning=Learning(0.3, of=("B", "D")),
        perception="core",
        core=Core("cmos_pbit", 8),
        information_gain=(True, True),
        selection={"kind": "min_p", "p": 0.1},
    )
    assert words.structure == objects.structure
    one, two = words.settings(), objects.settings()
    assert set(one) == set(two)
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"temperature": 0.0}, "temperature: constant.temperature is 0"),
        ({"temperature": float("nan")}, "finite"),
        ({"temperature": {"kind": "warm"}}, "expected one of constant"),
        ({"temperature": {"kind": "anneal"}}, "steps must be given"),
        ({"temperature": {"kind": "entropy_target", "lower": 2, "upper": 1}}, "not below"),
        ({"temperature": {"kind": "doom", "speed": 1}}, "no setting 'speed'"),
        ({"horizon": 0}, "horizon"),
        ({"horizon": 1.5}, "horizon"),
        ({"horizon": 13}, "8192 policies"),
        ({"learning": {"of": ["C"]}}, "'C'"),
        ({"learning": Learning}, "learning"),
        ({"selection": {"kind": "entmax", "alpha": 0.5}}, "alpha"),
        ({"selection": {"kind": "min_p", "p": 2}}, "min_p.p"),
        ({"perception": {"kind": "tempered", "beta": 0}}, "beta"),
        ({"first_observation": 4}, "first_observation is 4"),
        ({"doom_outcome": -1}, "doom_outcome"),
        ({"information_gain": (True,)}, "information_gain"),
        ({"planner": "mcts"}, "planner is 'mcts'"),
    ],
)
def test_what_can_not_be_is_named(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(ModelError, match=word):
        ActiveInference(MODEL, **wrong)


def test_models_come_from_arrays_spaces_files_and_pymdp(tmp_path: Any) -> None:
    """One model by every road; a habit that favours nothing doesn't tie it to the agent's own horizon."""
    from gymnasium.spaces import Discrete
    from pymdp.agent import Agent

    wide = lambda x: [jnp.asarray(x, jnp.float32)[None]]
    agent = Agent(
        A=wide(np.eye(4)), B=wide(np.full((4, 4, 2), 0.25)), C=wide(np.arange(4.0)), D=wide(np.full(4, 0.25)),
        policy_len=2, batch_size=1,
    )  # fmt: skip
    MODEL.save(tmp_path / "model")
    roads = {
        "pymdp": GenerativeModel.from_pymdp(agent),
        "file": GenerativeModel.load(tmp_path / "model"),
        "objects": GenerativeModel(np.array([np.eye(4), None], object)[:1], MODEL.B, MODEL.C),
        "spaces": GenerativeModel.from_spaces(Discrete(5, start=-1), Discrete(2), np.arange(4.0)),
    }
    for model in roads.values():
        for name in ("A", "B", "C", "D"):
            np.testing.assert_allclose(getattr(model, name)[0], getattr(MODEL, name)[0], atol=1e-6)
        assert model.num_actions == 2
        ActiveInference(model, horizon=3)
    assert ActiveInference(agent).structure == ActiveInference(roads["pymdp"]).structure
    with pytest.raises(ModelError, match="expected a GenerativeModel or a pymdp Agent"):
        ActiveInference(MemoryOne.TIT_FOR_TAT)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="members 0 … 0"):
        GenerativeModel.from_pymdp(agent, 1)
