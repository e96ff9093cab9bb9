"""Several small axes inside one, for figures whose parts have different units."""

from __future__ import annotations

from matplotlib.axes import Axes


def rows(ax: Axes, count: int, gap: float = 0.16, share: bool = True) -> list[Axes]:
    """``count`` axes stacked within ``ax``, sharing x unless told; ``ax`` itself keeps title and caption only."""
    ax.set_axis_off()
    height = (1.0 - gap * (count - 1)) / count
    made: list[Axes] = []
    for i in range(count):
        bottom = 1.0 - (i + 1) * height - i * gap
        own = ax.inset_axes((0.0, bottom, 1.0, height), sharex=made[0] if made and share else None)
        if share and i < count - 1:
            own.tick_params(labelbottom=False)
        made.append(own)
    return made


def columns(ax: Axes, count: int, gap: float = 0.05, height: float = 0.86) -> list[Axes]:
    """``count`` axes side by side within ``ax``."""
    ax.set_axis_off()
    width = (1.0 - gap * (count - 1)) / count
    return [ax.inset_axes((i * (width + gap), 0.0, width, height)) for i in range(count)]
