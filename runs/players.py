"""From a group of an experiment file to the player that both engines step."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from thermopolis import agents
from thermopolis.errors import ExperimentError
from thermopolis.runs.imitation import Imitation
from thermopolis.runs.schema import Experiment
from thermopolis.runs.schema import agents as groups
from thermopolis.runs.worlds import Stage

OUTCOMES = ("CC", "CD", "DC", "DD")


def build_player(group: Any, role: int, stage: Stage, experiment: Experiment) -> Any:
    """The player of a group in a role of the game (0 row or symmetric, 1 column)."""
    return _build(group, role, stage, experiment)


@singledispatch
def _build(group: Any, role: int, stage: Stage, experiment: Experiment) -> Any:
    raise ExperimentError(f"agents: no engine plays kind {group.kind!r} yet")


def core_of(experiment: Experiment) -> agents.Core:
    """The core of the experiment, as a player uses it."""
    section = experiment.core
    return agents.Core(section.device, section.samples, section.burn_in, section.sampler)


def temperature_of(group: Any, experiment: Experiment) -> Any:
    """A number, or a controller's settings."""
    value = group.temperature
    if isinstance(value, (int, float)):
        return float(value)
    settings = value.model_dump()
    if settings["kind"] == "anneal" and settings["steps"] is None:
        settings["steps"] = experiment.steps
    return settings


def learning_of(group: Any) -> agents.Learning | None:
    """How a group learns, or ``None``."""
    section = group.learning
    if section is None:
        return None
    return agents.Learning(
        section.rate,
        section.forgetting,
        section.concentration,
        tuple(section.of),
        section.method,
        section.kl_bound,
        section.relaxation_time,
        section.relaxation_temperature,
    )


def model_of(group: groups.ActiveInference, role: int, stage: Stage) -> agents.GenerativeModel:
    """What a group takes its world to be."""
    told = stage.description
    tilt = {
        "scale": group.preferences.scale,
        "preference_optimism": group.optimism.preference,
        "belief_optimism": group.optimism.belief,
        "noise": stage.noise,
    }
    concentration = 1.0 if group.learning is None else group.learning.concentration
    if stage.payoffs is not None:
        mine, theirs = stage.payoffs[role], stage.payoffs[(role + 1) % len(stage.payoffs)]
        if group.team is not None and group.team.kind == "central":
            return agents.joint_model(mine, theirs, group.preferences.scale, concentration, stage.noise)
        if group.opponent is not None:
            levels, volatility = group.opponent.levels, group.opponent.volatility
            misseen = stage.observation_noise
            return agents.opponent_model(mine, theirs, levels, volatility, observation_noise=misseen, **tilt)
    if group.opponent is not None:
        raise ExperimentError("agents: an opponent model needs a dyadic matrix game of 2 actions")
    return agents.outcome_model(
        told.own_action,
        told.payoffs[role, :, 0],
        len(told.action_names),
        cooperates=stage.cooperates,
        concentration=concentration,
        misperceived=agents.misperception(told.own_action, stage.others, stage.observation_noise),
        **tilt,
    )


def team_of(group: groups.ActiveInference, stage: Stage, experiment: Experiment) -> agents.Team | None:
    """The team of a group, its members all in one cell."""
    if group.team is None or group.team.kind == "independent":
        return None
    number = next(i for i, other in enumerate(experiment.agents) if other is group)
    counts = experiment.group_counts()
    cell = int(stage.world.players)
    first, members = sum(counts[:number]), min(counts[number], cell)
    if stage.linked:
        raise ExperimentError(
            f"agents.{number}.team: bodies with one action each: a pair, or action: broadcast"
        )
    if stage.payoffs is not None and len(stage.payoffs) > 1:
        raise ExperimentError(f"agents.{number}.team: members have one role: the game must be symmetric")
    if stage.cells > 1 and (first % cell or counts[number] % cell):
        raise ExperimentError(f"agents.{number}.team: members must fill whole pairs")
    if group.team.kind == "central" and (stage.payoffs is None or cell != 2 or members != 2):
        raise ExperimentError(f"agents.{number}.team: a central planner moves both players of a pair")
    kind = "share" if group.team.kind == "share" else "merge"
    return agents.Team(members, kind, group.team.graph, number)


@_build.register
def _(group: groups.ActiveInference, role: int, stage: Stage, experiment: Experiment) -> Any:
    team = team_of(group, stage, experiment)
    central = group.team is not None and group.team.kind == "central"
    first = None if group.first_observation is None else OUTCOMES.index(group.first_observation)
    doom = len(stage.description.observation_names) - 1 if stage.payoffs is not None else None
    player = agents.ActiveInference(
        model_of(group, role, stage),
        temperature=temperature_of(group, experiment),
        horizon=group.horizon,
        learning=learning_of(group),
        perception=group.perception.kind,
        perception_beta=group.perception.beta,
        policy=group.policy.kind,
        core=core_of(experiment),
        information_gain=(group.information_gain.state, group.information_gain.parameter),
        selection=group.selection.model_dump(),
        first_observation=first,
        doom_outcome=doom,
        planner=group.planner.model_dump(),
        team=None if central else team,
        team_weight=1.0 if group.team is None else group.team.weight,
    )
    if central:
        assert team is not None
        return agents.CentralPlanner(player, len(stage.description.action_names), team.number)
    return player


@_build.register
def _(group: groups.MemoryOne, role: int, stage: Stage, experiment: Experiment) -> Any:
    if group.strategy is not None:
        player = agents.strategy(group.strategy)
    else:
        assert group.cooperation is not None
        player = agents.MemoryOne(*group.cooperation)
    if group.opening is None or not isinstance(player, agents.MemoryOne):
        return player
    return agents.MemoryOne(*player.cooperation, opening=group.opening)


@_build.register
def _(group: groups.FiniteState, role: int, stage: Stage, experiment: Experiment) -> Any:
    return agents.strategy(group.strategy)


@_build.register
def _(group: groups.QLearning, role: int, stage: Stage, experiment: Experiment) -> Any:
    assert stage.payoffs is not None
    return agents.QLearning(
        rate=group.rate,
        discount=group.discount,
        temperature=group.temperature,
        payoffs=stage.payoffs[role].tolist(),
        epsilon=group.epsilon,
        exploration=group.exploration,
        memory=group.memory,
        initial=group.initial,
    )


@_build.register
def _(group: groups.LogitResponse, role: int, stage: Stage, experiment: Experiment) -> Any:
    assert stage.payoffs is not None
    return agents.LogitResponse(
        group.temperature, stage.payoffs[role].tolist(), group.concentration, group.forgetting
    )


@_build.register
def _(group: groups.Axelrod, role: int, stage: Stage, experiment: Experiment) -> Any:
    if stage.payoffs is None:
        raise ExperimentError("agents: axelrod plays matrix games alone")
    return agents.AxelrodPlayer(group.strategy, stage.payoffs[role].tolist(), float(stage.noise))


@_build.register
def _(group: groups.Random, role: int, stage: Stage, experiment: Experiment) -> Any:
    if group.p is None:
        return agents.RandomPlayer.uniform(stage.world.num_actions)
    return agents.RandomPlayer(group.p)


@_build.register
def _(group: groups.Pymdp, role: int, stage: Stage, experiment: Experiment) -> Any:
    model = agents.GenerativeModel.load(group.model)
    learning = None
    if group.learning is not None:
        learning = agents.Learning(group.learning.rate, of=tuple(group.learning.of))
    return agents.PymdpPlayer(
        model,
        temperature=group.temperature,
        horizon=group.horizon,
        learning=learning,
        information_gain=(group.information_gain.state, group.information_gain.parameter),
        selection=group.selection.kind,
    )


@_build.register
def _(group: groups.Imitation, role: int, stage: Stage, experiment: Experiment) -> Any:
    return Imitation(group.rule, group.temperature, group.opening)
