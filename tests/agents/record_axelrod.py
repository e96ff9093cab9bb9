"""Records, once, the moves of the Axelrod library's players that our native strategies must reproduce.

Run by hand in an environment that has the library (``pip install axelrod==4.14.0``), with the names of our
strategies and theirs in a file; it writes ``data/axelrod_moves.json``, so that tests need no Axelrod::

    python -c "import json; from thermopolis.agents.strategies import STRATEGIES as s;
    print(json.dumps({k: v.axelrod for k, v in s.items() if v.axelrod}))" > names.json
    python tests/agents/record_axelrod.py names.json

Moves are strings of C and D, 200 rounds: deterministic players against five deterministic opponents (two of
them fixed random-looking sequences). Stochastic players: payoff per round, averaged over matches, with its
standard error.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from pathlib import Path

import axelrod

ROUNDS = 200
MATCHES = 200
OUT = Path(__file__).parent / "data" / "axelrod_moves.json"


def sequence(seed: int, cooperation: float) -> str:
    """A fixed sequence of moves that anyone can make again."""
    rng = random.Random(seed)
    return "".join("C" if rng.random() < cooperation else "D" for _ in range(ROUNDS))


OPPONENTS = {
    "tit_for_tat": lambda: axelrod.TitForTat(),
    "win_stay_lose_shift": lambda: axelrod.WinStayLoseShift(),
    "cycle_ccd": lambda: axelrod.CyclerCCD(),
    "sequence_half": lambda: axelrod.Cycler(cycle=sequence(1, 0.5)),
    "sequence_mostly_c": lambda: axelrod.Cycler(cycle=sequence(2, 0.85)),
}


def main() -> None:
    names = json.loads(Path(sys.argv[1]).read_text())
    classes = {player.name: player for player in axelrod.all_strategies}
    out: dict = {
        "axelrod": axelrod.__version__,
        "rounds": ROUNDS,
        "matches": MATCHES,
        "sequences": {"sequence_half": sequence(1, 0.5), "sequence_mostly_c": sequence(2, 0.85)},
        "moves": {},
        "payoffs": {},
    }
    for ours, theirs in names.items():
        make = classes[theirs]
        if not make().classifier["stochastic"]:
            out["moves"][ours] = {}
            for label, opponent in OPPONENTS.items():
                match = axelrod.Match((make(), opponent()), turns=ROUNDS)
                match.play()
                own, partner = zip(*match.result, strict=True)
                out["moves"][ours][label] = ["".join(map(str, own)), "".join(map(str, partner))]
            continue
        out["payoffs"][ours] = {}
        for label, opponent in OPPONENTS.items():
            scores = []
            for seed in range(MATCHES):
                match = axelrod.Match((make(), opponent()), turns=ROUNDS, seed=seed)
                match.play()
                scores.append(match.final_score_per_turn())
            columns = list(zip(*scores, strict=True))
            out["payoffs"][ours][label] = {
                "mean": [statistics.fmean(c) for c in columns],
                "standard_error": [statistics.stdev(c) / MATCHES**0.5 for c in columns],
            }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(out, indent=1, sort_keys=True) + "\n")
    print(f"{len(out['moves'])} deterministic, {len(out['payoffs'])} stochastic strategies: {OUT}")


if __name__ == "__main__":
    main()
