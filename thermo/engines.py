"""Protocols with closed forms: trap jumps and drags, a two-state quench, erasing a bit, an information engine.

Each gives the energy as a function of progress (see ``driven``); work and heat in the unit of the energy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.errors import ModelError
from thermopolis.keys import fold_in, uniforms
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.checks import refuse_unless, whole
from thermopolis.thermo.driven import Drive, drive
from thermopolis.thermo.gibbs import Gibbs
from thermopolis.thermo.noise import lane_keys
from thermopolis.thermo.pytree import pytree
from thermopolis.thermo.quadratic import Quadratic


@pytree
@dataclass(frozen=True, eq=False)
class Held:
    """An energy that does not change: no work is done."""

    energy: Any

    def __call__(self, s: Any) -> Any:
        """The energy at any progress."""
        return self.energy


@pytree
@dataclass(frozen=True, eq=False)
class StiffnessJump:
    """A trap ½k x² whose k changes at once: ⟨W⟩ = T(after/before − 1)/2, ΔF = (T/2) ln(after/before)."""

    before: Any
    after: Any

    def __post_init__(self) -> None:
        for name in ("before", "after"):
            refuse_unless(getattr(self, name), lambda k: (k > 0) & np.isfinite(k), name, "positive")

    def __call__(self, s: Any) -> Quadratic:
        """The energy at progress s."""
        return Quadratic.trap(jnp.where(s > 0, self.after, self.before))


@pytree
@dataclass(frozen=True, eq=False)
class DraggedTrap:
    """A trap ½k(x − s·distance)² moved at constant speed; ΔF = 0.

    Overdamped with friction γ, relaxation time τ_r = γ/k, speed v for a time τ:
    ⟨W⟩ = γv²[τ − τ_r(1 − e^{−τ/τ_r})], Var W = 2T⟨W⟩ (Mazonka & Jarzynski 1999, arXiv cond-mat/9912121).
    """

    stiffness: Any
    distance: Any

    def __post_init__(self) -> None:
        refuse_unless(self.stiffness, lambda k: (k > 0) & np.isfinite(k), "stiffness", "positive")
        refuse_unless(self.distance, np.isfinite, "distance", "finite numbers")

    def __call__(self, s: Any) -> Quadratic:
        """The energy at progress s."""
        return Quadratic.trap(self.stiffness, s * self.distance)


def dragged_trap_work(stiffness: float, distance: float, time: float, friction: float = 1.0) -> float:
    """⟨W⟩ of ``DraggedTrap`` over a time, by the formula given there."""
    speed, relaxation = distance / time, friction / stiffness
    return friction * speed**2 * (time + relaxation * np.expm1(-time / relaxation))


@pytree
@dataclass(frozen=True, eq=False)
class TwoStateQuench:
    """A two-state unit whose gap E₁ − E₀ changes at once: ⟨W⟩ = (after − before)/(1 + e^{before/T})."""

    before: Any
    after: Any

    def __post_init__(self) -> None:
        for name in ("before", "after"):
            refuse_unless(getattr(self, name), np.isfinite, name, "a finite number")

    def __call__(self, s: Any) -> Categorical:
        """The energy at progress s."""
        return _two_state(jnp.where(s > 0, self.after, self.before))


@pytree
@dataclass(frozen=True, eq=False)
class BitErasure:
    """The gap of a two-state unit climbs in ``steps`` equal rungs, then drops at once to 0."""

    gap: Any
    steps: Any

    def __post_init__(self) -> None:
        refuse_unless(self.gap, lambda g: (g > 0) & np.isfinite(g), "gap", "positive")
        refuse_unless(self.steps, lambda n: n >= 1, "steps", "at least 1")

    def __call__(self, s: Any) -> Categorical:
        """The energy at progress s: rung t + 1 from the middle of step t on."""
        return _two_state(jnp.where(s >= 1, 0.0, jnp.floor(s * self.steps + 0.75) * self.gap / self.steps))


@pytree
@dataclass(frozen=True, eq=False)
class InformationEngine:
    """State 1 − y of each lane is raised at once to ``height``, then let down in ``steps`` equal rungs."""

    raised: Any
    height: Any
    steps: Any

    def __call__(self, s: Any) -> Categorical:
        """The energy at progress s."""
        down = jnp.minimum(jnp.floor(s * self.steps + 0.25) / self.steps, 1.0)
        level = jnp.where(s <= 0, 0.0, self.height * (1 - down))
        return _UNIT.with_tables([self.raised * level])


_UNIT = Categorical((2,), [((0,), np.zeros(2))])


def _two_state(gap: Any) -> Categorical:
    return _UNIT.with_tables([jnp.stack([jnp.zeros_like(gap), gap])])


def bit_erasure(key: Any, gap: float, steps: int, *, temperature: float = 1.0, chains: int = 10_000) -> Drive:
    """Erase a bit: raise the energy of state 1 from 0 to ``gap`` in ``steps`` with full relaxation, then drop it.

    The drop is sudden, with the bit held. A share ε = 1/(1 + e^{gap/T}) of the bits is wrong at the end. The
    work tends to T[ln 2 − H(ε)], from above as 1/steps (Landauer 1961; ``bit_erasure_work`` has its mean).

    Raises
    ------
    ModelError
        A gap or temperature that is not positive, no steps.
    """
    protocol = BitErasure(float(gap), whole(steps, "steps"))
    return drive(key, protocol, Gibbs(), steps, temperature=temperature, chains=chains, burn_in=1)


def bit_erasure_work(gap: float, steps: int, temperature: float = 1.0) -> float:
    """⟨W⟩ of ``bit_erasure`` exactly: Σ p₁(rung)·gap/steps − ε·gap."""
    rungs = np.arange(steps) * gap / steps
    wrong = 1 / (1 + math.exp(gap / temperature))
    return float((gap / steps / (1 + np.exp(rungs / temperature))).sum() - wrong * gap)


def erasure_bound(gap: float, temperature: float = 1.0) -> float:
    """T[ln 2 − H(ε)] with ε = 1/(1 + e^{gap/T}): the least work of ``bit_erasure``."""
    wrong = 1 / (1 + math.exp(gap / temperature))
    return temperature * (math.log(2) + wrong * math.log(wrong) + (1 - wrong) * math.log(1 - wrong))


def szilard_engine(
    key: Any, error: float, steps: int, *, temperature: float = 1.0, chains: int = 10_000
) -> tuple[Drive, np.ndarray]:
    """Measure a bit with a probability of error, then use what was learned to draw work from the bath.

    The state not measured is raised at once to T ln((1 − ε)/ε), where the bit is in equilibrium given the
    measurement, then let down in ``steps`` with full relaxation. ⟨W⟩ → −T[ln 2 − H(ε)]; for any number of steps
    ⟨e^{−W/T − I}⟩ = 1 (Sagawa & Ueda 2010, PRL 104, 090602), so that ⟨W⟩ ≥ −T⟨I⟩.

    Returns
    -------
    Drive
        ΔF = 0: the energies are alike before and after.
    information : Float[np.ndarray, "chains"]
        ln p(y|x)/p(y) of each chain, nats; its mean is ln 2 − H(ε).

    Raises
    ------
    ModelError
        ε outside (0, ½), no steps.
    """
    refuse_unless(error, lambda e: (e > 0) & (e < 0.5), "error", "between 0 and ½")
    whole(steps, "steps")
    keys = lane_keys(key, chains)
    draws = jax.jit(lambda keys: uniforms(fold_in(keys, 0xFFFFFFFD), (2,)))(keys)
    x = (draws[0] < 0.5).astype(jnp.int32)
    wrong = draws[1] < error
    y = jnp.where(wrong, 1 - x, x)
    height = temperature * math.log((1 - error) / error)
    raised = jax.nn.one_hot(1 - y, 2, axis=0)  # (state, chain)
    protocol = InformationEngine(raised, height, steps)
    run = drive(
        key, protocol, Gibbs(), steps, temperature=temperature, chains=chains, start=np.asarray(x)[None]
    )
    return run, np.where(np.asarray(wrong), math.log(2 * error), math.log(2 * (1 - error)))


def crooks(
    forward: Any, reverse: Any, temperature: float = 1.0, bins: int = 20, least: int = 30
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln[P_F(W)/P_R(−W)] in bins of W, which Crooks' relation says is (W − ΔF)/T (Crooks 1999, PRE 60, 2721).

    Returns
    -------
    work, log_ratio, standard_error : Float[np.ndarray, "bins"]
        Only bins with at least ``least`` works of either kind; W is their mean in the bin.

    Raises
    ------
    ModelError
        No bin holds enough of both.
    """
    up, down = np.asarray(forward, float), -np.asarray(reverse, float)
    for name, works in (("forward works", up), ("reverse works", down)):
        refuse_unless(works, np.isfinite, name, "finite numbers")
        refuse_unless(works.size, lambda n: n > 0, f"number of {name}", "at least 1")
    low, high = max(up.min(), down.min()), min(up.max(), down.max())
    if not low < high:
        raise ModelError("crooks: forward and reverse works don't overlap; drive more slowly")
    edges = np.linspace(low, high, bins + 1)
    (a, _), (b, _) = np.histogram(up, edges), np.histogram(down, edges)
    sums = np.histogram(up, edges, weights=up)[0] + np.histogram(down, edges, weights=down)[0]
    kept = (a >= least) & (b >= least)
    if not kept.any():
        raise ModelError("crooks: no bin holds enough of both works; use more chains or drive more slowly")
    a, b = a[kept], b[kept]
    ratio = np.log(a / up.size) - np.log(b / down.size)
    return sums[kept] / (a + b), ratio, np.sqrt(1 / a + 1 / b)


def uncertainty_product(current: Any, entropy_production: float) -> float:
    """Var(J)·Σ/(2⟨J⟩²) ≥ 1 in a steady state (Barato & Seifert 2015, PRL 114, 158101).

    Parameters
    ----------
    current : J of independent runs, any current that changes sign under time reversal.
    entropy_production : mean entropy made in a run, in units of k.
    """
    values = np.asarray(current, float)
    return float(values.var(ddof=1) * entropy_production / (2 * values.mean() ** 2))
