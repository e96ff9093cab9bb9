"""A sweep is the product of its dimensions, named by its paths."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from thermopolis.errors import ExperimentError
from thermopolis.runs.document import Document
from thermopolis.runs.identity import experiment_hash, point_id
from thermopolis.runs.loading import check, load_plan, with_sweep
from thermopolis.runs.plan import Plan, assign, names_of, split

BASE: dict[str, Any] = {
    "name": "s",
    "steps": 3,
    "environment": {"kind": "matrix_game"},
    "agents": [{"kind": "active_inference"}, {"kind": "memory_one", "strategy": "tit_for_tat"}],
}


def plan_of(sweep: dict[str, Any] | None = None, **changes: Any) -> Plan:
    data = {**BASE, **changes}
    if sweep is not None:
        data["sweep"] = sweep
    return check(Document(data, "f", {}))


def test_points_are_the_product_in_row_major_order() -> None:
    plan = plan_of({"agents.0.temperature": [1, 2], "environment.noise": {"linspace": [0, 0.2, 3]}})
    assert plan.shape == (2, 3)
    assert [dimension.name for dimension in plan.dimensions] == ["temperature", "noise"]
    assert [point.index for point in plan.points] == [(i, j) for i in range(2) for j in range(3)]
    last = plan.points[-1].experiment
    assert last.agents[0].temperature == 2 and last.environment.noise == 0.2
    assert last.sweep is None


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ([3, 1, 2], [3, 1, 2]),
        ({"values": [0.5]}, [0.5]),
        ({"linspace": [0, 1, 5]}, [0, 0.25, 0.5, 0.75, 1]),
        ({"linspace": [2, 9, 1]}, [2]),
        ({"geomspace": [1, 100, 3]}, [1, 10, 100]),
        ({"range": [3]}, [0, 1, 2]),
        ({"range": [1, 4]}, [1, 2, 3]),
        ({"range": [10, 4, -3]}, [10, 7]),
    ],
)
def test_the_ways_to_give_values(spec: Any, values: list[float]) -> None:
    (dimension,) = plan_of(
        {"seed": spec} if all(float(v).is_integer() for v in values) else {"agents.0.preferences.scale": spec}
    ).dimensions
    assert list(dimension.values[0]) == pytest.approx(values)


def test_names_are_short_unless_shared_or_taken() -> None:
    assert names_of(["agents.0.temperature", "environment.noise"]) == {
        "agents.0.temperature": "temperature",
        "environment.noise": "noise",
    }
    shared = names_of(["agents.0.learning.rate", "agents.1.rate", "agents.0.perception.kind"])
    assert shared["agents.0.learning.rate"] == "agents_0_learning_rate"
    assert shared["agents.1.rate"] == "agents_1_rate"
    assert shared["agents.0.perception.kind"] == "agents_0_perception_kind"  # kind is a coordinate of agents
    assert names_of(["agents.0"]) == {"agents.0": "agents_0"}


def test_zipped_paths_share_a_dimension() -> None:
    plan = plan_of(
        {
            "agents.0.perception.kind": ["exact", "core"],
            "seed": [1, 2, 3],
            "agents.0.policy.kind": ["exact", "core"],
            "zip": [["agents.0.perception.kind", "agents.0.policy.kind"]],
        }
    )
    assert plan.shape == (2, 3)
    assert plan.dimensions[0].names == ("agents_0_perception_kind", "agents_0_policy_kind")
    for point in plan.points:
        player = point.experiment.agents[0]
        assert player.perception.kind == player.policy.kind


def test_a_whole_section_may_be_swept() -> None:
    tit_for_tat = {"kind": "memory_one", "strategy": "tit_for_tat"}
    plan = plan_of({"agents.1": [tit_for_tat, {"kind": "random", "p": 0.3}]})
    assert [point.experiment.agents[1].kind for point in plan.points] == ["memory_one", "random"]


def test_a_world_s_own_numbers_may_be_swept() -> None:
    world = {"kind": "civilization", "preset": "trade"}
    players = [{"kind": "random", "count": 2}]
    plan = plan_of({"environment.parameters.decay": [1e-9, 2e-9]}, environment=world, agents=players)
    assert [point.experiment.environment.parameters["decay"] for point in plan.points] == [1e-9, 2e-9]
    with pytest.raises(ExperimentError, match="did you mean 'decay'"):
        plan_of({"environment.parameters.decya": [1e-9]}, environment=world, agents=players)


def test_a_path_through_nothing_is_refused() -> None:
    silent = [{"kind": "active_inference", "count": 2, "learning": None}]
    with pytest.raises(ExperimentError, match="null has no keys"):
        plan_of({"agents.0.learning.rate": [0.1, 1]}, agents=silent)


def test_a_grown_sweep_keeps_the_ids_of_its_points() -> None:
    before = plan_of({"agents.0.temperature": [1, 2]})
    after = plan_of({"agents.0.temperature": [0.5, 1, 2, 4]}, name="t", replicates=1)
    assert {point.id for point in before.points} <= {point.id for point in after.points}
    assert experiment_hash(before.experiment) == experiment_hash(after.experiment)


def test_ids_follow_settings_not_how_they_were_written() -> None:
    explicit = plan_of(seed=0, core={"samples": 64}).experiment
    assert point_id(explicit) == point_id(plan_of().experiment)
    assert point_id(plan_of(replicates=2).experiment) != point_id(explicit)
    assert experiment_hash(plan_of(replicates=2).experiment) == experiment_hash(explicit)
    assert experiment_hash(plan_of(seed=1).experiment) != experiment_hash(explicit)
    assert (
        plan_of({"agents.0.temperature": [1]}).points[0].id
        == plan_of({"agents.0.temperature": [1.0]}).points[0].id
    )


def test_a_model_file_counts_by_its_content(tmp_path: Path) -> None:
    agents = [{"kind": "pymdp", "model": str(tmp_path / "m.npz"), "count": 2}]
    (tmp_path / "m.npz").write_bytes(b"one")
    one = point_id(plan_of(agents=agents).experiment)
    (tmp_path / "m.npz").write_bytes(b"two")
    assert point_id(plan_of(agents=agents).experiment) != one


def test_a_sweep_from_python_is_added_to_the_file_s() -> None:
    import numpy as np

    base = plan_of({"seed": [1, 2]}).experiment
    grown = with_sweep(base, {"agents.0.temperature": np.array([0.5, 1.0])})
    assert check(Document(grown.model_dump(mode="json", exclude_unset=True), "f", {})).shape == (2, 2)


def test_options_of_the_command_line_change_and_sweep(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(yaml.safe_dump(BASE))
    plan = load_plan(
        path,
        ["steps=7", "agents.0.learning=null"],
        ["seed=1,2,3", "environment.noise={linspace: [0, .1, 2]}"],
    )
    assert plan.shape == (3, 2)
    assert plan.experiment.steps == 7 and plan.experiment.agents[0].learning is None


PATHS = st.lists(
    st.one_of(st.integers(0, 3).map(str), st.sampled_from(["a", "b", "c"])), min_size=1, max_size=4
)
TREES = st.recursive(
    st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(TREES, PATHS)
def test_assigning_sets_that_place_and_no_other(tree: Any, path: list[str]) -> None:
    import copy

    before = copy.deepcopy(tree)
    location = split(".".join(path))
    try:
        after = assign(tree, location, "new")
    except KeyError:
        return
    finally:
        assert tree == before
    found = after
    for part in location:
        found = found[part if isinstance(found, list) else str(part)]
    assert found == "new"


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.integers(2, 50))
def test_spaced_values_keep_their_ends_and_their_steps(start: float, stop: float, number: int) -> None:
    from thermopolis.runs.schema.sweep import Values

    if start == stop or math.isclose(start, stop, rel_tol=1e-6):
        return
    ratios = Values(geomspace=(start, stop, number)).expand()
    steps = Values(linspace=(start, stop, number)).expand()
    for values in (ratios, steps):
        assert (values[0], values[-1], len(values)) == (start, stop, number)
        assert sorted(values, reverse=stop < start) == values
    assert ratios[1] / ratios[0] == pytest.approx((stop / start) ** (1 / (number - 1)))
    assert steps[1] - steps[0] == pytest.approx((stop - start) / (number - 1))


def test_ten_thousand_points_are_planned_in_seconds() -> None:
    started = time.perf_counter()
    plan = plan_of(
        {
            "agents.0.temperature": {"geomspace": [0.1, 10, 100]},
            "environment.noise": {"linspace": [0, 0.5, 100]},
        }
    )
    assert len({point.id for point in plan.points}) == 10_000
    assert (
        time.perf_counter() - started < 15
    )  # 5 s is the goal on a free machine; this guards against a blow-up


SELECTION = {"generations": 3}
LADDER = {"temperatures": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("path", "values", "why"),
    [
        ("record.every", [1, 2], "points would differ in which steps they have"),
        ("record", [{"every": 1}, {"every": 3}], "points would differ in which steps they have"),
        ("record.summary", [None, {"sample": 2}], "some points would have players, others none"),
        ("selection", [None, SELECTION], "a step of some points would be a generation"),
        ("selection.demes", [None, LADDER], "some points would have demes"),
        ("selection", [SELECTION, SELECTION | {"demes": LADDER}], "some points would have demes"),
    ],
)
def test_points_that_can_not_be_one_dataset_are_refused(path: str, values: list[Any], why: str) -> None:
    with pytest.raises(ExperimentError, match=f"sweep.{path}: {why}: run them apart"):
        plan_of({path: values}, **({"selection": SELECTION} if path == "selection.demes" else {}))


def test_demes_may_be_swept_where_all_points_have_some() -> None:
    plan = plan_of({"selection.demes.exchange": [None, 2]}, selection=SELECTION | {"demes": LADDER})
    assert plan.shape == (2,)
