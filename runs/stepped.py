"""The PettingZoo engine: any ParallelEnv, stepped from Python, with the same players as the compiled loop.

Every replicate has its own environment, reset with that replicate's world seed. Players of one kind are stepped
together, all replicates at once, by the same jitted functions with the same keys; what an environment shows and
takes goes through its dictionaries. On our own worlds both engines give the same trajectories.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.agents.budget import SETTING as BUDGET
from thermopolis.keys import fold_in, make_keys
from thermopolis.runs.cast import PointCast, is_shared
from thermopolis.runs.dataset import Recorder
from thermopolis.runs.imitation import STREAM, Society
from thermopolis.runs.program import asked_for, charges
from thermopolis.runs.schema import Experiment
from thermopolis.runs.table import Table


@dataclass
class Troupe:
    """Lanes stepped together: players of one (group, role)."""

    player: Any
    place: tuple[np.ndarray, np.ndarray]  # (slot, column) of every lane
    keys: Any
    settings: dict[str, Any]
    state: Any


_STEPS: dict[Hashable, Callable[..., Any]] = {}


def _stepper(player: Any) -> Callable[..., Any]:
    """``step(keys, time, state, settings, observation)``, compiled once a structure; host players run as they are."""

    def step(keys: Any, time: Any, state: Any, settings: Any, observation: Any) -> Any:
        return player.step(fold_in(keys, time), state, settings, observation)

    if getattr(player, "on_host", False):
        return step
    return _STEPS.setdefault(player.structure, jax.jit(step))


def simulate_stepped(
    points: Sequence[Experiment], on_steps: Callable[[int], None]
) -> Iterator[tuple[int, Table]]:
    """Run points one after the other; yields (index, table)."""
    for index, experiment in enumerate(points):
        yield index, _simulate_point(PointCast(experiment), on_steps)


def _troupes(point: PointCast) -> list[Troupe]:
    stage, slots = point.stage, int(point.stage.world.slots)
    players = int(stage.world.players)
    places: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for replicate in range(point.experiment.replicates):
        owner = point.slot_players(replicate)
        for cell in range(stage.cells):
            groups = point.groups[replicate, cell * players : (cell + 1) * players]
            for slot in range(slots):
                key = (int(groups[owner[slot]]), stage.role(slot))
                places.setdefault(key, []).append((slot, replicate * stage.cells + cell))
    kind = point.experiment.random
    bases = make_keys(point.player_seeds, kind)
    troupes = []
    for (group, role), unordered in places.items():
        # by slot, then cell, as in the compiled loop: members of a team lie side by side
        lanes = sorted(unordered)
        player = point.player(group, role)
        at, column = np.array(lanes).T
        keys = fold_in(bases[column // stage.cells], column % stage.cells * slots + at)
        settings = {}
        for name, value in player.settings().items():
            table = jnp.asarray(value)[..., None]
            wide = 1 if is_shared(player, name) else len(lanes)
            settings[name] = jnp.broadcast_to(table, (*table.shape[:-1], wide))
        state = player.init(keys, settings)
        troupes.append(Troupe(player, (at, column), keys, settings, state))
    return troupes


def _simulate_point(point: PointCast, on_steps: Callable[[int], None]) -> Table:
    experiment, stage = point.experiment, point.stage
    replicates, slots, players = experiment.replicates, int(stage.world.slots), int(stage.world.players)
    columns = replicates * stage.cells
    environments = [stage.environment(r) for r in range(replicates)]
    opening = [
        environment.reset(seed=seed)[0]
        for environment, seed in zip(environments, point.world_seeds, strict=True)
    ]
    owned = [
        [np.flatnonzero(point.slot_players(r) == player) for player in range(players)]
        for r in range(replicates)
    ]
    troupes = _troupes(point)
    recorder = Recorder(point)
    observation = np.full((slots, columns), -1, np.int64)
    for troupe in troupes:
        observation[troupe.place] = int(getattr(troupe.player, "first_observation", -1))
    for r, shown_first in enumerate(opening):  # our own worlds show nothing before the first step, others may
        for agent, seen_first in shown_first.items():
            cell, player = divmod(_number(agent), players)
            if np.all(np.asarray(seen_first) >= 0):
                observation[owned[r][player], r * stage.cells + cell] = seen_first
    world_keys = fold_in(
        make_keys(np.repeat(point.world_seeds, stage.cells).tolist(), experiment.random),
        np.tile(np.arange(stage.cells), replicates),
    )
    rewards = np.full((slots, columns), np.nan, np.float32)
    realised = np.full((slots, columns), -1, np.int64)
    budget = np.full((players, columns), np.inf, np.float32)
    for time in range(experiment.steps):
        alive = np.zeros((players, columns), bool)
        for r, environment in enumerate(environments):
            for agent in environment.agents:
                cell, player = divmod(_number(agent), players)
                alive[player, r * stage.cells + cell] = True
        up = _per_slot(alive, owned, slots, stage.cells)
        observation = np.where(up, observation, -1)
        actions = np.zeros((slots, columns), np.int64)
        reports: dict[str, np.ndarray] = {}
        for troupe in troupes:
            if getattr(troupe.player, "society", False):
                actions[troupe.place] = _imitate(troupe, point, world_keys, time, realised, rewards)[
                    troupe.place
                ]
                continue
            seen = jnp.asarray(observation[troupe.place], jnp.int32)
            settings = troupe.settings
            if charges(stage.world, troupe.player):
                settings = settings | {BUDGET: jnp.asarray(budget[troupe.place])}
            troupe.state, action, trace = _stepper(troupe.player)(
                troupe.keys, np.uint32(time), troupe.state, settings, seen
            )
            actions[troupe.place] = np.asarray(action)
            chosen = experiment.record.variables
            trace = asked_for(trace, None if chosen == "all" else chosen)
            _collect(reports, troupe, trace, slots, columns)
        rewards = np.full((slots, columns), np.nan, np.float32)
        realised = np.full((slots, columns), -1, np.int64)
        variables: dict[str, np.ndarray] = {}
        shown = np.full((slots, columns), -1, np.int64)
        for r, environment in enumerate(environments):
            if not environment.agents:
                continue
            deeds = {}
            for agent in environment.agents:
                cell, player = divmod(_number(agent), players)
                mine, column = owned[r][player], r * stage.cells + cell
                deeds[agent] = int(actions[mine[0], column]) if len(mine) == 1 else actions[mine, column]
                if "core_joules" in reports and hasattr(environment, "draw"):
                    joules = reports["core_joules"][:, mine, column]
                    environment.draw(agent, float(np.nansum(joules)))
            seen_now, gains, _, _, infos = environment.step(deeds)
            for agent in deeds:
                cell, player = divmod(_number(agent), players)
                mine, column = owned[r][player], r * stage.cells + cell
                shown[mine, column] = seen_now[agent]
                rewards[mine, column] = gains[agent]
                info = infos[agent]
                realised[mine, column] = info.get("realised_action", deeds[agent])
                for name, value in info.items():
                    if name != "realised_action" and isinstance(value, float):
                        table = variables.setdefault(name, np.full((players, columns), np.nan))
                        table[player, column] = value
        budget = variables.get("thinking_budget", budget).astype(np.float32)
        if time % experiment.record.every == 0:
            record = {
                "action": np.where(up, realised, -1),
                "observation": observation,
                "reward": rewards,
                "alive": alive,
                **variables,
                **{name: np.where(up, value, np.nan) for name, value in reports.items()},
            }
            wanted = experiment.record.variables
            if wanted != "all":
                keep = {*wanted, "alive", *(("action",) if "cooperation" in wanted else ())}
                record = {name: value for name, value in record.items() if name in keep}
            recorder.put(0, time // experiment.record.every, {k: v[None] for k, v in record.items()})
        observation = shown
        on_steps(replicates * stage.players)
    for environment in environments:
        environment.close()
    return recorder.table()


def _imitate(
    troupe: Troupe, point: PointCast, world_keys: Any, time: int, realised: np.ndarray, rewards: np.ndarray
) -> np.ndarray:
    """Actions (slots, columns) of a society whose members look at their neighbours."""
    society = Society(jnp.asarray(realised, jnp.int32), jnp.asarray(rewards), point.stage.params.network)
    settings = {name: jnp.asarray(value) for name, value in troupe.player.settings().items()}
    return np.asarray(troupe.player.imitate(fold_in(fold_in(world_keys, STREAM), time), settings, society))


def _number(agent: str) -> int:
    return int(agent.rsplit("_", 1)[1])


def _per_slot(alive: np.ndarray, owned: list[list[np.ndarray]], slots: int, cells: int) -> np.ndarray:
    if alive.shape[0] == slots:
        return alive
    up = np.zeros((slots, alive.shape[1]), bool)
    for r, by_player in enumerate(owned):
        for player, mine in enumerate(by_player):
            up[mine, r * cells : (r + 1) * cells] = alive[player, r * cells : (r + 1) * cells]
    return up


def _collect(
    reports: dict[str, np.ndarray], troupe: Troupe, trace: dict[str, Any], slots: int, columns: int
) -> None:
    for name, value in trace.items():
        array = np.asarray(value)
        if name not in reports:
            reports[name] = np.full((*array.shape[:-1], slots, columns), np.nan, np.float32)
        short = [n - m for n, m in zip(array.shape[:-1], reports[name].shape[:-2], strict=True)]
        if any(n > 0 for n in short):  # players whose models differ in size share the larger one's table
            room = [(0, max(n, 0)) for n in short]
            reports[name] = np.pad(reports[name], [*room, (0, 0), (0, 0)], constant_values=np.nan)
        corner: tuple[Any, ...] = tuple(slice(0, n) for n in array.shape[:-1])
        reports[name][(*corner, *troupe.place)] = array
