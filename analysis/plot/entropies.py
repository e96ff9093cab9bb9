"""Figures of the entropies agents report of their own beliefs and policies."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes

from thermopolis.analysis.entropies import belief_entropy, policy_entropy
from thermopolis.analysis.plot.curves import over_time
from thermopolis.analysis.plot.phase import against_sweep
from thermopolis.analysis.plot.style import figure, finish


@figure
def belief_entropy_over_time(ds: xr.Dataset, ax: Axes) -> None:
    """Entropy of the beliefs over states at every step."""
    caption = over_time(ax, belief_entropy(ds), "belief_entropy")
    ax.set_ylabel("belief entropy (nat)")
    finish(ax, "Belief entropy over time", "Shannon entropy of the posterior over states. " + caption)


@figure
def policy_entropy_over_time(ds: xr.Dataset, ax: Axes) -> None:
    """Entropy of q(π) at every step."""
    caption = over_time(ax, policy_entropy(ds), "policy_entropy")
    ax.set_ylabel("policy entropy (nat)")
    finish(ax, "Policy entropy over time", "Shannon entropy of the exact q(π). " + caption)


@figure
def entropies_against_temperature(ds: xr.Dataset, ax: Axes) -> None:
    """Belief and policy entropy against the sweep's temperature."""
    names = ["belief_entropy", "policy_entropy"]
    caption = against_sweep(ax, ds, names)
    there = [name for name in names if name in ds.data_vars]
    ax.set_ylabel("entropy (nat)" if len(there) > 1 else f"{there[0].replace('_', ' ')} (nat)")
    ax.set_ylim(bottom=0.0)
    finish(ax, "Entropies along the sweep", "Means over the last half of the steps. " + caption)
