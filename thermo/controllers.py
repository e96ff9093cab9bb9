"""Temperature controllers: what sets the exploration temperature T of q(π) ∝ E(π)·exp(−G(π)/T).

Every controller is a pair of pure functions on lanes, ``init(settings) -> state`` and
``step(state, settings, signal) -> (state, temperature, trace)``; ``CONTROLLERS`` lists them by name.
Settings are dicts of arrays, scalars or one per lane, traced.

The entropy H of softmax(z/T) rises with T: dH/d ln T = Var(z)/T² (the varentropy), so that a target is met
by bisection, or by feedback ln T ← ln T + gain·(target − H), which needs 0 < gain·V < 2 to settle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import refuse_unless
from thermopolis.thermo.choice import adaptive_temperature, entropy, softmax_T

_BISECTIONS = 30
_GRID = 32

Settings = dict[str, Array]
Trace = dict[str, Array]


class Signal(NamedTuple):
    """What a controller may look at: all with lanes last."""

    values: Float[Array, "action lane"]  # −G, in the units of the temperature
    log_prior: Float[Array, "action lane"] | None = None  # ln E
    mutual_defection: Float[Array, " lane"] | None = None  # predicted probability that both defect


class Controller(NamedTuple):
    """A temperature controller as two pure functions."""

    init: Callable[[Settings], Array]
    step: Callable[[Array, Settings, Signal], tuple[Array, Array, Trace]]


def policy_entropy(
    values: Float[Array, "action *lane"], temperature: Array, log_prior: Array | None = None
) -> Float[Array, "*lane"]:
    """Entropy in nats of p ∝ E exp(values / T)."""
    z = values / temperature
    return entropy(softmax_T(z if log_prior is None else z + log_prior))


def temperature_for_entropy(
    values: Float[Array, "action *lane"],
    target: Float[ArrayLike, "*lane"],
    lower: Float[ArrayLike, "*lane"] = 1e-3,
    upper: Float[ArrayLike, "*lane"] = 1e3,
    log_prior: Float[Array, "action *lane"] | None = None,
) -> tuple[Float[Array, "*lane"], Array]:
    """The T within [lower, upper] at which p ∝ E exp(values/T) has entropy ``target``.

    Returns
    -------
    temperature : the solution by bisection in ln T; the bound nearest in entropy where there is none.
    attained : bool, whether a T in the bounds has that entropy.

    Raises
    ------
    ModelError
        for bounds that are not positive and ordered, or a negative target (where known).

    Notes
    -----
    Under a prior E the entropy need not be monotone in T: the crossing at the highest T is taken, found on
    a grid of 32 temperatures. Without one it is monotone, and the grid is not needed.
    """
    refuse_unless(lower, lambda t: t > 0, "lower temperature", "positive")
    refuse_unless(target, lambda h: h >= 0, "target entropy", "non-negative")
    values = jnp.asarray(values)
    low, high = (
        jnp.broadcast_to(jnp.log(jnp.asarray(b, values.dtype)), values.shape[1:]) for b in (lower, upper)
    )
    refuse_unless(high - low, lambda w: w > 0, "upper minus lower ln temperature", "positive")
    return _solve(
        values, jnp.broadcast_to(jnp.asarray(target, values.dtype), values.shape[1:]), low, high, log_prior
    )


@jax.jit
def _solve(
    values: Array, goal: Array, low: Array, high: Array, log_prior: Array | None
) -> tuple[Array, Array]:
    lanes = values.shape[1:]

    def excess(log_t: Array) -> Array:
        return policy_entropy(values, jnp.exp(log_t), log_prior) - goal

    at_low, at_high = excess(low), excess(high)
    best = jnp.where(jnp.abs(at_low) < jnp.abs(at_high), low, high)
    attained = at_low * at_high <= 0
    left, right, sign = low, high, jnp.sign(at_high - at_low)
    if log_prior is not None:
        width = (high - low) / _GRID

        def scan(i: int, carry: tuple[Array, ...]) -> tuple[Array, ...]:
            left, right, found, sign, before = carry
            now = excess(low + width * (i + 1))
            crossed = before * now <= 0
            return (
                jnp.where(crossed, low + width * i, left),
                jnp.where(crossed, low + width * (i + 1), right),
                found | crossed,
                jnp.where(crossed, jnp.sign(now - before), sign),
                now,
            )

        start = (low, high, jnp.zeros(lanes, bool), sign, at_low)
        left, right, attained, sign, _ = jax.lax.fori_loop(0, _GRID, scan, start)

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        left, right = bounds
        middle = (left + right) / 2
        below = excess(middle) * sign < 0
        return jnp.where(below, middle, left), jnp.where(below, right, middle)

    left, right = jax.lax.fori_loop(0, _BISECTIONS, halve, (left, right))
    return jnp.exp(jnp.where(attained, (left + right) / 2, best)), attained


def _constant(state: Array, settings: Settings, signal: Signal) -> tuple[Array, Array, Trace]:
    return state, settings["temperature"] + jnp.zeros(signal.values.shape[1:]), {}


def _anneal(state: Array, settings: Settings, signal: Signal) -> tuple[Array, Array, Trace]:
    """From ``start`` to ``stop`` over ``steps`` steps, then held; geometric where ``geometric`` is set."""
    start, stop = settings["start"], settings["stop"]
    done = jnp.minimum(state / jnp.maximum(settings["steps"], 1), 1.0)
    linear = start + (stop - start) * done
    geometric = start * (stop / start) ** done
    temperature = jnp.where(jnp.asarray(settings.get("geometric", False), bool), geometric, linear)
    return state + 1, temperature + jnp.zeros(signal.values.shape[1:]), {}


def _adaptive(state: Array, settings: Settings, signal: Signal) -> tuple[Array, Array, Trace]:
    """T·θ, θ ≤ 1 the sharpness-preserving factor of the policy at T."""
    z = signal.values / settings["temperature"]
    z = z if signal.log_prior is None else z + signal.log_prior
    return state, settings["temperature"] * adaptive_temperature(z), {}


def _entropy_target(state: Array, settings: Settings, signal: Signal) -> tuple[Array, Array, Trace]:
    """The T whose policy entropy is ``entropy`` nats, solved anew at each step."""
    temperature, attained = temperature_for_entropy(
        signal.values, settings["entropy"], settings["lower"], settings["upper"], signal.log_prior
    )
    return state, temperature, {"attained": attained}


def _entropy_feedback(state: Array, settings: Settings, signal: Signal) -> tuple[Array, Array, Trace]:
    """Integral feedback on the last step's entropy, within bounds; tells if the target can be met."""
    low, high = jnp.log(settings["lower"]), jnp.log(settings["upper"])
    goal = settings["entropy"]
    error = goal - policy_entropy(signal.values, jnp.exp(state), signal.log_prior)
    state = jnp.clip(state + settings["gain"] * error, low, high)
    coldest = policy_entropy(signal.values, settings["lower"], signal.log_prior)
    hottest = policy_entropy(signal.values, settings["upper"], signal.log_prior)
    attained = (jnp.minimum(coldest, hottest) <= goal) & (goal <= jnp.maximum(coldest, hottest))
    return state, jnp.exp(state), {"attained": attained}


def _doom(state: Array, settings: Settings, signal: Signal) -> tuple[Array, Array, Trace]:
    """T = base·(ceiling/base)^alarm; the alarm is the smoothed P(both defect), from ``threshold`` on."""
    if signal.mutual_defection is None:
        raise ModelError("the doom controller needs the predicted probability of mutual defection")
    doom = state + settings["rate"] * (signal.mutual_defection - state)
    threshold = settings["threshold"]
    alarm = jnp.clip((doom - threshold) / (1 - threshold), 0.0, 1.0)
    return (
        doom,
        settings["temperature"] * (settings["ceiling"] / settings["temperature"]) ** alarm,
        {"doom": doom},
    )


def _nothing(settings: Settings) -> Array:
    return jnp.zeros(jnp.broadcast_shapes(*(jnp.shape(v) for v in settings.values())))


def _log_temperature(settings: Settings) -> Array:
    return jnp.log(settings["temperature"]) + _nothing(settings)


CONTROLLERS: dict[str, Controller] = {
    "constant": Controller(_nothing, _constant),
    "anneal": Controller(_nothing, _anneal),
    "adaptive": Controller(_nothing, _adaptive),
    "entropy_target": Controller(_nothing, _entropy_target),
    "entropy_feedback": Controller(_log_temperature, _entropy_feedback),
    "doom": Controller(_nothing, _doom),
}
"""Settings by name. constant, adaptive: temperature. anneal: start, stop, steps, geometric (bool).
entropy_target: entropy, lower, upper. entropy_feedback: the same, temperature (to start at) and gain.
doom: temperature, ceiling, threshold (within [0, 1)), rate (of smoothing, within (0, 1])."""
