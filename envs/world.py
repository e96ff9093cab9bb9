"""What every world shares: the outcome of a round, and the keys a cell draws from.

A world is a frozen dataclass of static structure with pure ``init`` and ``step``; its state is a pytree whose
leaves end in a ``cells`` axis (independent copies). Decision slots stand before cells: ``(slots, cells)``.
The compiled engine and the PettingZoo environments fold keys with the functions below, so that one integer
seed gives one trajectory in both.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key

from thermopolis.keys import RandomKind, fold_in, make_key

INIT_ROUND = np.uint32(0xFFFFFFFF)


class Outcome(NamedTuple):
    """What one round gave.

    Attributes
    ----------
    observation : per slot, 0..num_observations-1, or -1 where nothing is observed (any more).
    reward : per slot, in the game's own units; NaN after the end.
    action : the REALISED action of each slot (after noise); -1 after the end.
    ended : per player, whether its game is over (terminal).
    variables : further quantities per player, float64 where joules or watts.
    """

    observation: Int32[Array, "slots cells"]
    reward: Float[Array, "slots cells"]
    action: Int32[Array, "slots cells"]
    ended: Bool[Array, "players cells"]
    variables: dict[str, Float[Array, "players cells"]]


class Description(NamedTuple):
    """A world as plain arrays, for whoever builds a model of it without knowing the world's code.

    Attributes
    ----------
    action_names, observation_names : what the numbers mean.
    own_action : int (observations,), the own action an observation shows, -1 where it shows none.
    others : int (observations,), what it shows of the others or of the world's state.
    payoffs : float (roles, observations, c), the reward that comes with each observation (a mean or a nominal
        worth where the observation doesn't fix it: the world says which); last axis cells or 1.
    """

    action_names: tuple[str, ...]
    observation_names: tuple[str, ...]
    own_action: np.ndarray
    others: np.ndarray
    payoffs: np.ndarray


class World(Protocol):
    """Static structure and pure dynamics of a world; see the module's first lines."""

    @property
    def players(self) -> int: ...
    @property
    def slots(self) -> int: ...
    @property
    def num_actions(self) -> int: ...
    @property
    def num_observations(self) -> int: ...
    @property
    def slot_player(self) -> np.ndarray: ...
    @property
    def slot_partner(self) -> np.ndarray | None: ...
    def default_params(self) -> Any: ...
    def init(self, key: Key[Array, " cells"], params: Any) -> Any: ...
    def step(
        self,
        key: Key[Array, " cells"],
        state: Any,
        actions: Int32[Array, "slots cells"],
        params: Any,
        drawn_joules: Float[Array, "players cells"] | None = None,
    ) -> tuple[Any, Outcome]: ...


def cell_keys(seed: int, cells: int, kind: RandomKind = "counter") -> Key[Array, " cells"]:
    """One key per cell of the world instance with this integer seed."""
    return fold_in(jnp.broadcast_to(make_key(seed, kind), (cells,)), jnp.arange(cells))


def init_keys(cells: Key[Array, " cells"]) -> Key[Array, " cells"]:
    """The keys ``init`` gets."""
    return fold_in(cells, INIT_ROUND)


def step_keys(cells: Key[Array, " cells"], step: int | Int32[Array, ""]) -> Key[Array, " cells"]:
    """The keys the step of round ``step`` (zero-based) gets."""
    return fold_in(cells, step)


def lookup(
    table: Float[Array, "entries cells"], index: Int32[Array, "*lead cells"]
) -> Float[Array, "*lead cells"]:
    """``table[index]`` lane by lane; the table's cells axis may be 1. Small tables are chains of selects."""
    entries = table.shape[0]
    if entries <= 16:
        value = jnp.broadcast_to(table[0], index.shape)
        for i in range(1, entries):
            value = jnp.where(index == i, table[i], value)
        return value
    if table.shape[-1] == 1:
        return table[:, 0][index]
    flat = index.reshape(-1, index.shape[-1])
    return jnp.take_along_axis(table, flat, axis=0).reshape(index.shape)


def gather(values: Array, index: Int32[Array, "rows cells"]) -> Array:
    """Rows of ``values`` (rows, cells) by an index shared by all cells (last axis 1) or one per cell."""
    if index.shape[-1] == 1:
        return values[index[:, 0]]
    return jnp.take_along_axis(values, index, axis=0)


def lanes(value: Any, cells: int | None = None, dtype: Any = jnp.float32) -> jax.Array:
    """A setting as an array whose last axis is cells (1 when it's the same for all)."""
    array = jnp.asarray(value, dtype)
    if array.ndim == 0:
        array = array[None]
    if cells is not None and array.shape[-1] not in (1, cells):
        raise ValueError(f"last axis is {array.shape[-1]}, expected 1 or {cells} cells")
    return array
