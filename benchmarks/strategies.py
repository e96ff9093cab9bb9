"""Tournament turns of named strategies: everybody meets everybody, against the Axelrod library's ``Match``.

A turn is one round of one pair. The peer is timed on one tournament and needs the extra ``axelrod``; ours plays
repetitions of it side by side, from an experiment to its dataset. Compilation is not counted; what is timed has both a
native and a library form. Players of one structure sit together, as a program steps neighbours at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from timing import Row, in_turn, report

from experiments import ours
from thermopolis.agents.strategies import STRATEGIES
from thermopolis.runs import Experiment

ROUNDS, REPETITIONS, PLAYERS = 200, 256, 32


def native(names: list[str]) -> Experiment:
    """Everybody against everybody, an action for each partner."""
    return Experiment.model_validate(
        {
            "name": "bench",
            "seed": 1,
            "replicates": REPETITIONS,
            "steps": ROUNDS,
            "environment": {
                "kind": "matrix_game",
                "game": "prisoners_dilemma",
                "topology": {"kind": "complete", "n": len(names)},
            },
            "agents": [{"kind": "finite_state", "strategy": name} for name in names],
            "record": {"variables": ["cooperation"], "every": ROUNDS},
        }
    )


def tournament(names: list[str]) -> Any:
    """A call that plays one tournament with the library, pair by pair."""
    import axelrod

    classes = {player.name: player for player in axelrod.all_strategies}
    pairs = list(itertools.combinations([classes[str(STRATEGIES[name].axelrod)] for name in names], 2))

    def play() -> None:
        for a, b in pairs:
            axelrod.Match((a(), b()), turns=ROUNDS, seed=1).play()

    return play


def rows() -> Iterator[Row]:
    """One row, if the library is there."""
    named = sorted(
        (name for name, row in STRATEGIES.items() if row.axelrod),
        key=lambda n: str(STRATEGIES[n].player.structure),
    )
    names = named[:: -(-len(named) // PLAYERS)]
    turns = ROUNDS * len(names) * (len(names) - 1) // 2
    try:
        peer, mine = in_turn(tournament(names), ours(native(names)), 5)
    except ImportError:
        print("strategies: install the extra axelrod for this row")
        return
    mine /= REPETITIONS
    yield Row(
        f"tournament of {len(names)} named strategies, {turns:,} turns",
        "Axelrod Match",
        peer,
        mine,
        1000.0,
        f"{turns / mine / 1e6:.1f} M turns/s against {turns / peer / 1e6:.3f}; ours timed on {REPETITIONS} at once",
    )


if __name__ == "__main__":
    report(rows())
