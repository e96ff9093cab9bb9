"""Beliefs are recorded where a file asks for them, with the states' names; graphs with their ends; actions with names."""

from __future__ import annotations

import numpy as np
import pytest

import thermopolis as tp

FILE = """
name: beliefs
seed: 3
replicates: 2
steps: 6
environment: {kind: matrix_game, game: prisoners_dilemma, topology: {kind: pair}, observation_noise: 0.2}
agents:
  - {kind: active_inference, count: 1, learning: {rate: 0.2}}
  - {kind: memory_one, count: 1, strategy: tit_for_tat}
record: {variables: [action, belief, belief_entropy]}
"""
GRAPH = """
name: graph
replicates: 2
steps: 2
environment:
  {kind: matrix_game, game: prisoners_dilemma, topology: {kind: small_world, n: 12}, action: broadcast}
agents: [{kind: imitation, rule: fermi, count: 12}]
"""


@pytest.mark.parametrize("engine", ["compiled", "pettingzoo"])
def test_a_file_can_ask_for_beliefs(tmp_path, engine):
    path = tmp_path / "e.yaml"
    path.write_text(FILE)
    ds = tp.run(path, engine=engine)
    assert ds["belief"].dims == ("replicate", "step", "agent", "state")
    assert ds["state"].values.tolist() == ["CC", "CD", "DC", "DD"]
    q = ds["belief"].isel(agent=0).values.astype(float)
    assert np.allclose(q.sum(-1), 1.0, atol=1e-6)
    entropy = -(q * np.log(np.where(q > 0, q, 1.0))).sum(-1)
    assert np.allclose(entropy, ds["belief_entropy"].isel(agent=0), atol=1e-5)
    assert np.isnan(ds["belief"].isel(agent=1)).all()
    assert ds["action"].attrs["flag_meanings"] == "cooperate defect"


@pytest.mark.parametrize("engine", ["compiled", "pettingzoo"])
def test_a_file_can_ask_for_the_operations_of_perceiving(tmp_path, engine):
    path = tmp_path / "e.yaml"
    path.write_text(FILE.replace("action, belief, belief_entropy", "action, perception_operations"))
    ds = tp.run(path, engine=engine)
    spent = ds["perception_operations"]
    assert np.isnan(spent.isel(agent=1)).all() and (spent.isel(agent=0, step=0) == 0).all()
    assert (spent.isel(agent=0, step=slice(1, None)) == (1 + 1 + 3) * 4 + 6 * 4).all()  # exact, four states


def test_everything_is_everything_but_beliefs(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text(FILE.replace("record: {variables: [action, belief, belief_entropy]}", ""))
    ds = tp.run(path)
    assert "belief" not in ds and "belief_entropy" in ds


def test_graphs_of_broadcast_play_are_recorded(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text(GRAPH)
    ds = tp.run(path)
    ends = np.stack([ds["source"].values, ds["target"].values])
    assert ds["source"].dims == ("replicate", "link") and ends.min() >= 0 and ends.max() == 11
    assert "link" not in ds["action"].dims
