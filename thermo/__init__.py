"""thermopolis.thermo: how a distribution is sampled by a thermodynamic machine, and at what cost in joules.

Names load on first use (PEP 562). One line of the table below per public name; a module may not bear the
name of something public (importing the module would hide it).
"""

from __future__ import annotations

import importlib
from typing import Any

if __name__ != "thermopolis.thermo":
    raise ImportError("import this folder as thermopolis.thermo (install the project: pip install -e .)")

_NAMES: dict[str, str] = {
    # energies of discrete units
    "Categorical": "categorical",
    "Ising": "ising",
    "from_model": "posterior",
    "logic_circuit": "logic",
    "logic_gate": "logic",
    "ripple_adder": "logic",
    # energies of continuous and mixed units
    "DoubleWell": "double_well",
    "LinearProcess": "linear_process",
    "Mixed": "mixed",
    "Potential": "potential",
    "Quadratic": "quadratic",
    # samplers of continuous and mixed units
    "GaussianMetropolis": "gaussian_metropolis",
    "Langevin": "underdamped",
    "OrnsteinUhlenbeck": "ornstein_uhlenbeck",
    "Overdamped": "overdamped",
    "Underdamped": "underdamped",
    # samplers of discrete units
    "Gibbs": "gibbs",
    "Jump": "jump",
    "to_thrml": "export",
    "Metropolis": "metropolis",
    "Tempering": "tempering",
    # temperature in time
    "Adaptive": "schedules",
    "Constant": "schedules",
    "Geometric": "schedules",
    "Linear": "schedules",
    # quality of chains
    "autocorrelation_time": "diagnostics",
    "effective_sample_size": "diagnostics",
    "split_rhat": "diagnostics",
    # drivers
    "sample": "sampling",
    "Samples": "sampling",
    "sample_lanes": "core",
    "CoreDraw": "core",
    # exact references
    "enumerate_states": "exact",
    "rate_matrix": "master",
    "transition_matrix": "transitions",
    # choice rules and temperature controllers
    "adaptive_temperature": "choice",
    "entmax": "sparse_choice",
    "entropy_varentropy_alpha": "sparse_choice",
    "min_p": "choice",
    "softmax_T": "choice",
    "CONTROLLERS": "controllers",
    "Signal": "controllers",
    "temperature_for_entropy": "controllers",
    # free energies
    "bennett": "bar",
    "jarzynski": "bar",
    "factor_marginals": "elimination",
    "thermodynamics": "elimination",
    "log_partition": "free_energy",
    "mean_field": "mean_fields",
    "mean_field_gap": "mean_fields",
    # driven protocols, work and heat
    "Drive": "driven",
    "drive": "driven",
    "BitErasure": "engines",
    "DraggedTrap": "engines",
    "StiffnessJump": "engines",
    "TwoStateQuench": "engines",
    "bit_erasure": "engines",
    "crooks": "engines",
    "szilard_engine": "engines",
    "uncertainty_product": "engines",
    # physical p-bits, linear algebra by relaxation
    "PBit": "pbit",
    "circuit": "pbit",
    "dwell_fraction": "pbit",
    "escape_times": "pbit",
    "first_passage_time": "pbit",
    "expm": "linear_algebra",
    "inv": "linear_algebra",
    "logdet": "linear_algebra",
    "solve": "linear_algebra",
    # accuracy against complexity, natural gradients
    "complexity_accuracy": "frontiers",
    "tempered_free_energy": "frontiers",
    "tempered_posterior": "frontiers",
    "rate_distortion": "frontiers",
    "categorical_natural_step": "natural_gradients",
    "kl_bounded_step": "natural_gradients",
    "natural_gradient": "natural_gradients",
    "thermodynamic_natural_gradient": "natural_gradients",
    # machines and joules
    "Device": "device",
    "law_error": "imperfections",
    "devices": "device",
    "Ledger": "ledger",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted(_NAMES)
