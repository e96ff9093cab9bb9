"""Every option that ``list agents`` names is set from YAML and runs in both engines with equal trajectories.

A case is what the option's line stands for, as one would write it in a file: an agent beside tit for tat, or a whole
list of agents with their world.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import yaml

from thermopolis.agents import GenerativeModel
from thermopolis.errors import ExperimentError
from thermopolis.runs.cast import PointCast
from thermopolis.runs.cli.listing import lines
from thermopolis.runs.schema import Experiment

#: Options of an agent that plays a pair with tit for tat.
ALONE: dict[str, str] = {
    "planner: enumerate": "{horizon: 2}",
    "planner: sophisticated": "{horizon: 6, planner: {kind: sophisticated, temperature: 0.5}}",
    "selection: softmax": "{selection: {kind: softmax}}",
    "selection: argmax": "{selection: {kind: argmax}}",
    "selection: entmax": "{selection: {kind: entmax, alpha: 1.3}}",
    "selection: adaptive_entmax": "{selection: {kind: adaptive_entmax, alpha_max: 1.8}}",
    "selection: min_p": "{selection: {kind: min_p, p: 0.3}}",
    "temperature: constant": "{temperature: {kind: constant, temperature: 2.0}}",
    "temperature: anneal": "{temperature: {kind: anneal, start: 3.0, stop: 0.2, steps: 6}}",
    "temperature: adaptive": "{temperature: {kind: adaptive, temperature: 0.8}}",
    "temperature: entropy_target": "{temperature: {kind: entropy_target, entropy: 0.4}}",
    "temperature: entropy_feedback": "{temperature: {kind: entropy_feedback, entropy: 0.4, gain: 0.7}}",
    "temperature: doom": "{temperature: {kind: doom, temperature: 0.5, threshold: 0.1}}",
    "perception: exact": "{perception: {kind: exact}}",
    "perception: tempered": "{perception: {kind: tempered}}",
    "perception.beta": "{perception: {kind: tempered, beta: 0.5}}",
    "perception: fixed_point": "{perception: {kind: fixed_point}}",
    "perception: mean_field": "{perception: {kind: mean_field}}",
    "perception: core": "{perception: {kind: core}}",
    "policy: exact": "{policy: {kind: exact}}",
    "policy: core": "{policy: {kind: core}}",
    "learning.method: dirichlet": "{learning: {method: dirichlet}}",
    "learning.method: natural_gradient": "{learning: {method: natural_gradient}}",
    "learning.method: thermodynamic_natural_gradient": "{learning: {method: thermodynamic_natural_gradient}}",
    "learning.of: A": "{learning: {of: [A]}}",
    "learning.of: B": "{learning: {of: [B]}}",
    "learning.of: D": "{learning: {of: [D]}}",
    "learning.of: E": "{learning: {of: [E]}}",
    "learning.rate": "{learning: {rate: 0.7}}",
    "learning.forgetting": "{learning: {forgetting: 0.1}}",
    "learning.concentration": "{learning: {concentration: 5.0}}",
    "learning.kl_bound": "{learning: {method: natural_gradient, kl_bound: 0.01}}",
    "learning.relaxation_time": "{learning: {method: thermodynamic_natural_gradient, relaxation_time: 0.1}}",
    "learning.relaxation_temperature":
        "{learning: {method: thermodynamic_natural_gradient, relaxation_temperature: 0.05}}",
    "opponent.levels: 1": "{learning: null, opponent: {levels: 1}}",
    "opponent.levels: 2": "{learning: null, opponent: {levels: 2}, planner: {kind: sophisticated}, horizon: 2}",
    "opponent.volatility": "{learning: null, opponent: {volatility: 0.3}}",
    "horizon": "{horizon: 3}",
    "policies": "{policies: [[0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 0, 1, 0, 1]]}",
    "model": "{model: MODEL, learning: null, horizon: 2}",
    "preferences.scale": "{preferences: {scale: 0.5}}",
    "optimism.preference": "{optimism: {preference: 2.0}}",
    "optimism.belief": "{optimism: {belief: 1.0}}",
    "information_gain.state": "{information_gain: {state: false}}",
    "information_gain.parameter": "{information_gain: {parameter: true}}",
    "first_observation": "{first_observation: CD}",
}  # fmt: skip

CIRCLE = "topology: {kind: ring, n: 4}, action: broadcast"
CROWD = "topology: {kind: complete, n: 3}, action: broadcast"
AI = "kind: active_inference"

#: Options that take more players: (environment, agents).
TOGETHER: dict[str, tuple[str, str]] = {
    "team: independent": ("", f"[{{{AI}, count: 2, team: {{kind: independent}}}}]"),
    "team: share": ("", f"[{{{AI}, count: 2, team: {{kind: share}}}}]"),
    "team: merge": ("", f"[{{{AI}, count: 2, team: {{kind: merge}}}}]"),
    "team: central": (CROWD, f"[{{{AI}, count: 3, learning: null, team: {{kind: central}}}}]"),
    "team.weight": ("", f"[{{{AI}, count: 2, team: {{kind: merge, weight: 0.4}}}}]"),
    "team.graph": (CIRCLE, f"[{{{AI}, count: 4, team: {{kind: share, graph: neighbours}}}}]"),
    "team.of: parameters": (CIRCLE, f"[{{{AI}, count: 4, team: {{kind: share, graph: [[0, 2], [1, 3]]}}}}]"),
    "team.of: states": (
        "",
        f"[{{{AI}, count: 2, model: MODEL, learning: null, team: {{kind: share, of: [states], weight: 0.5}}}}]",
    ),
    "active_inference": ("", f"[{{{AI}, count: 2}}]"),
    "memory_one": ("", "[{kind: memory_one, cooperation: [0.9, 0.3, 0.6, 0.1], opening: 0.5, count: 2}]"),
    "finite_state": ("", "[{kind: finite_state, strategy: prober}, {kind: random, p: 0.6}]"),
    "q_learning": (
        "",
        "[{kind: q_learning, memory: 1, discount: 0.9}, {kind: q_learning, exploration: epsilon_greedy, rate: 0.5}]",
    ),
    "logit_response": ("", "[{kind: logit_response, forgetting: 0.1, concentration: 2.0, count: 2}]"),
    "imitation": (CIRCLE, "[{kind: imitation, rule: fermi, opening: 0.5, count: 4}]"),
    "random": ("", "[{kind: random, p: 0.3}, {kind: random}]"),
    "scripted": ("", "[{kind: scripted, actions: [defect, 0], hold: 3, repeat: true}, {kind: random}]"),
    "pymdp": ("", "[{kind: pymdp, model: MODEL, learning: {of: [A, B]}, selection: {kind: argmax}, count: 2}]"),
    "pymdp planner: enumerate": ("", "[{kind: pymdp, model: MODEL, horizon: 2, temperature: 0.5, count: 2}]"),
    "pymdp planner: sophisticated": (
        "",
        "[{kind: pymdp, model: MODEL, horizon: 2, planner: {kind: sophisticated, max_nodes: 60}, count: 2}]",
    ),
    "pymdp planner: monte_carlo": (
        "",
        "[{kind: pymdp, model: MODEL, horizon: 2, planner: {kind: monte_carlo, simulations: 8}, count: 2}]",
    ),
}  # fmt: skip

#: Stepped from Python by the library it needs (tests/agents/test_axelrod_player.py has it), or alone in its world
#: (tests/runs/test_scripts.py).
ELSEWHERE = {"axelrod", "plan"}
BRIEF = ("policies", "team: central", "selection: adaptive_entmax")


def write_model(path: Path) -> None:
    """Two hidden states seen through a noisy glass, for a game of two actions."""
    rng = np.random.default_rng(0)
    law = lambda *shape: np.moveaxis(rng.dirichlet(np.ones(shape[0]), shape[1:]), -1, 0)
    GenerativeModel([law(4, 2)], [law(2, 2, 2)], [np.array([3.0, 0.0, 5.0, 1.0])], [law(2)]).save(path)


def written(name: str, folder: Path) -> Experiment:
    environment, agents = TOGETHER.get(name, ("", ""))
    if not agents:
        options = ALONE[name].removeprefix("{").removesuffix("}")
        agents = f"[{{{AI}, {options}}}, {{kind: memory_one, strategy: tit_for_tat}}]"
    if "MODEL" in agents:
        write_model(folder / "model.npz")
        agents = agents.replace("MODEL", str(folder / "model.npz"))
    text = f"""\
name: option
seed: 4
replicates: 3
steps: 12
environment: {{kind: matrix_game, noise: 0.05, {environment}}}
agents: {agents}
core: {{device: cmos_pbit, samples: 8, burn_in: 1}}
"""
    return Experiment.model_validate(yaml.safe_load(text))


def listed() -> set[str]:
    """Every name before a line of ``list agents``; pymdp's own ones say so."""
    out, prefix = set(), ""
    for line in lines("agents"):
        if line.endswith(":"):
            prefix = "pymdp " if line == "of pymdp:" else ""
        elif line:
            out.add(prefix + line.split("  ")[0].strip())
    return out


def test_every_listed_option_has_a_case() -> None:
    assert listed() == set(ALONE) | set(TOGETHER) | ELSEWHERE


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in BRIEF else pytest.mark.long) for name in [*ALONE, *TOGETHER]],
)
def test_engines_agree_on(name: str, tmp_path: Path, agree: Callable[[Experiment], xr.Dataset]) -> None:
    point = written(name, tmp_path)
    ds: Any = agree(point)
    assert set(np.unique(ds["action"])) <= {0, 1}
    assert set(map(str, np.unique(ds["kind"]))) == {group.kind for group in point.agents}


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        ("{kind: memory_one, strategy: tit_for_tat, count: 2}", "knows 2 actions and outcomes CC"),
        ("{kind: finite_state, strategy: prober, count: 2}", "knows 2 actions and outcomes CC"),
        ("{kind: q_learning, count: 2}", "plays matrix games alone"),
        ("{kind: logit_response, count: 2}", "plays matrix games alone"),
    ],
)
def test_who_reads_a_game_is_refused_by_a_world_that_shows_none(agent: str, reason: str) -> None:
    # from outside it shows one number more: nothing yet
    world = "{kind: pettingzoo, module: thermopolis.envs.matrix_game_v0}"
    point = yaml.safe_load(f"{{name: x, steps: 1, environment: {world}, agents: [{agent}]}}")
    with pytest.raises(ExperimentError, match=reason):
        PointCast(Experiment.model_validate(point)).player(0, 0)
