"""Learning prisoner's-dilemma agents in a closed loop: 10,000 of them, horizons 1 and 3, against pymdp.

Compilation isn't counted on either side. The peer has pymdp's default of 16 iterations of its fixed-point inference; the
note gives the ratio to one iteration, which is enough for a single factor.
"""

from __future__ import annotations

from collections.abc import Iterator

from pymdp_peer import scanned
from timing import Row, best, in_turn, report

from experiments import dilemma, learners, ours

AGENTS = 10_000


def rows() -> Iterator[Row]:
    """One row a horizon."""
    for horizon, peer_rounds, our_rounds, goal in ((1, 40, 1000, 50.0), (3, 20, 1000, 40.0)):
        peer, mine = in_turn(
            scanned(AGENTS, peer_rounds, horizon),
            ours(dilemma([learners(AGENTS, horizon)], our_rounds)),
        )
        tuned = best(scanned(AGENTS, peer_rounds, horizon, iterations=1))
        per_round, our_round = peer / peer_rounds, mine / our_rounds
        yield Row(
            f"{AGENTS:,} learning agents, horizon {horizon}, 1,000 rounds",
            "pymdp Agent, jit(scan)",
            1000 * per_round,
            1000 * our_round,
            goal,
            f"{AGENTS / our_round / 1e6:.1f} M agent-steps/s against {AGENTS / per_round / 1e6:.2f}; "
            f"{tuned / peer_rounds / our_round:.0f}× to pymdp with one iteration; timed on "
            f"{peer_rounds} and {our_rounds} rounds",
        )


if __name__ == "__main__":
    report(rows())
