"""Who meets whom: ``pair`` joins players 2k and 2k+1; the others take ``n`` or ``shape`` or their edges.

Settings and graphs are those of ``thermopolis.envs.topology``. Random graphs (small world, scale free) are
drawn anew in every replicate.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from thermopolis.runs.schema._base import Count, Integer, Loose, Natural, Probability, Section, fault


class Pair(Section):
    kind: Literal["pair"]

    def players(self) -> int | None:
        return None


class _Sized(Section):
    n: Annotated[Integer, Field(ge=2)]
    """Players."""

    def players(self) -> int | None:
        return self.n


class Complete(_Sized):
    """Everybody meets everybody."""

    kind: Literal["complete"]


class Matching(_Sized):
    """All players are paired anew at random in every round."""

    kind: Literal["matching"]

    @model_validator(mode="after")
    def _even(self) -> Any:
        if self.n % 2:
            raise fault(f"{self.n} players can't all be paired: an even number is needed", "n")
        return self


class _Near(_Sized):
    k: Annotated[Integer, Field(ge=2, multiple_of=2)] = 2
    """Nearest neighbours, half on either side."""

    @model_validator(mode="after")
    def _fits(self) -> Any:
        if self.k >= self.n:
            raise fault(f"{self.k} neighbours need more than {self.n} players", "k")
        return self


class Ring(_Near):
    kind: Literal["ring"]


class SmallWorld(_Near):
    """Watts–Strogatz: a ring whose edges are rewired with probability ``p``."""

    kind: Literal["small_world"]
    k: Annotated[Integer, Field(ge=2, multiple_of=2)] = 4
    p: Probability = 0.1


class ScaleFree(_Sized):
    """Barabási–Albert: each new player brings ``m`` edges, to others by their degree."""

    kind: Literal["scale_free"]
    m: Count = 2

    @model_validator(mode="after")
    def _fits(self) -> ScaleFree:
        if self.m >= self.n:
            raise fault(f"{self.m} edges a player need more than {self.n} players", "m")
        return self


class Lattice(Section):
    """A grid with 8 (Moore) or 4 (von Neumann) neighbours, on a torus or with open ends."""

    kind: Literal["lattice"]
    shape: Annotated[tuple[Annotated[Integer, Field(ge=2)], Annotated[Integer, Field(ge=2)]], Loose]
    neighbourhood: Literal["moore", "von_neumann"] = "moore"
    boundary: Literal["torus", "open"] = "torus"

    def players(self) -> int | None:
        return math.prod(self.shape)

    @model_validator(mode="after")
    def _fits(self) -> Lattice:
        if self.boundary == "torus" and min(self.shape) < 3:
            raise fault("a torus needs at least 3 rows and 3 columns", "shape")
        return self


class Edges(Section):
    """A given undirected graph: pairs of player numbers 0, 1, 2, …"""

    kind: Literal["edges"]
    edges: Annotated[tuple[Annotated[tuple[Natural, Natural], Loose], ...], Field(min_length=1), Loose]

    def players(self) -> int | None:
        return 1 + max(max(edge) for edge in self.edges)

    @model_validator(mode="after")
    def _simple(self) -> Edges:
        seen: set[tuple[int, int]] = set()
        for number, (i, j) in enumerate(self.edges):
            if i == j:
                raise fault(f"player {i} can't meet itself", "edges", number)
            if (min(i, j), max(i, j)) in seen:
                raise fault(f"the edge {i}–{j} is given twice", "edges", number)
            seen.add((min(i, j), max(i, j)))
        met = {player for edge in seen for player in edge}
        if len(met) <= max(met):
            lonely = next(player for player in range(max(met)) if player not in met)
            raise fault(f"player {lonely} meets nobody", "edges")
        return self


Topology = Annotated[
    Pair | Complete | Ring | Lattice | SmallWorld | ScaleFree | Edges | Matching, Field(discriminator="kind")
]
