"""Any of our worlds as a PettingZoo ParallelEnv.

The environment holds cells of one world instance, folds keys by round as the compiled engine does, and jits
the same pure step, so the same seed gives the same trajectory in both. Before a round and after the end there
is nothing to observe: -1. Rewards of a player with several slots are the mean over them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, ClassVar

import jax
import numpy as np
from gymnasium.spaces import Discrete, MultiDiscrete
from pettingzoo import ParallelEnv
from pettingzoo.utils.conversions import parallel_to_aec
from pettingzoo.utils.env import AECEnv

from thermopolis.envs.registration import register_worlds
from thermopolis.envs.world import Outcome, cell_keys, init_keys, step_keys
from thermopolis.errors import SimulationError
from thermopolis.keys import RandomKind

RENDER_MODES = ["human", "ansi", "rgb_array"]

register_worlds()


@functools.lru_cache(maxsize=64)
def compiled(world: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Jitted ``init(keys, params)`` and ``step(keys, t, state, actions, params, drawn)`` of a structure."""

    def init(keys: Any, params: Any) -> Any:
        return world.init(init_keys(keys), params)

    def step(keys: Any, t: Any, state: Any, actions: Any, params: Any, drawn: Any) -> Any:
        return world.step(step_keys(keys, t), state, actions, params, drawn)

    return jax.jit(init), jax.jit(step)


class WorldEnv(ParallelEnv):
    """A world with its params, driven one round at a time.

    Parameters
    ----------
    world, params : static structure (an ``envs.world.World``) and traced numbers.
    cells : copies of the world in this environment; cell c's players are numbered from ``c * world.players``.
    max_cycles : rounds after which every agent is truncated.
    render_mode : None, ``human`` (prints what ``ansi`` returns), ``ansi`` or ``rgb_array``.
    random : generator of the world's draws, ``counter`` or ``threefry``.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": RENDER_MODES,
        "name": "world_v0",
        "is_parallelizable": True,
        "render_fps": 4,
    }

    def __init__(
        self,
        world: Any,
        params: Any,
        cells: int = 1,
        max_cycles: int = 100,
        render_mode: str | None = None,
        random: RandomKind = "counter",
    ) -> None:
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise ValueError(f"render_mode: expected one of {RENDER_MODES} or None, got {render_mode!r}")
        if max_cycles < 1:
            raise ValueError(f"max_cycles: expected at least 1, got {max_cycles}")
        if random not in ("counter", "threefry"):
            raise ValueError(f"random: expected 'counter' or 'threefry', got {random!r}")
        self.world, self.params, self.cells = world, params, cells
        self.max_cycles, self.render_mode, self.random = max_cycles, render_mode, random
        self.possible_agents = [f"player_{i}" for i in range(world.players * cells)]
        self.agents: list[str] = []
        self._number = {agent: i for i, agent in enumerate(self.possible_agents)}
        self._owned = self._owned_slots()
        self._spaces: dict[tuple[str, int], Any] = {}
        self._init, self._step = compiled(world)
        self._drawn = np.zeros((world.players, cells), np.float32)
        self._seeds = np.random.default_rng()
        self.round = 0
        self.state_tree: Any = None
        self.outcome: Outcome | None = None
        self._begin()

    def _owned_slots(self) -> list[np.ndarray]:
        """Slots of each player of a cell, in order of its partners."""
        order = np.argsort(self.world.slot_player, kind="stable")
        bounds = np.searchsorted(self.world.slot_player[order], np.arange(self.world.players + 1))
        return [order[a:b] for a, b in pairwise(bounds)]

    def _space(self, agent: str, values: int, start: int) -> Any:
        """The agent's own space, made once: by PettingZoo's rule every call returns the same object."""
        if (agent, start) not in self._spaces:
            count = self._owned[self._number[agent] % self.world.players].size
            self._spaces[agent, start] = (
                Discrete(values, start=start)
                if count == 1
                else MultiDiscrete(np.full(count, values), start=np.full(count, start))
            )
        return self._spaces[agent, start]

    def observation_space(self, agent: str) -> Any:
        """Discrete (MultiDiscrete by neighbour) from -1: nothing observed."""
        return self._space(agent, self.world.num_observations + 1, -1)

    def action_space(self, agent: str) -> Any:
        """Discrete, or MultiDiscrete with an action per neighbour."""
        return self._space(agent, self.world.num_actions, 0)

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """A new game; ``seed`` is the integer world seed (absent: one drawn from the last seed's stream)."""
        if seed is not None:
            if not 0 <= seed < 2**63:
                raise ValueError(f"seed: expected a whole number from 0 below 2**63, got {seed}")
            self._seeds = np.random.default_rng(seed)
        self.world_seed = int(self._seeds.integers(2**63)) if seed is None else int(seed)
        self._keys = cell_keys(self.world_seed, self.cells, self.random)
        self.state_tree = self._init(self._keys, self.params)
        self.round, self.outcome = 0, None
        self.agents = list(self.possible_agents)
        self._drawn[:] = 0.0
        self._begin()
        nothing = np.full((self.world.slots, self.cells), -1, np.int64)
        return (
            {agent: self._of(nothing, agent) for agent in self.agents},
            {agent: {} for agent in self.agents},
        )

    def _begin(self) -> None:
        """Hook of a world that keeps a history for its pictures."""

    def _record(self, outcome: Outcome) -> None:
        """Hook of a world that keeps a history for its pictures."""

    def _of(self, values: np.ndarray, agent: str) -> Any:
        cell, player = divmod(self._number[agent], self.world.players)
        owned = self._owned[player]
        return values[owned[0], cell] if owned.size == 1 else values[owned, cell]

    def draw(self, agent: str, joules: float) -> None:
        """Joules that ``agent``'s core takes from its budget at the next step (added up)."""
        if agent not in self._number:
            raise SimulationError(
                f"draw: there is no {agent!r}; agents are player_0 to {self.possible_agents[-1]}"
            )
        if not np.isfinite(joules) or joules < 0:
            raise SimulationError(f"draw: {agent} draws {joules} J; expected a finite number of at least 0")
        cell, player = divmod(self._number[agent], self.world.players)
        self._drawn[player, cell] += joules

    def _actions(self, actions: Mapping[str, Any]) -> np.ndarray:
        table = np.zeros((self.world.slots, self.cells), np.int32)
        for agent in self.agents:
            if agent not in actions:
                raise SimulationError(f"step: round {self.round} has no action for {agent}")
            cell, player = divmod(self._number[agent], self.world.players)
            given, owned = np.asarray(actions[agent]), self._owned[player]
            whole = given.dtype.kind in "iub" or (given.dtype.kind == "f" and np.all(given % 1 == 0))
            if not whole or given.size != owned.size:
                raise SimulationError(
                    f"step: round {self.round}, {agent}: expected {self.action_space(agent)}, got {actions[agent]!r}"
                )
            table[owned, cell] = given.ravel()
        if table.min() < 0 or table.max() >= self.world.num_actions:
            raise SimulationError(
                f"step: round {self.round} has an action outside 0..{self.world.num_actions - 1}"
            )
        return table

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One round of all live agents."""
        if not self.agents:
            return {}, {}, {}, {}, {}
        table = self._actions(actions)
        time = np.uint32(self.round)
        state, outcome = self._step(self._keys, time, self.state_tree, table, self.params, self._drawn.copy())
        self.state_tree, self._drawn[:] = state, 0.0
        self.outcome = outcome = jax.device_get(outcome)
        self.round += 1
        self._record(outcome)
        observation, realised = outcome.observation.astype(np.int64), outcome.action.astype(np.int64)
        truncated = self.round >= self.max_cycles
        live = self.agents
        observations, rewards, terminations, infos = {}, {}, {}, {}
        for agent in live:
            cell, player = divmod(self._number[agent], self.world.players)
            observations[agent] = self._of(observation, agent)
            rewards[agent] = float(np.mean(self._of(outcome.reward, agent)))
            terminations[agent] = bool(outcome.ended[player, cell])
            infos[agent] = {"realised_action": self._of(realised, agent)}
            for name, values in outcome.variables.items():
                infos[agent][name] = float(values[player, cell])
        truncations = {agent: truncated and not terminations[agent] for agent in live}
        self.agents = [agent for agent in live if not (terminations[agent] or truncations[agent])]
        if self.render_mode == "human":
            self.render()
        return observations, rewards, terminations, truncations, infos

    def ansi(self) -> str:
        """The state in words."""
        return f"round {self.round}"

    def picture(self) -> np.ndarray:
        """The state as an image, uint8 (height, width, 3)."""
        return np.zeros((1, 1, 3), np.uint8)

    def render(self) -> str | np.ndarray | None:
        """By ``render_mode``: text, an image, or text printed."""
        if self.render_mode == "rgb_array":
            return self.picture()
        if self.render_mode == "ansi":
            return self.ansi()
        if self.render_mode == "human":
            print(self.ansi())
        return None

    def close(self) -> None:
        """Nothing is held open."""


def to_aec(make: Callable[..., WorldEnv]) -> Callable[..., AECEnv]:
    """``raw_env``/``env`` from ``parallel_env``: agents act in turn, the world steps when all have."""

    @functools.wraps(make)
    def environment(*args: Any, **kwargs: Any) -> AECEnv:
        return parallel_to_aec(make(*args, **kwargs))

    return environment
