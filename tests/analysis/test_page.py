"""The page is one file, small enough, and safe against names."""

from __future__ import annotations

import numpy as np
import xarray as xr

from thermopolis import analysis
from thermopolis.analysis.page.panels import pack, panel_data, unpack
from thermopolis.analysis.page.tables import tables

from .simulated import simulate_game, simulate_protocol


def test_the_page_is_self_contained_and_small(sweep_dir):
    page = analysis.report(sweep_dir)
    text = page.read_text(encoding="utf-8")
    assert page == sweep_dir / "report.html"
    assert page.stat().st_size < 6e6
    markup = text[: text.index('<script type="application/json"')]
    assert "http://" not in markup and "https://" not in markup
    assert markup.count("src=") == markup.count('src="data:image/png;base64,')
    assert "5 values of temperature" in markup


def test_untrusted_names_stay_text(make_results, game_point, without_pictures):
    name = "<img src=x onerror=alert(1)></script><b>"
    ds = game_point(steps=8, replicates=3)
    ds = ds.assign_coords(kind=("agent", [name, "b"]))
    text = analysis.report(make_results([({}, ds)], name=name)).read_text(encoding="utf-8")
    assert "<img src=x" not in text and "</script><b>" not in text
    assert "&lt;img src=x onerror" in text


def test_packed_numbers_come_back_to_their_16_bits():
    x = np.array([0.1, -3.0, np.nan, 7.25])
    assert np.allclose(unpack(pack(x)), x, atol=10.25 / 65534, equal_nan=True)
    assert np.isnan(unpack(pack(np.full(3, np.nan)))).all()


def test_works_of_a_protocol_have_a_table_of_free_energies():
    ds = analysis.digest(simulate_protocol(chains=60))
    page = tables(ds)
    assert "Free energy from work" in page and "ΔF by Bennett (kT)" in page
    assert page.count("<tr>") >= 3
    titles = [panel["title"] for panel in panel_data(ds)["panels"]]
    assert "energy of a step over time" in titles


def test_a_dimension_that_one_quantity_alone_has_is_shown_for_all():
    """As of islands: rewards were recorded by island, what else there is wasn't."""
    ds = analysis.digest(simulate_game(steps=12, replicates=4))
    reward = ds["reward"].expand_dims(island=[10.0, 20.0]) * xr.DataArray([1.0, 2.0], dims="island")
    panels = {p["name"]: p for p in panel_data(ds.assign(reward=reward))["panels"] if p["kind"] == "time"}
    first, second = unpack(panels["reward"]["mean"]).reshape(2, -1)
    assert np.allclose(second, 2 * first, atol=1e-3)
    first, second = unpack(panels["cooperation"]["mean"]).reshape(2, -1)
    assert np.array_equal(first, second)
