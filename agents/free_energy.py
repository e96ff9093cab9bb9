"""Variational free energy and its parts.

F(q) = E_q[ln q(s) - ln p(o, s)] = KL[q ‖ prior] - E_q[ln p(o | s)] = complexity - accuracy ≥ -ln p(o), with equality
where q is the exact posterior (Friston et al. 2017, Neural Computation 29:1, eq. 2).
"""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Array, Float

from thermopolis.agents.lanes import safe_log, total, xlogy


class FreeEnergy(NamedTuple):
    """Free energy in nats and its two parts, one number a lane."""

    free_energy: Float[Array, "lanes"]
    complexity: Float[Array, "lanes"]
    accuracy: Float[Array, "lanes"]


def kl_divergence(q: Float[Array, "n *rest"], p: Float[Array, "n *rest"]) -> Float[Array, "*rest"]:
    """KL[q ‖ p] in nats over the leading axis."""
    return total(xlogy(q, q) - xlogy(q, p))


def of_joint(
    q: Float[Array, "joint lanes"],
    prior: Float[Array, "joint lanes"],
    likelihood: Float[Array, "joint lanes"],
) -> FreeEnergy:
    """Free energy of a belief over joint states (rows), given their prior and their likelihood of what is seen."""
    complexity = kl_divergence(q, prior)
    accuracy = total(q * safe_log(likelihood))
    return FreeEnergy(complexity - accuracy, complexity, accuracy)
