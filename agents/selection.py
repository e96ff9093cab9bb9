"""Rules that turn policy utilities into q(π): softmax, entmax, min-p.

Utilities are ln E(π) - G(π)/T, rows of policies with lanes last; a rule returns a distribution over the rows.
``argmax`` keeps the softmax as q(π) and takes its first maximum instead of drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jaxtyping import Array, Float

from thermopolis.agents import lanes as ln
from thermopolis.thermo.choice import entmax, min_p

Rule = Callable[[Float[Array, "policy lanes"], Mapping[str, Array]], Float[Array, "policy lanes"]]


def _softmax(utilities: Array, settings: Mapping[str, Array]) -> Array:
    return ln.softmax(utilities)


def _entmax(utilities: Array, settings: Mapping[str, Array]) -> Array:
    return entmax(utilities, settings["alpha"])


def _min_p(utilities: Array, settings: Mapping[str, Array]) -> Array:
    return min_p(ln.softmax(utilities), settings["p"])


RULES: dict[str, Rule] = {"softmax": _softmax, "argmax": _softmax, "entmax": _entmax, "min_p": _min_p}
