"""Which places of a sweep a crowded figure shows, what they are called there, and in which colour."""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis.analysis.plot.style import PALETTE, dim_label, heat_colours, norm_of, numeric
from thermopolis.analysis.plot.words import NOTHING, value_text
from thermopolis.analysis.series import sweep_dims

Place = tuple[dict[str, int], str, str | tuple[float, ...]]


def places(array: xr.DataArray | xr.Dataset, most: int, skip: tuple[str, ...] = ()) -> list[Place]:
    """At most ``most`` places, spread evenly: their indices, their words and their colours.

    Cold to hot where one number was swept, else the palette's colours in turn.
    """
    dims = [d for d in sweep_dims(array) if d not in skip]
    sizes = [array.sizes[d] for d in dims]
    count = int(np.prod(sizes, dtype=int))
    chosen = np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))
    several = [d for d in dims if array.sizes[d] > 1]
    heat = len(several) == 1 and numeric(array, several[0]) and several[0] in array.coords and len(chosen) > 2
    found: list[Place] = []
    for k, flat in enumerate(chosen):
        where = dict(zip(dims, map(int, np.unravel_index(flat, sizes)) if dims else (), strict=True))
        words = ", ".join(place_label(array, d, where[d]) for d in several)
        colour: str | tuple[float, ...] = PALETTE[k % len(PALETTE)]
        if heat:
            values = np.asarray(array[several[0]].values, float)
            colour = heat_colours()(norm_of(values)(values[where[several[0]]]))
        found.append((where, words, colour))
    return found


def place_label(array: xr.DataArray | xr.Dataset, dim: str, index: int) -> str:
    """``temperature 0.5``; a word that speaks for itself stands alone; ``no temperature`` where there is none."""
    value = array[dim].values[index] if dim in array.coords else index
    if value == NOTHING:
        return f"no {dim_label(dim)}"
    text = value_text(array, dim, index)
    alone = text[:1].isalpha() and not isinstance(value, (bool, np.bool_))
    return text.replace("_", " ") if alone else f"{dim_label(dim)} {text}"
