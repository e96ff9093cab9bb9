"""Colours of a conflict graph: units of one colour share no factor, so that they may be updated at once.

Greedy colouring in order of falling degree (Welsh & Powell 1967); every colouring is verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from thermopolis.errors import ModelError


def neighbours(units: int, scopes: Iterable[Sequence[int]]) -> list[set[int]]:
    """The units that share a factor with each unit."""
    adjacent: list[set[int]] = [set() for _ in range(units)]
    for scope in scopes:
        for unit in scope:
            adjacent[unit].update(scope)
    for unit, others in enumerate(adjacent):
        others.discard(unit)
    return adjacent


def verify_colouring(units: int, scopes: Iterable[Sequence[int]], colours: Sequence[Sequence[int]]) -> None:
    """Refuse colours that leave a unit out, repeat one, or join neighbours.

    Raises
    ------
    ModelError
        Naming the units at fault.
    """
    listed = sorted(unit for group in colours for unit in group)
    if listed != list(range(units)):
        missing = sorted(set(range(units)) - set(listed))
        repeated = sorted({unit for unit in listed if listed.count(unit) > 1})
        raise ModelError(f"colouring: every unit once; missing {missing}, repeated or unknown {repeated}")
    colour_of = {unit: colour for colour, group in enumerate(colours) for unit in group}
    for scope in scopes:
        for position, unit in enumerate(scope):
            for other in scope[position + 1 :]:
                if colour_of[unit] == colour_of[other]:
                    raise ModelError(
                        f"colouring: units {unit} and {other} share a factor and colour {colour_of[unit]}; "
                        "they can't be updated at once"
                    )


@lru_cache(maxsize=512)
def colour(units: int, scopes: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    """A verified colouring: groups of units, none of which share a factor within a group."""
    adjacent = neighbours(units, scopes)
    colour_of: dict[int, int] = {}
    for unit in sorted(range(units), key=lambda u: (-len(adjacent[u]), u)):
        taken = {colour_of[other] for other in adjacent[unit] if other in colour_of}
        colour_of[unit] = next(c for c in range(len(taken) + 1) if c not in taken)
    groups: list[list[int]] = [[] for _ in range(max(colour_of.values(), default=-1) + 1)]
    for unit in range(units):
        groups[colour_of[unit]].append(unit)
    colours = tuple(tuple(group) for group in groups)
    verify_colouring(units, scopes, colours)
    return colours
