"""What happened? Observables, statistics, figures and pages drawn from recorded datasets.

Reads xarray datasets of the documented schema (dimensions ``(…sweep, replicate, step, agent)``) and nothing
else of thermopolis. Names load on first use (PEP 562): importing this package imports no plotting library.
"""

if __name__ != "thermopolis.analysis":
    raise ImportError("import this folder as thermopolis.analysis (install the project: pip install -e .)")

import importlib
from typing import Any

_HOMES: dict[str, tuple[str, ...]] = {
    "cooperation": ("cooperation_rate",),
    "entropy_over_time": ("belief_entropy", "policy_entropy"),
    "thermodynamics": ("joules_by_kind", "joules_per_decision"),
    "intervals": ("bca_interval", "bootstrap_interval", "mean_interval", "wilson_interval"),
    "series": ("digest", "group_series", "tail"),
    "read": ("Results", "open_results"),
    "figures": ("FIGURES", "plot_all"),
    "page": ("report",),
    "plot": ("plot",),
}
_NAMES = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'thermopolis.analysis' has no attribute {name!r}")
    module = importlib.import_module(f"thermopolis.analysis.{_NAMES[name]}")
    return module if _NAMES[name] == name else getattr(module, name)


def __dir__() -> list[str]:
    return list(__all__)
