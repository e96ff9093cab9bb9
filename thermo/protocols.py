"""What an energy and a sampler are: the two protocols every file of this folder keeps to.

A state is an array of shape ``(units, lanes)``: Int32 for discrete units, Float32 for continuous ones; a lane
is an independent chain with a key of its own. A sampler is a pair of pure functions,
``init(keys, energy, …) -> state`` and ``step(keys, state, energy, temperature) -> (state, info)``.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float


class StepInfo(NamedTuple):
    """What a step did to each lane, for the ledger and the diagnostics.

    Attributes
    ----------
    delta_energy : Float[Array, "lanes"]
        Energy change summed over the moves of the step, in the energy's own unit. At fixed couplings it is
        minus the heat given to the bath.
    accepted : Float[Array, "lanes"]
        Share of proposed moves that were accepted (1 for rejection-free kernels).
    elapsed : Float[Array, "lanes"]
        Physical time that passed, in the kernel's own unit (sweeps for Gibbs and Metropolis).
    """

    delta_energy: Float[Array, " lanes"]
    accepted: Float[Array, " lanes"]
    elapsed: Float[Array, " lanes"]


@runtime_checkable
class Energy(Protocol):
    """An energy function of a fixed number of units; a registered pytree whose leaves may be traced."""

    @property
    def units(self) -> int:
        """Rows of a state."""
        ...

    @property
    def cells(self) -> int:
        """Device cells that hold one state."""
        ...

    @property
    def programmed(self) -> int:
        """Numbers written into a device to program it: table entries, couplings, biases."""
        ...

    def __call__(self, state: Any) -> Any:
        """Energy of each lane: ``(units, lanes) -> (lanes,)``."""
        ...


@runtime_checkable
class Sampler(Protocol):
    """A Markov kernel at a temperature. ``values`` reads the units' state out of the sampler's own state."""

    def init(self, keys: Any, energy: Any, temperature: Any = 1.0) -> Any:
        """A sampler state for each key (lane)."""
        ...

    def step(self, keys: Any, state: Any, energy: Any, temperature: Any) -> tuple[Any, StepInfo]:
        """One step of every lane; ``temperature`` is a scalar or one per lane."""
        ...

    def values(self, state: Any) -> Any:
        """The state as ``(units, lanes)``."""
        ...


def total_energy(sampler: Any, state: Any, energy: Any) -> Any:
    """Energy of a sampler's state, kinetic energy included where it has any: (lanes)."""
    if hasattr(sampler, "total_energy"):
        return sampler.total_energy(state, energy)
    return energy(sampler.values(state))


def lanes_of(energy: Any) -> int:
    """Width of an energy's per-lane numbers; 1 where all are shared."""
    width = getattr(energy, "lanes", None)
    return 1 if width is None else int(width)
