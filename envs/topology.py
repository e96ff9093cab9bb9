"""How players meet: the graphs of a society, as sparse index arrays.

A topology is a frozen spec; ``network(topology, seeds)`` builds its graph with networkx and returns index
arrays whose last axis is cells (1 where every replicate shares the graph, one graph per seed where it's
random). Links are directed, two per edge, sorted by (source, target): a dyadic player owns the links that
leave it.
Random graphs have the same number of links for every seed, so one compiled program serves them all.
"""

from __future__ import annotations

import difflib
import functools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import networkx as nx
import numpy as np

from thermopolis.errors import ModelError

KINDS = ("pair", "complete", "ring", "lattice", "small_world", "scale_free", "edges", "matching")
_FIELDS: dict[str, tuple[str, ...]] = {
    "pair": (),
    "complete": ("n",),
    "ring": ("n", "k"),
    "lattice": ("shape", "neighbourhood", "boundary"),
    "small_world": ("n", "k", "p"),
    "scale_free": ("n", "m"),
    "edges": ("edges",),
    "matching": ("n",),
}


class TopologyWarning(UserWarning):
    """A society that isn't connected."""


class Network(NamedTuple):
    """Index arrays of a society's graph(s); ``c`` is 1 (shared) or the number of cells.

    Attributes
    ----------
    source, target : int32 (links, c), the ends of each directed link.
    reverse : int32 (links, c), where the same link in the other direction stands.
    degree : int32 (players, c).
    first : int32 (players, c), where each player's links begin.
    neighbours : int32 (degree, players, c) where every player has as many neighbours, else None.
    """

    source: np.ndarray
    target: np.ndarray
    reverse: np.ndarray
    degree: np.ndarray
    first: np.ndarray
    neighbours: np.ndarray | None


@dataclass(frozen=True)
class Topology:
    """A society's structure; build it with ``topology(...)``, which checks it.

    Attributes
    ----------
    kind : one of ``KINDS``. ``matching`` pairs all players anew at random every round.
    n : players.
    shape : rows and columns of a lattice.
    neighbourhood, boundary : of a lattice: ``moore`` (8) or ``von_neumann`` (4); ``torus`` or ``open``.
    k : neighbours in a ring, and in a small world before rewiring (even).
    p : probability that a small world's edge is rewired (Watts & Strogatz 1998).
    m : edges a new node of a scale-free graph brings (Barabási & Albert 1999).
    edges : pairs of players 0..n-1.
    """

    kind: str
    n: int
    shape: tuple[int, int] | None = None
    neighbourhood: str = "moore"
    boundary: str = "torus"
    k: int = 2
    p: float = 0.1
    m: int = 2
    edges: tuple[tuple[int, int], ...] = ()

    @property
    def random(self) -> bool:
        """Whether every replicate has a graph of its own."""
        return self.kind in ("small_world", "scale_free")

    @property
    def links(self) -> int:
        """Directed links, two per edge (decision slots in dyadic play)."""
        if self.kind in ("pair", "matching"):
            return self.n
        if self.kind == "complete":
            return self.n * (self.n - 1)
        if self.kind in ("ring", "small_world"):
            return self.n * self.k
        if self.kind == "scale_free":
            return 2 * self.m * (self.n - self.m)
        return int(network(self).source.shape[0])


PAIR = Topology("pair", 2)


def topology(spec: str | Topology | nx.Graph | Mapping[str, Any] = "pair", **settings: Any) -> Topology:
    """A checked topology from ``{"kind": …, …}``, from a kind and settings, or from a networkx graph (its nodes are
    the players, in their order).

    Raises
    ------
    ModelError : an unknown kind or setting, sizes that make no graph, edges that aren't pairs of players.
    """
    if isinstance(spec, Topology):
        return spec
    if isinstance(spec, nx.Graph):
        spec = {"kind": "edges", "edges": list(nx.convert_node_labels_to_integers(spec).edges())}
    given = {"kind": spec} if isinstance(spec, str) else dict(spec)
    given.update(settings)
    kind = given.pop("kind", "pair")
    if kind not in KINDS:
        near = difflib.get_close_matches(str(kind), KINDS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(KINDS)}"
        raise ModelError(f"topology.kind: there is no topology {kind!r}{hint}")
    for name in given:
        if name not in _FIELDS[kind]:
            allowed = ", ".join(_FIELDS[kind]) or "none"
            raise ModelError(f"topology.{name}: {kind} takes no such setting (it takes: {allowed})")
    return _CHECKS[kind](given)


def _whole(given: Mapping[str, Any], name: str, least: int, default: int | None = None) -> int:
    value = given.get(name, default)
    if value is None:
        raise ModelError(f"topology.{name}: missing")
    if (
        not isinstance(value, (int, float, np.integer))
        or isinstance(value, bool)
        or value % 1
        or value < least
    ):
        raise ModelError(f"topology.{name}: expected a whole number of at least {least}, got {value!r}")
    return int(value)


def _pair(given: Mapping[str, Any]) -> Topology:
    return PAIR


def _complete(given: Mapping[str, Any]) -> Topology:
    return Topology("complete", _whole(given, "n", 2))


def _matching(given: Mapping[str, Any]) -> Topology:
    n = _whole(given, "n", 2)
    if n % 2:
        raise ModelError(f"topology.n: matching pairs everyone, so n must be even, got {n}")
    return Topology("matching", n)


def _ring_size(given: Mapping[str, Any], default_k: int) -> tuple[int, int]:
    n, k = _whole(given, "n", 3), _whole(given, "k", 2, default_k)
    if k % 2 or k >= n:
        raise ModelError(f"topology.k: expected an even number of neighbours below n={n}, got {k}")
    return n, k


def _ring(given: Mapping[str, Any]) -> Topology:
    n, k = _ring_size(given, 2)
    return Topology("ring", n, k=k)


def _small_world(given: Mapping[str, Any]) -> Topology:
    n, k = _ring_size(given, 4)
    p = given.get("p", 0.1)
    if not isinstance(p, (int, float, np.number)) or not 0.0 <= p <= 1.0:
        raise ModelError(f"topology.p: expected a probability, got {p!r}")
    return Topology("small_world", n, k=k, p=float(p))


def _scale_free(given: Mapping[str, Any]) -> Topology:
    m = _whole(given, "m", 1, 2)
    return Topology("scale_free", _whole(given, "n", m + 1), m=m)


def _lattice(given: Mapping[str, Any]) -> Topology:
    shape = given.get("shape")
    sides = np.asarray(shape) if isinstance(shape, (Sequence, np.ndarray)) else np.zeros(0)
    if sides.shape != (2,) or sides.dtype.kind not in "iuf" or np.any(sides % 1 != 0):
        raise ModelError(f"topology.shape: expected [rows, columns], got {shape!r}")
    neighbourhood, boundary = given.get("neighbourhood", "moore"), given.get("boundary", "torus")
    if neighbourhood not in ("moore", "von_neumann"):
        raise ModelError(f"topology.neighbourhood: expected moore or von_neumann, got {neighbourhood!r}")
    if boundary not in ("torus", "open"):
        raise ModelError(f"topology.boundary: expected torus or open, got {boundary!r}")
    least = 3 if boundary == "torus" else 2
    if sides.min() < least:
        raise ModelError(f"topology.shape: a lattice with {boundary} boundary needs at least {least}×{least}")
    rows, columns = int(sides[0]), int(sides[1])
    return Topology(
        "lattice", rows * columns, shape=(rows, columns), neighbourhood=neighbourhood, boundary=boundary
    )


def _edges(given: Mapping[str, Any]) -> Topology:
    pairs = []
    found = given.get("edges")
    for number, edge in enumerate(() if found is None else found):
        ends = np.asarray(edge)
        whole = ends.shape == (2,) and ends.dtype.kind in "iuf" and not np.any(ends % 1)
        if not whole or ends[0] == ends[1] or ends.min() < 0:
            raise ModelError(f"topology.edges[{number}]: expected two different players, got {edge!r}")
        pairs.append((int(ends.min()), int(ends.max())))
    if not pairs:
        raise ModelError("topology.edges: expected at least one pair of players")
    pairs = sorted(set(pairs))
    n = 1 + max(b for _, b in pairs)
    alone = sorted(set(range(n)) - {x for pair in pairs for x in pair})
    if alone:
        raise ModelError(
            f"topology.edges: player {alone[0]} has no neighbour; number players 0..n-1 without gaps"
        )
    if nx.number_connected_components(nx.Graph(pairs)) > 1:
        warnings.warn("topology.edges: the society is not connected", TopologyWarning, stacklevel=3)
    return Topology("edges", n, edges=tuple(pairs))


_CHECKS: dict[str, Any] = {
    "pair": _pair,
    "complete": _complete,
    "ring": _ring,
    "lattice": _lattice,
    "small_world": _small_world,
    "scale_free": _scale_free,
    "edges": _edges,
    "matching": _matching,
}


def _lattice_pairs(this: Topology) -> np.ndarray:
    assert this.shape is not None
    rows, columns = this.shape
    torus = this.boundary == "torus"
    # networkx has no Moore lattice: its grid (or 2-D torus) gets the two diagonals of each square
    grid = nx.grid_2d_graph(rows, columns, periodic=torus)
    edges = [(a * columns + b, c * columns + d) for (a, b), (c, d) in grid.edges]
    if this.neighbourhood == "moore":
        r, c = np.divmod(np.arange(this.n), columns)
        for step in (1, -1):
            inside = (
                np.full(this.n, True) if torus else (r + 1 < rows) & (c + step >= 0) & (c + step < columns)
            )
            other = (r + 1) % rows * columns + (c + step) % columns
            edges += list(zip(np.flatnonzero(inside).tolist(), other[inside].tolist(), strict=True))
    return np.asarray(edges, np.int64)


def _pairs(this: Topology, seed: int) -> np.ndarray:
    """Undirected edges (edges, 2) of one graph."""
    if this.kind in ("pair", "matching"):
        return np.arange(this.n).reshape(-1, 2)
    if this.kind == "lattice":
        return _lattice_pairs(this)
    if this.kind == "edges":
        return np.asarray(this.edges)
    draws = np.random.default_rng(np.random.SeedSequence([seed, 0x6E6574]))
    if this.kind == "complete":
        graph = nx.complete_graph(this.n)
    elif this.kind == "ring":
        graph = nx.circulant_graph(this.n, list(range(1, this.k // 2 + 1)))
    elif this.kind == "small_world":
        graph = nx.connected_watts_strogatz_graph(this.n, this.k, this.p, tries=1000, seed=draws)
    else:
        graph = nx.barabasi_albert_graph(this.n, this.m, seed=draws)
    return np.asarray(graph.edges)


def _directed(this: Topology, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    pairs = _pairs(this, seed)
    source = np.concatenate([pairs[:, 0], pairs[:, 1]])
    target = np.concatenate([pairs[:, 1], pairs[:, 0]])
    order = np.lexsort((target, source))
    source, target = source[order], target[order]
    reverse = np.lexsort((source, target))
    degree = np.bincount(source, minlength=this.n)
    return source, target, reverse, degree


@functools.lru_cache(maxsize=32)
def _stack(this: Topology, seeds: tuple[int, ...]) -> Network:
    parts = [_directed(this, seed) for seed in seeds]
    source, target, reverse, degree = (
        np.stack(x, axis=-1).astype(np.int32) for x in zip(*parts, strict=True)
    )
    neighbours = None
    if len(seeds) == 1 and not this.random and np.all(degree == degree[0]):
        neighbours = np.ascontiguousarray(target.reshape(this.n, -1).T)[..., None]
    first = np.cumsum(degree, axis=0, dtype=np.int32) - degree
    return Network(source, target, reverse, degree, first, neighbours)


def network(this: Topology, seeds: Sequence[int] = (0,)) -> Network:
    """The index arrays of a topology: one graph shared by all cells, or one per seed where it is random."""
    return _stack(this, tuple(int(seed) for seed in seeds) if this.random else (0,))
