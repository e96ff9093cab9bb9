"""Named strategies of the iterated prisoner's dilemma, all native and compiled.

Each row gives a player, the name it has in the Axelrod library (https://axelrod.readthedocs.io, MIT licence;
tests compare moves with it), and what it does. Machines are written as ``next states / moves`` for each
state: ``01/CD`` stays in 0 and cooperates after a C of the partner, goes to 1 and defects after a D; four
entries instead of two are by outcome (CC, CD, DC, DD).
"""

from __future__ import annotations

import difflib
from typing import NamedTuple

from thermopolis.agents.finite_state import FiniteState
from thermopolis.agents.memory_one import MemoryOne
from thermopolis.errors import ModelError


class Strategy(NamedTuple):
    """A named strategy."""

    player: MemoryOne | FiniteState
    axelrod: str | None
    summary: str


def machine(table: str, opening: str = "C", initial: int = 0) -> FiniteState:
    """A deterministic machine from a row such as ``"01/CD 11/DD"`` (Grudger)."""
    rows = [row.split("/") for row in table.split()]
    transitions = [[int(s) for s in to] for to, _ in rows]
    cooperation = [[float(move == "C") for move in moves] for _, moves in rows]
    return FiniteState(transitions, cooperation, float(opening == "C"), initial)


def memory_one(cc: float, cd: float, dc: float, dd: float, opening: float = 1.0) -> MemoryOne:
    """A memory-one player, for rows of the table."""
    return MemoryOne(cc, cd, dc, dd, opening)


_TFT = MemoryOne.TIT_FOR_TAT
_EXTORT_4 = MemoryOne.extort(4.0, phi=1 / 17)

STRATEGIES: dict[str, Strategy] = {
    # memory one
    "always_cooperate": Strategy(MemoryOne.ALWAYS_COOPERATE, "Cooperator", "cooperates whatever happens"),
    "always_defect": Strategy(MemoryOne.ALWAYS_DEFECT, "Defector", "defects whatever happens"),
    "tit_for_tat": Strategy(_TFT, "Tit For Tat", "repeats the partner's last move"),
    "suspicious_tit_for_tat": Strategy(
        MemoryOne.SUSPICIOUS_TIT_FOR_TAT, "Suspicious Tit For Tat", "tit for tat that opens with D"
    ),
    "anti_tit_for_tat": Strategy(
        memory_one(0, 1, 0, 1), "Anti Tit For Tat", "the opposite of the partner's last move"
    ),
    "bully": Strategy(memory_one(0, 1, 0, 1, opening=0), "Bully", "anti tit for tat that opens with D"),
    "win_stay_lose_shift": Strategy(
        MemoryOne.WIN_STAY_LOSE_SHIFT, "Win-Stay Lose-Shift", "keeps a move that paid R or T, else changes it"
    ),
    "win_shift_lose_stay": Strategy(
        memory_one(0, 1, 1, 0, opening=0),
        "Win-Shift Lose-Stay",
        "changes a move that paid R or T, else keeps it",
    ),
    "alternator": Strategy(memory_one(0, 0, 1, 1), "Alternator", "C and D in turn"),
    "grim": Strategy(MemoryOne.GRIM, None, "cooperates after mutual cooperation alone"),
    "generous_tit_for_tat": Strategy(
        MemoryOne.GENEROUS_TIT_FOR_TAT, "GTFT", "tit for tat that forgives a defection with probability 1/3"
    ),
    "firm_but_fair": Strategy(
        MemoryOne.FIRM_BUT_FAIR, "Firm But Fair", "returns to C from mutual defection with probability 2/3"
    ),
    "joss": Strategy(
        memory_one(0.9, 0, 0.9, 0), "First by Joss", "tit for tat that defects on a tenth of the Cs"
    ),
    "soft_joss": Strategy(
        memory_one(1, 0.1, 1, 0.1), "Soft Joss", "tit for tat that forgives a tenth of the Ds"
    ),
    "naive_prober": Strategy(
        memory_one(0.9, 0, 0.9, 0), "Naive Prober", "tit for tat that now and then tries a defection"
    ),
    "stochastic_win_stay_lose_shift": Strategy(
        memory_one(0.95, 0.05, 0.05, 0.95), "Stochastic WSLS", "win-stay lose-shift with 5 % slips"
    ),
    "stochastic_cooperator": Strategy(
        memory_one(0.935, 0.229, 0.266, 0.42),
        "Stochastic Cooperator",
        "winner of an evolution of memory-one players",
    ),
    "extort_2": Strategy(
        MemoryOne.EXTORT_2, "ZD-Extort-2", "zero-determinant: twice its partner's surplus over P"
    ),
    "extort_4": Strategy(
        _EXTORT_4, "ZD-Extort-4", "zero-determinant: four times its partner's surplus over P"
    ),
    "generous_2": Strategy(
        MemoryOne.GENEROUS_2, "ZD-GTFT-2", "zero-determinant: bears two thirds of what both lack to R"
    ),
    "all_c_or_all_d": Strategy(
        memory_one(1, 1, 0, 0, opening=0.6), "ALLCorALLD", "draws a move once and keeps it"
    ),
    "desperate": Strategy(
        memory_one(0, 0, 0, 1, opening=0.5), "Desperate", "cooperates after mutual defection alone"
    ),
    "hopeless": Strategy(
        memory_one(0, 1, 1, 1, opening=0.5), "Hopeless", "defects after mutual cooperation alone"
    ),
    "willing": Strategy(
        memory_one(1, 1, 1, 0, opening=0.5), "Willing", "defects after mutual defection alone"
    ),
    "negation": Strategy(
        memory_one(0, 1, 0, 1, opening=0.5), "Negation", "anti tit for tat with a random opening"
    ),
    "random": Strategy(memory_one(0.5, 0.5, 0.5, 0.5, opening=0.5), "Random", "tosses a fair coin"),
    # machines that read the partner's moves
    "grudger": Strategy(machine("01/CD 11/DD"), "Grudger", "cooperates until the partner has defected once"),
    "opposite_grudger": Strategy(
        machine("10/CD 11/CC", "D"), "Opposite Grudger", "defects until the partner has cooperated once"
    ),
    "easy_go": Strategy(machine("01/DC 11/CC", "D"), "EasyGo", "defects until the partner has defected once"),
    "fool_me_once": Strategy(
        machine("01/CC 12/CD 22/DD"), "Fool Me Once", "forgives one defection, no second"
    ),
    "tit_for_two_tats": Strategy(
        machine("01/CC 01/CD"), "Tit For 2 Tats", "defects after two defections in a row"
    ),
    "two_tits_for_tat": Strategy(
        machine("01/CD 21/DD 01/CD"), "Two Tits For Tat", "two defections for each one"
    ),
    "hard_tit_for_tat": Strategy(
        machine("01/CD 21/DD 31/DD 01/CD"), "Hard Tit For Tat", "defects if one of the last three was a D"
    ),
    "hard_tit_for_two_tats": Strategy(
        machine("01/CC 32/CD 32/DD 01/CC"),
        "Hard Tit For 2 Tats",
        "defects if two of the last three in a row were Ds",
    ),
    "soft_grudger": Strategy(
        machine("01/CD 22/DD 33/DD 44/DD 55/CC 00/CC"), "Soft Grudger", "answers a D with D D D D C C"
    ),
    "spiteful_tit_for_tat": Strategy(
        machine("01/CD 02/CD 22/DD"),
        "Spiteful Tit For Tat",
        "tit for tat until two defections in a row, then D",
    ),
    "prober": Strategy(
        machine("11/CC 23/CC 45/DD 55/CD 44/DD 55/CD", "D"),
        "Prober",
        "D C C, then exploits who didn't answer",
    ),
    "handshake": Strategy(
        machine("13/DD 32/DC 22/CC 33/DD"),
        "Handshake",
        "opens C D and cooperates with those who did the same",
    ),
    "aggravater": Strategy(
        machine("13/DD 23/DD 23/CD 33/DD", "D"), "Aggravater", "three defections, then a grudger"
    ),
    "cycle_ccd": Strategy(machine("11/CC 22/DD 00/CC"), "Cycler CCD", "C C D again and again"),
    "grudger_alternator": Strategy(
        machine("01/CD 22/CC 11/DD"), "GrudgerAlternator", "cooperates until the first D, then alternates"
    ),
    # machines that read both players' moves
    "slow_tit_for_two_tats_2": Strategy(
        machine("1212/CCCC 1212/CCCD 1212/CDDD"),
        "Slow Tit For Two Tats 2",
        "follows a move made twice in a row",
    ),
    # machines of tournaments and of evolution, after Ashlock et al., Li & Kendall and the Axelrod library
    "fortress_3": Strategy(
        machine("01/DD 02/DC 20/CD", "D"), "Fortress3", "hands D D for a password, then cooperates"
    ),
    "fortress_4": Strategy(
        machine("01/DD 02/DD 03/DC 30/CD", "D"), "Fortress4", "hands D D D for a password, then cooperates"
    ),
    "predator": Strategy(
        machine("01/DD 23/DD 43/CD 54/DC 26/CD 73/DD 77/CD 87/DD 86/DD"),
        "Predator",
        "preys on Fortress players",
    ),
    "punisher_1": Strategy(
        machine("11/CC 00/CD", "D"), "Pun1", "two states; alternates where it is punished"
    ),
    "raider": Strategy(machine("22/DD 11/CD 03/DC 01/DC", "D"), "Raider", "raids cooperators in cycles"),
    "ripoff": Strategy(
        machine("12/CC 02/DC 22/CD", "D"), "Ripoff", "tit for tat once the partner has defected"
    ),
    "solution_b1": Strategy(machine("10/DD 12/CC 22/CC", "D"), "SolutionB1", "evolved, three states"),
    "solution_b5": Strategy(
        machine("15/CD 12/CD 50/CD 25/CD 43/DD 24/CD", "D"), "SolutionB5", "evolved, six states"
    ),
    "thumper": Strategy(
        machine("01/CD 00/DD"), "Thumper", "two defections for each one, the second unconditional"
    ),
    "usually_cooperates": Strategy(
        machine("01/CC 00/DC"), "UsuallyCooperates", "defects after a D that a C followed"
    ),
    "usually_defects": Strategy(
        machine("10/DD 00/DC", "D"), "UsuallyDefects", "cooperates after a C that a D followed"
    ),
    "evolved_4": Strategy(machine("02/CD 30/DC 21/DC 31/DD"), "Evolved FSM 4", "evolved, four states"),
    "evolved_6": Strategy(
        machine("05/DD 42/DC 24/CD 05/DD 13/CD 01/CD", initial=2), "Evolved FSM 6", "evolved, six states"
    ),
}


def strategy(name: str) -> MemoryOne | FiniteState:
    """The player of that name.

    Raises
    ------
    ModelError
        If there is none, with the nearest names.
    """
    if name in STRATEGIES:
        return STRATEGIES[name].player
    near = difflib.get_close_matches(name, STRATEGIES, 3)
    hint = f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    raise ModelError(f"no strategy is named {name!r}{hint}")
