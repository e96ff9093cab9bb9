"""Several bodies that share what they see or what they do.

Members of a team sit in one cell, and lanes are (member, cell) flattened member-major. What is shared, with a weight w
in [0, 1]:

- parameters: a member's counts grow by its own evidence and by w times that of the members it hears (all, its two
  neighbours on a ring, or those that edges join it with): learned beliefs shared over a graph.
- states, where all mean the same by them: a member's posterior takes in what those it hears have seen,
  q_i(s) ∝ prior_i(s) p(o_i | s) Π_j p(o_j | s)^w.
- ``merge`` besides acts as one body: with probability w a member enacts the team's policy, drawn once for all from

      q(π) ∝ exp(mean over members of [ln E(π) - G(π)/T])

  so that w = 1 is one Markov blanket (pooled observations, one policy) and w = 0 is independent agents.

(Friston et al. 2024, Neurosci. Biobehav. Rev. 156:105500, "Federated inference and belief sharing".)
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from thermopolis.errors import ModelError

KINDS = ("share", "merge")
GRAPHS = ("complete", "ring")
SHARED = ("parameters", "states")


@dataclass(frozen=True)
class Team:
    """Who shares with whom.

    Parameters
    ----------
    members : int
        Bodies of one team, at least 2.
    kind : "share" or "merge"
    graph : "complete", "ring", or edges (member, member)
        Whom a member hears; edges join both ways.
    number : int
        Tells the teams of one cell apart.
    of : names among parameters, states
        What is shared.

    Raises
    ------
    ModelError
        For teams that can't be, naming what is wrong.
    """

    members: int
    kind: str = "share"
    graph: str | tuple[tuple[int, int], ...] = "complete"
    number: int = 0
    of: tuple[str, ...] = ("parameters",)

    def __post_init__(self) -> None:
        if self.members < 2:
            raise ModelError(
                f"a team has {self.members} member, expected at least 2 in one cell of the world"
            )
        if self.kind not in KINDS:
            raise ModelError(f"team kind is {self.kind!r}, expected one of {', '.join(KINDS)}")
        if isinstance(self.graph, str):
            if self.graph not in GRAPHS:
                raise ModelError(
                    f"team graph is {self.graph!r}, expected one of {', '.join(GRAPHS)}, or edges"
                )
        else:
            object.__setattr__(self, "graph", tuple((int(a), int(b)) for a, b in self.graph))
            for a, b in self.graph:
                if a == b or not (0 <= a < self.members and 0 <= b < self.members):
                    raise ModelError(
                        f"team graph joins {a} and {b}, expected two of the members 0 … {self.members - 1}"
                    )
        object.__setattr__(self, "of", tuple(self.of))
        if not self.of or set(self.of) - set(SHARED):
            raise ModelError(f"team.of is {list(self.of)}, expected some of {', '.join(SHARED)}")

    def _apart(self, x: Float[Array, "*lead lanes"]) -> Float[Array, "*lead member cell"]:
        return x.reshape(*x.shape[:-1], self.members, -1)

    def heard(self, own: Float[Array, "*lead lanes"]) -> Float[Array, "*lead lanes"]:
        """Sum of what a member hears from the others."""
        x = self._apart(own)
        if not isinstance(self.graph, str):
            sums = [self._sum_of(x, i, self.graph) for i in range(self.members)]
            return jnp.stack(sums, axis=-2).reshape(own.shape)
        if self.graph == "complete" or self.members <= 3:
            others = sum((x[..., i, :] for i in range(1, self.members)), start=x[..., 0, :])[..., None, :] - x
        else:
            others = jnp.roll(x, 1, axis=-2) + jnp.roll(x, -1, axis=-2)
        return others.reshape(own.shape)

    def _sum_of(
        self, x: Float[Array, "*lead member cell"], hearer: int, edges: tuple[tuple[int, int], ...]
    ) -> Float[Array, "*lead cell"]:
        joined = {a if b == hearer else b for a, b in edges if hearer in (a, b)}
        return sum((x[..., j, :] for j in sorted(joined)), start=jnp.zeros_like(x[..., 0, :]))

    def mean(self, own: Float[Array, "*lead lanes"]) -> Float[Array, "*lead lanes"]:
        """The mean over members, for each of them."""
        x = self._apart(own)
        mean = sum((x[..., i, :] for i in range(1, self.members)), start=x[..., 0, :]) / self.members
        return jnp.broadcast_to(mean[..., None, :], x.shape).reshape(own.shape)

    def first(self, own: Float[Array, "*lead lanes"]) -> Float[Array, "*lead lanes"]:
        """The first member's value, for each of them."""
        x = self._apart(own)
        return jnp.broadcast_to(x[..., :1, :], x.shape).reshape(own.shape)
