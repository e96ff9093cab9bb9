"""One point played from Python: its environments, its players, and all that the next step depends on.

What a game has come to is written down as arrays: players' states, what they last saw, did and got, and the worlds'
states. Other people's worlds, and players who are Python objects, have no state that could be written down; such a
game is played over again from its seed, with the actions that were noted. What worlds answered on the way is kept as
a chain of digests, trail ← SHA-256(trail, answers), so that a world that isn't determined by its seed and the actions
is found out, and its game begun anew.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from thermopolis.agents.budget import SETTING as BUDGET
from thermopolis.errors import SimulationError, ThermopolisError
from thermopolis.keys import fold_in, make_keys
from thermopolis.runs.cast import PointCast
from thermopolis.runs.checkpoints import Arrays, carry_from, leaves_of
from thermopolis.runs.imitation import STREAM, Society
from thermopolis.runs.program import asked_for, charges, counting
from thermopolis.runs.troupes import Troupe, Values, collect, troupes


class Game:
    """A point's replicates, each with an environment of its own, stepped side by side.

    Raises
    ------
    SimulationError : another's world fails.
    """

    def __init__(self, point: PointCast) -> None:
        experiment, stage = point.experiment, point.stage
        self.point, self.world = point, stage.world
        self.slots, self.players = int(stage.world.slots), int(stage.world.players)
        self.columns = experiment.replicates * stage.cells
        self.environments = [stage.environment(r) for r in range(experiment.replicates)]
        self.troupes = troupes(point)
        self.others = experiment.environment.kind == "pettingzoo"
        self.by_replay = self.others or any(troupe.on_host for troupe in self.troupes)
        self.trail = b""
        self.owned = [
            [np.flatnonzero(point.slot_players(r) == player) for player in range(self.players)]
            for r in range(experiment.replicates)
        ]
        self.world_keys = fold_in(
            make_keys(np.repeat(point.world_seeds, stage.cells).tolist(), experiment.random),
            np.tile(np.arange(stage.cells), experiment.replicates),
        )
        self.actions = np.zeros((self.slots, self.columns), np.int32)
        self.observation = np.full((self.slots, self.columns), -1, np.int64)
        self.rewards = np.full((self.slots, self.columns), np.nan, np.float32)
        self.realised = np.full((self.slots, self.columns), -1, np.int64)
        self.budget = np.full((self.players, self.columns), np.inf, np.float32)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        for troupe in self.troupes:
            self.observation[troupe.place] = int(getattr(troupe.player, "first_observation", -1))
        for r, environment in enumerate(self.environments):
            with self._blamed("reset"):
                shown = environment.reset(seed=self.point.world_seeds[r])[0]
            for agent, seen in shown.items():  # our own worlds show nothing before the first step, others may
                if np.all(np.asarray(seen) >= 0):
                    self.observation[self._place(r, agent)] = seen

    @contextlib.contextmanager
    def _blamed(self, when: str) -> Iterator[None]:
        """What another's world raises fails this point."""
        try:
            yield
        except ThermopolisError:
            raise
        except Exception as error:
            if not self.others:
                raise
            what = " ".join(str(error).split())[:300]
            raise SimulationError(
                f"{self.world.name} fails at {when}: {type(error).__name__}: {what}"
            ) from error

    def _place(self, replicate: int, agent: str) -> tuple[Any, int]:
        """An agent's slots and its column."""
        cell, player = divmod(_number(agent), self.players)
        return self.owned[replicate][player], replicate * self.point.stage.cells + cell

    def _alive(self) -> np.ndarray:
        """Whose game isn't over: (players, columns)."""
        alive = np.zeros((self.players, self.columns), bool)
        cells = self.point.stage.cells
        for r, environment in enumerate(self.environments):
            for agent in environment.agents:
                cell, player = divmod(_number(agent), self.players)
                alive[player, r * cells + cell] = True
        return alive

    def _per_slot(self, alive: np.ndarray) -> np.ndarray:
        if self.players == self.slots:
            return alive
        up, cells = np.zeros((self.slots, self.columns), bool), self.point.stage.cells
        for r, by_player in enumerate(self.owned):
            for player, mine in enumerate(by_player):
                up[mine, r * cells : (r + 1) * cells] = alive[player, r * cells : (r + 1) * cells]
        return up

    def play(self, time: int) -> Values:
        """One step of everybody; what of it may be recorded, each (…, slots or players, columns)."""
        alive = self._alive()
        up = self._per_slot(alive)
        observation = np.where(up, self.observation, -1)
        chosen = self.point.experiment.record.variables
        reports: Values = {}
        for troupe in self.troupes:
            action, trace = self._decide(troupe, time, observation)
            self.actions[troupe.place] = action
            collect(
                reports,
                troupe,
                asked_for(trace, None if chosen == "all" else chosen),
                self.slots,
                self.columns,
            )
        variables = self._act(time, reports.get("core_joules"))
        return {
            "action": np.where(up, self.realised, -1).astype(counting(self.world.num_actions, np.int8)),
            "observation": observation.astype(counting(self.world.num_observations, np.int16)),
            "reward": self.rewards,
            "alive": alive,
            **variables,
            **{name: np.where(up, value, np.nan) for name, value in reports.items()},
        }

    def _decide(
        self, troupe: Troupe, time: int, observation: np.ndarray
    ) -> tuple[np.ndarray, dict[str, Any]]:
        if troupe.imitates:
            society = Society(
                jnp.asarray(self.realised, jnp.int32),
                jnp.asarray(self.rewards),
                self.point.stage.params.network,
            )
            settings = {name: jnp.asarray(value) for name, value in troupe.player.settings().items()}
            keys = fold_in(fold_in(self.world_keys, STREAM), time)
            return np.asarray(troupe.player.imitate(keys, settings, society))[troupe.place], {}
        settings = troupe.settings
        if charges(self.world, troupe.player):
            settings = settings | {BUDGET: jnp.asarray(self.budget[troupe.place])}
        return troupe.step(time, settings, observation[troupe.place])

    def _act(self, time: int, joules: np.ndarray | None) -> Values:
        """Steps the environments with the actions there are; the worlds' own variables, (players, columns)."""
        self.rewards = np.full((self.slots, self.columns), np.nan, np.float32)
        self.realised = np.full((self.slots, self.columns), -1, np.int64)
        self.observation = np.full((self.slots, self.columns), -1, np.int64)
        variables: Values = {}
        for r, environment in enumerate(self.environments):
            if not environment.agents:
                continue
            deeds: dict[str, Any] = {}
            for agent in environment.agents:
                mine, column = self._place(r, agent)
                done = self.actions[mine, column]
                deeds[agent] = int(done[0]) if len(mine) == 1 else done
                if joules is not None and hasattr(environment, "draw"):
                    environment.draw(agent, float(np.nansum(joules[:, mine, column])))
            with self._blamed(f"step {time}, replicate {r}"):
                seen, gains, _, _, infos = environment.step(deeds)
            for agent in deeds:
                place = self._place(r, agent)
                self.observation[place] = seen[agent]
                self.rewards[place] = gains[agent]
                info = infos[agent]
                self.realised[place] = info.get("realised_action", deeds[agent])
                row = _number(agent) % self.players, place[1]
                for name, value in info.items():
                    if name != "realised_action" and isinstance(value, float):
                        table = variables.setdefault(name, np.full((self.players, self.columns), np.nan))
                        table[row] = value
        self.budget = variables.get("thinking_budget", self.budget).astype(np.float32)
        if self.by_replay:
            answers = (self.observation, self.rewards, self.realised, self._alive())
            self.trail = hashlib.sha256(self.trail + b"".join(part.tobytes() for part in answers)).digest()
        return variables

    def saved(self) -> Arrays:
        """What the game has come to."""
        arrays = {name: getattr(self, name) for name in _LAST}
        for number, troupe in enumerate(self.troupes):
            if not troupe.on_host:
                arrays |= _named(f"player{number}:", leaves_of(troupe.state))
        if self.by_replay:
            return arrays | {"trail": np.frombuffer(self.trail, np.uint8)}
        worlds = [leaves_of(environment.state_tree) for environment in self.environments]
        arrays |= _named("world:", {name: np.stack([one[name] for one in worlds]) for name in worlds[0]})
        arrays["round"] = np.array([environment.round for environment in self.environments])
        return arrays | {"alive": self._alive()}

    def restore(self, saved: Arrays, deeds: Iterable[np.ndarray]) -> None:
        """Goes to where :meth:`saved` was called; ``deeds`` are the actions up to there, for a game played again.

        Raises
        ------
        KeyError, ValueError : what was saved doesn't fit, or the game takes another course. The game is spoilt.
        """
        if self.by_replay:
            for time, actions in enumerate(deeds):
                self._follow(time, actions)
            if self.trail != saved["trail"].tobytes():
                raise ValueError("another course")
        else:
            worlds, cells = _under("world:", saved), self.point.stage.cells
            for r, environment in enumerate(self.environments):
                own = {name: value[r] for name, value in worlds.items()}
                environment.state_tree = carry_from(own, environment.state_tree)
                environment.round = int(saved["round"][r])
                alive = saved["alive"][:, r * cells : (r + 1) * cells].T.ravel()
                environment.agents = [environment.possible_agents[i] for i in np.flatnonzero(alive)]
        for number, troupe in enumerate(self.troupes):
            if not troupe.on_host:
                troupe.state = carry_from(_under(f"player{number}:", saved), troupe.state)
        for name in _LAST:
            if saved[name].shape != getattr(self, name).shape:
                raise ValueError(f"{name}: {saved[name].shape}")
            setattr(self, name, saved[name])

    def _follow(self, time: int, actions: np.ndarray) -> None:
        """A step played again; players who are Python objects must decide as they did."""
        observation = np.where(self._per_slot(self._alive()), self.observation, -1)
        self.actions = actions.astype(np.int32)
        for troupe in self.troupes:
            if troupe.on_host:
                action, _ = self._decide(troupe, time, observation)
                if not np.array_equal(action, self.actions[troupe.place]):
                    raise ValueError("another course")
        self._act(time, None)

    def close(self) -> None:
        """Closes the environments."""
        for environment in self.environments:
            environment.close()


_LAST = ("observation", "rewards", "realised", "budget")


def _named(prefix: str, arrays: Arrays) -> Arrays:
    return {prefix + name: value for name, value in arrays.items()}


def _under(prefix: str, arrays: Arrays) -> Arrays:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _number(agent: str) -> int:
    return int(agent.rsplit("_", 1)[1])
