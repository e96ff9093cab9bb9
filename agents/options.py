"""What an agent is told in words or as mappings: completed with defaults, and refused where it can't be.

The same names and defaults as in an experiment file, so that ``ActiveInference(model, temperature={"kind": "doom"})``
and ``temperature: {kind: doom}`` mean one thing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from thermopolis.agents.core_in_loop import Core
from thermopolis.agents.settings import Learning
from thermopolis.errors import ModelError

#: Settings of every temperature controller (:mod:`thermopolis.thermo.controllers`); ``None`` must be given.
CONTROLLERS: dict[str, dict[str, Any]] = {
    "constant": {"temperature": 1.0},
    "anneal": {"start": 5.0, "stop": 0.05, "steps": None, "geometric": True},
    "adaptive": {"temperature": 1.0},
    "entropy_target": {"entropy": 0.3, "lower": 1e-3, "upper": 1e3},
    "entropy_feedback": {"entropy": 0.3, "lower": 1e-3, "upper": 1e3, "temperature": 1.0, "gain": 0.5},
    "doom": {"temperature": 1.0, "ceiling": 5.0, "threshold": 0.5, "rate": 0.2},
}
SELECTIONS: dict[str, dict[str, Any]] = {
    "softmax": {},
    "argmax": {},
    "entmax": {"alpha": 1.5},
    "adaptive_entmax": {"alpha_max": 2.0, "varentropy_scale": 1.0},
    "min_p": {"p": 0.1},
}
PERCEPTIONS: dict[str, dict[str, Any]] = {
    "exact": {"beta": 1.0},
    "tempered": {"beta": 1.0},
    "fixed_point": {"beta": 1.0},
    "mean_field": {"beta": 1.0},
    "core": {"beta": 1.0},
}
POLICIES: dict[str, dict[str, Any]] = {"exact": {}, "core": {}}
PLANNERS: dict[str, dict[str, Any]] = {"enumerate": {}, "sophisticated": {"temperature": 1.0}}

_POSITIVE = ("temperature", "start", "stop", "ceiling", "lower", "upper", "gain", "entropy", "steps", "beta")
#: pymdp's own ways to plan; thresholds and sizes as :mod:`pymdp.planning` has them.
PYMDP_PLANNERS: dict[str, dict[str, Any]] = {
    "enumerate": {},
    "sophisticated": {
        "max_nodes": 500,
        "max_branching": 10,
        "policy_prune": 0.0625,
        "observation_prune": 0.0625,
        "entropy_stop": 0.5,
    },
    "monte_carlo": {"simulations": 256},
}


def chosen(
    what: str, given: str | Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """A kind with all its settings, from its name or from a mapping with ``kind``.

    Raises
    ------
    ModelError
        For a kind or a setting that there isn't, listing those there are; for numbers out of range.
    """
    told = dict(given) if isinstance(given, Mapping) else {"kind": given}
    kind = str(told.pop("kind", None))
    if kind not in known:
        raise ModelError(f"{what} is {kind!r}, expected one of {', '.join(known)}")
    defaults = known[kind]
    for name in told:
        if name not in defaults:
            there = ", ".join(defaults) or "none"
            raise ModelError(f"{what}: {kind} has no setting {name!r}; there is {there}")
    settings = {**defaults, **told}
    for name, value in settings.items():
        _check(f"{what}: {kind}.{name}", name, value)
    if "lower" in settings and not settings["lower"] < settings["upper"]:
        raise ModelError(f"{what}: lower {settings['lower']:g} is not below upper {settings['upper']:g}")
    return {"kind": kind, **settings}


def _check(where: str, name: str, value: Any) -> None:
    if value is None:
        raise ModelError(f"{where} must be given")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ModelError(f"{where} is {value!r}, expected a number") from None
    if not math.isfinite(number):
        raise ModelError(f"{where} is {number}, expected a finite number")
    wrong = None
    if name in _POSITIVE or name == "varentropy_scale":
        wrong = None if number > 0 else "above 0"
    elif name in ("alpha", "alpha_max"):
        wrong = None if number >= 1 else "at least 1"
    elif name == "threshold":
        wrong = None if 0 <= number < 1 else "a share in [0, 1)"
    elif name == "rate":
        wrong = None if 0 < number <= 1 else "above 0 and at most 1"
    elif name == "p":
        wrong = None if 0 <= number <= 1 else "a share in [0, 1]"
    if wrong is not None:
        raise ModelError(f"{where} is {number:g}, expected {wrong}")


def temperature(given: float | Mapping[str, Any]) -> dict[str, Any]:
    """A controller with its settings; a number is a constant temperature."""
    if isinstance(given, Mapping):
        return chosen("temperature", {"kind": "constant", **given}, CONTROLLERS)
    return chosen("temperature", {"kind": "constant", "temperature": given}, CONTROLLERS)


def learning(given: Learning | Mapping[str, Any] | None) -> Learning | None:
    """How an agent learns, from a mapping of its settings too."""
    return _made("learning", given, Learning)


def core(given: Core | Mapping[str, Any] | None) -> Core | None:
    """A core, from a mapping of its settings too."""
    return _made("core", given, Core)


def _made(what: str, given: Any, cls: type[Any]) -> Any:
    if given is None or isinstance(given, cls):
        return given
    there = ", ".join(field.name for field in fields(cls))
    if not isinstance(given, Mapping):
        raise ModelError(f"{what} is {given!r}, expected a {cls.__name__} or a mapping of {there}")
    for name in given:
        if name not in there.split(", "):
            raise ModelError(f"{what} has no setting {name!r}; there is {there}")
    return cls(**given)


def gains(given: Sequence[bool] | Mapping[str, bool]) -> tuple[bool, bool]:
    """Which information gains count: (state, parameter)."""
    if isinstance(given, Mapping):
        given = (given.get("state", True), given.get("parameter", False))
    if len(given) != 2:
        raise ModelError(f"information_gain is {given!r}, expected (state, parameter)")
    return bool(given[0]), bool(given[1])


def whole(what: str, value: Any, at_least: int) -> int:
    """A whole number of at least so much."""
    if isinstance(value, bool) or int(value) != value or value < at_least:
        raise ModelError(f"{what} is {value}, expected a whole number of at least {at_least}")
    return int(value)
