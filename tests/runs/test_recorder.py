"""Blocks of one point are recorded from several threads, and nothing of them is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from thermopolis.runs.cast import PointCast
from thermopolis.runs.dataset import Recorder
from thermopolis.runs.schema import Experiment


def test_threads_that_meet_a_variable_at_once_share_its_array() -> None:
    replicates = 8
    point = PointCast(
        Experiment.model_validate(
            {
                "name": "threads",
                "replicates": replicates,
                "steps": 4,
                "environment": {"kind": "matrix_game"},
                "agents": [{"kind": "memory_one", "strategy": "tit_for_tat", "count": 2}],
            }
        )
    )
    recorder = Recorder(point)
    names = [f"variable_{i}" for i in range(300)]

    def block(column: int) -> None:
        for name in names:
            recorder.put(column, 0, {name: np.full((4, 2, 1), float(column))})

    with ThreadPoolExecutor(replicates) as pool:
        list(pool.map(block, range(replicates)))
    for name in names:
        assert (recorder.shelf.read(name, slice(None)) == np.arange(replicates)).all()
