"""``load``, ``run``, ``sweep`` and ``open``: the public face of experiments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermopolis.errors import ExperimentError, SimulationError, StoreError
from thermopolis.runs.batches import read_bytes
from thermopolis.runs.execute import Watch, attempts, carry_out
from thermopolis.runs.loading import load, with_sweep
from thermopolis.runs.plan import Plan, plan
from thermopolis.runs.schema import Experiment

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["load", "open", "run", "sweep"]


def run(
    experiment: Experiment | str | Path,
    out: str | Path | None = None,
    *,
    engine: str = "auto",
    progress: Watch | None = None,
    executor: str | None = None,
    workers: int | None = None,
    memory: str | None = None,
) -> xr.Dataset:
    """Runs an experiment, with the sweep it holds.

    Parameters
    ----------
    experiment : an experiment, or its file.
    out : a results directory to write to (and to resume from); None keeps everything in memory.
    engine : ``auto`` (compiled unless a player or world can't be), ``compiled`` or ``pettingzoo``.
    progress : called with a :class:`Progress` from time to time.
    executor : None simulates in this process; ``local`` in worker processes; ``dask`` or ``dask://HOST:PORT`` on a
        Dask cluster. Needs ``out``.
    workers : of the executor; by default one a core, or all the cluster has.
    memory : what one worker may use, such as ``"4GiB"``.

    Returns
    -------
    Dataset with dimensions ``(…sweep dimensions, replicate, step, agent)``; lazy where ``out`` is given.

    Raises
    ------
    ExperimentError : a bad file or setting.
    SimulationError : a point left the numbers (with ``out``, after all others are finished).
    StoreError : the directory can't be written.
    """
    laid_out = plan(experiment if isinstance(experiment, Experiment) else load(experiment))
    if out is not None:
        return _stored(laid_out, Path(out), engine, progress, executor, workers, memory)
    if executor is not None:
        raise ExperimentError("executor: workers write into a results directory; give out=")
    from thermopolis.runs.memory import stack

    places = {id(point): number for number, point in enumerate(laid_out.points)}
    datasets = {}
    allowed = read_bytes(memory) if memory else 0
    for point, result in attempts(laid_out.points, engine, progress, allowed):
        if isinstance(result, SimulationError):
            raise result
        datasets[places[id(point)]] = result.dataset()
    return stack(laid_out, datasets)


def _stored(
    laid_out: Plan,
    out: Path,
    engine: str,
    progress: Watch | None,
    executor: str | None,
    workers: int | None,
    memory: str | None,
) -> xr.Dataset:
    from thermopolis.runs.store import Store

    with Store(out, laid_out).opened() as store:
        outcome = carry_out(store, engine, progress, executor, workers, memory)
    if outcome.failed:
        raise SimulationError("\n".join(f"point {key}: {what}" for key, what in outcome.failed.items()))
    return open(out)


def sweep(
    experiment: Experiment | str | Path,
    paths: Mapping[str, Any],
    out: str | Path | None = None,
    **options: Any,
) -> xr.Dataset:
    """Runs an experiment at all combinations of swept paths.

    Parameters
    ----------
    paths : values by path, ``{"agents.0.temperature": [0.1, 1, 10]}``; a list, an array, or a mapping such as
        ``{"geomspace": [0.1, 10, 5]}``. ``zip`` holds lists of paths that move together.

    Options, results and errors are those of :func:`run`.
    """
    base = experiment if isinstance(experiment, Experiment) else load(experiment)
    return run(with_sweep(base, paths), out, **options)


def open(directory: str | Path) -> xr.Dataset:
    """What is on disk of a run, lazily: values are read when they are asked for.

    Parameters
    ----------
    directory : a results directory, or one without its hash (``results/NAME``) where only one fits.

    Raises
    ------
    StoreError : nothing there, several that fit, or damaged.
    """
    from thermopolis.runs.combine import open_directory

    return open_directory(find(directory))


def find(directory: str | Path) -> Path:
    """The results directory that a path names, its hash left out or not."""
    path = Path(directory)
    if path.exists():
        return path
    pattern = f"{path.name}-" + "[0-9a-f]" * 8
    fits = sorted(path.parent.glob(pattern)) if path.parent.is_dir() else []
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise StoreError(f"{path}: several fit: {', '.join(str(fit) for fit in fits)}")
    raise StoreError(f"{path}: no results here")
