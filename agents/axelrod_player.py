"""Any strategy of the Axelrod library as a player that is stepped from Python (extra ``axelrod``).

The library's players are objects with a history; here each lane owns one, its partner is a stand-in whose
history is what the lane observed, and both histories hold realised moves (https://axelrod.readthedocs.io, MIT
licence). It runs in the PettingZoo engine alone. The library is imported on first use, slowly: it brings PyTorch,
and it sets multiprocessing's start method, which is put back. Strategies that read their opponent's source or
manipulate it (such as Darwin, which also keeps state in its class) are refused.
"""

from __future__ import annotations

import difflib
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int, Key

from thermopolis.agents.player import NOTHING, Trace
from thermopolis.agents.settings import Settings
from thermopolis.errors import ModelError

#: What a strategy may not do: it would play with the stand-in, not with its partner.
FORBIDDEN = ("inspects_source", "manipulates_source", "manipulates_state")


@cache
def library() -> Any:
    """The axelrod module, with multiprocessing's start method as it was.

    Raises
    ------
    ModelError
        If it isn't installed.
    """
    before = multiprocessing.get_start_method(allow_none=True)
    try:
        import axelrod
    except ImportError as error:
        raise ModelError(
            f"kind axelrod needs the Axelrod library: pip install 'thermopolis[axelrod]' ({error})"
        ) from None
    finally:
        multiprocessing.set_start_method(before, force=True)
    return axelrod


def strategies() -> dict[str, Any]:
    """Player classes by name, without those that can't be played here."""
    axelrod = library()
    return {
        player.name: player
        for player in axelrod.all_strategies
        if not any(player.classifier.get(trait) for trait in FORBIDDEN)
    }


class Match(NamedTuple):
    """A lane's player and the stand-in for its partner."""

    player: Any
    partner: Any


@dataclass(frozen=True, init=False)
class AxelrodPlayer:
    """A player of the Axelrod library, by the name it has there.

    Parameters
    ----------
    strategy : str
        Such as ``"Tit For Tat"``.
    payoffs : (2, 2)
        What the player gets for its own action (row) against its partner's (column): [[R, S], [T, P]].
    noise : float
        Probability that a move is flipped, which some strategies are told.

    Raises
    ------
    ModelError
        If the library is missing, has no such strategy, or the strategy reads or manipulates its opponent.
    """

    strategy: str
    payoffs: tuple[tuple[float, ...], ...]
    noise: float

    #: Stepped from Python, by the PettingZoo engine.
    on_host = True

    def __init__(
        self, strategy: str, payoffs: Sequence[Sequence[float]] = ((3.0, 0.0), (5.0, 1.0)), noise: float = 0.0
    ) -> None:
        table = np.asarray(payoffs, float)
        if table.shape != (2, 2):
            raise ModelError(
                f"AxelrodPlayer: payoffs must be 2 × 2 (own action first), got shape {table.shape}"
            )
        known = strategies()
        if strategy not in known:
            if any(player.name == strategy for player in library().all_strategies):
                raise ModelError(
                    f"the Axelrod strategy {strategy!r} reads or manipulates its opponent and can't be played here"
                )
            near = difflib.get_close_matches(strategy, known, 3)
            hint = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
            raise ModelError(f"the Axelrod library has no strategy {strategy!r}{hint}")
        object.__setattr__(self, "strategy", strategy)
        object.__setattr__(self, "payoffs", tuple(tuple(float(x) for x in row) for row in table))
        object.__setattr__(self, "noise", float(noise))

    @property
    def structure(self) -> tuple[str, str]:
        """Nothing is compiled; a strategy is itself."""
        return ("axelrod", self.strategy)

    def settings(self) -> Settings:
        """None that a loop could vary."""
        return {}

    def init(self, keys: Key[Array, "lanes"], settings: Settings) -> list[Match]:
        """A fresh player a lane, seeded by the lane's key."""
        axelrod, cls = library(), strategies()[self.strategy]
        (reward, sucker), (temptation, punishment) = self.payoffs
        game = axelrod.Game(r=reward, s=sucker, t=temptation, p=punishment)
        seeds = np.asarray(jax.random.key_data(keys)).reshape(keys.shape[0], -1)[:, 0]
        matches = []
        for seed in seeds:
            player, partner = cls(), axelrod.MockPlayer([axelrod.Action.C])
            for one in (player, partner):
                one.set_match_attributes(length=float("inf"), game=game, noise=self.noise)
                one.set_seed(int(seed))
            matches.append(Match(player, partner))
        return matches

    def step(
        self,
        keys: Key[Array, "lanes"],
        state: list[Match],
        settings: Settings,
        observation: Int[Array, "lanes"],
    ) -> tuple[list[Match], Int[np.ndarray, "lanes"], Trace]:
        """Tell each player what was realised last, and ask for its move."""
        moves = (library().Action.C, library().Action.D)
        actions = np.zeros(len(state), np.int32)
        for lane, (match, seen) in enumerate(zip(state, np.asarray(observation), strict=True)):
            if seen != NOTHING:
                own, partner = moves[seen // 2], moves[seen % 2]
                match.player.update_history(own, partner)
                match.partner.update_history(partner, own)
            elif len(match.player.history):
                continue  # its game is over
            actions[lane] = moves.index(match.player.strategy(match.partner))
        return state, actions, {}
