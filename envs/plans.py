"""The best plan of a world for one player in which nothing is left to chance, by enumeration.

A plan says what to do, each action held for ``hold`` steps; its worth is Σ_t β^t q_t over the run, q the reward or
any quantity the world records. A game that has ended adds nothing more, but for rewards of a world that says what its
end is worth a step (``ended_reward``: an end must not look like a relief where rewards are ln c < 0).

Whoever looks ``horizon`` decisions ahead weighs every sequence of that many, takes the first action of the best, and
looks again: 1 is greedy (take what is best one decision ahead), as many as there are decisions is the optimum. The
tree of sequences is walked level by level through the world's own step, a lane a sequence, so that what two of them
share is lived once.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.envs.world import Outcome, cell_keys, init_keys, step_keys
from thermopolis.errors import ModelError

#: Sequences one look ahead may weigh.
MOST_SEQUENCES = 1 << 17
#: Lanes of the one program that all blocks run.
WIDTH = 512


class Plan(NamedTuple):
    """A way through a world.

    Attributes
    ----------
    actions : the action of each decision, by number (where a world's own search gives them: by name).
    value : Σ β^t q_t of the whole run.
    gains : (decisions,), what each decision added to it.
    ends : what the world recorded of the last step that was lived, by name.
    alive : whether the game was still on after the last step.
    """

    actions: tuple[int | str, ...]
    value: float
    gains: np.ndarray
    ends: dict[str, float]
    alive: bool


class _Lives(NamedTuple):
    """Lanes of the tree on the host; every leaf ends in lanes."""

    state: Any
    value: np.ndarray
    over: np.ndarray


def sequences(actions: int, horizon: int) -> int:
    """How many sequences a look ahead weighs.

    Raises
    ------
    ModelError : more than the budget, with the count.
    """
    count = actions**horizon
    if count > MOST_SEQUENCES:
        raise ModelError(
            f"horizon: {actions}^{horizon} = {count} sequences of actions are more than {MOST_SEQUENCES}; "
            "fewer decisions or fewer actions"
        )
    return count


def best_plan(
    world: Any,
    params: Any,
    decisions: int,
    hold: int = 1,
    horizon: int | None = None,
    actions: Sequence[int] | None = None,
    objective: str = "reward",
    discount: float = 1.0,
) -> Plan:
    """The plan of a player who looks ``horizon`` decisions ahead.

    Parameters
    ----------
    world, params : a world of one player (an ``envs.world.World``) and its numbers; nothing in it may be drawn.
    decisions : of the run, which lasts ``decisions · hold`` steps.
    hold : steps each action is kept up.
    horizon : decisions weighed at once; None: all, the optimum. Ties go to the action named first.
    actions : those to choose from, by number; None: all of the world's.
    objective : ``reward``, or a quantity the world records, added up over the steps.
    discount : β of a step, above 0.

    Raises
    ------
    ModelError : a world of several players, impossible numbers, more sequences than the budget.
    """
    chosen = tuple(range(world.num_actions)) if actions is None else tuple(int(a) for a in actions)
    _check(world, decisions, hold, chosen, discount)
    ahead = decisions if horizon is None else min(int(horizon), decisions)
    if ahead < 1:
        raise ModelError(f"horizon: expected at least 1, got {horizon}")
    sequences(len(chosen), ahead)
    walker = _Walker(world, params, hold, objective, discount)
    here, taken = walker.begin(), list[int]()
    while len(taken) < decisions:
        ahead = min(ahead, decisions - len(taken))
        found = _best(walker, here, chosen, ahead, len(taken))
        if len(taken) + ahead == decisions:  # it has seen the end: there is nothing to look at again
            taken += found
        else:
            here, _ = walker.live(here, np.array(found[:1]), len(taken))
            taken.append(found[0])
    return follow_plan(world, params, taken, hold, objective, discount)


def follow_plan(
    world: Any,
    params: Any,
    actions: Sequence[int],
    hold: int = 1,
    objective: str = "reward",
    discount: float = 1.0,
) -> Plan:
    """What a given sequence of actions comes to; arguments as of :func:`best_plan`."""
    _check(world, len(actions), hold, tuple(actions), discount)
    walker = _Walker(world, params, hold, objective, discount)
    here, gains = walker.begin(), []
    for decision, action in enumerate(actions):
        before = float(here.value[0])
        here, outcome = walker.live(here, np.array([action]), decision)
        gains.append(float(here.value[0]) - before)
    ends = {name: float(values[0, 0]) for name, values in outcome.variables.items()}
    return Plan(tuple(actions), float(here.value[0]), np.array(gains), ends, not bool(here.over[0]))


def _check(world: Any, decisions: int, hold: int, actions: tuple[int, ...], discount: float) -> None:
    if world.players != 1 or world.slots != 1:
        raise ModelError(f"a plan is made for one player alone, this world has {world.players}")
    for name, value in (("decisions", decisions), ("hold", hold)):
        if value < 1 or value != int(value):
            raise ModelError(f"{name}: expected a whole number of at least 1, got {value}")
    if not actions or min(actions) < 0 or max(actions) >= world.num_actions:
        raise ModelError(f"actions: expected numbers of 0 to {world.num_actions - 1}, got {list(actions)}")
    if not 0 < discount < np.inf:
        raise ModelError(f"discount: must be above 0 and finite, got {discount}")


def _best(walker: _Walker, root: _Lives, actions: tuple[int, ...], ahead: int, first: int) -> list[int]:
    """The best sequence of ``ahead`` actions from here; of equals the first in the order of ``actions``."""
    lives, count = root, len(actions)
    for depth in range(ahead):
        parents = np.repeat(np.arange(lives.value.size), count)
        lives = jax.tree.map(lambda x, parents=parents: x[..., parents], lives)
        lives, _ = walker.live(lives, np.tile(actions, parents.size // count), first + depth)
    place, found = int(np.argmax(lives.value)), []
    for _ in range(ahead):
        place, action = divmod(place, count)
        found.append(actions[action])
    return found[::-1]


class _Walker:
    """Lives decisions of a world, block by block of one compiled width."""

    def __init__(self, world: Any, params: Any, hold: int, objective: str, discount: float) -> None:
        self.world, self.params, self.hold = world, params, int(hold)
        self.discount = np.float32(discount)
        self.keys = cell_keys(0, WIDTH)
        self._start, self._live = _programs(world, objective)

    def begin(self) -> _Lives:
        """One lane before the first step."""
        state = jax.device_get(self._start(self.keys, self.params))
        return _Lives(jax.tree.map(lambda x: x[..., :1], state), np.zeros(1), np.zeros(1, bool))

    def live(self, lives: _Lives, actions: np.ndarray, decision: int) -> tuple[_Lives, Outcome]:
        """One decision of every lane, and the last outcome of the last block's lanes."""
        count, blocks = lives.value.size, []
        first = np.uint32(decision * self.hold)
        for at in range(0, count, WIDTH):
            own = np.minimum(np.arange(at, at + WIDTH), count - 1)
            with jax.enable_x64(True):  # a civilization's leaves are float64 and stay so
                state = jax.tree.map(lambda x, own=own: jnp.asarray(x[..., own]), lives.state)
            deeds = actions[own].astype(np.int32)[None]
            begin = (state, lives.over[own])
            lived = self._live(self.keys, self.params, *begin, deeds, first, self.hold, self.discount)
            state, gained, over, outcome = jax.device_get(lived)
            kept = min(WIDTH, count - at)
            value = lives.value[own] + gained * float(self.discount) ** float(first)
            blocks.append(jax.tree.map(lambda x, kept=kept: x[..., :kept], _Lives(state, value, over)))
        joined = blocks[0] if len(blocks) == 1 else jax.tree.map(lambda *x: np.concatenate(x, -1), *blocks)
        return joined, outcome


@functools.lru_cache(maxsize=16)
def _programs(world: Any, objective: str) -> tuple[Any, Any]:
    """Jitted ``start(keys, params)`` and ``live(keys, params, state, over, actions, first, hold, discount)``."""

    def start(keys: Any, params: Any) -> Any:
        return world.init(init_keys(keys), params)

    ended = float(getattr(world, "ended_reward", 0.0)) if objective == "reward" else 0.0

    def quantity(outcome: Outcome) -> Any:
        if objective == "reward":
            return outcome.reward[0]
        if objective not in outcome.variables:
            raise ModelError(
                f"objective: this world records no {objective!r}; reward, {', '.join(sorted(outcome.variables))}"
            )
        return outcome.variables[objective][0].astype(jnp.float32)

    def live(
        keys: Any, params: Any, state: Any, over: Any, actions: Any, first: Any, hold: Any, discount: Any
    ) -> Any:
        def one(k: Any, carry: Any) -> Any:
            state, value, over, _, weight = carry
            state, outcome = world.step(step_keys(keys, first + k), state, actions, params)
            value = value + weight * jnp.where(over, ended, quantity(outcome))
            return state, value, over | outcome.ended[0], outcome, weight * discount

        step = lambda s: world.step(step_keys(keys, first), s, actions, params)[1]
        with jax.enable_x64(True):
            nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(step, state))
        begin = (state, jnp.zeros(WIDTH, jnp.float32), over, nothing, jnp.float32(1.0))
        return jax.lax.fori_loop(0, hold, one, begin)[:4]

    return jax.jit(start), jax.jit(live)
