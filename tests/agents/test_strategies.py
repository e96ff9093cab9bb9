"""Native strategies play as the Axelrod library's do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from thermopolis.agents.finite_state import FiniteState
from thermopolis.agents.strategies import STRATEGIES, strategy
from thermopolis.errors import ModelError

from .playing import against_moves, play

RECORD = json.loads((Path(__file__).parent / "data" / "axelrod_moves.json").read_text())
PAYOFFS = np.array([[3.0, 0.0], [5.0, 1.0]])


def test_every_strategy_with_an_axelrod_name_was_recorded():
    named = {name for name, row in STRATEGIES.items() if row.axelrod}
    assert named == set(RECORD["moves"]) | set(RECORD["payoffs"])
    assert len(STRATEGIES) >= 25


@pytest.mark.parametrize("name", sorted(RECORD["moves"]))
def test_deterministic_strategies_move_for_move(name):
    matches = RECORD["moves"][name]
    played = against_moves(strategy(name), [partner for _, partner in matches.values()])
    assert dict(zip(matches, played, strict=True)) == {name: own for name, (own, _) in matches.items()}


@pytest.mark.parametrize("name", sorted(RECORD["payoffs"]))
def test_stochastic_strategies_earn_the_same(name):
    """Mean payoffs of both agree within 4 standard errors of their difference."""
    lanes = 1000
    for opponent, expected in RECORD["payoffs"][name].items():
        partner = RECORD["sequences"].get(opponent)
        other = strategy(opponent) if partner is None else _fixed(partner)
        own, theirs, *_ = play(strategy(name), other, RECORD["rounds"], lanes, seed=11)
        for payoff, mean, error in zip(
            (PAYOFFS[own, theirs], PAYOFFS[theirs, own]),
            expected["mean"],
            expected["standard_error"],
            strict=True,
        ):
            per_match = payoff.mean(0)
            tolerance = 4 * np.hypot(error, per_match.std(ddof=1) / lanes**0.5)
            assert abs(per_match.mean() - mean) <= tolerance + 1e-6, f"against {opponent}"


def _fixed(moves: str) -> FiniteState:
    """A machine that plays a sequence."""
    n = len(moves)
    after = [(t + 1) % n for t in range(n)]
    cooperation = [[float(moves[t] == "C")] * 2 for t in after]
    return FiniteState([[t, t] for t in after], cooperation, float(moves[0] == "C"))


@pytest.mark.parametrize("states", [1, 3, 16, 17])
def test_machines_run_as_their_tables_say_whether_as_words_or_not(states):
    rng = np.random.default_rng(states)
    to, moves = rng.integers(states, size=(states, 4)), rng.integers(2, size=(states, 4))
    machine = FiniteState(to, 1.0 - moves, opening=0.0, initial=states - 1)
    assert (machine.structure[0] == "deterministic") == (states <= 16)
    partner = rng.integers(2, size=60)
    state, own, expected = states - 1, 1, "D"
    for move in partner[:-1]:
        state, own = to[state, 2 * own + move], moves[state, 2 * own + move]
        expected += "CD"[own]
    assert against_moves(machine, ["".join("CD"[m] for m in partner)]) == [expected]


def test_one_chance_in_a_machine_makes_it_draw():
    tables = [[0, 0]], [[1.0, 0.5]]
    assert FiniteState(*tables).structure == ("finite_state", 1)
    own, *_ = play(FiniteState(*tables), STRATEGIES["always_defect"].player, 200, 50, seed=3)
    assert abs(own[1:].mean() - 0.5) < 4 * 0.5 / own[1:].size ** 0.5


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ModelError, match="did you mean 'tit_for_tat'"):
        strategy("tit_for_tatt")
