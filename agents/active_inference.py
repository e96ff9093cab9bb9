"""The active-inference player: perceive → learn → plan → act.

Each step it infers states from its prior prediction and the outcome (:mod:`perception`), updates Dirichlet counts
(:mod:`learning`), values policies by expected free energy (:mod:`planning`), and draws one from

    q(π) ∝ E(π) exp(-G(π) / T)

at its exploration temperature T (pymdp's γ is 1/T). Every array has its lanes last; the player holds static
structure only, and what a sweep may vary is in its settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Int, Key

from thermopolis.agents import cycle, options
from thermopolis.agents.agent_settings import numbers, shared_names
from thermopolis.agents.belief_tree import beliefs_weighed
from thermopolis.agents.core_in_loop import Core
from thermopolis.agents.model import GenerativeModel
from thermopolis.agents.settings import Learning, Settings
from thermopolis.agents.sophisticated import folds
from thermopolis.agents.structure import State, Structure
from thermopolis.agents.team import Team
from thermopolis.errors import ModelError

POLICY_BUDGET = 4096


class ActiveInference:
    """An agent that minimizes free energy.

    Parameters
    ----------
    model : GenerativeModel
        Or a pymdp ``Agent``, whose model it then is.
    temperature : float or mapping
        Exploration temperature T > 0, or ``{"kind": "constant" | "anneal" | "adaptive" | "entropy_target" |
        "entropy_feedback" | "doom", …}`` with that controller's settings (:mod:`thermopolis.thermo.controllers`).
    horizon : int
        Steps planned ahead, ≥ 1; all sequences of actions are policies.
    learning : Learning or mapping of its settings, optional
        What is learned, and how fast. ``None``: nothing.
    perception : "exact", "tempered", "fixed_point", "mean_field" or "core", or a mapping with ``kind``
        How beliefs are found: by enumeration (at ``beta``), by iteration, or sampled on the core.
    policy : "exact" or "core"
        Whether the choice of a policy is computed or sampled on the core.
    core : Core or mapping of its settings, optional
        The core used where a kind above says so.
    information_gain : (state, parameter), or a mapping with these names
        Which gains count towards a policy's value.
    selection : str or mapping
        ``softmax``, ``argmax``, ``{"kind": "entmax", "alpha": …}``, ``{"kind": "adaptive_entmax", "alpha_max": …}``,
        ``{"kind": "min_p", "p": …}``.
    first_observation : int, optional
        Outcome the agent takes itself to have just seen. ``None``: none, beliefs start from D.
    doom_outcome : int, optional
        Outcome of the first modality that means mutual defection.
    planner : str or mapping
        ``enumerate`` weighs all sequences of actions; ``sophisticated`` (with ``temperature``, at which later choices
        are expected) weighs first actions: at any depth where one factor is seen as it is, else on a tree of beliefs.
    team : Team, optional
        Who shares evidence, or acts as one, with this agent.
    team_weight : float
        How much is shared, in [0, 1].
    perception_beta : float
        β of tempered perception, above 0.
    policies : sequences of actions, optional
        The policies that are weighed, by action number, all equally long, instead of all sequences.

    Raises
    ------
    ModelError
        For settings that can't be, naming them.
    """

    def __init__(
        self,
        model: GenerativeModel,
        temperature: float | Mapping[str, Any] = 1.0,
        horizon: int = 1,
        learning: Learning | Mapping[str, Any] | None = None,
        perception: str | Mapping[str, Any] = "exact",
        policy: str | Mapping[str, Any] = "exact",
        core: Core | Mapping[str, Any] | None = None,
        information_gain: Sequence[bool] | Mapping[str, bool] = (True, False),
        selection: str | Mapping[str, Any] = "softmax",
        first_observation: int | None = None,
        doom_outcome: int | None = None,
        planner: str | Mapping[str, Any] = "enumerate",
        team: Team | None = None,
        team_weight: float = 1.0,
        perception_beta: float = 1.0,
        policies: Sequence[Sequence[int]] | None = None,
    ) -> None:
        if not isinstance(model, GenerativeModel):
            model = GenerativeModel.from_pymdp(model)
        self.model = model
        self.planner = options.chosen("planner", planner, options.PLANNERS)
        deep = self.planner["kind"] == "sophisticated"
        given, horizon = _given(model, policies, options.whole("horizon", horizon, 1), deep)
        count = len(given) if given is not None else model.num_actions ** (1 if deep else horizon)
        if count > POLICY_BUDGET:
            raise ModelError(
                f"{model.num_actions} actions over horizon {horizon} make {count} policies, more than "
                f"{POLICY_BUDGET}: shorten the horizon, or give policies"
            )
        if model.E is not None and model.E.shape != (count,):
            raise ModelError(f"E has shape {model.E.shape}, expected ({count},), one entry a policy")
        self.controller = options.temperature(temperature)
        kind = self.controller.pop("kind")
        if kind == "doom" and doom_outcome is None:
            raise ModelError(
                "the doom controller needs doom_outcome, the outcome that means mutual defection"
            )
        self.selection = options.chosen("selection", selection, options.SELECTIONS)
        if isinstance(perception, str):
            perception = {"kind": perception, "beta": perception_beta}
        seeing = options.chosen("perception", perception, options.PERCEPTIONS)
        self.perception_beta = float(seeing["beta"])
        choosing = options.chosen("policy", policy, options.POLICIES)["kind"]
        self.learning = options.learning(learning)
        learned = () if self.learning is None else self.learning.of
        if team is not None:
            _check_team(team, team_weight, self.learning, choosing, self.selection["kind"], seeing["kind"])
        self.team_weight = team_weight
        outcomes = int(np.prod(model.num_obs))
        self.first_observation = _outcome("first_observation", first_observation, outcomes, -1)
        core_used = "core" in (seeing["kind"], choosing)
        chip = (options.core(core) or Core()) if core_used else None
        gains = options.gains(information_gain)
        identity = tuple(
            "A" not in learned and a.shape == (a.shape[0],) * 2 and bool((a == np.eye(a.shape[0])).all())
            for a in model.A
        )
        grown = beliefs_weighed(model.num_actions, outcomes, horizon)
        if deep and grown > POLICY_BUDGET and not folds(len(model.B), identity):
            raise ModelError(
                f"planner sophisticated: where states are hidden, {model.num_actions} actions and {outcomes} "
                f"outcomes over horizon {horizon} make {grown} beliefs to weigh, more than {POLICY_BUDGET}: "
                "shorten the horizon, or let pymdp prune the tree (kind: pymdp)"
            )
        self.structure = Structure(
            num_states=model.num_states,
            num_obs=model.num_obs,
            A_dependencies=model.A_dependencies,
            B_dependencies=model.B_dependencies,
            num_controls=model.num_controls,
            actions=tuple(tuple(int(u) for u in row) for row in model.actions),
            identity=identity,
            horizon=horizon,
            state_gain=gains[0],
            parameter_gain=gains[1],
            habit=model.E is not None or "E" in learned,
            learned=learned,
            forgets=self.learning is not None and self.learning.forgetting > 0,
            perception=seeing["kind"],
            policy=choosing,
            selection=self.selection["kind"],
            controller=kind,
            doom_outcome=None
            if doom_outcome is None
            else _outcome("doom_outcome", doom_outcome, model.num_obs[0]),
            core=chip,
            planner=self.planner["kind"],
            method="dirichlet" if self.learning is None else self.learning.method,
            team=team,
            readouts=tuple(model.readouts),
            reachable=tuple(_reachable(b) for b in model.B),
            given=given,
        )
        if chip is not None:
            chip.check(model, seeing["kind"] == "core", count if choosing == "core" else 0)

    @property
    def shared(self) -> frozenset[str]:
        """Settings that all lanes of a block have in common: D, E, likelihoods and large transitions, if not learned."""
        return shared_names(self)

    @property
    def independent(self) -> bool:
        """Whether no lane looks at another, so that lanes may be stepped apart and settings have one lane."""
        return self.structure.team is None

    @property
    def working_numbers(self) -> int:
        """About how many numbers a step holds at once for every lane, besides settings and states."""
        return self.structure.planned

    @property
    def num_observations(self) -> int:
        """Number of joint outcomes over all modalities; an observation is their mixed-radix index."""
        return int(np.prod(self.structure.num_obs))

    def settings(self) -> Settings:
        """Arrays a sweep may vary, without lanes."""
        return numbers(self)

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> State:
        """State before the first step."""
        return cycle.init(self.structure, keys, settings)

    def step(
        self, keys: Key[Array, "lanes"], state: State, settings: Settings, observation: Int[Array, "lanes"]
    ) -> tuple[State, Int[Array, "lanes"], dict[str, Array]]:
        """One perceive → learn → plan → act. ``observation`` -1 means nothing seen. Returns state, action, trace."""
        return cycle.step(self.structure, keys, state, settings, observation)


def _reachable(transitions: np.ndarray) -> tuple[tuple[int, ...], ...] | None:
    """By control, the states that B can lead to (learning keeps its zeros); ``None`` if all of them can."""
    likeliest = transitions.reshape(transitions.shape[0], -1, transitions.shape[-1]).max(axis=1)
    if (likeliest > 0).all():
        return None
    return tuple(tuple(int(i) for i in np.flatnonzero(column)) for column in likeliest.T)


def _given(
    model: GenerativeModel, policies: Sequence[Sequence[int]] | None, horizon: int, deep: bool
) -> tuple[tuple[tuple[int, ...], ...] | None, int]:
    """Policies that were given, checked, and the horizon that they reach."""
    if policies is None:
        return None, horizon
    rows = tuple(tuple(options.whole("policies", u, 0) for u in row) for row in policies)
    lengths = {len(row) for row in rows}
    if deep:
        raise ModelError(
            "policies: planner sophisticated finds its own, planner enumerate weighs those given"
        )
    if len(lengths) != 1 or 0 in lengths:
        raise ModelError("policies: expected one or more sequences of actions, all equally long")
    if len(set(rows)) < len(rows):
        raise ModelError("policies: a sequence of actions is given twice")
    for number, row in enumerate(rows):
        if max(row) >= model.num_actions:
            raise ModelError(
                f"policies[{number}] names action {max(row)}, expected 0 … {model.num_actions - 1}"
            )
    (length,) = lengths
    if horizon not in (1, length):
        raise ModelError(f"horizon is {horizon}, but policies have {length} actions each")
    return rows, length


def _outcome(name: str, value: int | None, outcomes: int, none: int = 0) -> int:
    if value is None:
        return none
    if not 0 <= value < outcomes:
        raise ModelError(f"{name} is {value}, expected an outcome 0 … {outcomes - 1}")
    return int(value)


def _check_team(
    team: Team, weight: float, learning: Learning | None, policy: str, selection: str, perception: str
) -> None:
    if not 0 <= weight <= 1:
        raise ModelError(f"team weight is {weight:g}, expected a share in [0, 1]")
    if learning is not None and learning.method != "dirichlet":
        raise ModelError(f"a team pools counts: learning.method is {learning.method!r}, expected dirichlet")
    if policy == "core" or selection == "argmax":
        raise ModelError(
            "a team draws its policy from q(π): policy core and selection argmax can't be shared"
        )
    if "states" in team.of and perception not in ("exact", "tempered"):
        raise ModelError(f"a team shares beliefs about states where perception is exact, not {perception}")
