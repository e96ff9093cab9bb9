"""Who does the work: this process, spawned processes, or a Dask cluster; all behind ``concurrent.futures``.

``local`` spawns worker processes and reuses them; ``dask://HOST:PORT`` uses a cluster that is there; ``dask``
starts one on this machine. The scheduling is theirs.
"""

from __future__ import annotations

import multiprocessing
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from typing import Any

from thermopolis.errors import ExperimentError, StoreError
from thermopolis.runs.machine import cores, hold_to, shares
from thermopolis.runs.work import prepare_worker

KNOWN = ("local", "dask", "dask://HOST:PORT")


class Team(ABC):
    """Workers, for as long as the context is open."""

    workers: int
    threads: int
    """Threads of one worker."""
    on_this_host = True
    """Whether workers run here and nowhere else."""

    @abstractmethod
    def submit(self, task: Callable[..., Any], *args: Any) -> Future[Any]:
        """Hands a task to a worker."""

    @abstractmethod
    def restart(self) -> None:
        """Makes the team whole after a worker died."""

    @abstractmethod
    def lost_worker(self, error: BaseException) -> bool:
        """Whether a task failed because its worker went away."""

    @abstractmethod
    def __enter__(self) -> Team: ...

    @abstractmethod
    def __exit__(self, kind: object, *_: object) -> None: ...


class Local(Team):
    """Spawned processes of this machine (JAX and fork deadlock)."""

    def __init__(self, workers: int | None):
        self.workers = workers or cores()
        self.threads = max(1, cores() // self.workers)
        self.pool: Executor | None = None

    def _start(self) -> Executor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            self.workers, mp_context=context, initializer=prepare_worker, initargs=(shares(self.workers),)
        )

    def __enter__(self) -> Local:
        self.pool = self._start()
        return self

    def submit(self, task: Callable[..., Any], *args: Any) -> Future[Any]:
        assert self.pool is not None
        return self.pool.submit(task, *args)

    def restart(self) -> None:
        assert self.pool is not None
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.pool = self._start()

    def lost_worker(self, error: BaseException) -> bool:
        return isinstance(error, BrokenExecutor)

    def __exit__(self, kind: object, *_: object) -> None:
        assert self.pool is not None
        if kind is not None:  # nobody waits for what is still running
            for child in multiprocessing.active_children():
                child.kill()
        self.pool.shutdown(wait=kind is None, cancel_futures=True)


class Dask(Team):
    """A Dask cluster, reached through its client's executor."""

    def __init__(self, address: str | None, workers: int | None):
        try:
            import distributed
        except ImportError:
            raise ExperimentError(
                "--executor: Dask is not installed (pip install 'thermopolis[cluster]')"
            ) from None
        self.distributed = distributed
        self.address = address
        self.on_this_host = address is None
        self.asked = workers
        self.threads = 1
        self.workers = workers or cores()

    def __enter__(self) -> Dask:
        if self.address is None:
            self.cluster = self.distributed.LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                host="127.0.0.1",
            )
            self.client = self.distributed.Client(self.cluster)
            for worker, share in zip(self.cluster.workers.values(), shares(self.workers), strict=True):
                self.client.run(hold_to, share, workers=[worker.worker_address])
        else:
            try:
                self.client = self.distributed.Client(self.address, timeout=10)
            except (OSError, ValueError) as error:
                raise StoreError(f"no Dask scheduler answers at {self.address}: {error}") from None
            if self.asked is None:
                self.workers = max(1, sum(self.client.nthreads().values()))
        self.pool = self.client.get_executor(pure=False, retries=3)
        return self

    def submit(self, task: Callable[..., Any], *args: Any) -> Future[Any]:
        return self.pool.submit(task, *args)

    def restart(self) -> None:
        """Dask's nannies bring workers back by themselves."""

    def lost_worker(self, error: BaseException) -> bool:
        killed = (self.distributed.KilledWorker, self.distributed.CommClosedError)
        return isinstance(error, killed) or type(error).__name__ in ("CancelledError", "FutureCancelledError")

    def __exit__(self, kind: object, *_: object) -> None:
        self.pool.shutdown(wait=kind is None)
        self.client.close()
        if self.address is None:
            self.cluster.close()


def team(executor: str, workers: int | None) -> Team:
    """The team that an executor's name asks for.

    Raises
    ------
    ExperimentError : no such executor, or its extra isn't installed.
    """
    if workers is not None and workers < 1:
        raise ExperimentError(f"--workers: expected at least 1, got {workers}")
    if executor == "local":
        return Local(workers)
    if executor == "dask":
        return Dask(None, workers)
    if executor.startswith("dask://") and executor.removeprefix("dask://"):
        return Dask("tcp://" + executor.removeprefix("dask://"), workers)
    raise ExperimentError(f"--executor: expected one of {', '.join(KNOWN)}, got {executor!r}")
