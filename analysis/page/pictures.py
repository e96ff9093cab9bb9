"""Figures that no panel shows, as small pictures inside the page."""

from __future__ import annotations

import base64
import io
from typing import Any

import xarray as xr

from thermopolis.analysis.figures import FIGURES, draw, middle
from thermopolis.analysis.page.html import Markup, tag
from thermopolis.analysis.read import Results

PICTURES = (
    "stock_over_time",
    "memory_one", "outcome_transitions", "outcome_dynamics", "critical_fluctuations", "disorder_index", "order_parameter",
    "society_snapshots", "belief_trajectory", "expected_free_energy_parts", "complexity_accuracy",
    "belief_simplex", "tempered_free_energy", "actions_over_time", "swap_traces", "dwell_times", "energy_landscape",
    "joules_by_operation", "accuracy_per_joule", "work_histogram", "second_law", "kardashev", "energy_shares",
    "type_shares", "fixation", "trait_evolution", "demes", "other_quantities",
)  # fmt: skip
_COLOURS = 96


def pictures(results: Results, ds: xr.Dataset, room: int) -> list[Markup]:
    """Figures that fit the data, as long as their bytes fit ``room``."""
    out: list[Markup] = []
    for name in PICTURES:
        if FIGURES[name].unfit(ds) is not None:
            continue
        try:
            made = draw(results.load(middle(results)) if FIGURES[name].raw else ds, name)
            picture = _picture(name, made)
        except Exception:  # a picture that can't be drawn must not cost the page; `plot` says why
            continue
        room -= len(picture)
        if room < 0:
            break
        out.append(picture)
    return out


def _picture(name: str, made: Any) -> Markup:
    """A figure as a palette PNG, its own caption as the figure's caption, the title as heading."""
    from PIL import Image

    title, caption = name.replace("_", " "), ""
    for ax in made.axes:
        title = ax.get_title(loc="left") or title
        for text in ax.texts:
            if text.get_fontsize() == 7.5:
                caption = " ".join(text.get_text().split())
                text.set_visible(False)
        ax.set_title("", loc="left")
        if title and caption:
            break
    raw = io.BytesIO()
    made.savefig(raw, format="png", dpi=120)
    small = io.BytesIO()
    picture = Image.open(raw).convert("RGB")
    picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    source = "data:image/png;base64," + base64.b64encode(small.getvalue()).decode()
    alt = f"{title}: {FIGURES[name].says}. {caption}"
    image = tag("img", src=source, alt=alt, width=picture.width, height=picture.height)
    return tag("figure", tag("h3", title), image, tag("figcaption", caption))
