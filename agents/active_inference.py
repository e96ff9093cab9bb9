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

from thermopolis.agents import cycle
from thermopolis.agents import selection as rules
from thermopolis.agents.agent_settings import numbers, shared_names
from thermopolis.agents.core_in_loop import Core
from thermopolis.agents.model import GenerativeModel
from thermopolis.agents.settings import Learning, Settings
from thermopolis.agents.structure import State, Structure
from thermopolis.agents.team import Team
from thermopolis.errors import ModelError
from thermopolis.thermo.controllers import CONTROLLERS

POLICY_BUDGET = 4096
PLANNERS = ("enumerate", "sophisticated")
PERCEPTIONS = ("exact", "tempered", "fixed_point", "mean_field", "core")


class ActiveInference:
    """An agent that minimizes free energy.

    Parameters
    ----------
    model : GenerativeModel
    temperature : float or mapping
        Exploration temperature T > 0, or ``{"kind": "constant" | "anneal" | "adaptive" | "entropy_target" |
        "entropy_feedback" | "doom", …}`` with that controller's settings (:mod:`thermopolis.thermo.controllers`).
    horizon : int
        Steps planned ahead, ≥ 1; all sequences of actions are policies.
    learning : Learning, optional
        What is learned, and how fast. ``None``: nothing.
    perception : "exact", "tempered", "fixed_point", "mean_field" or "core"
        How beliefs are found: by enumeration (at ``perception_beta``), by iteration, or sampled on the core.
    policy : "exact" or "core"
        Whether the choice of a policy is computed or sampled on the core.
    core : Core, optional
        The core used where a kind above says so.
    information_gain : (state, parameter)
        Which gains count towards a policy's value.
    selection : str or mapping
        ``softmax``, ``argmax``, ``{"kind": "entmax", "alpha": …}``, ``{"kind": "min_p", "p": …}``.
    first_observation : int, optional
        Outcome the agent takes itself to have just seen. ``None``: none, beliefs start from D.
    doom_outcome : int, optional
        Outcome of the first modality that means mutual defection.
    planner : str or mapping
        ``enumerate`` weighs all sequences of actions; ``sophisticated`` (with ``temperature``, at which later choices
        are expected) weighs first actions at any depth, for models of one factor seen as it is.
    team : Team, optional
        Who shares evidence, or acts as one, with this agent.
    team_weight : float
        How much is shared, in [0, 1].
    perception_beta : float
        β of tempered perception, above 0.

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
        learning: Learning | None = None,
        perception: str = "exact",
        policy: str = "exact",
        core: Core | None = None,
        information_gain: tuple[bool, bool] = (True, False),
        selection: str | Mapping[str, Any] = "softmax",
        first_observation: int | None = None,
        doom_outcome: int | None = None,
        planner: str | Mapping[str, Any] = "enumerate",
        team: Team | None = None,
        team_weight: float = 1.0,
        perception_beta: float = 1.0,
    ) -> None:
        if horizon < 1:
            raise ModelError(f"horizon is {horizon}, expected at least 1")
        self.planner = dict(planner) if isinstance(planner, Mapping) else {"kind": planner}
        deep = _known("planner", str(self.planner["kind"]), PLANNERS) == "sophisticated"
        policies = model.num_actions ** (1 if deep else horizon)
        if policies > POLICY_BUDGET:
            raise ModelError(
                f"{model.num_actions} actions over horizon {horizon} make {policies} policies, more than "
                f"{POLICY_BUDGET}: shorten the horizon"
            )
        if model.E is not None and model.E.shape != (policies,):
            raise ModelError(f"E has shape {model.E.shape}, expected ({policies},), one entry a policy")
        if team is not None:
            _check_team(team_weight, learning, policy, selection)
        self.team_weight = team_weight
        if perception_beta <= 0:
            raise ModelError(f"perception beta is {perception_beta:g}, expected above 0")
        self.perception_beta = perception_beta
        core_used = "core" in (perception, policy)
        if core_used and core is None:
            core = Core()
        self.model = model
        self.first_observation = -1 if first_observation is None else int(first_observation)
        self.learning = learning
        self.controller: dict[str, Any] = {"kind": "constant", "temperature": temperature}
        if isinstance(temperature, Mapping):
            self.controller = dict(temperature)
        kind = str(self.controller.pop("kind", "constant"))
        if kind not in CONTROLLERS:
            raise ModelError(f"temperature controller is {kind!r}, expected one of {', '.join(CONTROLLERS)}")
        if kind == "doom" and doom_outcome is None:
            raise ModelError(
                "the doom controller needs doom_outcome, the outcome that means mutual defection"
            )
        self.selection = dict(selection) if isinstance(selection, Mapping) else {"kind": selection}
        learned = () if learning is None else learning.of
        identity = tuple(
            "A" not in learned and a.shape == (a.shape[0],) * 2 and bool((a == np.eye(a.shape[0])).all())
            for a in model.A
        )
        if deep and (len(model.B) > 1 or not all(identity)):
            raise ModelError(
                "planner sophisticated needs a model of one factor whose outcomes show the state "
                "(a fixed identity likelihood): use planner enumerate"
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
            state_gain=bool(information_gain[0]),
            parameter_gain=bool(information_gain[1]),
            habit=model.E is not None or "E" in learned,
            learned=tuple(learned),
            forgets=learning is not None and learning.forgetting > 0,
            perception=_known("perception", perception, PERCEPTIONS),
            policy=_known("policy", policy, ("exact", "core")),
            selection=_known("selection", str(self.selection["kind"]), selection_kinds()),
            controller=kind,
            doom_outcome=doom_outcome,
            core=core if core_used else None,
            planner=str(self.planner["kind"]),
            method="dirichlet" if learning is None else learning.method,
            team=team,
            readouts=tuple(model.readouts),
            reachable=tuple(_reachable(b) for b in model.B),
        )
        if core_used and core is not None:
            core.check(model, perception == "core", policies if policy == "core" else 0)

    @property
    def shared(self) -> frozenset[str]:
        """Settings that all lanes of a block have in common: D, E, likelihoods and large transitions, if not learned."""
        return shared_names(self)

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


def selection_kinds() -> tuple[str, ...]:
    """Names of the selection rules."""
    return tuple(rules.RULES)


def _known(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise ModelError(f"{name} is {value!r}, expected one of {', '.join(known)}")
    return value


def _check_team(
    weight: float, learning: Learning | None, policy: str, selection: str | Mapping[str, Any]
) -> None:
    if not 0 <= weight <= 1:
        raise ModelError(f"team weight is {weight:g}, expected a share in [0, 1]")
    if learning is not None and learning.method != "dirichlet":
        raise ModelError(f"a team pools counts: learning.method is {learning.method!r}, expected dirichlet")
    if policy == "core" or (selection["kind"] if isinstance(selection, Mapping) else selection) == "argmax":
        raise ModelError(
            "a team draws its policy from q(π): policy core and selection argmax can't be shared"
        )
