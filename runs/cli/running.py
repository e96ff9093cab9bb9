"""``run`` and ``sweep``: a plan executed into a results directory."""

from __future__ import annotations

import sys
from pathlib import Path

from thermopolis.errors import SimulationError
from thermopolis.runs.cli.display import MODES, Display, display
from thermopolis.runs.cli.guard import CallError, Interrupted
from thermopolis.runs.execute import Outcome, in_process
from thermopolis.runs.faults import shown
from thermopolis.runs.loading import load_plan
from thermopolis.runs.plan import Plan
from thermopolis.runs.store import Store, directory_for

ENGINES = ("auto", "compiled", "pettingzoo")


def describe(plan: Plan) -> str:
    """``24 points (temperature 24), 32 replicates, 500 steps, 2 players``"""
    experiment = plan.experiment
    sizes = " × ".join(f"{dimension.name} {len(dimension)}" for dimension in plan.dimensions)
    counted = [(len(plan.points), "point"), (experiment.replicates, "replicate"), (experiment.steps, "step")]
    players = sum(experiment.group_counts())
    if players:
        counted.append((players, "player"))
    words = [f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counted]
    if sizes:
        words[0] += f" ({sizes})"
    return ", ".join(words)


def execute(
    file: str,
    changes: list[str],
    over: list[str],
    out: Path | None,
    engine: str,
    progress: str,
    swept: bool = False,
) -> None:
    """Runs a file's plan and says where the results are."""
    for given, known, option in ((engine, ENGINES, "--engine"), (progress, MODES, "--progress")):
        if given not in known:
            raise CallError(f"{option}: expected one of {', '.join(known)}, got {given!r}")
    plan = load_plan(file, changes, over)
    if swept and not plan.dimensions:
        raise CallError(f"{file}: nothing is swept; give --over PATH=SPEC or a sweep: section")
    root = out if out is not None else directory_for(plan.experiment)
    store = Store(root, plan)
    with store.opened(), display(progress) as show:
        left = store.pending()
        show.begin(
            f"{plan.experiment.name}: {describe(plan)}", len(plan.points), len(plan.points) - len(left)
        )
        for key in store.damaged():
            show.say(f"point {key} was damaged on disk: it is done again")
        for name in store.run["unlisted"]:
            show.say(f"{root / 'points' / name} is no point of this experiment: it is left alone")
        try:
            outcome = in_process(store, engine, show.update)
        except KeyboardInterrupt:
            store.look_again()
            finished = sum(state["status"] == "done" for state in store.status.values())
            store.run["interrupted"] = True
            store.write_manifest()
            raise Interrupted(
                f"interrupted: {finished} of {len(plan.points)} points are kept in {root}; "
                "the same command goes on from there"
            ) from None
    if outcome.failed:
        _say_what_failed(plan, outcome, show)
    show.end(str(root))
    if outcome.failed:
        raise SimulationError(f"{len(outcome.failed)} of {len(plan.points)} points failed")


def _say_what_failed(plan: Plan, outcome: Outcome, show: Display) -> None:
    rows = []
    for point in plan.points:
        if point.id in outcome.failed:
            swept = ", ".join(f"{path} = {shown(value)}" for path, value in point.swept.items())
            rows.append((point.id, swept or "-", outcome.failed[point.id]))
    sys.stdout.flush()
    show.table(("point", "settings", "what happened"), rows)
