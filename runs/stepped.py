"""The PettingZoo engine: any ParallelEnv, stepped from Python, with the same players as the compiled loop.

Every replicate has its own environment, reset with that replicate's world seed. Players of one kind are stepped
together, all replicates at once, by the same jitted functions with the same keys; what an environment shows and
takes goes through its dictionaries. On our own worlds both engines give the same trajectories.

What is recorded goes on in stretches, and long games are kept from time to time, as in the compiled engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing

import jax
import numpy as np

from thermopolis.errors import SimulationError, StoreError
from thermopolis.runs.cast import PointCast
from thermopolis.runs.checkpoints import Arrays, Checkpoints
from thermopolis.runs.compiled import spool_of
from thermopolis.runs.dataset import Recorder
from thermopolis.runs.frames import Frames
from thermopolis.runs.game import Game
from thermopolis.runs.identity import digest, point_id
from thermopolis.runs.schema import Experiment
from thermopolis.runs.spool import Spool, Values
from thermopolis.runs.summaries import Summaries
from thermopolis.runs.table import Table

SHOWN = ("action", "kardashev", "kardashev_total")
"""What current figures are taken from."""
READ_STEPS = 1024
"""Steps of noted actions in memory at once."""


def play_stepped(
    points: Iterable[PointCast], on_steps: Callable[..., None], checkpoints: Checkpoints | None = None
) -> Iterator[tuple[int, Table | SimulationError]]:
    """Run points one after the other; yields (index, table), or what went wrong with a point.

    ``on_steps`` is told agent-steps as they are done, and what they recorded; ``checkpoints`` keep what long games
    have got to, and, where a point is large, its frames until it is finished.
    """
    for index, point in enumerate(points):
        summed = point.experiment.record.summary is not None
        recorder = Summaries(point) if summed else Recorder(point, spool_of(point, checkpoints))
        deeds = _deeds(point, checkpoints)
        try:
            _play(index, point, recorder, deeds, on_steps, checkpoints)
            yield index, recorder.table()
        except SimulationError as error:
            yield index, error
        recorder.forget()
        if deeds is not None:
            deeds.forget()
        if checkpoints is not None:
            checkpoints.finished(index)


def _deeds(point: PointCast, checkpoints: Checkpoints | None) -> Spool | None:
    """Where actions of a game are noted, to play it over again; its frames are steps."""
    if checkpoints is None:
        return None
    columns = point.experiment.replicates * point.stage.cells
    return Spool(checkpoints.folder / f"{point_id(point.experiment)}.deeds", point.experiment.steps, columns)


def _key(point: PointCast) -> str:
    from thermopolis import __version__

    return digest([__version__, jax.__version__, "stepped", point_id(point.experiment)])[:24]


def _play(
    index: int,
    point: PointCast,
    recorder: Recorder | Summaries,
    deeds: Spool | None,
    on_steps: Callable[..., None],
    checkpoints: Checkpoints | None,
) -> None:
    """Plays a point's game to its end, from where it was cut if that is known."""
    experiment, key, begin = point.experiment, _key(point), 0
    every, decisions = experiment.record.every, experiment.replicates * point.stage.players
    with ExitStack() as playing:
        game = playing.enter_context(closing(Game(point)))
        saved = None if checkpoints is None else checkpoints.load(key, {index})
        if saved is not None and deeds is not None:
            try:
                begin = _resume(game, saved, recorder, deeds)
            except (
                KeyError,
                ValueError,
                StoreError,
                SimulationError,
            ):  # of another version, gone, not the same
                playing.close()
                game = playing.enter_context(closing(Game(point)))
            on_steps(begin * decisions)
        frames = Frames(recorder.put, -(-begin // every))
        noted = None
        if checkpoints is not None and deeds is not None and game.by_replay:
            noted = Frames(_noting(deeds, checkpoints), begin)
        for step in range(begin, experiment.steps):
            values = game.play(step)
            if noted is not None:
                noted.add({"deed": game.actions.copy()})
            if step % every == 0:
                frames.add(_wanted(values, experiment))
            on_steps(decisions, {name: values[name][None] for name in SHOWN if name in values})
            if checkpoints is not None and step + 1 < experiment.steps and checkpoints.due(key):
                frames.flush()
                if noted is not None:
                    noted.flush()
                if not checkpoints.off:
                    checkpoints.save(key, _to_resume(game, step + 1, recorder, deeds), {index})
        frames.flush()
    if isinstance(recorder, Summaries):
        recorder.settle(0, game.columns)


def _wanted(values: Values, experiment: Experiment) -> Values:
    """What is to be recorded, and what that is made of."""
    chosen = experiment.record.variables
    if chosen == "all":
        return values
    keep = {*chosen, "alive", *(("action",) if "cooperation" in chosen else ())}
    return {name: value for name, value in values.items() if name in keep}


def _to_resume(game: Game, steps: int, recorder: Recorder | Summaries, deeds: Spool | None) -> Arrays:
    """All that the rest of a game follows from, and what is recorded of so many steps."""
    frames = -(-steps // game.point.experiment.record.every)
    arrays = {"steps": np.array(steps)}
    arrays |= {f"game:{name}": value for name, value in game.saved().items()}
    arrays |= {f"record:{name}": value for name, value in recorder.kept(0, game.columns, frames).items()}
    if deeds is not None and game.by_replay:
        arrays |= {f"deeds:{name}": value for name, value in deeds.kept(0, game.columns, steps).items()}
    return arrays


def _resume(game: Game, saved: Arrays, recorder: Recorder | Summaries, deeds: Spool) -> int:
    """Brings a game, and what is recorded of it, to where it was kept; the steps done.

    Raises
    ------
    KeyError, ValueError, StoreError, SimulationError : that can't be; the game is spoilt.
    """

    def under(prefix: str) -> Arrays:
        return {name.removeprefix(prefix): value for name, value in saved.items() if name.startswith(prefix)}

    steps = int(saved["steps"])
    recorder.restore(0, game.columns, under("record:"))
    if game.by_replay:
        deeds.restore(0, game.columns, under("deeds:"))
    game.restore(under("game:"), _noted(deeds, steps))
    return steps


def _noting(deeds: Spool, checkpoints: Checkpoints) -> Callable[[int, int, Values], None]:
    """Notes actions; a disk that is full ends checkpoints, not the run."""

    def put(first_column: int, first_step: int, values: Values) -> None:
        if checkpoints.off:
            return
        try:
            deeds.put(first_column, first_step, values)
        except StoreError:
            checkpoints.off = True

    return put


def _noted(deeds: Spool, steps: int) -> Iterator[np.ndarray]:
    """The actions of so many steps, (slots, columns) each."""
    for first in range(0, steps, READ_STEPS):
        yield from deeds.read("deed", slice(first, min(steps, first + READ_STEPS)))
