"""``list``: what an experiment can be made of, gathered from where it is defined."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Annotated, Any, get_args, get_origin

from thermopolis.runs.cli.guard import CallError


def _columns(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0)
    for name, says in rows:
        yield f"{name.ljust(width)}  {says}".rstrip()


def _kinds(union: Any) -> Iterator[tuple[str, str]]:
    """The kinds of a discriminated union and the first line of what each says."""
    members = get_args(union)
    if get_origin(union) is Annotated:
        members = get_args(members[0]) or (members[0],)
    for member in members:
        kind = get_args(member.model_fields["kind"].annotation)[0]
        yield kind, (inspect.getdoc(member) or "").partition("\n")[0]


def _environments() -> Iterator[str]:
    from thermopolis.envs.games import GAMES
    from thermopolis.runs.schema import Environment, Topology

    yield from _columns(_kinds(Environment))
    yield ""
    yield f"games: {', '.join(GAMES)}"
    yield f"topologies: {', '.join(kind for kind, _ in _kinds(Topology))}"


#: One line on each choice of an active-inference agent that is a word, not a section of its own.
CHOICES = {
    "perception": {
        "exact": "the joint posterior by enumeration",
        "tempered": "the outcome weighed by beta: complexity against accuracy",
        "fixed_point": "sixteen parallel iterations, as pymdp's",
        "mean_field": "coordinate ascent, one factor after the other",
        "core": "sampled on the thermodynamic core",
    },
    "policy": {"exact": "drawn from q(π)", "core": "the policy register's last sample"},
    "learning.method": {
        "dirichlet": "counts",
        "natural_gradient": "gradient steps bounded in KL",
        "thermodynamic_natural_gradient": "the same, as a relaxing system shows it",
    },
    "team": {
        "independent": "nothing is shared",
        "share": "what others see is counted too, at a weight, over a graph",
        "merge": "one blanket: pooled observations, one policy",
        "central": "one planner of all joint actions of a pair or a small group",
    },
    "team.of": {
        "parameters": "learned beliefs: evidence on transitions and likelihoods",
        "states": "beliefs about states that mean the same to all (own model)",
    },
    "learning.of": {
        "A": "likelihoods, what states look like",
        "B": "transitions, what follows what",
        "D": "initial beliefs",
        "E": "habits, which policies were taken",
    },
    "opponent.levels": {
        "1": "the partner is a memory-one strategy, inferred",
        "2": "or one who answers me, taken for such a strategy",
    },
}


#: One line on each other option of an active-inference agent.
OPTIONS = {
    "horizon": "steps planned ahead; all sequences of actions are policies",
    "policies": "the sequences of actions that are weighed, instead of all",
    "model": "an .npz file with the agent's own generative model",
    "perception.beta": "of tempered perception: how much the outcome counts",
    "preferences.scale": "weight of payoffs in what is wanted",
    "optimism.preference": "tilt of what is wanted towards a cooperating partner, in nats",
    "optimism.belief": "tilt of what is believed towards a cooperating partner, in nats",
    "information_gain.state": "whether learning about states counts",
    "information_gain.parameter": "whether learning about parameters counts",
    "first_observation": "an outcome the agent takes itself to have just seen",
    "learning.rate": "counts that an event adds, or the step of a gradient",
    "learning.forgetting": "share of what was learned that is lost at each update",
    "learning.concentration": "prior counts a column",
    "learning.kl_bound": "most that one event changes a column, in nats",
    "learning.relaxation_time": "when the relaxing system is read",
    "learning.relaxation_temperature": "noise of the relaxing system",
    "opponent.volatility": "probability in a round that the partner's type is drawn anew",
    "team.weight": "how much is shared",
    "team.graph": "whom a member hears: complete, ring, neighbours, or edges",
}


def _agents() -> Iterator[str]:
    from thermopolis.runs.schema import Agent
    from thermopolis.runs.schema.agents import PymdpPlanner
    from thermopolis.runs.schema.mind import Planner, Selection
    from thermopolis.runs.schema.temperature import CONTROLLERS

    yield from _columns(_kinds(Agent))
    sections = {"planner": Planner, "selection": Selection, "temperature": CONTROLLERS}
    options = {name: dict(_kinds(union)) for name, union in sections.items()} | CHOICES
    yield ""
    yield "of active_inference:"
    rows = [(f"{name}: {kind}", says) for name, kinds in options.items() for kind, says in kinds.items()]
    yield from _columns([*rows, *OPTIONS.items()])
    yield ""
    yield "of pymdp:"
    yield from _columns((f"planner: {kind}", says) for kind, says in _kinds(PymdpPlanner))


def _devices() -> Iterator[str]:
    from thermopolis.thermo import devices

    for device in devices():
        yield f"{device['name']}: {device['summary']}"
        yield from _columns(
            (f"  {says}", _figure(device, name, unit)) for name, (says, unit) in FIGURES_OF.items()
        )
        held = "as given" if device["weight_bits"] is None else f"of {device['weight_bits']} bits"
        cells = "no limit of cells stated" if device["cells"] is None else f"{device['cells']:,} cells"
        yield f"  {cells}, {device['temperature_kelvin']:g} K, weights {held}"


#: What a device states figures of: its words, and unit.
FIGURES_OF = {
    "update": ("update", "J"),
    "read": ("read", "J"),
    "write": ("write", "J"),
    "rng": ("random bit", "J"),
    "clock_hertz": ("clock", "Hz"),
    "rng_correlation_seconds": ("noise lasts", "s"),
}


def _figure(device: dict[str, Any], name: str, unit: str) -> str:
    """A figure with its range, its word of provenance and its source."""
    if device[name] is None:
        return "unknown"
    low, high = device[f"{name}_low"], device[f"{name}_high"]
    reach = f" ({low:g} to {high:g})" if low is not None and high is not None and low != high else ""
    return f"{device[name]:.3g} {unit}{reach}, {device[f'{name}_provenance']}: {device[f'{name}_source']}"


def _strategies() -> Iterator[str]:
    from thermopolis.agents.strategies import STRATEGIES

    return _columns((name, entry.summary) for name, entry in STRATEGIES.items())


def _experiments() -> Iterator[str]:
    import yaml

    from thermopolis.runs.shipped import shipped

    for path in shipped():
        text = path.read_text(encoding="utf-8")
        says = text.partition("\n")[0].removeprefix("#").strip() if text.startswith("#") else ""
        yield f"{path.stem}  {says or yaml.safe_load(text)['name']}"


def _figures() -> Iterator[str]:
    from thermopolis.analysis import FIGURES

    return _columns((name, spec.says) for name, spec in FIGURES.items())


LISTS: dict[str, Callable[[], Iterator[str]]] = {
    "environments": _environments,
    "agents": _agents,
    "devices": _devices,
    "experiments": _experiments,
    "strategies": _strategies,
    "figures": _figures,
}


def lines(what: str) -> Iterator[str]:
    """The lines of one list."""
    if what not in LISTS:
        near = get_close_matches(what, LISTS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise CallError(f"list: expected one of {', '.join(LISTS)}, got {what!r}{hint}")
    return LISTS[what]()
