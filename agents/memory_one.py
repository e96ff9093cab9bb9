"""Memory-one strategies: cooperate with a probability that depends on the last round's outcome alone.

p = (p_cc, p_cd, p_dc, p_dd), own realised move first (Nowak & Sigmund 1993). Zero-determinant strategies
(Press & Dyson 2012) are those with

    (p_cc − 1, p_cd − 1, p_dc, p_dd) = φ[(s_x − κ) − χ(s_y − κ)],

which force the long-run payoffs of the player (x) and its partner (y) onto the line s_x − κ = χ(s_y − κ)
whatever the partner does: extortionate with κ = P (mutual defection), generous with κ = R (Stewart & Plotkin
2013). Players that never toss a coin run as machines of one state (:mod:`thermopolis.agents.deterministic`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from thermopolis.agents import deterministic
from thermopolis.agents.player import NOTHING, Trace, cooperation_trace
from thermopolis.agents.settings import Settings
from thermopolis.errors import ModelError
from thermopolis.keys import uniforms

#: Payoffs (R, S, T, P) of the usual prisoner's dilemma.
PRISONERS_DILEMMA = (3.0, 0.0, 5.0, 1.0)


@dataclass(frozen=True)
class MemoryOne:
    """A memory-one player of a 2×2 game.

    Parameters
    ----------
    p_cc, p_cd, p_dc, p_dd : float
        Probability of cooperating after each outcome, the player's own realised move first.
    opening : float
        Probability of cooperating before anything has been observed.

    Raises
    ------
    ModelError
        If a number isn't a probability.
    """

    p_cc: float
    p_cd: float
    p_dc: float
    p_dd: float
    opening: float = 1.0

    ALWAYS_COOPERATE: ClassVar[MemoryOne]
    ALWAYS_DEFECT: ClassVar[MemoryOne]
    TIT_FOR_TAT: ClassVar[MemoryOne]
    SUSPICIOUS_TIT_FOR_TAT: ClassVar[MemoryOne]
    WIN_STAY_LOSE_SHIFT: ClassVar[MemoryOne]
    GRIM: ClassVar[MemoryOne]
    GENEROUS_TIT_FOR_TAT: ClassVar[MemoryOne]
    FIRM_BUT_FAIR: ClassVar[MemoryOne]
    EXTORT_2: ClassVar[MemoryOne]
    GENEROUS_2: ClassVar[MemoryOne]

    def __post_init__(self) -> None:
        for name in ("p_cc", "p_cd", "p_dc", "p_dd", "opening"):
            p = getattr(self, name)
            if not 0.0 <= p <= 1.0:
                raise ModelError(f"MemoryOne: {name} must be a probability (0 to 1), got {p}")

    @property
    def cooperation(self) -> tuple[float, float, float, float]:
        """(p_cc, p_cd, p_dc, p_dd)."""
        return (self.p_cc, self.p_cd, self.p_dc, self.p_dd)

    @classmethod
    def zero_determinant(
        cls,
        chi: float,
        baseline: float,
        phi: float | None = None,
        payoffs: tuple[float, float, float, float] = PRISONERS_DILEMMA,
        opening: float = 1.0,
    ) -> MemoryOne:
        """The strategy that enforces s_x − baseline = chi · (s_y − baseline).

        Parameters
        ----------
        chi : float
            Slope, at least 1: how many units above the baseline the player gets for each of its partner's.
        baseline : float
            The payoff κ at which both are equal, from P (extortion) to R (generosity).
        phi : float, optional
            Scale, above 0 and at most the largest that leaves probabilities; half of that if not given.
        payoffs : (R, S, T, P)
            Reward, sucker's payoff, temptation, punishment.
        opening : float
            Probability of cooperating in the first round.

        Raises
        ------
        ModelError
            If chi, the baseline or phi can't be met by probabilities.
        """
        reward, sucker, temptation, punishment = payoffs
        if chi < 1.0:
            raise ModelError(f"zero_determinant: chi must be at least 1, got {chi}")
        if not punishment <= baseline <= reward:
            raise ModelError(
                f"zero_determinant: the baseline must lie from P={punishment} to R={reward}, got {baseline}"
            )
        own = np.array([reward, sucker, temptation, punishment])
        partner = np.array([reward, temptation, sucker, punishment])
        direction = (own - baseline) - chi * (partner - baseline)
        if direction[1] > 0.0 or direction[2] < 0.0:
            raise ModelError(f"zero_determinant: no probabilities enforce chi={chi} with payoffs {payoffs}")
        largest = 1.0 / np.max(np.abs(direction))
        phi = largest / 2.0 if phi is None else phi
        if not 0.0 < phi <= largest * (1.0 + 1e-12):
            raise ModelError(f"zero_determinant: phi must be above 0 and at most {largest:.6g}, got {phi}")
        p = np.clip(np.array([1.0, 1.0, 0.0, 0.0]) + phi * direction, 0.0, 1.0)
        return cls(float(p[0]), float(p[1]), float(p[2]), float(p[3]), opening)

    @classmethod
    def extort(
        cls,
        chi: float,
        phi: float | None = None,
        payoffs: tuple[float, float, float, float] = PRISONERS_DILEMMA,
        opening: float = 1.0,
    ) -> MemoryOne:
        """An extortioner: its surplus over P is chi times its partner's (Press & Dyson 2012)."""
        return cls.zero_determinant(chi, payoffs[3], phi, payoffs, opening)

    @classmethod
    def generous(
        cls,
        chi: float,
        phi: float | None = None,
        payoffs: tuple[float, float, float, float] = PRISONERS_DILEMMA,
        opening: float = 1.0,
    ) -> MemoryOne:
        """A generous player: it lacks chi times what its partner lacks to R (Stewart & Plotkin 2013)."""
        return cls.zero_determinant(chi, payoffs[0], phi, payoffs, opening)

    @cached_property
    def deterministic(self) -> bool:
        """Whether it never draws."""
        return deterministic.is_deterministic(1, (*self.cooperation, self.opening))

    @property
    def structure(self) -> tuple[str] | tuple[str, int]:
        """All memory-one players that draw run one program; the others are machines of one state."""
        return deterministic.structure(1) if self.deterministic else ("memory_one",)

    def settings(self) -> Settings:
        """``cooperation`` (outcome,) by CC, CD, DC, DD and ``opening`` (); or a machine's word."""
        if self.deterministic:
            return deterministic.settings([[0] * 4], [self.cooperation], self.opening, 0)
        return {
            "cooperation": np.asarray(self.cooperation, np.float32),
            "opening": np.asarray(self.opening, np.float32),
        }

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> tuple[()]:
        """It remembers nothing but what it is shown."""
        return ()

    def step(
        self,
        keys: Key[Array, "lanes"],
        state: tuple[()],
        settings: Settings,
        observation: Int[Array, "lanes"],
    ) -> tuple[Any, Int[Array, "lanes"], Trace]:
        """Draw the move that the last outcome calls for."""
        if self.deterministic:
            return deterministic.step((), settings, observation)
        cooperation = settings["cooperation"]
        p = jnp.where(observation == NOTHING, settings["opening"], cooperation[0])
        for outcome in range(1, 4):
            p = jnp.where(observation == outcome, cooperation[outcome], p)
        action = jnp.where(uniforms(keys) < p, 0, 1).astype(jnp.int32)
        return state, action, cooperation_trace(p)


MemoryOne.ALWAYS_COOPERATE = MemoryOne(1, 1, 1, 1)
MemoryOne.ALWAYS_DEFECT = MemoryOne(0, 0, 0, 0, opening=0)
MemoryOne.TIT_FOR_TAT = MemoryOne(1, 0, 1, 0)
MemoryOne.SUSPICIOUS_TIT_FOR_TAT = MemoryOne(1, 0, 1, 0, opening=0)
MemoryOne.WIN_STAY_LOSE_SHIFT = MemoryOne(1, 0, 0, 1)
MemoryOne.GRIM = MemoryOne(1, 0, 0, 0)
MemoryOne.GENEROUS_TIT_FOR_TAT = MemoryOne(1, 1 / 3, 1, 1 / 3)
MemoryOne.FIRM_BUT_FAIR = MemoryOne(1, 0, 1, 2 / 3)
MemoryOne.EXTORT_2 = MemoryOne.extort(2.0, phi=1 / 18)
MemoryOne.GENEROUS_2 = MemoryOne.generous(2.0, phi=1 / 8)
