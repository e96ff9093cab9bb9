"""ln Z of a discrete energy by summing units out one at a time: the transfer matrix of any graph.

On a chain each sum is one product with the 2 × 2 transfer matrix (Kramers & Wannier 1941), on a strip with that
of a column; on other graphs it is variable elimination (Koller & Friedman 2009, ch. 9), here by smallest next
table. Cost: K to the graph's width, not to its size. Differentiable: −T ∂ln Z/∂table = marginals of that
factor, T ∂ln Z/∂h_i = ⟨s_i⟩, T ∂ln Z/∂J_ij = ⟨s_i s_j⟩.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermopolis.errors import ModelError
from thermopolis.thermo.categorical import FORBIDDEN, Categorical, finite
from thermopolis.thermo.checks import known
from thermopolis.thermo.ising import Ising
from thermopolis.thermo.noise import one_temperature, positive_temperature

BUDGET = 1 << 22  # entries of the largest table made on the way


def factors_of(energy: Any) -> tuple[tuple[int, ...], list[tuple[tuple[int, ...], Any]]]:
    """Sizes and (scope, table) pairs of a ``Categorical`` or ``Ising`` (spin −1 is state 0), shared by all lanes.

    Raises
    ------
    ModelError
        Another kind of energy, or tables that differ from lane to lane.
    """
    if isinstance(energy, Categorical):
        tables = [_finite(table) for table in energy.tables]
        for scope, table in zip(energy.scopes, tables, strict=True):
            if table.ndim > len(scope) and table.shape[-1] > 1:
                raise ModelError(f"categorical: factor {scope}: expected one table for all lanes")
        shaped = [t.reshape(t.shape[: len(s)]) for s, t in zip(energy.scopes, tables, strict=True)]
        return energy.sizes, list(zip(energy.scopes, shaped, strict=True))
    if not isinstance(energy, Ising):
        raise ModelError(f"energy: expected Categorical or Ising, got {type(energy).__name__}")
    couplings, biases = (_finite(leaf) for leaf in (energy.couplings, energy.biases))
    if couplings.ndim > 1 or biases.ndim > 1:
        raise ModelError("ising: expected couplings and biases for all lanes alike")
    if couplings.ndim == 0:
        couplings = [couplings] * len(energy.edges)
    if biases.ndim == 0:
        biases = [biases] * energy.units
    spin = np.array([-1.0, 1.0])
    product = np.outer(spin, spin)
    pairs = [((int(i), int(j)), -couplings[n] * product) for n, (i, j) in enumerate(energy.edges)]
    return (2,) * energy.units, pairs + [((i,), -biases[i] * spin) for i in range(energy.units)]


def _finite(leaf: Any) -> Any:
    """Known numbers as float64 of NumPy, traced ones as they are; forbidden entries made finite."""
    value = known(leaf)
    if value is None:
        return finite(leaf)
    return np.where(np.isinf(value), FORBIDDEN, value.astype(np.float64))


def _log_sum_exp(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        top = x.max(axis=-1, keepdims=True)
        return np.log(np.exp(x - top).sum(axis=-1)) + top[..., 0]
    top = jax.lax.stop_gradient(x.max(axis=-1, keepdims=True))
    return jnp.log(jnp.exp(x - top).sum(axis=-1)) + top[..., 0]


def _order(sizes: tuple[int, ...], scopes: list[tuple[int, ...]]) -> list[int]:
    """Greedy: next is the unit whose elimination makes the smallest table; refuses what is too wide."""
    neighbours: list[set[int]] = [set() for _ in sizes]
    for scope in scopes:
        for unit in scope:
            neighbours[unit] |= set(scope) - {unit}
    left, order = set(range(len(sizes))), []
    cost = [math.prod(sizes[j] for j in n) for n in neighbours]
    while left:
        unit = min(left, key=lambda i: (cost[i], i))
        if cost[unit] * sizes[unit] > BUDGET:
            raise ModelError(
                f"log_partition: exact summation needs a table of {cost[unit] * sizes[unit]} entries, "
                f"at most {BUDGET} are made; use method 'integration', 'annealed' or 'bar'"
            )
        order.append(unit)
        left.remove(unit)
        for other in neighbours[unit]:
            neighbours[other] = (neighbours[other] | neighbours[unit]) - {unit, other}
            cost[other] = math.prod(sizes[j] for j in neighbours[other])
    return order


def discrete_log_partition(energy: Any, temperature: Any = 1.0) -> Float[Array, ""]:
    """ln Σ exp(−E/T) of a ``Categorical`` or ``Ising``, exactly; traced and differentiable in tables and T.

    Known numbers are summed in float64; traced ones in the precision of the caller (wrap it in
    ``jax.enable_x64(True)`` for float64).

    Raises
    ------
    ModelError
        A graph too wide to sum exactly, a temperature that is not positive.
    """
    positive_temperature(temperature)
    sizes, pairs = factors_of(energy)
    pending = [(scope, -table / temperature) for scope, table in pairs]
    total: Any = 0.0
    for unit in _order(sizes, [scope for scope, _ in pairs]):
        touching = [f for f in pending if unit in f[0]]
        pending = [f for f in pending if unit not in f[0]]
        scope = (*sorted({u for s, _ in touching for u in s} - {unit}), unit)
        joint: Any = 0.0
        for own, table in touching:
            places = [scope.index(u) for u in own]
            ordered = table.transpose(np.argsort(places))
            joint = joint + ordered.reshape([sizes[u] if u in own else 1 for u in scope])
        message = _log_sum_exp(joint) if touching else math.log(sizes[unit])
        if len(scope) > 1:
            pending.append((scope[:-1], message))
        else:
            total = total + message
    return total


class Thermodynamics(NamedTuple):
    """Exact equilibrium quantities, in the unit of the energy: F = U − TS; C = dU/dT = β²Var(E)."""

    log_partition: float
    free_energy: float
    energy: float
    entropy: float
    heat_capacity: float


def thermodynamics(energy: Any, temperature: float = 1.0) -> Thermodynamics:
    """ln Z and its derivatives in T of a discrete energy: F = −T ln Z, S = −dF/dT, U = F + TS, C = T dS/dT.

    Raises
    ------
    ModelError
        As ``discrete_log_partition``.
    """
    temperature = one_temperature(temperature)
    with jax.enable_x64(True):

        def free(t: Array) -> Array:
            return -t * discrete_log_partition(_double(energy), t)

        t = jnp.asarray(temperature, jnp.float64)

        def falling(t: Array) -> tuple[Array, Array]:
            return jax.jvp(free, (t,), (jnp.ones_like(t),))

        (f, s), (_, slope) = jax.jit(lambda t: jax.jvp(falling, (t,), (jnp.ones_like(t),)))(t)
        return Thermodynamics(float(-f / t), float(f), float(f - t * s), float(-s), float(-t * slope))


def factor_marginals(energy: Any, temperature: float = 1.0) -> Any:
    """Exact expectations as derivatives of ln Z, in a tree like the energy itself.

    For a ``Categorical``, ``.tables`` of the result hold the joint probabilities of each factor's units; for an
    ``Ising``, ``.couplings`` hold ⟨s_i s_j⟩ of each edge and ``.biases`` hold ⟨s_i⟩ (one number given for all
    edges or units yields the sum over them).
    """
    with jax.enable_x64(True):
        sign = 1.0 if isinstance(energy, Ising) else -1.0
        gradient = jax.grad(lambda e: sign * temperature * discrete_log_partition(e, temperature))
        return jax.jit(gradient)(_double(energy))


def _double(energy: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf, np.float64)), energy)
