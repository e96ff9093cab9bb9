"""A common stock and n harvesters: pure ``init`` and ``step`` of four resources.

``gordon_schaefer``: effort levels e; within a round Ẋ = rX(1−X/K) − qEX is followed exactly (a logistic with rate
r − qE), the catch is qe∫X dt, the reward p·catch − c·e. ``levhari_mirman``: shares s of the stock are eaten,
reward ln(sx), and x' = (x − Σc)^α. ``govsim``: levels are units taken (all scaled down alike where they exceed the
stock), the rest doubles up to the capacity. ``growth``: shares s of the stock are eaten, reward ln(sx), and what is
left grows by A, x' = A(x − Σc), without bound but for a ``capacity`` that single precision holds. A stock below
``collapse`` ends the game for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key

from thermopolis.envs.commons.closed_forms import gordon_schaefer, levhari_mirman
from thermopolis.envs.commons.growth import growth
from thermopolis.envs.commons.references import rate_of, references
from thermopolis.envs.world import Outcome, lanes, lookup
from thermopolis.errors import ModelError

MODELS = ("gordon_schaefer", "levhari_mirman", "govsim", "growth")
OF_SHARES = ("levhari_mirman", "growth")
"""Models whose levels are shares of the stock."""
ALL_OF_IT = 0.999
NOTHING = 1e-30
"""What ln takes for nothing to eat."""
ROUNDING = 1e-6
"""A share of the stock so small is what single precision left of nothing."""


class CommonsParams(NamedTuple):
    """Traced numbers; last axis cells or 1.

    Attributes
    ----------
    efforts : (actions, c), what each action means: effort, share of the stock, or units.
    stock0 : initial stock. capacity : K (also the 100 of GovSim, and the scale of what is seen; of ``growth`` the
        stock at which it stands still).
    growth : r a round (GovSim and ``growth``: the factor of regrowth). catch, price, cost : q, p and c of
        Gordon–Schaefer. alpha : exponent of Levhari–Mirman. collapse : stock below which the game is over.
    shock : standard deviation of the log by which regrowth varies from round to round.
    discount : β of a round, for levels and references of Levhari–Mirman and ``growth``.
    """

    efforts: Float[Array, "actions c"]
    stock0: Float[Array, " c"]
    capacity: Float[Array, " c"]
    growth: Float[Array, " c"]
    catch: Float[Array, " c"]
    price: Float[Array, " c"]
    cost: Float[Array, " c"]
    alpha: Float[Array, " c"]
    collapse: Float[Array, " c"]
    shock: Float[Array, " c"]
    discount: Float[Array, " c"]


class CommonsState(NamedTuple):
    """The stock of each cell, whether it has collapsed, and rounds played."""

    stock: Float[Array, " cells"]
    ended: Bool[Array, " cells"]
    round: Int32[Array, " cells"]


_DEFAULTS: dict[str, dict[str, float]] = {
    "gordon_schaefer": {"stock0": 1.0, "capacity": 1.0, "growth": 0.5, "collapse": 1e-3},
    "levhari_mirman": {"stock0": 0.3, "capacity": 1.0, "growth": 1.0, "collapse": 1e-9},
    "govsim": {"stock0": 100.0, "capacity": 100.0, "growth": 2.0, "collapse": 5.0},
    "growth": {"stock0": 1.0, "capacity": 1e30, "growth": 1.1, "collapse": 1e-9},
}


@dataclass(frozen=True)
class Commons:
    """Static structure: the resource, how many harvest it, their effort levels, and steps of stock they see."""

    model: str = "gordon_schaefer"
    players: int = 5
    actions: int = 5
    levels: int = 6

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ModelError(f"model: expected one of {', '.join(MODELS)}, got {self.model!r}")
        for name, least in (("players", 1), ("actions", 2), ("levels", 2)):
            if getattr(self, name) < least:
                raise ModelError(f"{name}: expected at least {least}, got {getattr(self, name)}")

    @property
    def slots(self) -> int:
        return self.players

    @property
    def num_actions(self) -> int:
        return self.actions

    @property
    def num_observations(self) -> int:
        """Own action times the level of the stock."""
        return self.actions * self.levels

    @property
    def slot_player(self) -> np.ndarray:
        return np.arange(self.players)

    @property
    def slot_partner(self) -> np.ndarray | None:
        """Everyone meets everyone through the stock."""
        return None

    @property
    def ended_reward(self) -> float:
        """What a round after the end is worth to whoever plans: ln of nothing where utility is ln, else 0."""
        return float(np.log(NOTHING)) if self.model in OF_SHARES else 0.0

    def params(self, efforts: Any = None, **numbers: Any) -> CommonsParams:
        """Traced numbers: scalars or arrays over cells; ``efforts`` (actions,) or (actions, cells)."""
        values = {
            "catch": 1.0,
            "price": 1.0,
            "cost": 0.1,
            "alpha": 0.5,
            "shock": 0.0,
            "discount": 0.95,
            **_DEFAULTS[self.model],
        }
        for name, value in numbers.items():
            if name not in values:
                raise ModelError(
                    f"commons.{name}: no such setting; it takes efforts, {', '.join(sorted(values))}"
                )
            array = np.asarray(value, np.float64)
            if not np.all(np.isfinite(array)) or np.any(array < 0):
                raise ModelError(f"commons.{name}: must be finite and not negative, got {value!r}")
            if name in ("capacity", "growth", "catch", "price", "stock0") and np.any(array == 0):
                raise ModelError(f"commons.{name}: must be above 0")
            values[name] = value
        if not np.all((np.asarray(values["alpha"]) < 1) & (np.asarray(values["alpha"]) > 0)):
            raise ModelError("commons.alpha: must be above 0 and below 1")
        if not np.all((np.asarray(values["discount"]) < 1) & (np.asarray(values["discount"]) > 0)):
            raise ModelError("commons.discount: must be above 0 and below 1")
        if self.model in ("govsim", "growth") and not np.all(np.asarray(values["growth"]) > 1):
            raise ModelError("commons.growth: what is left must grow, so the factor must exceed 1")
        given = self.default_efforts(**values) if efforts is None else np.asarray(efforts, np.float64)
        table = given[:, None] if given.ndim == 1 else given
        if table.shape[0] != self.actions or not np.all(np.isfinite(table)) or np.any(table < 0):
            raise ModelError(f"commons.efforts: expected {self.actions} finite levels of at least 0")
        if self.model in OF_SHARES and (np.any(table <= 0) or np.any(table > 1)):
            raise ModelError(
                "commons.efforts: shares of the stock must lie above 0 (ln 0 is no utility) and within 1"
            )
        return CommonsParams(
            efforts=jnp.asarray(table, jnp.float32), **{name: lanes(value) for name, value in values.items()}
        )

    def default_efforts(self, **values: Any) -> np.ndarray:
        """Levels through the planner's and the Nash harvest.

        Two: optimum and Nash. Three: 1½ Nash besides. More: half the optimum, optimum, …, Nash, 1½ Nash. A sole
        owner, whose Nash harvest is the optimum, gets ½ to 1½ of it evenly. GovSim: 0 to twice the fair share.
        """
        number = {name: float(np.mean(value)) for name, value in values.items()}
        if self.model == "govsim":
            fair = number["capacity"] * (1 - 1 / number["growth"]) / self.players
            return fair * 2.0 * np.arange(self.actions) / (self.actions - 1)
        if self.model == "gordon_schaefer":
            names = ("growth", "capacity", "catch", "price", "cost")
            solved: Any = gordon_schaefer(self.players, **{name: number[name] for name in names})
        elif self.model == "growth":
            solved = growth(self.players, number["growth"], number["discount"])
        else:
            solved = levhari_mirman(self.players, number["alpha"], number["discount"])
        most = 1.0 if self.model in OF_SHARES else np.inf
        if solved.optimum <= 0:  # fishing never pays: from nothing to what would empty the stock
            return number["growth"] / number["catch"] / self.players * np.linspace(0, 1, self.actions)
        if self.players == 1:
            return np.minimum(solved.optimum * np.linspace(0.5, 1.5, self.actions), most)
        inner = np.linspace(solved.optimum, solved.nash, min(max(self.actions - 2, 2), self.actions))
        levels = [0.5 * solved.optimum] * (self.actions > 3) + list(inner)
        levels += [1.5 * solved.nash] * (self.actions > 2)
        return np.minimum(levels, most)

    def default_params(self) -> CommonsParams:
        """The model's own numbers."""
        return self.params()

    def init(self, key: Key[Array, " cells"], params: CommonsParams) -> CommonsState:
        """The initial stock."""
        cells = key.shape[0]
        stock = jnp.broadcast_to(params.stock0, (cells,))
        return CommonsState(stock, jnp.zeros((cells,), bool), jnp.zeros((cells,), jnp.int32))

    def step(
        self,
        key: Key[Array, " cells"],
        state: CommonsState,
        actions: Int32[Array, "slots cells"],
        params: CommonsParams,
        drawn_joules: Float[Array, "players cells"] | None = None,
    ) -> tuple[CommonsState, Outcome]:
        """One round; a commons has no energy, so ``drawn_joules`` changes nothing."""
        actions = jnp.asarray(actions, jnp.int32)
        effort = lookup(params.efforts, actions)
        after, taken, reward = RULES[self.model](state.stock, effort, params)
        luck = jax.vmap(lambda k: jax.random.normal(k, (), jnp.float32))(key)
        after = after * jnp.exp(params.shock * luck - 0.5 * params.shock**2)
        after = jnp.minimum(after, params.capacity)
        over = state.ended
        after = jnp.where(over, state.stock, after)
        ended = over | (after < params.collapse)
        grew = rate_of(state.stock, after, params)
        if self.model == "growth":
            full = 0.5 + 0.5 * grew / jnp.log(params.growth)
        else:
            full = after / params.capacity
        level = jnp.clip((full * self.levels).astype(jnp.int32), 0, self.levels - 1)
        shape = actions.shape
        marks = references(self.model, self.players, params, state.round)
        if self.model == "growth":
            marks["growth_rate"] = grew
        outcome = Outcome(
            observation=jnp.where(over, -1, actions * self.levels + level),
            reward=jnp.where(over, jnp.nan, reward),
            action=jnp.where(over, -1, actions),
            ended=jnp.broadcast_to(ended, shape),
            variables={
                "stock": jnp.broadcast_to(after, shape),
                "effort": jnp.where(over, 0.0, effort),
                "harvest": jnp.where(over, 0.0, taken),
                **{name: jnp.broadcast_to(value, shape) for name, value in marks.items()},
            },
        )
        return CommonsState(after, ended, state.round + 1), outcome


def _total(rows: Array) -> Array:
    return sum((rows[i] for i in range(1, rows.shape[0])), start=rows[0])


def _gordon_schaefer(stock: Array, effort: Array, params: CommonsParams) -> tuple[Array, Array, Array]:
    rate = params.growth - params.catch * _total(effort)
    # (e^{rate} − 1)/rate, 1 at 0
    span = jnp.where(jnp.abs(rate) < 1e-4, 1.0 + rate / 2, jnp.expm1(rate) / jnp.where(rate == 0, 1.0, rate))
    crowd = params.growth / params.capacity * stock * span
    after = stock * jnp.exp(rate) / (1.0 + crowd)
    fished = params.capacity / params.growth * jnp.log1p(crowd)
    taken = params.catch * effort * fished
    return after, taken, params.price * taken - params.cost * effort


def _levhari_mirman(stock: Array, effort: Array, params: CommonsParams) -> tuple[Array, Array, Array]:
    asked = _total(effort)
    taken = effort * stock * jnp.minimum(1.0, ALL_OF_IT / asked)
    left = jnp.maximum(stock - _total(taken), 0.0)
    return left**params.alpha, taken, jnp.log(jnp.maximum(taken, NOTHING))


def _growth(stock: Array, effort: Array, params: CommonsParams) -> tuple[Array, Array, Array]:
    asked = _total(effort)
    taken = effort * stock / jnp.maximum(asked, 1.0)
    left = jnp.where(asked > 1.0 - ROUNDING, 0.0, 1.0 - asked) * stock
    return params.growth * left, taken, jnp.log(jnp.maximum(taken, NOTHING))


def _govsim(stock: Array, effort: Array, params: CommonsParams) -> tuple[Array, Array, Array]:
    asked = _total(effort)
    taken = effort * jnp.minimum(1.0, stock / jnp.maximum(asked, 1e-30))
    left = jnp.maximum(stock - _total(taken), 0.0)
    after = jnp.minimum(params.capacity, params.growth * left)
    return jnp.where(left < params.collapse, 0.0, after), taken, taken


RULES = {
    "gordon_schaefer": _gordon_schaefer,
    "levhari_mirman": _levhari_mirman,
    "govsim": _govsim,
    "growth": _growth,
}
