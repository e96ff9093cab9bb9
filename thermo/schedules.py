"""Temperature as a function of time: constant, linear, geometric, adaptive.

The adaptive schedule lowers T at constant thermodynamic speed, dT/dt = −v T/√C with the heat capacity
C = Var(E)/T² of a running window (Salamon, Nulton, Harland, Pedersen, Ruppeiner & Liao 1988): it lingers
where the energy fluctuates most, that is at transitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.errors import ModelError
from thermopolis.thermo.protocols import total_energy


def positive(temperature: Any, where: str) -> None:
    """Refuse temperatures that are not positive and finite (values that are traced pass)."""
    if isinstance(temperature, jax.core.Tracer):
        return
    values = np.asarray(temperature)
    if values.dtype.kind not in "iuf":
        raise ModelError(
            f"{where}: temperature: expected a number, an array or a schedule, got {temperature!r}"
        )
    if not (np.isfinite(values) & (values > 0)).all():
        raise ModelError(f"{where}: temperature must be > 0 and finite, got {temperature}")


class ScheduleState(NamedTuple):
    """Temperature of each lane now, and running moments of its energy."""

    temperature: Any
    mean: Any
    variance: Any


@dataclass(frozen=True)
class Constant:
    """T stays where it is."""

    temperature: float = 1.0

    def __post_init__(self) -> None:
        positive(self.temperature, "schedule")

    def init(self, lanes: int) -> ScheduleState:
        """Every lane at the temperature."""
        zero = jnp.zeros(lanes, jnp.float32)
        return ScheduleState(zero + jnp.asarray(self.temperature, jnp.float32), zero, zero)

    def update(self, state: ScheduleState, energy: Any, fraction: Any) -> ScheduleState:
        """Nothing changes."""
        return state


@dataclass(frozen=True)
class Linear:
    """T from ``start`` to ``stop`` in equal steps."""

    start: float
    stop: float

    def __post_init__(self) -> None:
        positive([self.start, self.stop], "schedule")

    def init(self, lanes: int) -> ScheduleState:
        """Every lane at ``start``."""
        return Constant(self.start).init(lanes)

    def at(self, fraction: Any) -> Any:
        """Temperature after this fraction of the steps."""
        return self.start + (self.stop - self.start) * fraction

    def update(self, state: ScheduleState, energy: Any, fraction: Any) -> ScheduleState:
        """The temperature of the next step."""
        return state._replace(temperature=jnp.full_like(state.temperature, 1.0) * self.at(fraction))


@dataclass(frozen=True)
class Geometric(Linear):
    """T from ``start`` to ``stop`` in equal ratios."""

    def at(self, fraction: Any) -> Any:
        """Temperature after this fraction of the steps."""
        return self.start * (self.stop / self.start) ** fraction


@dataclass(frozen=True)
class Adaptive:
    """T from ``start`` down to ``stop`` at constant thermodynamic speed, each lane by its own energy.

    Parameters
    ----------
    start, stop : float
        ``start`` ≥ ``stop``.
    speed : float
        Thermodynamic length per step: the share of a standard deviation of the energy by which its mean
        moves in a step.
    memory : float
        Steps over which the energy's mean and variance are averaged.
    """

    start: float
    stop: float
    speed: float = 0.05
    memory: float = 20.0

    def __post_init__(self) -> None:
        positive([self.start, self.stop, self.speed, self.memory], "schedule")
        if self.start < self.stop:
            raise ModelError(f"schedule: adaptive cools; start {self.start} is below stop {self.stop}")

    def init(self, lanes: int) -> ScheduleState:
        """Every lane at ``start``; the energy's moments are taken up from the first steps."""
        state = Constant(self.start).init(lanes)
        return state._replace(variance=jnp.full(lanes, -1.0, jnp.float32))

    def update(self, state: ScheduleState, energy: Any, fraction: Any) -> ScheduleState:
        """Lower T by v T/√C, at most by one part in ``memory``."""
        fresh = state.variance < 0
        weight = 1.0 / self.memory
        mean = jnp.where(fresh, energy, state.mean + weight * (energy - state.mean))
        spread = (energy - state.mean) * (energy - mean)
        variance = jnp.where(fresh, 0.0, (1 - weight) * jnp.maximum(state.variance, 0.0) + weight * spread)
        temperature = state.temperature
        root_capacity = jnp.sqrt(variance) / temperature
        # never faster than the window can follow
        fall = jnp.minimum(self.speed / jnp.maximum(root_capacity, 1e-6), weight)
        lowered = jnp.maximum(temperature * (1.0 - fall), self.stop)
        return ScheduleState(jnp.where(fresh, temperature, lowered), mean, variance)


Schedule = Constant | Linear | Geometric | Adaptive


def as_schedule(temperature: Any, where: str = "sample") -> Any:
    """A schedule as it is; anything else is a constant temperature (a number, or one per lane)."""
    if hasattr(temperature, "update") and hasattr(temperature, "init"):
        return temperature
    positive(temperature, where)
    return Constant(temperature)


def metered_step(
    keys: Any, state: Any, plan: Any, sampler: Any, ready: Any, energy: Any, schedule: Any, progress: Any
) -> tuple[Any, Any, Any, Any, Any]:
    """A sampler's step at the schedule's temperature, then the schedule's own: state, plan, info, heat and work.

    Heat is given off move by move, work is done where the temperature changes and where replicas swap; both in units
    of T (nats), by lane.
    """
    now = plan.temperature
    state, info = sampler.step(keys, state, ready, now)
    heat, work = -info.delta_energy / now, getattr(state, "swap_work", jnp.zeros_like(now)) / now
    if not isinstance(schedule, Constant):
        plan = schedule.update(plan, energy(sampler.values(state)), progress)
        work = work + total_energy(sampler, state, energy) * (1.0 / plan.temperature - 1.0 / now)
    return state, plan, info, heat, work
