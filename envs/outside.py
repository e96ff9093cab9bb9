"""Other people's worlds: any PettingZoo environment, or a single-agent Gymnasium one, with discrete spaces.

``load`` imports it, ``OutsideEnv`` makes it look like ours: agents ``player_0``…, one Discrete observation from -1
and one Discrete action each, ``realised_action`` in the infos. An AEC world goes through PettingZoo's conversion:
one that updates once a cycle is stepped as it is, a turn-based one takes one agent's action a step (the others'
are ignored and realised as -1). Where an action mask forbids an action, a legal one is drawn instead, and
``realised_action`` says which.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.conversions import aec_to_parallel, turn_based_aec_to_parallel

from thermopolis.envs.flatten import Flat
from thermopolis.errors import ModelError, SimulationError


@dataclass(frozen=True)
class Outside:
    """What is known of an outside world before it's played: counts alone.

    Attributes
    ----------
    name : the environment's own.
    players : agents it can have.
    num_actions, num_observations : the largest of any agent's flattened spaces.
    """

    name: str
    players: int
    num_actions: int
    num_observations: int

    @property
    def slots(self) -> int:
        return self.players

    @property
    def slot_player(self) -> np.ndarray:
        return np.arange(self.players)

    @property
    def slot_partner(self) -> np.ndarray | None:
        return np.array([1, 0]) if self.players == 2 else None


class SoloEnv(ParallelEnv):
    """A Gymnasium environment as a world of one agent, ``player_0``."""

    def __init__(self, solo: Any) -> None:
        self.solo = solo
        self.metadata = {**solo.metadata, "name": getattr(solo.spec, "id", None) or type(solo).__name__}
        self.render_mode = solo.render_mode
        self.possible_agents: list[str] = ["player_0"]
        self.agents: list[str] = []

    def observation_space(self, agent: str) -> Any:
        """The environment's own."""
        return self.solo.observation_space

    def action_space(self, agent: str) -> Any:
        """The environment's own."""
        return self.solo.action_space

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """A new episode."""
        # Gymnasium's own environments take 32-bit seeds; ours are 64-bit
        observation, info = self.solo.reset(seed=None if seed is None else seed % 2**31, options=options)
        self.agents = ["player_0"]
        return {"player_0": observation}, {"player_0": info}

    def step(self, actions: Mapping[str, Any]) -> Any:
        """One step of the agent."""
        observation, reward, terminated, truncated, info = self.solo.step(actions["player_0"])
        if terminated or truncated:
            self.agents = []
        one = (observation, float(reward), bool(terminated), bool(truncated), info)
        return tuple({"player_0": part} for part in one)

    def render(self) -> Any:
        """As the environment does."""
        return self.solo.render()

    def close(self) -> None:
        """Closes the environment."""
        self.solo.close()


class OutsideEnv(ParallelEnv):
    """Somebody's PettingZoo environment in our form.

    Parameters
    ----------
    inner : a ``ParallelEnv``, an ``AECEnv`` or a Gymnasium ``Env``.

    Raises
    ------
    ModelError : spaces that aren't discrete or too large, or an environment that isn't what it says.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner = _parallel(inner)
        names = getattr(inner, "possible_agents", None)
        if not names:
            raise ModelError(f"{_name(inner)}: possible_agents is missing or empty")
        self._theirs = list(names)
        self.possible_agents = [f"player_{i}" for i in range(len(self._theirs))]
        self._ours = dict(zip(self._theirs, self.possible_agents, strict=True))
        self._back = {ours: theirs for theirs, ours in self._ours.items()}
        self._actions = {a: Flat(_space(inner, "action", a), f"action space of {a}") for a in self._theirs}
        self._observations = {
            a: Flat(_space(inner, "observation", a), f"observation space of {a}") for a in self._theirs
        }
        self.metadata = {**getattr(inner, "metadata", {}), "name": _name(inner)}
        self.render_mode = getattr(inner, "render_mode", None)
        self.world = Outside(
            _name(inner),
            len(self._theirs),
            max(flat.size for flat in self._actions.values()),
            max(flat.size for flat in self._observations.values()),
        )
        self._action_spaces = {a: Discrete(self.world.num_actions) for a in self.possible_agents}
        self._observation_spaces = {
            a: Discrete(self.world.num_observations + 1, start=-1) for a in self.possible_agents
        }
        self.agents: list[str] = []
        self._masks: dict[str, np.ndarray] = {}
        self.round = 0

    def observation_space(self, agent: str) -> Any:
        """Discrete from -1."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Discrete; numbers beyond an agent's own space are illegal to it."""
        return self._action_spaces[agent]

    def action_mask(self, agent: str) -> np.ndarray:
        """bool (num_actions,): what the agent may do next."""
        return self._masks[agent]

    def reset(
        self, seed: int | None = None, options: Any = None
    ) -> tuple[dict[str, int], dict[str, dict[str, Any]]]:
        """A new game; ``seed`` also governs the legal actions drawn in place of illegal ones."""
        self._draws = np.random.default_rng(seed)
        # other people's environments often take no more than 32 bits
        answer = self.inner.reset(seed=None if seed is None else seed % 2**31, options=options)
        if not (isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], Mapping)):
            raise ModelError(
                f"{self.world.name}: reset must return (observations, infos), two dicts by agent"
            )
        observations, infos = answer
        self.round = 0
        self._arrive(observations, infos)
        self.agents = self._alive()
        seen = {self._ours[a]: self._seen(a, o) for a, o in observations.items()}
        return seen, {agent: {} for agent in seen}

    def _alive(self) -> list[str]:
        return [self._ours[a] for a in self.inner.agents]

    def _seen(self, agent: Any, observation: Any) -> int:
        number = self._observations[agent].number(observation)
        if not 0 <= number < self._observations[agent].size:
            raise SimulationError(
                f"{self.world.name}: round {self.round}, {agent}: the observation is outside its space"
            )
        return number

    def _arrive(self, observations: Mapping[Any, Any], infos: Mapping[Any, Any]) -> None:
        """Take up the action masks, from observations or infos."""
        for agent, ours in self._ours.items():
            legal = np.arange(self.world.num_actions) < self._actions[agent].size
            seen, info = observations.get(agent), infos.get(agent) or {}
            mask = seen.get("action_mask") if isinstance(seen, Mapping) else info.get("action_mask")
            if mask is not None and np.size(mask) == self._actions[agent].size and np.any(mask):
                legal[: self._actions[agent].size] &= np.ravel(np.asarray(mask)).astype(bool)
            self._masks[ours] = legal

    def _legal(self, agent: str, action: int) -> int:
        mask = self._masks[agent]
        if 0 <= action < mask.size and mask[action]:
            return action
        return int(self._draws.choice(np.flatnonzero(mask)))

    def step(self, actions: Mapping[str, Any]) -> Any:
        """One step of theirs."""
        acting = self._acting()
        realised = {
            agent: self._legal(agent, int(actions[agent])) if self._back[agent] in acting else -1
            for agent in self.agents
        }
        deeds = {
            self._back[agent]: self._actions[self._back[agent]].point(max(number, 0))
            for agent, number in realised.items()
        }
        answer = self.inner.step(deeds)
        self.round += 1
        if not (isinstance(answer, tuple) and len(answer) == 5):
            raise SimulationError(f"{self.world.name}: step must return five dicts by agent")
        observations, rewards, terminations, truncations, infos = answer
        self._arrive(observations, infos)
        live, self.agents = self.agents, self._alive()
        said = [self._back[agent] for agent in live]
        missing = [a for a in said if a not in rewards or a not in terminations or a not in truncations]
        if missing:
            raise SimulationError(f"{self.world.name}: round {self.round}: step said nothing of {missing[0]}")
        ours = self._ours
        return (
            {ours[a]: self._seen(a, observations[a]) if a in observations else -1 for a in said},
            {ours[a]: float(rewards[a]) for a in said},
            {ours[a]: bool(terminations[a]) for a in said},
            {ours[a]: bool(truncations[a]) for a in said},
            {ours[a]: {"realised_action": realised[ours[a]]} for a in said},
        )

    def _acting(self) -> set[Any]:
        """Whose actions the next step takes: everyone's, or the turn's."""
        turn = getattr(getattr(self.inner, "aec_env", None), "agent_selection", None)
        if turn is None or getattr(self.inner, "metadata", {}).get("is_parallelizable", False):
            return set(self.inner.agents)
        return {turn}

    def render(self) -> Any:
        """As the inner environment does."""
        return self.inner.render()

    def close(self) -> None:
        """Closes the inner environment."""
        self.inner.close()


def _name(env: Any) -> str:
    return str(getattr(env, "metadata", {}).get("name") or type(env).__name__)


def _space(env: Any, which: str, agent: Any) -> Any:
    try:
        return getattr(env, f"{which}_space")(agent)
    except Exception as error:
        raise ModelError(f"{_name(env)}: {which}_space({agent!r}) fails ({error})") from None


def _parallel(env: Any) -> Any:
    if isinstance(env, AECEnv):
        safe = env.metadata.get("is_parallelizable", False)
        return aec_to_parallel(env) if safe else turn_based_aec_to_parallel(env)
    if isinstance(env, ParallelEnv):
        return env
    if hasattr(env, "observation_space") and not callable(env.observation_space):
        return SoloEnv(env)
    for name in ("reset", "step", "observation_space", "action_space"):
        if not callable(getattr(env, name, None)):
            raise ModelError(f"{_name(env)}: no PettingZoo environment, it has no {name}()")
    return env


def load(module: str, **settings: Any) -> OutsideEnv:
    """An outside world by its module.

    Parameters
    ----------
    module : a dotted module with ``parallel_env`` or ``env`` (PettingZoo), or ``gymnasium:ID``.
    settings : arguments of that function.

    Raises
    ------
    ModelError : a module that can't be imported or has neither function, arguments it doesn't take, spaces that
        aren't discrete.
    """
    if module.startswith("gymnasium:"):
        import gymnasium

        try:
            return OutsideEnv(gymnasium.make(module.partition(":")[2], **settings))
        except gymnasium.error.Error as error:
            raise ModelError(f"{module}: {error}") from None
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise ModelError(f"{module}: can't be imported ({error})") from None
    make = getattr(found, "parallel_env", None) or getattr(found, "env", None)
    if not callable(make):
        raise ModelError(f"{module}: has neither parallel_env nor env")
    try:
        inner = make(**settings)
    except (TypeError, AssertionError):
        # PettingZoo gives worlds that can't be stepped in parallel a parallel_env that refuses to be made
        if not callable(getattr(found, "env", None)) or make is getattr(found, "env", None):
            raise ModelError(f"{module}: can't be made with {settings}") from None
        try:
            inner = found.env(**settings)
        except (TypeError, AssertionError) as error:
            raise ModelError(f"{module}: can't be made with {settings} ({error})") from None
    return OutsideEnv(inner)
