"""Normal-form games by name or by payoffs, and what they are.

A game is two matrices seen from the owner's side: ``payoffs[role][own, other]``. The 2×2 dilemmas follow the
letters of Rapoport & Chammah (1965): R both cooperate, S the sucker's payoff, T temptation, P both defect;
cooperate = 0, defect = 1. A prisoner's dilemma has T > R > P > S and, repeated, 2R > T + S.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thermopolis.errors import ModelError


class GameWarning(UserWarning):
    """A game that isn't what its name or its use claims."""


@dataclass(frozen=True)
class Game:
    """A finite two-player game.

    Attributes
    ----------
    name : what it was asked for as; ``"custom"`` for given payoffs.
    payoffs : one matrix (symmetric game) or two (row and column player), each ``[own][other]``, as tuples.
    action_names : one per action.
    """

    name: str
    payoffs: tuple[tuple[tuple[float, ...], ...], ...]
    action_names: tuple[str, ...]

    @property
    def num_actions(self) -> int:
        return len(self.payoffs[0])

    @property
    def symmetric(self) -> bool:
        return len(self.payoffs) == 1

    def array(self) -> np.ndarray:
        """Payoffs ``(roles, own, other)``, float32; one role where the game is symmetric."""
        return np.asarray(self.payoffs, np.float32)


_COOPERATE = ("cooperate", "defect")

_NAMED: dict[str, tuple[Any, Any, tuple[str, ...]]] = {
    "prisoners_dilemma": ([[3, 0], [5, 1]], None, _COOPERATE),
    "stag_hunt": ([[4, 1], [3, 2]], None, ("stag", "hare")),
    "chicken": ([[3, 1], [5, 0]], None, ("swerve", "straight")),
    "hawk_dove": ([[2, 0], [4, -1]], None, ("dove", "hawk")),
    "snowdrift": ([[3, 1], [4, 0]], None, ("shovel", "stay")),
    "harmony": ([[4, 3], [2, 1]], None, _COOPERATE),
    "deadlock": ([[1, 0], [3, 2]], None, _COOPERATE),
    "coordination": ([[1, 0], [0, 1]], None, ("left", "right")),
    "battle_of_the_sexes": ([[2, 0], [0, 1]], [[1, 0], [0, 2]], ("opera", "football")),
    "matching_pennies": ([[1, -1], [-1, 1]], [[-1, 1], [1, -1]], ("heads", "tails")),
    "rock_paper_scissors": ([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], None, ("rock", "paper", "scissors")),
}

GAMES = tuple(sorted(_NAMED))


def game(spec: str | Game | Mapping[str, Any] | Sequence[Any]) -> Game:
    """A game from its name or from payoffs.

    Parameters
    ----------
    spec : a name of ``GAMES``; or ``{"payoffs": row}`` with ``row[i][j]`` the row player's payoff when it
        plays i and the other j (the column player's is then ``row`` from its own side); or
        ``{"payoffs": [row, column]}`` with ``column[i][j]`` the column player's payoff in the same cell
        (bimatrix form); or the payoffs alone.

    Raises
    ------
    ModelError : unknown name (with the nearest one), matrices not square or of different size, fewer than two
        actions, payoffs not finite.
    """
    if isinstance(spec, Game):
        return spec
    if isinstance(spec, str):
        if spec not in _NAMED:
            near = difflib.get_close_matches(spec, GAMES, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known games: {', '.join(GAMES)}"
            raise ModelError(f"game: there is no game {spec!r}{hint}")
        row, column, names = _NAMED[spec]
        return _build(spec, row, column, names)
    name = "custom"
    given_names: Sequence[str] | None = None
    payoffs: Any = spec
    if isinstance(spec, Mapping):
        extra = set(spec) - {"payoffs", "name", "action_names"}
        if extra or "payoffs" not in spec:
            raise ModelError(f"game: expected {{payoffs: [[…], […]]}}, got keys {sorted(spec)}")
        payoffs, name = spec["payoffs"], spec.get("name", "custom")
        given_names = spec.get("action_names")
    try:
        array = np.asarray(payoffs, np.float64)
    except (TypeError, ValueError):
        raise ModelError(
            f"game.payoffs: expected a matrix of numbers, or two of one size, got {payoffs!r:.80}"
        ) from None
    if array.ndim == 2:
        return _build(name, array, None, given_names)
    if array.ndim == 3 and array.shape[0] == 2:
        return _build(name, array[0], array[1], given_names)
    raise ModelError(f"game.payoffs: expected shape (n, n) or (2, n, n), got {array.shape}")


def _build(name: str, row: Any, column: Any, names: Any) -> Game:
    row = np.asarray(row, np.float64)
    own_sides = [row] if column is None else [row, np.asarray(column, np.float64).T]
    for matrix in own_sides:
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2:
            raise ModelError(
                f"game.payoffs: expected a square matrix of at least 2 actions, got shape {matrix.shape}"
            )
        if not np.all(np.isfinite(matrix)):
            raise ModelError("game.payoffs: every payoff must be a finite number")
    if len(own_sides) == 2 and np.array_equal(*own_sides):
        own_sides = own_sides[:1]
    n = row.shape[0]
    if names is None:
        names = _COOPERATE if n == 2 else tuple(f"action_{i}" for i in range(n))
    if len(names) != n:
        raise ModelError(f"game.action_names: expected {n} names, got {len(names)}")
    payoffs = tuple(tuple(tuple(float(x) for x in line) for line in side) for side in own_sides)
    return Game(name, payoffs, tuple(names))


def is_prisoners_dilemma(spec: Any) -> bool:
    """Whether T > R > P > S holds for every role of a 2×2 game."""
    table = game(spec).array()
    if table.shape[1] != 2:
        return False
    return all(bool(side[1, 0] > side[0, 0] > side[1, 1] > side[0, 1]) for side in table)


def dilemma_faults(spec: Any) -> list[str]:
    """Why a game is no (iterated) prisoner's dilemma; empty if it is one."""
    table = game(spec).array()
    if table.shape[1] != 2:
        return [f"a dilemma has two actions, this game has {table.shape[1]}"]
    faults = []
    for side in table:
        (r, s), (t, p) = side.tolist()
        chain = ((t > r, f"T={t:g} > R={r:g}"), (r > p, f"R={r:g} > P={p:g}"), (p > s, f"P={p:g} > S={s:g}"))
        faults += [f"{what} fails" for holds, what in chain if not holds]
        if 2 * r <= t + s:
            faults.append(f"2R={2 * r:g} > T+S={t + s:g} fails: taking turns pays more than cooperating")
    return list(dict.fromkeys(faults))


def warn_if_no_dilemma(spec: Any, claimed: str | None = None) -> None:
    """Warn (``GameWarning``) where a game claimed to be a prisoner's dilemma is none."""
    this = game(spec)
    claim = claimed if claimed is not None else this.name
    if "dilemma" not in claim:
        return
    faults = dilemma_faults(this)
    if faults:
        warnings.warn(
            f"game {claim!r} is no prisoner's dilemma: {'; '.join(faults)}", GameWarning, stacklevel=2
        )
