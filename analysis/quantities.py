"""Names, units and bounds of the recorded variables, for axes and tables.

A dataset's own ``long_name`` and ``units`` attributes win; this table is what is said where they are missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import xarray as xr


@dataclass(frozen=True)
class Quantity:
    """How a variable is named on an axis; ``low``/``high`` are bounds it can't leave."""

    label: str
    units: str
    low: float | None = None
    high: float | None = None

    @property
    def within(self) -> tuple[float, float]:
        """The range no value, and no interval of a mean, can leave."""
        return (-math.inf if self.low is None else self.low, math.inf if self.high is None else self.high)

    @property
    def is_rate(self) -> bool:
        """Whether the values are proportions, so that an interval may use the binomial law."""
        return self.low == 0.0 and self.high == 1.0


QUANTITIES: dict[str, Quantity] = {
    "cooperation": Quantity("cooperation rate", "1", 0.0, 1.0),
    "reward": Quantity("reward per round", "1"),
    "fitness": Quantity("fitness", "1"),
    "belief_entropy": Quantity("belief entropy", "nat", 0.0),
    "policy_entropy": Quantity("policy entropy", "nat", 0.0),
    "policy_varentropy": Quantity("policy varentropy", "nat²", 0.0),
    "free_energy": Quantity("variational free energy", "nat"),
    "complexity": Quantity("complexity", "nat", 0.0),
    "accuracy": Quantity("accuracy", "nat"),
    "expected_free_energy": Quantity("expected free energy", "nat"),
    "risk": Quantity("risk", "nat", 0.0),
    "ambiguity": Quantity("ambiguity", "nat", 0.0),
    "state_information_gain": Quantity("state information gain", "nat", 0.0),
    "parameter_information_gain": Quantity("parameter information gain", "nat", 0.0),
    "exploration_temperature": Quantity("exploration temperature", "1", 0.0),
    "regret": Quantity("regret", "1"),
    "core_joules": Quantity("energy of a decision", "J", 0.0),
    "core_work": Quantity("core work", "J"),
    "core_heat": Quantity("core heat", "J"),
    "core_entropy_production": Quantity("core entropy production", "J/K"),
    "landauer_bound": Quantity("Landauer bound", "J", 0.0),
    "power": Quantity("power", "W", 0.0),
    "kardashev": Quantity("Kardashev number", "1"),
    "planet_temperature": Quantity("planet temperature", "K", 0.0),
    "fuel": Quantity("fuel left", "J", 0.0),
    "store": Quantity("stored energy", "J", 0.0),
    "population": Quantity("population", "1", 0.0),
    "stock": Quantity("stock", "1", 0.0),
    "growth_rate": Quantity("growth rate of the stock", "1"),
    "harvest": Quantity("harvest", "1", 0.0),
    "effort": Quantity("effort", "1", 0.0),
    "energy": Quantity("energy", "1"),
    "acceptance": Quantity("accepted share of moves", "1", 0.0),
    "magnetisation": Quantity("mean of the units", "1"),
    "mutual_defection": Quantity("predicted mutual defection", "1", 0.0, 1.0),
    "temperature_doom": Quantity("predicted doom, smoothed", "1", 0.0),
    "capacity": Quantity("capacity", "W", 0.0),
    "collectors": Quantity("collectors", "W", 0.0),
    "counterfactual_value": Quantity("counterfactual value", "nat"),
    "entropy_production": Quantity("entropy production", "J/K"),
}


def quantity(name: str, array: xr.DataArray | None = None) -> Quantity:
    """The quantity behind ``name``, with the array's own attributes where it has them."""
    known = QUANTITIES.get(name, Quantity(name.replace("_", " "), "1"))
    if array is None:
        return known
    label = str(array.attrs.get("long_name", known.label)) if name not in QUANTITIES else known.label
    units = str(array.attrs.get("units", known.units)).replace("J K-1", "J/K").replace("nat2", "nat²")
    return Quantity(label, units, known.low, known.high)


def axis_label(name: str, array: xr.DataArray | None = None) -> str:
    """``label (units)``; pure numbers carry no unit."""
    it = quantity(name, array)
    return it.label if it.units in ("1", "") else f"{it.label} ({it.units})"
