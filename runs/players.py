"""From a group of an experiment file to the player that both engines step."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import singledispatch
from typing import Any

import numpy as np

from thermopolis import agents
from thermopolis.agents.central import joint_actions
from thermopolis.errors import ExperimentError, ModelError
from thermopolis.keys import make_keys
from thermopolis.runs.imitation import Imitation
from thermopolis.runs.schema import Experiment, mind, scripts
from thermopolis.runs.schema import agents as groups
from thermopolis.runs.scripts import planned, scripted
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
    if group.model is not None:
        return own_model(group.model, stage)
    tilt = {
        "scale": group.preferences.scale,
        "preference_optimism": group.optimism.preference,
        "belief_optimism": group.optimism.belief,
        "noise": stage.noise,
    }
    concentration = 1.0 if group.learning is None else group.learning.concentration
    if group.team is not None and group.team.kind == "central":
        return agents.group_model(joint_worth(stage), group.preferences.scale, concentration, stage.noise)
    if stage.payoffs is not None:
        mine, theirs = stage.payoffs[role], stage.payoffs[(role + 1) % len(stage.payoffs)]
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


def own_model(path: str, stage: Stage) -> agents.GenerativeModel:
    """An agent's own model, from a file, found to fit the world."""
    model = agents.GenerativeModel.load(path)
    told = stage.description
    seen, can = math.prod(model.num_obs), len(told.action_names)
    if model.num_actions != can or seen != len(told.observation_names):
        raise ExperimentError(
            f"agents: the model {path} has {model.num_actions} actions and {seen} outcomes, "
            f"the world {can} and {len(told.observation_names)}"
        )
    return model


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
    if group.team.kind == "central":
        if experiment.environment.kind != "matrix_game" or members != cell:
            raise ExperimentError(
                f"agents.{number}.team: a central planner moves all players of a matrix game: a pair, or a group "
                "with action: broadcast"
            )
        try:
            joint_actions(members, len(stage.description.action_names))
        except ModelError as error:
            raise ExperimentError(f"agents.{number}.team: {error}") from None
        if members > 2 and group.first_observation is not None:
            raise ExperimentError(f"agents.{number}.first_observation: outcomes CC … DD are those of a pair")
    kind = "share" if group.team.kind == "share" else "merge"
    return agents.Team(
        members, kind, graph_of(group.team, stage, first, members, number), number, group.team.of
    )


def graph_of(team: mind.Team, stage: Stage, first: int, members: int, number: int) -> Any:
    """Whom members hear, by their places in the team."""
    if team.graph != "neighbours":
        return team.graph
    network = getattr(stage.params, "network", None)
    if network is None or np.asarray(network.source).shape[-1] > 1:
        raise ExperimentError(
            f"agents.{number}.team.graph: neighbours are those of a graph that all replicates share"
        )
    ends = np.stack([np.asarray(network.source)[:, 0], np.asarray(network.target)[:, 0]]) - first
    edges = ends.T[((ends >= 0) & (ends < members)).all(axis=0) & (ends[0] < ends[1])]
    return tuple((int(a), int(b)) for a, b in edges)


def joint_worth(stage: Stage) -> np.ndarray:
    """Mean payoff of a cell's players for each of their joint actions, an axis a player: one round without noise."""
    world = replace(stage.world, action_noise=False, misperception=False, ending=False)
    n, players = world.num_actions, int(world.players)
    played = np.indices((n,) * players).reshape(players, -1)
    keys = make_keys([0] * played.shape[1], "counter")
    _, outcome = world.step(keys, world.init(keys, stage.params), played, stage.params)
    return np.asarray(outcome.reward, np.float64).mean(axis=0).reshape((n,) * players)


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
        policies=group.policies,
        team=None if central else team,
        team_weight=1.0 if group.team is None else group.team.weight,
    )
    if central:
        assert team is not None
        can, bodies = len(stage.description.action_names), team.members
        return agents.CentralPlanner(player, can, team.number, bodies, stage.others)
    return player


def _payoffs(stage: Stage, kind: str) -> np.ndarray:
    """The game's tables by role, which another's world doesn't tell."""
    if stage.payoffs is None:
        raise ExperimentError(f"agents: {kind} plays matrix games alone")
    return stage.payoffs


def _shows_outcomes(stage: Stage, kind: str) -> None:
    """Refuses another's world to those who take what it shows for CC, CD, DC or DD."""
    can, seen = stage.world.num_actions, stage.world.num_observations
    if (can, seen) != (2, 4):
        raise ExperimentError(
            f"agents: {kind} knows 2 actions and outcomes CC, CD, DC, DD; this world has {can} and {seen}"
        )


@_build.register
def _(group: groups.MemoryOne, role: int, stage: Stage, experiment: Experiment) -> Any:
    _shows_outcomes(stage, group.kind)
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
    _shows_outcomes(stage, group.kind)
    return agents.strategy(group.strategy)


@_build.register
def _(group: groups.QLearning, role: int, stage: Stage, experiment: Experiment) -> Any:
    payoffs = _payoffs(stage, group.kind)
    return agents.QLearning(
        rate=group.rate,
        discount=group.discount,
        temperature=group.temperature,
        payoffs=payoffs[role].tolist(),
        epsilon=group.epsilon,
        exploration=group.exploration,
        memory=group.memory,
        initial=group.initial,
    )


@_build.register
def _(group: groups.LogitResponse, role: int, stage: Stage, experiment: Experiment) -> Any:
    table = _payoffs(stage, group.kind)[role].tolist()
    return agents.LogitResponse(group.temperature, table, group.concentration, group.forgetting)


@_build.register
def _(group: groups.Axelrod, role: int, stage: Stage, experiment: Experiment) -> Any:
    table = _payoffs(stage, group.kind)[role].tolist()
    return agents.AxelrodPlayer(group.strategy, table, float(stage.noise))


@_build.register
def _(group: groups.Random, role: int, stage: Stage, experiment: Experiment) -> Any:
    if group.p is None:
        return agents.RandomPlayer.uniform(stage.world.num_actions)
    return agents.RandomPlayer(group.p)


@_build.register
def _(group: scripts.Scripted, role: int, stage: Stage, experiment: Experiment) -> Any:
    return scripted(group, stage)


@_build.register
def _(group: scripts.Planned, role: int, stage: Stage, experiment: Experiment) -> Any:
    return planned(group, stage, experiment)


@_build.register
def _(group: groups.Pymdp, role: int, stage: Stage, experiment: Experiment) -> Any:
    model = agents.GenerativeModel.load(group.model)
    learning = None
    if group.learning is not None:
        learning = learning_of(group)
    return agents.PymdpPlayer(
        model,
        temperature=group.temperature,
        horizon=group.horizon,
        learning=learning,
        information_gain=(group.information_gain.state, group.information_gain.parameter),
        selection=group.selection.kind,
        planner=group.planner.model_dump(),
    )


@_build.register
def _(group: groups.Imitation, role: int, stage: Stage, experiment: Experiment) -> Any:
    return Imitation(group.rule, group.temperature, group.opening)
