"""What happened? Observables, statistics, figures and pages drawn from recorded datasets.

Reads xarray datasets of the documented schema (dimensions ``(…sweep, replicate, step, agent)``) and nothing
else of thermopolis. Names load on first use (PEP 562): importing this package imports no plotting library.
"""

if __name__ != "thermopolis.analysis":
    raise ImportError("import this folder as thermopolis.analysis (install the project: pip install -e .)")

import importlib
from typing import Any

_HOMES: dict[str, tuple[str, ...]] = {
    "comparisons": ("benjamini_hochberg", "compare", "holm", "permutation_test"),
    "cooperation": (
        "conditional_cooperation",
        "cooperation_rate",
        "mutual_defection",
        "time_to_cooperation",
        "transitions",
    ),
    "cores": (
        "bennett",
        "jarzynski",
        "protocol_free_energy",
        "protocol_work",
        "state_entropy",
        "tempered_free_energy",
    ),
    "counting": ("action_counts", "context_counts", "joint_outcomes", "moves", "transition_counts"),
    "criticality": ("binder_cumulant", "critical_temperature", "susceptibility"),
    "disorder_index": ("disorder",),
    "dwelling": ("dwell_times",),
    "dynamics": (
        "action_information",
        "entropy_rate",
        "joint_entropy",
        "lempel_ziv_complexity",
        "outcome_entropy_production",
        "schnakenberg",
        "transfer_entropy",
    ),
    "entropies": ("action_entropy", "belief_entropy", "policy_entropy", "policy_varentropy"),
    "export": ("columns", "to_arviz", "to_csv", "to_parquet"),
    "figures": ("FIGURES", "plot_all"),
    "inequality": ("energy_share", "gini", "gini_of"),
    "information": ("conditional_mutual_information", "entropy", "mutual_information", "varentropy"),
    "intervals": (
        "bca_interval",
        "bootstrap_interval",
        "mean_interval",
        "student_interval",
        "wilson_interval",
    ),
    "civilizations": ("collapses", "kardashev", "kardashev_of", "kardashev_total", "milestones"),
    "modality": ("dip_test", "several_basins"),
    "page": ("report",),
    "plot": ("plot",),
    "read": ("Results", "open_results"),
    "digests": ("digest",),
    "replicas": ("replica_paths",),
    "selection": ("selection",),
    "series": ("group_series", "tail"),
    "stationarity": ("burn_in", "change_points", "drift", "effective_sample_size"),
    "thermodynamics": ("accuracy_per_joule", "joules_by_kind", "joules_per_decision", "second_law"),
    "view": ("serve",),
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
