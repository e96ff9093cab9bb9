"""The Markov blanket on the trace: internal and external states are independent, given sensory and active ones.

Sensory states are ``observation``, active ones ``action``; internal ones what an agent reports of its beliefs and
policies, external ones what its partner really did. Independence in every stratum of the blanket is tested by
G = 2 Σ n ln(n / expected), which has the χ² law.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from thermopolis.runs.schema import Experiment
from thermopolis.runs.simulate import simulate


def experiment(partner: dict[str, Any], noise: float) -> Experiment:
    return Experiment.model_validate(
        {
            "name": "blanket",
            "seed": 8,
            "replicates": 200,
            "steps": 120,
            "environment": {"kind": "matrix_game", "observation_noise": noise},
            "agents": [{"kind": "active_inference", "learning": {"rate": 0.3}}, partner],
        }
    )


def g_statistic(x: np.ndarray, y: np.ndarray, strata: np.ndarray) -> tuple[float, int]:
    """G of x and y within strata, and its degrees of freedom."""
    total, freedom = 0.0, 0
    for stratum in np.unique(strata):
        where = strata == stratum
        table = np.zeros((x.max() + 1, y.max() + 1))
        np.add.at(table, (x[where], y[where]), 1)
        table = table[table.sum(1) > 0][:, table.sum(0) > 0]
        expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
        total += 2 * np.sum(table * np.log(np.where(table > 0, table, 1.0) / expected) * (table > 0))
        freedom += (table.shape[0] - 1) * (table.shape[1] - 1)
    return float(total), freedom


def independent(x: np.ndarray, y: np.ndarray, strata: np.ndarray) -> bool:
    """Within four standard deviations of χ²'s mean."""
    total, freedom = g_statistic(x, y, strata)
    return freedom > 0 and total < freedom + 4 * np.sqrt(2 * freedom)


def internal(ds: Any, at: slice) -> np.ndarray:
    """Eighths of the policy's entropy and of the free energy, as one label."""
    labels = np.zeros(ds["action"].isel(agent=0, step=at).shape, int)
    for name in ("policy_entropy", "free_energy"):
        values = np.nan_to_num(ds[name].isel(agent=0, step=at).values)
        cuts = np.quantile(values, np.linspace(0, 1, 9)[1:-1])
        labels = labels * 8 + np.searchsorted(cuts, values)
    return labels.ravel()


now, before = slice(1, None), slice(0, -1)


def test_beliefs_know_the_partners_move_by_what_was_seen_alone() -> None:
    """What the partner did and the agent misperceived leaves no trace in it; what it saw does."""
    ((_, ds),) = simulate([experiment({"kind": "random", "p": 0.8}, 0.3)])
    inside = internal(ds, now)
    outside = ds["action"].isel(agent=1, step=before).values.ravel().astype(int)
    seen = ds["observation"].isel(agent=0, step=now).values.ravel().astype(int)
    assert not independent(inside, outside, np.zeros_like(seen))  # they are related …
    assert independent(inside, outside, seen)  # … through the blanket


def test_the_partner_knows_beliefs_by_what_was_done_alone() -> None:
    """The partner's next move depends on what was played, not on what the agent believed or wanted when it played."""
    partner = {"kind": "memory_one", "cooperation": [0.9, 0.2, 0.7, 0.1]}
    ((_, ds),) = simulate([experiment(partner, 0.0)])
    inside = internal(ds, before)
    outside = ds["action"].isel(agent=1, step=now).values.ravel().astype(int)
    played = (2 * ds["action"].isel(agent=0, step=before) + ds["action"].isel(agent=1, step=before)).values
    assert not independent(inside, outside, np.zeros_like(outside))
    assert independent(inside, outside, played.ravel().astype(int))
