"""Spins: E(s) = −Σ_(ij) J_ij s_i s_j − Σ_i h_i s_i, with s = ±1 (Ising 1925).

A graph of any shape, or a hypercubic lattice. Couplings and biases may be traced, and shared or per lane.
Colours are computed and verified; a conditional draw is p(s_i = +1) = 1/(1 + exp(−2 f_i/T)) with the local
field f_i = Σ_j J_ij s_j + h_i.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int8, Key

from thermopolis.errors import ModelError
from thermopolis.keys import draws
from thermopolis.thermo.checks import numeric, same_lanes, whole, wholes
from thermopolis.thermo.colouring import colour
from thermopolis.thermo.protocols import StepInfo


@dataclass(frozen=True)
class Graph:
    """The static part: edges as sorted pairs, kept as bytes so that it hashes quickly."""

    units: int
    packed: bytes
    shape: tuple[int, ...] = ()
    periodic: bool = True

    @cached_property
    def edges(self) -> np.ndarray:
        """Int32 pairs, shape (edges, 2)."""
        return np.frombuffer(self.packed, np.int32).reshape(-1, 2)

    @cached_property
    def groups(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Per colour: its units, their neighbours and the edges to them; missing ones are −1."""
        scopes = tuple((int(i), int(j)) for i, j in self.edges)
        touching: list[list[tuple[int, int]]] = [[] for _ in range(self.units)]
        for number, (i, j) in enumerate(scopes):
            touching[i].append((j, number))
            touching[j].append((i, number))
        result = []
        for group in colour(self.units, scopes):
            width = max(len(touching[unit]) for unit in group)
            table = np.full((2, len(group), width), -1, np.int32)
            for row, unit in enumerate(group):
                for column, (other, number) in enumerate(touching[unit]):
                    table[:, row, column] = other, number
            result.append((np.asarray(group, np.int32), table[0], table[1]))
        return result


@jax.tree_util.register_pytree_node_class
class Ising:
    """Spins on a graph.

    Parameters
    ----------
    edges : sequence of pairs of int
        Which spins are coupled.
    couplings : float or Float[Array, "edges"] or Float[Array, "edges lanes"]
        J of each edge; positive favours equal spins. One number: the same for all.
    biases : float or Float[Array, "units"] or Float[Array, "units lanes"]
        h of each spin.
    units : int, optional
        Number of spins; default one more than the largest named.

    Raises
    ------
    ModelError
        No spins, self-loops, an edge named twice, wrong shapes, non-finite numbers.
    """

    def __init__(self, edges: Any, couplings: Any = 1.0, biases: Any = 0.0, units: int | None = None) -> None:
        pairs = _pairs(edges)
        count = int(pairs.max(initial=-1)) + 1
        if units is None:
            units = max(count, np.shape(biases)[0] if np.ndim(biases) else 0)
        if units < 1:
            raise ModelError("ising: an empty graph; name at least one edge, bias or unit")
        units = whole(units, "ising: units")
        out = pairs[(pairs < 0) | (pairs >= units)]
        if out.size:
            raise ModelError(f"ising: an edge names spin {out[0]}; there are {units}, numbered from 0")
        pairs = np.sort(pairs, axis=1)
        if (loops := pairs[:, 0] == pairs[:, 1]).any():
            raise ModelError(f"ising: spin {pairs[loops][0, 0]} is coupled to itself")
        unique, times = np.unique(pairs, axis=0, return_counts=True)
        if (times > 1).any():
            raise ModelError(f"ising: edge {tuple(unique[times > 1][0].tolist())} is named twice")
        self.graph = Graph(int(units), pairs.astype(np.int32).tobytes())
        self.couplings, self.biases = _checked(couplings, biases, len(pairs), int(units))

    @classmethod
    def lattice(
        cls, shape: Sequence[int] | int, coupling: Any = 1.0, biases: Any = 0.0, periodic: bool = True
    ) -> Ising:
        """Nearest neighbours on a hypercubic lattice, units numbered in row-major order.

        A periodic side of two spins has one edge, not two; a side of one has none.
        """
        given: Any = (shape,) if np.ndim(shape) == 0 else shape
        sides = wholes(given, "ising: shape: sides", 1)
        if not sides:
            raise ModelError("ising: shape: expected at least one side, got none")
        graph = _lattice(sides, periodic)
        self = object.__new__(cls)
        self.graph = graph
        self.couplings, self.biases = _checked(coupling, biases, len(graph.edges), graph.units)
        return self

    @classmethod
    def from_matrix(cls, couplings: Any, biases: Any = 0.0) -> Ising:
        """From a symmetric matrix of couplings with an empty diagonal; zeros are no edges.

        Raises
        ------
        ModelError
            Not square, not symmetric (naming the pair), not finite, or a diagonal that isn't zero.
        """
        matrix = np.asarray(numeric(couplings, "ising: couplings"), float)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ModelError(f"ising: expected a square matrix of couplings, got shape {matrix.shape}")
        if not np.isfinite(matrix).all():
            raise ModelError("ising: couplings: NaN or infinite")
        uneven = np.argwhere(~np.isclose(matrix, matrix.T))
        if len(uneven):
            i, j = uneven[0]
            raise ModelError(
                f"ising: couplings are asymmetric: J[{i},{j}] = {matrix[i, j]}, J[{j},{i}] = {matrix[j, i]}"
            )
        if np.diag(matrix).any():
            raise ModelError("ising: couplings: the diagonal must be zero (a spin is not coupled to itself)")
        edges = np.argwhere(np.triu(matrix, 1))
        return cls(edges, matrix[edges[:, 0], edges[:, 1]], biases, units=len(matrix))

    # -- structure -------------------------------------------------------------------------------------------
    @property
    def units(self) -> int:
        """Number of spins."""
        return self.graph.units

    @property
    def lanes(self) -> int | None:
        """Width of per-lane couplings or biases; ``None`` where both are shared."""
        widths = [leaf.shape[1] for leaf in (self.couplings, self.biases) if leaf.ndim == 2]
        return max(widths) if widths else None

    @property
    def cells(self) -> int:
        """Device cells: one a spin."""
        return self.graph.units

    @property
    def programmed(self) -> int:
        """Couplings and biases of one copy."""
        return len(self.graph.edges) + self.graph.units

    @property
    def edges(self) -> np.ndarray:
        """Int32 pairs, shape (edges, 2)."""
        return self.graph.edges

    @property
    def shape(self) -> tuple[int, ...]:
        """Sides of the lattice; empty for other graphs."""
        return self.graph.shape

    # -- values ----------------------------------------------------------------------------------------------
    def __call__(self, state: Int8[Array, "units lanes"]) -> Float[Array, " lanes"]:
        """Energy of each lane."""
        left, right = self.edges[:, 0], self.edges[:, 1]
        couplings, biases = self._full()
        bonds = (couplings * (state[left] * state[right])).sum(axis=0) if len(left) else 0.0
        return -bonds - (biases * state).sum(axis=0)

    def tiled(self, count: int) -> Ising:
        """For ``count`` times as many lanes: per-lane numbers repeated, shared ones left alone."""
        leaves = [jnp.tile(leaf, (1, count)) if leaf.ndim == 2 else leaf for leaf in self.tree_flatten()[0]]
        return self.tree_unflatten(self.graph, leaves)

    def fields(self, state: Any, units: np.ndarray, others: np.ndarray, numbers: np.ndarray) -> Any:
        """Local fields Σ_j J_ij s_j + h_i of a group of spins (arguments from ``Graph.groups``)."""
        couplings, biases = self._full()
        total: Any = biases[units]
        for column in range(others.shape[1]):
            present = jnp.asarray(numbers[:, column] >= 0)[:, None]
            coupling = jnp.where(present, couplings[np.maximum(numbers[:, column], 0)], 0.0)
            total = total + coupling * state[np.maximum(others[:, column], 0)]
        return jnp.broadcast_to(total, (len(units), state.shape[-1]))

    def _full(self) -> tuple[Any, Any]:
        """Couplings (edges, lanes or 1) and biases (units, lanes or 1)."""
        couplings, biases = self.couplings, self.biases
        if couplings.ndim < 2:
            couplings = jnp.broadcast_to(couplings, (len(self.edges),))[:, None]
        if biases.ndim < 2:
            biases = jnp.broadcast_to(biases, (self.units,))[:, None]
        return couplings, biases

    # -- pytree ----------------------------------------------------------------------------------------------
    def tree_flatten(self) -> tuple[tuple[Any, Any], Graph]:
        """Couplings and biases are leaves; the graph is static."""
        return (self.couplings, self.biases), self.graph

    @classmethod
    def tree_unflatten(cls, graph: Graph, leaves: Iterable[Any]) -> Ising:
        """Without validation, as JAX needs it."""
        self = object.__new__(cls)
        self.graph = graph
        self.couplings, self.biases = leaves
        return self


def init(keys: Key[Array, " lanes"], energy: Ising) -> Int8[Array, "units lanes"]:
    """Spins drawn independently, ±1 with equal chance."""
    uniform = draws(keys, jnp.arange(energy.units))
    return jnp.where(uniform < 0.5, jnp.int8(-1), jnp.int8(1))


def gibbs_sweep(
    uniforms: Callable[[Any], Any], state: Int8[Array, "units lanes"], energy: Ising, temperature: Any
) -> tuple[Int8[Array, "units lanes"], StepInfo]:
    """One chromatic sweep; the energy change of each flip is its own −f_i (s_i' − s_i).

    ``uniforms`` gives the draws of the numbers asked for; spins are numbered in the order of the colours.
    """
    change: Any = jnp.zeros(state.shape[-1], jnp.float32)
    start = 0
    for units, others, numbers in energy.graph.groups:
        fields = jax.lax.optimization_barrier(energy.fields(state, units, others, numbers))
        uniform = uniforms(start + np.arange(len(units)))
        start += len(units)
        new = jnp.where(uniform < jax.nn.sigmoid(2.0 * fields / temperature), jnp.int8(1), jnp.int8(-1))
        old = state[units]
        change = change - (fields * (new - old)).sum(axis=0)
        state = state.at[units].set(new)
    one = jnp.ones_like(change)
    return state, StepInfo(change, one, one)


def _pairs(edges: Any) -> np.ndarray:
    """Edges as (edges, 2) whole numbers, from any collection of pairs."""
    try:
        array = np.asarray(edges if hasattr(edges, "ndim") else list(edges))
        array = array if array.size else np.zeros((0, 2), np.int64)
        good = array.ndim == 2 and array.shape[1] == 2 and bool((array == np.floor(array)).all())
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ModelError(f"ising: edges: expected pairs of whole numbers, got {edges!r:.100}")
    return array.astype(np.int64)


@lru_cache(maxsize=64)
def _lattice(sides: tuple[int, ...], periodic: bool) -> Graph:
    number = np.arange(np.prod(sides)).reshape(sides)
    pairs = []
    for axis, side in enumerate(sides):
        if side < 2:
            continue
        wrap = periodic and side > 2
        ahead = np.roll(number, -1, axis)
        here = number if wrap else np.take(number, np.arange(side - 1), axis)
        there = ahead if wrap else np.take(ahead, np.arange(side - 1), axis)
        pairs.append(np.stack([here.ravel(), there.ravel()], axis=1))
    edges = np.sort(np.concatenate(pairs), axis=1) if pairs else np.zeros((0, 2))
    return Graph(int(number.size), edges.astype(np.int32).tobytes(), sides, periodic)


def _checked(couplings: Any, biases: Any, edges: int, units: int) -> tuple[jax.Array, jax.Array]:
    result = []
    for name, value, count in (("couplings", couplings, edges), ("biases", biases, units)):
        given = numeric(value, f"ising: {name}")
        array = jnp.asarray(value if given is None else given, jnp.float32)
        if array.ndim > 2 or (array.ndim > 0 and array.shape[0] != count):
            raise ModelError(
                f"ising: {name}: expected a number, ({count},) or ({count}, lanes), got {array.shape}"
            )
        if not isinstance(array, jax.core.Tracer) and not np.isfinite(np.asarray(array)).all():
            raise ModelError(
                f"ising: {name}: NaN or infinite at {np.argwhere(~np.isfinite(array))[0].tolist()}"
            )
        result.append(array)
    same_lanes({"couplings": result[0].shape[1:], "biases": result[1].shape[1:]})
    return result[0], result[1]
