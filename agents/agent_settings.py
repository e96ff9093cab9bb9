"""What of an active-inference agent a sweep may vary: its numbers as arrays, by name, without lanes.

Everything that :mod:`cycle` reads while it runs stands here: likelihoods ``A_m``, transitions ``B_f`` or their prior
counts ``pB_f``, ``ln_C_m``, ``D_f``, the habit ``E``, and what controllers, selection, learning, perception, planner
and team are set to. Equal structures with other numbers share one compiled program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thermopolis.agents.settings import Settings

if TYPE_CHECKING:
    from thermopolis.agents.active_inference import ActiveInference

#: Transitions with more entries than this, and not learned, are one table for all lanes of a block.
LARGE = 1024


def shared_names(agent: ActiveInference) -> frozenset[str]:
    """Settings that all lanes of a block have in common: D, E, likelihoods and large transitions, if not learned."""
    model, learned = agent.model, agent.structure.learned
    names = {f"D_{f}" for f in range(len(model.D))} | {"E"}
    names |= {f"readout.{name}" for name in agent.structure.readouts}
    if "B" not in learned:
        names |= {f"B_{f}" for f, b in enumerate(model.B) if b.size > LARGE}
    if "A" not in learned:
        names |= {f"A_{m}" for m in range(len(model.A))}
    return frozenset(names)


def numbers(agent: ActiveInference) -> Settings:
    """Every number of the agent, float32, a table's joint states flattened to one axis."""
    s, model, learning = agent.structure, agent.model, agent.learning
    out: Settings = {f"controller.{k}": np.float32(v) for k, v in agent.controller.items()}
    out |= {f"selection.{k}": np.float32(v) for k, v in agent.selection.items() if k != "kind"}
    for m, a in enumerate(model.A):
        table: np.ndarray = a.reshape(a.shape[0], -1)
        out[f"A_{m}"] = _f32(table)
        if "A" in s.learned:
            out[f"pA_{m}"] = _f32(prior_counts(agent, "A", m).reshape(table.shape))
        out[f"ln_C_{m}"] = _f32(model.C[m])
    for f, b in enumerate(model.B):
        table = np.asarray(b).reshape(b.shape[0], -1, b.shape[-1])
        if "B" in s.learned:
            out[f"pB_{f}"] = _f32(prior_counts(agent, "B", f).reshape(table.shape))
        else:
            out[f"B_{f}"] = _f32(table)
            if s.parameter_gain and model.pB is not None:
                out[f"pB_{f}"] = _f32(model.pB[f].reshape(table.shape))
        out[f"D_{f}"] = _f32(model.D[f])
        if "D" in s.learned:
            out[f"pD_{f}"] = _f32(prior_counts(agent, "D", f))
    if s.habit:
        habit = np.full(s.policies, 1.0 / s.policies) if model.E is None else model.E
        out["E"] = _f32(habit)
        if "E" in s.learned:
            assert learning is not None
            out["pE"] = _f32(habit * learning.concentration)
    if learning is not None:
        out["rate"] = np.float32(learning.rate)
        out["forgetting"] = np.float32(learning.forgetting)
        if s.method != "dirichlet":
            out["kl_bound"] = np.float32(learning.kl_bound)
        if s.method == "thermodynamic_natural_gradient":
            out["relaxation.time"] = np.float32(learning.relaxation_time)
            out["relaxation.temperature"] = np.float32(learning.relaxation_temperature)
    if s.perception == "tempered":
        out["perception.beta"] = np.float32(agent.perception_beta)
    if s.planner == "sophisticated":
        out["planner.temperature"] = np.float32(agent.planner["temperature"])
    if s.team is not None:
        out["team.weight"] = np.float32(agent.team_weight)
    for name in s.readouts:
        out[f"readout.{name}"] = _f32(model.readouts[name])
    return out


def prior_counts(agent: ActiveInference, name: str, index: int) -> np.ndarray:
    """Counts that learning of a table starts from: the model's, or its probabilities times ``concentration``."""
    given = getattr(agent.model, f"p{name}")
    if given is not None:
        return np.asarray(given[index])
    assert agent.learning is not None
    return np.asarray(getattr(agent.model, name)[index]) * agent.learning.concentration


def _f32(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, dtype=np.float32)
