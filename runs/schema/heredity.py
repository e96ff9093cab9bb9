"""Whether what is inherited fits the players: paths of traits, fitness, what is recorded."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from thermopolis.runs.schema._base import fault
from thermopolis.runs.schema.agents import ActiveInference
from thermopolis.runs.schema.evolution import Evolution, Trait
from thermopolis.runs.schema.record import Record
from thermopolis.runs.variables import OF_TRAITS, VARIABLES

OF_SELECTION = (
    "fitness", "offspring", "expected_offspring", "parent", "other_parent", "genotype", "type_share", "on_trial",
    "origin", "swapped",
)  # fmt: skip
"""Variables that a generation has and a step hasn't."""
OF_STEPS = ("action", "observation", "belief")
"""Variables that say nothing as a mean over a life."""
FAR = 1e6
"""How far an open range is taken to reach."""


def evolution_fits(
    evolution: Evolution | None, agents: tuple[Any, ...], record: Record, players: int
) -> None:
    """Raise the first fault of a selection among these players, at its key."""
    named = () if record.variables == "all" else record.variables
    if evolution is None:
        for number, name in enumerate(named):
            if name in OF_SELECTION or name.startswith(OF_TRAITS):
                raise fault(f"{name!r} is recorded with selection: alone", "record", "variables", number)
        return
    if record.summary is not None:
        raise fault("lives are summed up already: record players", "record", "summary")
    if players < 2 and evolution.reproduction.kind == "pairwise":
        raise fault("one player has nobody to compare itself with", "selection", "reproduction")
    for number, group in enumerate(agents):
        if group.kind == "imitation":
            raise fault("imitators copy within a life: no selection beside them", "agents", number, "kind")
        if isinstance(group, ActiveInference) and group.team is not None and group.team.kind != "independent":
            raise fault("members of a team can't be born elsewhere: no selection", "agents", number, "team")
    names = evolution.trait_names()
    for number, trait in enumerate(evolution.traits):
        _trait_fits(trait, agents, number)
        if keys_of(trait) in map(keys_of, evolution.traits[:number]):
            raise fault(f"{trait.path!r} is given twice", "selection", "traits", number, "path")
    if evolution.fitness not in names:
        known = [name for name in VARIABLES if name not in (*OF_SELECTION, *OF_STEPS)]
        if evolution.fitness not in known:
            near = get_close_matches(evolution.fitness, [*known, *names], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise fault(f"{evolution.fitness!r} is no variable and no trait{hint}", "selection", "fitness")
    of_traits = {f"{start}{name}" for start in OF_TRAITS for name in names}
    for number, name in enumerate(named):
        if name in OF_STEPS:
            raise fault(
                f"with selection a life is summed up, which {name} can't be", "record", "variables", number
            )
        if name.startswith(OF_TRAITS) and name not in of_traits:
            listed = ", ".join(sorted(of_traits)) or "none"
            raise fault(f"{name!r} is of no trait; there are: {listed}", "record", "variables", number)


def keys_of(trait: Trait) -> tuple[int, tuple[str | int, ...]]:
    """The group of a trait's path, and the keys below it."""
    _, group, *keys = trait.path.split(".")
    return int(group), tuple(int(key) if key.isdecimal() else key for key in keys)


def value_of(group: Any, keys: tuple[str | int, ...]) -> Any:
    """What stands at a path of a group.

    Raises
    ------
    LookupError : nothing does.
    """
    for key in keys:
        if isinstance(group, tuple):
            if not isinstance(key, int):
                raise LookupError(f"there is no key {key!r} in a list")
            if key >= len(group):
                raise LookupError(f"{key} is no place in a list of {len(group)} (numbered from 0)")
            group = group[key]
        elif key in getattr(type(group), "model_fields", {}):
            group = getattr(group, str(key))
        else:
            raise LookupError(f"there is no key {str(key)!r}")
    return group


def with_value(group: Any, keys: tuple[str | int, ...], value: float) -> Any:
    """A copy of a group with another number at a path; it isn't checked again."""
    if not keys:
        return value
    first, rest = keys[0], keys[1:]
    if isinstance(group, tuple):
        at = int(first)
        return (*group[:at], with_value(group[at], rest, value), *group[at + 1 :])
    inner = with_value(getattr(group, str(first)), rest, value)
    return group.model_copy(update={str(first): inner})


def _trait_fits(trait: Trait, agents: tuple[Any, ...], number: int) -> None:
    at = ("selection", "traits", number)
    start, group, *_ = (*trait.path.split("."), "", "")
    if start != "agents" or not group.isdecimal() or int(group) >= len(agents):
        raise fault("a trait is a number of a group: agents.0.temperature", *at, "path")
    group_number, keys = keys_of(trait)
    player = agents[group_number]
    try:
        value = value_of(player, keys)
    except LookupError as error:
        raise fault(str(error.args[0]), *at, "path") from None
    if type(value) is not float or keys in (("share",), ()):
        raise fault("not a fractional number, so nothing a trait could be", *at, "path")
    low, high = trait.range
    if not trait.genetic and not trait.environmental and not trait.mutation:
        low, high = value, value
    for end in (-FAR if low is None else low, FAR if high is None else high):
        try:
            type(player).model_validate(with_value(player, keys, float(end)).model_dump())
        except ValidationError:
            raise fault(
                f"{trait.path} can't be {end:g}: give a range within what it may be", *at, "range"
            ) from None
