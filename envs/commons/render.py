"""A commons in pictures: the stock over time, and what everyone takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from thermopolis.envs.pictures import COOPERATE, DEFECT, figure, pixels


def text(model: str, round_number: int, capacity: float, variables: Mapping[str, np.ndarray] | None) -> str:
    """The stock as a bar (one that grows without bound: as a number alone) and each player's harvest."""
    if variables is None:
        return f"round {round_number} · {model} · not begun"
    stock = float(variables["stock"][0, 0])
    full = round(20 * min(stock / capacity, 1.0))
    taken = " ".join(f"{h:.3g}" for h in variables["harvest"][:, 0])
    bar = "" if model == "growth" else f" [{'#' * full}{'.' * (20 - full)}]"
    return f"round {round_number} · {model} · stock {stock:.4g}{bar} · took {taken}"


def picture(
    model: str, round_number: int, capacity: float, history: Sequence[Mapping[str, np.ndarray]]
) -> np.ndarray:
    """Stock by round above the last harvests; one that grows without bound on a scale of powers."""
    made = figure(6.0, 4.0)
    above, below = made.subplots(2, 1, height_ratios=[2, 1])
    rounds = np.arange(round_number - len(history) + 1, round_number + 1)
    stock = [float(h["stock"][0]) for h in history]
    above.plot(rounds, stock, color=COOPERATE)
    if model == "growth":
        above.set_yscale("log", nonpositive="mask")
    else:
        above.fill_between(rounds, stock, color=COOPERATE, alpha=0.4)
        above.set_ylim(0, 1.05 * capacity)
    above.set_xlabel("round", fontsize=8)
    above.set_ylabel("stock", fontsize=8)
    if history:
        harvest = history[-1]["harvest"]
        below.bar(np.arange(harvest.size), harvest, color=DEFECT)
    below.set_xlabel("player", fontsize=8)
    below.set_ylabel("harvest", fontsize=8)
    return pixels(made)
