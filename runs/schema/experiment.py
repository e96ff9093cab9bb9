"""The whole experiment file, and what only several sections together can say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from thermopolis.runs.schema._base import Count, Loose, Natural, Section, fault
from thermopolis.runs.schema.agents import ActiveInference, Agent, Imitation, Pymdp
from thermopolis.runs.schema.core import Core, unpriced
from thermopolis.runs.schema.environment import Environment, MatrixGame
from thermopolis.runs.schema.evolution import Evolution
from thermopolis.runs.schema.heredity import evolution_fits
from thermopolis.runs.schema.record import Record
from thermopolis.runs.schema.scripts import scripts_fit
from thermopolis.runs.schema.sweep import Sweep
from thermopolis.runs.schema.topology import Pair

POLICY_BUDGET = 4096
"""Policies one agent may weigh at every step."""
MOST_TOLD = 64
"""Horizon up to which a refusal counts the policies."""


OF_MATRIX_GAMES = ("memory_one", "finite_state", "q_learning", "logit_response", "imitation", "axelrod")
"""Kinds of player that read an observation as an outcome of a matrix game."""
OF_TWO_ACTIONS = ("memory_one", "finite_state", "axelrod")
"""Of those, the ones that know cooperation and defection alone."""


class Experiment(Section):
    """A resolved experiment: every default filled in, every number checked."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]
    seed: Annotated[Natural, Field(lt=2**63)] = 0
    replicates: Count = 1
    """Independent repetitions."""
    steps: Count
    """Rounds, or years of a civilization; of one life, where there is selection."""
    environment: Environment
    agents: Annotated[tuple[Agent, ...], Loose] = ()
    core: Core = Core()
    selection: Evolution | None = None
    """Generations of players who leave offspring by their fitness; null: one life."""
    record: Record = Record()
    random: Literal["counter", "threefry"] = "counter"
    sweep: Sweep | None = None

    def group_counts(self) -> tuple[int, ...]:
        """Players of each group: as counted, or by largest remainder where shares are given."""
        if self.agents and self.agents[0].share is not None:
            players = self.environment.players() or 0
            shares = [group.share or 0.0 for group in self.agents]
            exact = [players * share / sum(shares) for share in shares]
            counts = [int(x) for x in exact]
            by_remainder = sorted(range(len(exact)), key=lambda i: (counts[i] - exact[i], i))
            for i in by_remainder[: players - sum(counts)]:
                counts[i] += 1
            return tuple(counts)
        return tuple(1 if group.count is None else group.count for group in self.agents)

    @model_validator(mode="after")
    def _players_fit(self) -> Experiment:
        shared = [group.share is not None for group in self.agents]
        if any(shared) and not all(shared):
            raise fault("all groups give a share or none does", "agents", shared.index(False))
        if self.environment.kind == "core":
            if self.agents:
                raise fault("a core alone has no agents: leave them out", "agents")
            if self.record.summary is not None:
                raise fault("a core alone has no players to sum up: leave it out", "record", "summary")
            if self.selection is not None:
                raise fault("a core alone has no players to select", "selection")
            return self
        if not self.agents:
            raise fault("at least one group of agents is needed", "agents")
        if isinstance(self.environment, MatrixGame):
            self._game_fits(self.environment, any(shared))
        else:
            self._world_fits(self.environment, any(shared))
        scripts_fit(self.agents, self.environment, sum(self.group_counts()), self.steps)
        evolution_fits(self.selection, self.agents, self.record, sum(self.group_counts()))
        return self

    def _world_fits(self, world: Environment, shared: bool) -> None:
        if shared:
            raise fault("a share needs a topology that says how many players there are", "agents", 0, "share")
        players, counted = world.players(), sum(self.group_counts())
        if players is not None and counted != players:
            raise fault(f"{counted} players are counted, the world has {players}", "agents")
        for number, group in enumerate(self.agents):
            if group.kind in OF_MATRIX_GAMES and world.kind != "pettingzoo":
                raise fault(f"{group.kind} plays matrix games, not {world.kind}", "agents", number, "kind")
            if isinstance(group, ActiveInference) and group.first_observation is not None:
                raise fault(
                    "outcomes CC … DD are those of a matrix game", "agents", number, "first_observation"
                )
            actions = world.num_actions()
            if isinstance(group, ActiveInference):
                _within_budget(group, number, actions)

        thinks = [
            g
            for g in self.agents
            if isinstance(g, ActiveInference) and "core" in (g.perception.kind, g.policy.kind)
        ]
        if world.kind == "civilization" and thinks and unpriced(self.core.device):
            missing = ", ".join(unpriced(self.core.device))
            raise fault(
                f"{self.core.device} has no published joules for: {missing}; a civilization can't be charged for them",
                "core", "device",
            )  # fmt: skip

    def _game_fits(self, world: MatrixGame, shared: bool) -> None:
        players = world.players()
        if shared and players is None:
            raise fault("a share needs a topology that says how many players there are", "agents", 0, "share")
        counted = sum(self.group_counts())
        if players is not None and counted != players:
            raise fault(f"{counted} players are counted, the topology has {players}", "agents")
        if isinstance(world.topology, Pair) and counted % 2:
            raise fault(f"pairs need an even number of players, {counted} are counted", "agents")
        actions = world.num_actions()
        for number, group in enumerate(self.agents):
            if isinstance(group, (ActiveInference, Pymdp)):
                _within_budget(group, number, actions)
            if isinstance(group, Imitation) and world.action != "broadcast":
                raise fault("imitators need environment.action: broadcast", "agents", number, "kind")
            answers = group.kind in OF_MATRIX_GAMES and not isinstance(group, Imitation)
            if answers and world.action == "broadcast":
                raise fault(
                    f"{group.kind} answers one partner's move, and broadcast play shows a share of neighbours: "
                    "needs environment.action: dyadic",
                    "agents", number, "kind",
                )  # fmt: skip
            if actions != 2 and group.kind in OF_TWO_ACTIONS:
                raise fault(f"needs a game of 2 actions, this one has {actions}", "agents", number, "kind")
            if actions != 2 and isinstance(group, ActiveInference) and group.first_observation is not None:
                raise fault(
                    f"outcomes CC … DD need a game of 2 actions, this one has {actions}",
                    "agents", number, "first_observation",
                )  # fmt: skip


def _within_budget(group: ActiveInference | Pymdp, number: int, actions: int | None) -> None:
    """Refuse an agent that would weigh more sequences of actions than the budget, with the count."""
    given = isinstance(group, ActiveInference) and group.policies is not None
    if group.planner.kind != "enumerate" or given or actions is None:
        return
    if actions ** min(group.horizon, POLICY_BUDGET) > POLICY_BUDGET:
        policies = f"{actions}^{group.horizon}"
        policies += f" = {actions**group.horizon}" if group.horizon <= MOST_TOLD else ""
        raise fault(f"{policies} policies are more than {POLICY_BUDGET}", "agents", number, "horizon")
