"""Current figures are means over what was simulated last."""

from __future__ import annotations

import numpy as np
import pytest

from thermopolis.runs.progress import Figures


def test_only_the_last_frame_counts_and_only_realised_actions() -> None:
    figures = Figures()
    action = np.array([[[1, 1], [1, 1]], [[0, 0], [1, -1]]])  # frames, players, games
    figures.see({"action": action}, of_games=True)
    assert figures.means() == {"cooperation": pytest.approx(2 / 3)}


def test_a_rating_without_power_is_left_out_and_other_actions_are_no_cooperation() -> None:
    figures = Figures()
    figures.see({"action": np.zeros((1, 2, 2)), "kardashev": np.array([[[-np.inf, 0.7]]])}, of_games=False)
    assert figures.means() == {"kardashev": pytest.approx(0.7)}


def test_newer_values_replace_older_ones() -> None:
    figures = Figures()
    for value in [0.0] * 10 + [1.0] * 30:
        figures.take("cooperation", np.full(8, value))
    assert figures.means()["cooperation"] > 0.99
