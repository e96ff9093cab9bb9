"""Energies written as sums of powers, E(k, x) = Σ_f table_f[k] + Σ_n c_n Π_i x_i^{p_ni}, c_n perhaps by a unit's state.

What an experiment file can say of a continuous or mixed energy without code: a tilted double well is
¼x⁴ − ½x² − hx. Coefficients and tables are parameters, traced, so that a protocol may move them; powers and
scopes are structure. A polynomial whose leading powers are odd or negative holds nothing: the run leaves the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import numeric, refuse_unless, whole
from thermopolis.thermo.mixed import Mixed
from thermopolis.thermo.potential import Potential

_MOST_POWER = 12


@dataclass(frozen=True)
class Powers:
    """Σ c_n Π x_i^{p_ni}. Equal structures are equal functions: compiled once, joined by protocols."""

    powers: tuple[tuple[int, ...], ...]

    def __call__(self, x: Float[Array, "dim lanes"], *coefficients: Any) -> Float[Array, " lanes"]:
        """The sum for each lane."""
        total = jnp.zeros(x.shape[-1], x.dtype)
        for c, powers in zip(coefficients, self.powers, strict=True):
            rows = [x[i] for i, power in enumerate(powers) for _ in range(power)]
            total = total + (reduce(mul, rows) * c if rows else jnp.broadcast_to(c, total.shape))
        return total


@dataclass(frozen=True)
class PowersByState:
    """The same with coefficients by the state of a discrete unit (None: for all states), and tables of ``scopes``."""

    powers: Powers
    units: tuple[int | None, ...]
    scopes: tuple[tuple[int, ...], ...]

    def __call__(
        self, k: Int32[Array, "units lanes"], x: Float[Array, "dim lanes"], *numbers: Any
    ) -> Float[Array, " lanes"]:
        """The sum for each lane; ``numbers`` are coefficients, then tables."""
        count = len(self.units)
        pairs = zip(numbers[:count], self.units, strict=True)
        total = self.powers(x, *(c if unit is None else jnp.asarray(c)[k[unit]] for c, unit in pairs))
        for table, scope in zip(numbers[count:], self.scopes, strict=True):
            total = total + jnp.asarray(table)[tuple(k[unit] for unit in scope)]
        return total


def potential(terms: Sequence[Any], dim: int | None = None) -> Potential:
    """A ``Potential`` that is a sum of powers.

    Parameters
    ----------
    terms : sequence of (coefficient, powers)
        ``powers`` is one whole number per continuous unit (a bare number for one unit). As a mapping:
        ``{coefficient: …, powers: …}``.
    dim : number of units; that of the powers unless given.

    Raises
    ------
    ModelError
        No terms, powers that are no whole numbers of 0 to 12, coefficients that are not finite.
    """
    read = [_term(number, term) for number, term in enumerate(_listed(terms))]
    powers = _aligned([powers for powers, _, _ in read], dim)
    for number, (_, unit, coefficient) in enumerate(read):
        if unit is not None or np.ndim(coefficient):
            raise ModelError(f"potential: terms[{number}]: coefficients by state need a mixed energy")
    return Potential(Powers(powers), len(powers[0]), tuple(c for _, _, c in read))


def mixed(
    sizes: Sequence[int], terms: Sequence[Any], factors: Sequence[Any] = (), dim: int | None = None
) -> Mixed:
    """A ``Mixed`` energy: a sum of powers whose coefficients may go by the state of a discrete unit, and tables.

    Parameters
    ----------
    sizes : numbers of states of the discrete units.
    terms : as ``potential``; ``{coefficient: [one per state], powers: …, unit: u}`` goes by the state of unit u.
    factors : sequence of (units, table), or ``{units: …, table: …}``, over the discrete units.

    Raises
    ------
    ModelError
        As ``potential``; a coefficient or table whose shape isn't that of its units.
    """
    counts = tuple(whole(size, f"mixed: sizes[{n}]", 2) for n, size in enumerate(sizes))
    read = [_term(number, term) for number, term in enumerate(_listed(terms))]
    powers = _aligned([powers for powers, _, _ in read], dim)
    scopes, tables = [], []
    for number, factor in enumerate(factors):
        if isinstance(factor, Mapping):
            factor = (factor.get("units", ()), factor.get("table"))
        scope = tuple(
            whole(unit, f"mixed: factors[{number}]: units", 0) for unit in np.atleast_1d(factor[0]).tolist()
        )
        tables.append(_shaped(factor[1], scope, counts, f"factors[{number}]"))
        scopes.append(scope)
    coefficients = []
    for number, (_, unit, value) in enumerate(read):
        scope = () if unit is None else (unit,)
        coefficients.append(_shaped(value, scope, counts, f"terms[{number}]"))
    structure = PowersByState(Powers(powers), tuple(unit for _, unit, _ in read), tuple(scopes))
    return Mixed(counts, len(powers[0]), structure, (*coefficients, *tables))


def _listed(terms: Any) -> list[Any]:
    if isinstance(terms, Mapping | str) or not np.iterable(terms) or not len(list(terms)):
        raise ModelError(f"potential: terms: expected a list of [coefficient, powers], got {terms!r:.80}")
    return list(terms)


def _term(number: int, term: Any) -> tuple[tuple[int, ...], int | None, np.ndarray]:
    """Powers, the unit that picks the coefficient, and the coefficient."""
    where = f"potential: terms[{number}]"
    if isinstance(term, Mapping):
        unknown = set(term) - {"coefficient", "powers", "unit"}
        if unknown or not {"coefficient", "powers"} <= set(term):
            raise ModelError(f"{where}: expected {{coefficient, powers}} and maybe unit, got {sorted(term)}")
        coefficient, powers, unit = term["coefficient"], term["powers"], term.get("unit")
    elif isinstance(term, Sequence) and len(term) == 2 and not isinstance(term, str):
        (coefficient, powers), unit = term, None
    else:
        raise ModelError(f"{where}: expected [coefficient, powers], got {term!r:.80}")
    refuse_unless(coefficient, np.isfinite, f"{where}: coefficient", "finite numbers")
    given = [powers] if np.ndim(powers) == 0 else list(powers)
    checked = tuple(whole(power, f"{where}: powers", 0) for power in given)
    if max(checked, default=0) > _MOST_POWER:
        raise ModelError(f"{where}: powers: expected at most {_MOST_POWER}, got {max(checked)}")
    return (
        checked,
        None if unit is None else whole(unit, f"{where}: unit", 0),
        np.asarray(coefficient, np.float32),
    )


def _aligned(powers: list[tuple[int, ...]], dim: int | None) -> tuple[tuple[int, ...], ...]:
    """All terms with as many powers as there are continuous units."""
    longest = max(len(p) for p in powers)
    count = longest if dim is None else whole(dim, "potential: dim")
    for number, p in enumerate(powers):
        if len(p) != count:
            raise ModelError(
                f"potential: terms[{number}]: expected {count} powers, one per unit, got {len(p)}"
            )
    return tuple(powers)


def _shaped(value: Any, scope: tuple[int, ...], sizes: tuple[int, ...], where: str) -> np.ndarray:
    for unit in scope:
        if unit >= len(sizes):
            raise ModelError(f"mixed: {where}: unit {unit} is not among 0…{len(sizes) - 1}")
    wanted = tuple(sizes[unit] for unit in scope)
    array = np.asarray(numeric(value, f"mixed: {where}"), np.float32)
    if array.shape != wanted or not np.isfinite(array).all():
        raise ModelError(
            f"mixed: {where}: expected finite numbers of shape {wanted}, got shape {array.shape}"
        )
    return array
