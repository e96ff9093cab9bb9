"""Devices: what an operation of a thermodynamic machine costs, with the provenance of every figure.

Joules are counted, not guessed: a use of a core is so many cell updates, cell reads, writes and random
bits (``Device.operations``), and each has a figure with a word on how it is known. Figures nobody has
published are ``None`` and give NaN joules: an unknown cost is not zero.

- A two-state unit is one cell; a unit of K states is K − 1 cells, one per threshold of its draw.
- An update redraws one cell and takes one (biased) random bit.
- A write programs one number: a table entry, a coupling or a bias. Programming a model writes all of them.
- A read takes one cell's state out.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple

from thermopolis.errors import ModelError
from thermopolis.thermo.checks import whole
from thermopolis.thermo.ledger import BOLTZMANN, Ledger

Provenance = Literal[
    "measured", "published", "modelled", "spice", "projected", "bound", "estimate", "unknown"
]

LN2 = 0.6931471805599453


@dataclass(frozen=True)
class Figure:
    """A number with its provenance: ``value`` (``None``: unknown), the range given, the word, the source."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    provenance: Provenance = "unknown"
    source: str = ""


class Operations(NamedTuple):
    """How often a use of the core does what; numbers or arrays over lanes."""

    updates: Any = 0.0
    reads: Any = 0.0
    writes: Any = 0.0
    random_bits: Any = 0.0


@dataclass(frozen=True)
class Device:
    """A machine. All figures in joules per operation of one cell, SI units elsewhere.

    Attributes
    ----------
    name, summary : str
    update, read, write, rng : Figure
        Joules per cell update (its random bit apart), per cell read, per number written, per random bit.
    temperature_kelvin : float
        Of the bath.
    clock_hertz : Figure
        Updates of a cell per second.
    cells : int or None
        How many there are; ``None``: as many as needed.
    weight_bits : int or None
        Bits of a programmed number; ``None``: exact.
    mismatch : float
        Standard deviation of fixed relative errors of the programmed numbers.
    coupling_noise : float
        Standard deviation of relative errors drawn anew at every sweep.
    rng_correlation_seconds : Figure
        Autocorrelation time of a cell's noise.
    noise_correlation : float
        Correlation of a cell's noise from one sweep to the next, as simulated; ``correlation_at`` gives it for
        a clock.
    """

    name: str
    summary: str = ""
    update: Figure = field(default_factory=Figure)
    read: Figure = field(default_factory=Figure)
    write: Figure = field(default_factory=Figure)
    rng: Figure = field(default_factory=Figure)
    temperature_kelvin: float = 300.0
    clock_hertz: Figure = field(default_factory=Figure)
    cells: int | None = None
    weight_bits: int | None = None
    mismatch: float = 0.0
    coupling_noise: float = 0.0
    rng_correlation_seconds: Figure = field(default_factory=Figure)
    noise_correlation: float = 0.0

    def __post_init__(self) -> None:
        kelvin = self.temperature_kelvin
        if not (_real(kelvin) and 0 < kelvin < math.inf):
            raise ModelError(f"device {self.name}: temperature_kelvin must be > 0 and finite, got {kelvin!r}")
        for name, least in (("weight_bits", 2), ("cells", 1)):
            if getattr(self, name) is not None:
                value = whole(getattr(self, name), f"device {self.name}: {name}", least)
                object.__setattr__(self, name, value)
        for name in ("mismatch", "coupling_noise", "noise_correlation"):
            value = getattr(self, name)
            if not (_real(value) and 0 <= value < 1):
                raise ModelError(f"device {self.name}: {name} must be in [0, 1), got {value!r}")

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Device:
        """A shipped device by name, with fields changed at will.

        Raises
        ------
        ModelError
            No such device (the message lists them).
        """
        from thermopolis.thermo.presets import PRESETS

        if name not in PRESETS:
            raise ModelError(f"device: no preset {name!r}; there are {', '.join(PRESETS)}")
        known = tuple(f.name for f in fields(cls))
        for change in changes:
            if change not in known:
                raise ModelError(f"device {name}: unknown field {change!r}; there are {', '.join(known)}")
        return replace(PRESETS[name], **changes)

    def require(self, energy: Any, copies: int = 1) -> None:
        """Refuse an energy that doesn't fit (``ModelError`` says how many cells are missing)."""
        needed = energy.cells * copies
        if self.cells is not None and needed > self.cells:
            raise ModelError(
                f"device {self.name}: the model needs {needed} cells, the device has {self.cells}: "
                f"{needed - self.cells} are missing"
            )

    def operations(self, energy: Any, sweeps: Any, reads: Any = 1, writes: Any = 1) -> Operations:
        """What a use of the core on one copy of ``energy`` does.

        Parameters
        ----------
        energy : Energy
            Gives the cells and the numbers to be programmed.
        sweeps : int or array
            Sweeps over all cells, burn-in included.
        reads : int or array
            How often the whole state is read out (for a belief: once a sample).
        writes : int or array
            How often the whole model is programmed (once a use, where the energy changes between uses).
        """
        updates = sweeps * energy.cells
        return Operations(updates, reads * energy.cells, writes * energy.programmed, updates)

    def joules(self, operations: Operations, host_joules: Any = 0.0) -> Ledger:
        """The running costs of these operations."""
        return Ledger(
            update_joules=_cost(self.update, operations.updates),
            read_joules=_cost(self.read, operations.reads),
            write_joules=_cost(self.write, operations.writes),
            rng_joules=_cost(self.rng, operations.random_bits),
            host_joules=host_joules,
        )

    def correlation_at(self, clock_hertz: float) -> float:
        """Correlation exp(−1/(clock · τ)) of a cell's noise between draws at this clock; NaN if τ is unknown."""
        tau = self.rng_correlation_seconds.value
        return math.exp(-1.0 / (clock_hertz * tau)) if tau else float("nan")

    def seconds(self, sweeps: Any, colours: int) -> Any:
        """Time of so many sweeps of a model of so many colours: a colour is updated in one clock period."""
        clock = self.clock_hertz.value
        return sweeps * colours / clock if clock else float("nan")


def _real(value: Any) -> bool:
    return isinstance(value, numbers.Real)


def _cost(figure: Figure, count: Any) -> Any:
    return (float("nan") if figure.value is None else figure.value) * count


def landauer_joules(temperature_kelvin: float = 300.0) -> float:
    """k_B T ln 2: the least heat of erasing one bit (2.87098e-21 J at 300 K)."""
    return BOLTZMANN * temperature_kelvin * LN2


def devices() -> list[dict[str, Any]]:
    """One row per shipped device: figures, ranges, provenance, sources."""
    from thermopolis.thermo.presets import PRESETS

    rows = []
    for device in PRESETS.values():
        row: dict[str, Any] = {"name": device.name, "summary": device.summary}
        for name in ("update", "read", "write", "rng", "clock_hertz", "rng_correlation_seconds"):
            figure: Figure = getattr(device, name)
            row[name] = figure.value
            row[f"{name}_low"], row[f"{name}_high"] = figure.low, figure.high
            row[f"{name}_provenance"] = figure.provenance
            row[f"{name}_source"] = figure.source
        for name in (
            "temperature_kelvin",
            "cells",
            "weight_bits",
            "mismatch",
            "coupling_noise",
            "noise_correlation",
        ):
            row[name] = getattr(device, name)
        rows.append(row)
    return rows
