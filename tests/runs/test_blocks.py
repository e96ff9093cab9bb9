"""Blocks of cells: how wide they are, and that a game's numbers don't depend on it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from thermopolis.runs import Experiment, blocks
from thermopolis.runs.cast import Cast, PointCast, Segment
from thermopolis.runs.program import CACHE_BYTES, GRAIN, LANES, cells_per_block
from thermopolis.runs.simulate import simulate


def learners(replicates: int, agents: int = 2) -> Experiment:
    return Experiment.model_validate(
        {
            "name": "blocks",
            "seed": 3,
            "replicates": replicates,
            "steps": 30,
            "environment": {
                "kind": "matrix_game",
                "game": "prisoners_dilemma",
                "topology": {"kind": "pair"},
            },
            "agents": [{"kind": "active_inference", "count": agents, "learning": {"rate": 0.1}}],
        }
    )


@pytest.mark.parametrize("pairs", [424, 500, 512, 848, 849, 5000])
def test_blocks_of_large_points_are_filled_alike(pairs):
    made = blocks.blocks([PointCast(learners(1, 2 * pairs))])
    (width,) = {block.width for block in made}
    assert sum(block.cells for block in made) == pairs
    assert len(made) * width - pairs < len(made) * 2 * GRAIN
    assert width % GRAIN == 0 and 2 * width <= LANES
    assert (2 * width) % 1024  # rows of a power of two would share sets of the cache


def test_small_points_fill_a_block_together():
    made = blocks.blocks([PointCast(learners(32)) for _ in range(26)])
    assert len(made) == 1


def test_a_game_is_the_same_bits_in_blocks_of_any_width():
    few, many = ([found for _, found in simulate([learners(n)])] for n in (20, 500))
    assert {block.width for block in blocks.blocks([PointCast(learners(20))])} != {
        block.width for block in blocks.blocks([PointCast(learners(500))])
    }
    for name, values in few[0].data_vars.items():
        if "replicate" in values.dims:
            np.testing.assert_array_equal(values, many[0][name].isel(replicate=slice(20)), err_msg=str(name))


def test_blocks_of_players_who_plan_on_trees_stay_near_a_core():
    """A tree of beliefs, at 0.2 MB a lane, took 400 MB for a block of 1,696."""
    for numbers in (10, 5_000, 50_000):
        player = SimpleNamespace(working_numbers=numbers, settings=lambda: {"rate": np.float32(0.1)})
        cast = Cast(SimpleNamespace(slots=2), (Segment(player, range(2), None),), "")
        lanes = 2 * cells_per_block(cast, 5000)
        assert lanes == 2 * GRAIN or 4 * numbers * lanes <= CACHE_BYTES
        assert lanes <= LANES
