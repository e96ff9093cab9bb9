"""A civilization's dials: Kardashev number, power, planet temperature and waste heat, with their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from thermopolis.envs.pictures import figure, palette, pixels


def text(year: int, variables: Mapping[str, np.ndarray] | None) -> str:
    """A line per civilization."""
    if variables is None:
        return f"year {year} · not begun"
    lines = [f"year {year} · whole K {variables['kardashev_total'][0, 0]:.4f}"]
    for i in range(variables["power"].shape[0]):
        if variables["population"][i, 0] <= 0:
            lines.append(f"civilization {i} · ended")
            continue
        lines.append(
            f"civilization {i} · K {variables['kardashev'][i, 0]:.4f} · {variables['power'][i, 0]:.3e} W"
            f" · {variables['planet_temperature'][i, 0]:.2f} K · heat {variables['waste_heat'][i, 0]:.3e} W"
            f" · {variables['population'][i, 0]:.3e} heads"
        )
    return "\n".join(lines)


def _dial(axes: Any, values: np.ndarray, low: float, high: float, label: str, colours: Sequence[str]) -> None:
    """A half-circle gauge with a hand per civilization."""
    turn = np.linspace(np.pi, 0.0, 60)
    axes.plot(np.cos(turn), np.sin(turn), color="#5f6368", linewidth=2)
    for value, colour in zip(values, colours, strict=True):
        part = np.clip((value - low) / (high - low), 0.0, 1.0) if np.isfinite(value) else 0.0
        angle = np.pi * (1.0 - part)
        axes.plot([0, 0.9 * np.cos(angle)], [0, 0.9 * np.sin(angle)], color=colour, linewidth=3)
    shown = " / ".join("–" if not np.isfinite(v) else f"{v:.4g}" for v in values)
    axes.set_title(f"{label}\n{shown}", fontsize=9)
    axes.text(-1, -0.18, f"{low:g}", ha="center", fontsize=7)
    axes.text(1, -0.18, f"{high:g}", ha="center", fontsize=7)
    axes.set_xlim(-1.2, 1.2)
    axes.set_ylim(-0.25, 1.1)
    axes.set_aspect("equal")
    axes.set_axis_off()


def picture(year: int, history: Sequence[Mapping[str, np.ndarray]], collapse: np.ndarray) -> np.ndarray:
    """Four dials above the course of K and T; ``collapse`` is T_c of each civilization."""
    made = figure(7.2, 4.8)
    grid = made.add_gridspec(2, 4, height_ratios=[1, 1.5])
    count = collapse.size
    colours = [palette(8)[i % 8] for i in range(count)]
    made.suptitle(f"year {year}", fontsize=10)
    if history:
        now = history[-1]
        with np.errstate(divide="ignore"):
            power, heat = np.log10(now["power"]), np.log10(now["waste_heat"])
        gauges = (
            (now["kardashev"], 0.0, 2.5, "Kardashev number"),
            (power, 10.0, 28.0, "log10 power, W"),
            (now["planet_temperature"], 270.0, float(collapse.max()), "planet, kelvin"),
            (heat, 10.0, 28.0, "log10 heat, W"),
        )
        for column, (values, low, high, label) in enumerate(gauges):
            _dial(made.add_subplot(grid[0, column]), values, low, high, label, colours)
    scale, warmth = made.add_subplot(grid[1, :2]), made.add_subplot(grid[1, 2:])
    years = np.arange(year - len(history) + 1, year + 1)
    for i, colour in enumerate(colours):
        course = np.array([h["kardashev"][i] for h in history])
        scale.plot(years, np.where(np.isfinite(course), course, np.nan), color=colour, label=f"player_{i}")
        warmth.plot(years, [h["planet_temperature"][i] for h in history], color=colour)
    limit = float(collapse.min())
    warmth.axhline(limit, color="#5f6368", linewidth=0.8, linestyle="--", label=f"collapse, {limit:g} K")
    warmth.legend(fontsize=7, frameon=False)
    if history and 1 < count <= 8:
        scale.legend(fontsize=7, frameon=False)
    for axes, label in ((scale, "Kardashev number"), (warmth, "planet temperature, K")):
        axes.set_xlabel("year", fontsize=8)
        axes.set_ylabel(label, fontsize=8)
        axes.tick_params(labelsize=7)
    return pixels(made)
