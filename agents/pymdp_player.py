"""A real pymdp ``Agent`` as a player, jitted, in either engine.

pymdp puts agents first and holds its arrays in the agent; here the learned arrays and beliefs are the state, and the
agent is put together anew inside each traced step. γ is 1/temperature. pymdp feeds C as it is; ours is normalised
once (:class:`~thermopolis.agents.model.GenerativeModel`), which changes no choice.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from thermopolis.agents import lanes as ln
from thermopolis.agents import options
from thermopolis.agents.belief import outcomes_of
from thermopolis.agents.model import GenerativeModel
from thermopolis.agents.player import Trace
from thermopolis.agents.settings import Learning, Settings
from thermopolis.errors import ModelError

#: Arrays of a pymdp agent that learning changes.
_LEARNED: Callable[[Any], tuple[Any, ...]] = lambda agent: (agent.A, agent.B, agent.pA, agent.pB)


class State(NamedTuple):
    """Beliefs and learned arrays, agents first as pymdp has them."""

    prior: list[Array]  # (lanes, states)
    qs: list[Array]  # (lanes, 1, states)
    action: Array  # (lanes, factors), -1 before any
    learned: tuple[Any, Any, Any, Any]  # A, B, pA, pB


class PymdpPlayer:
    """A pymdp agent over a model.

    Parameters
    ----------
    model : GenerativeModel
    temperature : float
        1/γ, above 0.
    horizon : int
        pymdp's ``policy_len``; of a search, its depth.
    learning : Learning, optional
        ``rate`` is pymdp's ``lr_pA`` and ``lr_pB``; it learns A and B alone.
    information_gain : (state, parameter)
    selection : "softmax" or "argmax"
        pymdp's ``stochastic`` and ``deterministic``.
    planner : str or mapping
        ``enumerate`` all sequences of actions; ``sophisticated``, pymdp's tree search (``max_nodes``, ``max_branching``,
        ``policy_prune``, ``observation_prune``, ``entropy_stop``), which takes learned arrays as they are at each step;
        ``monte_carlo``, its tree search by ``simulations`` (Gumbel MuZero of mctx; it doesn't know a temperature).

    Raises
    ------
    ModelError
        For settings that pymdp doesn't have.
    """

    def __init__(
        self,
        model: GenerativeModel,
        temperature: float = 1.0,
        horizon: int = 1,
        learning: Learning | None = None,
        information_gain: tuple[bool, bool] = (True, False),
        selection: str = "softmax",
        planner: str | Mapping[str, Any] = "enumerate",
    ) -> None:
        if not isinstance(model, GenerativeModel):
            model = GenerativeModel.from_pymdp(model)
        if not temperature > 0:
            raise ModelError(f"temperature is {temperature}, expected above 0")
        horizon = options.whole("horizon", horizon, 1)
        if selection not in ("softmax", "argmax"):
            raise ModelError(f"selection is {selection!r}, pymdp has softmax and argmax")
        learned = () if learning is None else learning.of
        if set(learned) - {"A", "B"}:
            raise ModelError(f"learning.of is {list(learned)}: pymdp learns A and B alone")
        if learning is not None and learning.forgetting:
            raise ModelError("learning.forgetting: pymdp doesn't forget")
        self.model = model
        self.temperature = float(temperature)
        self.horizon = int(horizon)
        self.learning = learning
        self.information_gain = information_gain
        self.selection = selection
        self.planner = options.chosen("planner", planner, options.PYMDP_PLANNERS)
        self.searches = self.planner["kind"] != "enumerate"
        policies = model.num_actions ** (1 if self.searches else horizon)
        if model.E is not None and model.E.shape != (policies,):
            raise ModelError(f"E has shape {model.E.shape}, expected ({policies},), one entry a policy")

    @functools.cached_property
    def structure(self) -> Hashable:
        """The agent's arrays are constants of its program, so they decide it."""
        arrays = [*self.model.A, *self.model.B, *self.model.C, *self.model.D]
        return (
            "pymdp",
            self.horizon,
            self.selection,
            tuple(self.information_gain),
            None if self.learning is None else (self.learning.of, self.learning.concentration),
            tuple((a.shape, a.tobytes()) for a in arrays),
            tuple(
                None if p is None else tuple(x.tobytes() for x in p) for p in (self.model.pA, self.model.pB)
            ),
            None if self.model.E is None else self.model.E.tobytes(),
            self.model.actions.tobytes(),
            tuple(self.planner.items()),
            self.temperature if self.searches else None,
        )

    def settings(self) -> Settings:
        """``gamma`` and ``rate``."""
        rate = 0.0 if self.learning is None else self.learning.rate
        return {"gamma": np.float32(1.0 / self.temperature), "rate": np.float32(rate)}

    @property
    def working_numbers(self) -> int:
        """About how many numbers a step holds at once for every lane: its own model, and the tree of its search."""
        model, told = self.model, self.planner
        own = sum(table.size for table in (*model.A, *model.B))
        node = sum(model.num_states) + sum(model.num_obs) + 5
        if told["kind"] == "sophisticated":
            return own + int(told["max_nodes"]) * (node + 2 * int(told["max_branching"]))
        if told["kind"] == "monte_carlo":
            return own + int(told["simulations"]) * (node + 4 * model.num_actions)
        return own + model.num_actions**self.horizon * node

    def agent(self, lanes: int) -> Any:
        """The pymdp agent of so many lanes, as the model describes it."""
        from pymdp.agent import Agent

        model, learned = self.model, () if self.learning is None else self.learning.of
        wide = lambda arrays: [
            jnp.broadcast_to(jnp.asarray(a, jnp.float32), (lanes, *a.shape)) for a in arrays
        ]
        counts: dict[str, Any] = {}
        for name, arrays in (("A", model.A), ("B", model.B)):
            given = getattr(model, f"p{name}")
            if given is None and name in learned:
                assert self.learning is not None
                given = [a * self.learning.concentration for a in arrays]
            counts[name] = None if given is None else wide(given)
        with jax.ensure_compile_time_eval():
            return Agent(
                A=wide(model.A),
                B=wide(model.B),
                C=wide(model.C),
                D=wide(model.D),
                E=None if model.E is None else wide([model.E])[0],
                pA=counts["A"],
                pB=counts["B"],
                A_dependencies=[list(x) for x in model.A_dependencies],
                B_dependencies=[list(x) for x in model.B_dependencies],
                policy_len=1 if self.searches else self.horizon,
                use_states_info_gain=self.information_gain[0],
                use_param_info_gain=self.information_gain[1],
                action_selection="deterministic" if self.selection == "argmax" else "stochastic",
                sampling_mode="full",
                learn_A="A" in learned,
                learn_B="B" in learned,
                batch_size=lanes,
            )

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> State:
        """Beliefs are D."""
        lanes = keys.shape[-1]
        agent = self.agent(lanes)
        qs = [jnp.zeros_like(d)[:, None] for d in agent.D]
        action = jnp.full((lanes, agent.num_factors), -1, jnp.int32)
        return State(list(agent.D), qs, action, (agent.A, agent.B, agent.pA, agent.pB))

    def step(
        self, keys: Key[Array, "lanes"], state: State, settings: Settings, observation: Int[Array, "lanes"]
    ) -> tuple[State, Int[Array, "lanes"], Trace]:
        """Infer states, parameters and policies, and act, as pymdp does."""
        lanes = keys.shape[-1]
        fields = lambda a: (a.A, a.B, a.pA, a.pB, a.gamma)
        gamma = jnp.broadcast_to(settings["gamma"], (lanes,))
        agent = eqx.tree_at(fields, self.agent(lanes), (*state.learned, gamma), is_leaf=lambda x: x is None)
        seen = observation >= 0
        outcomes = outcomes_of(self.model.num_obs, observation)
        posterior, info = agent.infer_states(outcomes, state.prior, return_info=True)
        hold = lambda new, old: jnp.where(seen.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
        qs = [hold(q, p[:, None]) for q, p in zip(posterior, state.prior, strict=True)]
        learned = state.learned
        if self.learning is not None:
            before = [jnp.concatenate([a, b], axis=1) for a, b in zip(state.qs, qs, strict=True)]
            taught = agent.infer_parameters(
                qs,
                [o[:, None] for o in outcomes],
                state.action[:, None, :],
                beliefs_B=before,
                lr_pA=settings["rate"],
                lr_pB=settings["rate"],
            )
            learned = jax.tree_util.tree_map(hold, fields(taught)[:4], fields(agent)[:4])
            agent = eqx.tree_at(fields, agent, (*learned, gamma), is_leaf=lambda x: x is None)
        q_pi, value = self._plan(agent, qs, keys)
        controls = agent.sample_action(q_pi, rng_key=keys).astype(jnp.int32)
        prior = [p.reshape(lanes, -1) for p in agent.update_empirical_prior(controls, qs)]
        action = sum(
            (
                jnp.where((controls == jnp.asarray(row)).all(axis=-1), i, 0)
                for i, row in enumerate(self.model.actions)
            ),
            start=jnp.zeros(lanes, jnp.int32),
        )
        policy = q_pi.T
        trace = {
            "belief": qs[0][:, -1].T,
            "belief_entropy": sum((ln.entropy(q[:, -1].T) for q in qs), start=jnp.zeros(lanes)),
            "policy_entropy": ln.entropy(policy),
            "policy_varentropy": ln.varentropy(policy),
            "free_energy": jnp.where(seen, info["vfe"].reshape(lanes), jnp.nan),
            "exploration_temperature": 1.0 / gamma,
        }
        if value is not None:
            trace["expected_free_energy"] = -ln.total(policy * value.T)
        return State(prior, qs, controls, learned), action.astype(jnp.int32), trace

    def _plan(self, agent: Any, qs: list[Array], keys: Key[Array, "lanes"]) -> tuple[Array, Array | None]:
        """q(π), and -G of every policy where all are weighed."""
        if not self.searches:
            q_pi, value = agent.infer_policies(qs)
            return q_pi, value
        told = self.planner
        if told["kind"] == "sophisticated":
            from pymdp.planning.si import si_policy_search

            search = si_policy_search(
                horizon=self.horizon,
                max_nodes=int(told["max_nodes"]),
                max_branching=int(told["max_branching"]),
                policy_prune_threshold=told["policy_prune"],
                observation_prune_threshold=told["observation_prune"],
                entropy_stop_threshold=told["entropy_stop"],
                gamma=1.0 / self.temperature,
            )
            return search(agent, qs)[0], None
        from pymdp.planning.mcts import mcts_policy_search

        search = mcts_policy_search(max_depth=self.horizon, num_simulations=int(told["simulations"]))
        single = self.agent(1)

        def one(arrays: Any, qs: list[Array], key: Key[Array, ""]) -> Array:
            """A lane by itself, with its own key: a batch would share one."""
            own = jax.tree_util.tree_map(lambda x: x[None], arrays)
            alone = eqx.tree_at(_LEARNED, single, own, is_leaf=lambda x: x is None)
            return search(alone, [q[None] for q in qs], key)[0][0]

        return jax.vmap(one)(_LEARNED(agent), qs, keys), None
