"""Rules that turn policy utilities into q(π): softmax, entmax (its α given, or set by entropy), min-p.

Utilities are ln E(π) - G(π)/T, rows of policies with lanes last; a rule returns a distribution over the rows.
``argmax`` keeps the softmax as q(π) and takes its first maximum instead of drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jaxtyping import Array, Float

from thermopolis.agents import lanes as ln
from thermopolis.thermo.choice import min_p
from thermopolis.thermo.sparse_choice import entmax, entropy_varentropy_alpha

Rule = Callable[[Float[Array, "policy lanes"], Mapping[str, Array]], Float[Array, "policy lanes"]]


def _softmax(utilities: Array, settings: Mapping[str, Array]) -> Array:
    return ln.softmax(utilities)


def _entmax(utilities: Array, settings: Mapping[str, Array]) -> Array:
    return entmax(utilities, settings["alpha"])


def _min_p(utilities: Array, settings: Mapping[str, Array]) -> Array:
    return min_p(ln.softmax(utilities), settings["p"])


def alpha(utilities: Float[Array, "policy lanes"], settings: Mapping[str, Array]) -> Float[Array, "lanes"]:
    """α of adaptive entmax, from entropy and varentropy of the softmax: sure policies are cut, undecided ones kept."""
    return entropy_varentropy_alpha(
        ln.softmax(utilities), settings["alpha_max"], settings["varentropy_scale"]
    )


def _adaptive_entmax(utilities: Array, settings: Mapping[str, Array]) -> Array:
    return entmax(utilities, alpha(utilities, settings))


RULES: dict[str, Rule] = {
    "softmax": _softmax,
    "argmax": _softmax,
    "entmax": _entmax,
    "adaptive_entmax": _adaptive_entmax,
    "min_p": _min_p,
}
