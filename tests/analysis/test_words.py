"""What swept values are called in legends, what a step is called on axes, and who plays where a sweep is over kinds."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from thermopolis.analysis.figures import draw
from thermopolis.analysis.plot.places import place_label
from thermopolis.analysis.plot.words import said, texts, value_text
from thermopolis.analysis.read import Dimension, assemble
from thermopolis.analysis.series import EVERYBODY, by_bin, group_series, time_label
from thermopolis.runs.combine import coordinate

SECTIONS = [
    {"kind": "plan", "horizon": 1, "hold": 30, "actions": ["grow", "collect"]},
    {"kind": "plan", "horizon": 8, "hold": 30, "actions": ["grow", "collect"]},
    {"kind": "active_inference", "learning": {"rate": 1.0}},
    {"kind": "memory_one", "strategy": "grim"},
    {"kind": "memory_one", "strategy": "tit_for_tat"},
]
GAMES = [[[1.0, 0.0], [b, 0.0]] for b in (1.75, 1.85)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.05, 1.0], ["0.05", "1"]),
        ([True, False], ["true", "false"]),
        (["grim", "tit_for_tat"], ["grim", "tit_for_tat"]),
        (
            [json.dumps(section) for section in SECTIONS],
            ["plan horizon 1", "plan horizon 8", "active inference", "grim", "tit for tat"],
        ),
        ([json.dumps(game) for game in GAMES], ["1.75", "1.85"]),
        ([json.dumps({"payoffs": game}) for game in GAMES], ["payoffs 1.75", "payoffs 1.85"]),
        (["[[0.01]]", "[[0.02]]"], ["0.01", "0.02"]),
        (["[1, 2]", "[2, 1]"], ["[1, 2]", "[2, 1]"]),
        ([json.dumps(list(range(k, k + 20))) for k in (0, 1)], ["1", "2"]),
        (["null", json.dumps({"rate": 0.5})], ["none", "rate 0.5"]),
        (["5", "null"], ["5", "none"]),
        (["{not json", "[neither"], ["{not json", "[neither"]),
    ],
    ids=str,
)
def test_words_say_what_tells_values_apart(values, words):
    found = texts(values)
    assert [word.removeprefix("memory one ") for word in found] == words
    array = xr.DataArray(np.zeros(len(values)), dims="agents_0", coords={"agents_0": values})
    assert (
        value_text(array, "agents_0", 1) == found[1] == said(array, "agents_0", array["agents_0"].values[1])
    )
    assert len(set(found)) == len(found)


def test_what_was_left_out_is_called_so():
    """A sweep such as ``selection.demes.exchange: [5, null]``."""
    array = xr.DataArray(np.zeros(2), dims="exchange", coords={"exchange": coordinate([5, None])})
    assert [place_label(array, "exchange", k) for k in range(2)] == ["exchange 5", "no exchange"]


def point(kind: str, time: str | None = "year") -> xr.Dataset:
    shape = (3, 40, 1)
    rng = np.random.default_rng(len(kind))
    data = {
        name: (("replicate", "step", "agent"), rng.random(shape)) for name in ("power", "planet_temperature")
    }
    step = ("step", np.arange(40), {"long_name": time} if time else {})
    return xr.Dataset(data, {"step": step, "kind": ("agent", [kind])})


@pytest.mark.parametrize("time", ["year", "generation", None])
def test_figures_name_their_time_axis_by_the_datasets_own_word(time):
    from thermopolis.analysis.digests import digest
    from thermopolis.analysis.page.panels import panel_data

    ds = point("random", time)
    word = time or "step"
    assert time_label(by_bin(group_series(ds, "power"), 7)) == word
    for small in (ds, digest(ds, 8)):
        assert draw(small, "planet_temperature").axes[0].get_xlabel() == word
        assert draw(small, "kardashev").axes[0].get_xlabel() == word
    assert {panel["xlabel"] for panel in panel_data(digest(ds, 8))["panels"]} == {word}


def test_a_sweep_over_kinds_has_one_group_and_every_place_is_drawn():
    from thermopolis.analysis.digests import digest

    kinds = ("plan", "random")
    dimensions = (Dimension(("agents_0",), (tuple(json.dumps({"kind": kind}) for kind in kinds),)),)
    ds = assemble([((i,), digest(point(kind))) for i, kind in enumerate(kinds)], dimensions)
    assert ds["group"].values.tolist() == [EVERYBODY] and np.isfinite(ds["power"].values).all()
    axes = draw(ds, "planet_temperature").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(kinds)
    whole = xr.concat([point(kind) for kind in kinds], "agents_0").assign_coords(agents_0=list(kinds))
    assert group_series(whole, "power")["group"].values.tolist() == [EVERYBODY]
