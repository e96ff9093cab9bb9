"""What fits is drawn, what doesn't is said; every figure takes an axes of yours and says its n."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from thermopolis import analysis
from thermopolis.analysis.figures import FIGURES, draw
from thermopolis.analysis.plot.network import animate_society, grid_shape, is_ring
from thermopolis.errors import StoreError

from .simulated import figure_worlds, fitting, look


@pytest.fixture(scope="module")
def worlds() -> list[xr.Dataset]:
    """Datasets that between them have everything a figure can ask for."""
    return figure_worlds()


def check_words(made: Figure) -> None:
    """A title, a caption with n and the interval, and nothing cut off."""
    texts = [t for ax in made.axes for t in ax.texts]
    caption = " ".join(t.get_text().replace("\n", " ") for t in texts if t.get_fontsize() == 7.5)
    assert re.search(r"n = \d+|replicates|replicate \d", caption), caption
    assert any(
        word in caption for word in ("interval", "Wilson", "bootstrap", "unit areas", "all replicates")
    )
    assert made.axes[0].get_title(loc="left")
    for text in texts:
        if text.get_visible() and text.get_text():
            box = text.get_window_extent()
            assert box.x0 > -2 and box.y0 > -2, f"{text.get_text()!r} is cut off"


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_figure_says_what_it_shows_and_looks_as_it_did(name, worlds):
    found = fitting(name, worlds)
    assert found, f"no test dataset draws {name}"
    made = draw(found[0], name)
    seen = look(made)
    check_words(made)
    kept = np.load(Path(__file__).parent / "looks.npz")
    assert name in kept, "run tests/analysis/keep_looks.py after looking at the new figure"
    assert np.abs(seen - kept[name]).max() < 0.12 * 255


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(FIGURES))
def test_figures_draw_from_every_kind_of_world(name, worlds):
    for ds in fitting(name, worlds)[1:]:
        made = draw(ds, name)
        look(made)
        check_words(made)


def test_plot_all_draws_what_fits_and_says_what_it_left_out(make_results, game_point):
    directory = make_results([({}, game_point(steps=20, replicates=4, core=False))])
    drawn = analysis.plot_all(directory, ["cooperation_over_time", "phase_diagram", "joules_by_operation"])
    assert [p.name for p in drawn] == ["cooperation_over_time.png", "cooperation_over_time.svg"]
    assert all(p.parent == directory / "figures" and p.stat().st_size > 5000 for p in drawn)
    assert drawn.left_out == {
        "phase_diagram": "no number was swept",
        "joules_by_operation": "core_joules not recorded",
    }


def test_an_unknown_figure_is_refused_with_the_list(sweep_dir):
    with pytest.raises(StoreError, match="there are: cooperation_over_time"):
        analysis.plot_all(sweep_dir, ["cooperaton"])


def test_a_figure_draws_on_the_axes_it_is_given(point):
    ax = Figure().add_subplot()
    assert analysis.plot.cooperation_over_time(point, ax=ax) is ax.figure
    assert ax.get_ylabel() == "cooperation rate"


def test_lattices_are_told_from_rings_and_other_graphs():
    def edges(pairs):
        return np.unique(np.sort(np.array(pairs), axis=1), axis=0)

    place = np.arange(36)
    ring = edges([(i, (i + d) % 36) for i in place for d in (1, 2)])
    assert is_ring(36, ring) and grid_shape(36, ring) is None
    row, column = np.divmod(place, 9)
    torus = edges([(i, r * 9 + (c + 1) % 9) for i, r, c in zip(place, row, column, strict=True)]
                  + [(i, (r + 1) % 4 * 9 + c) for i, r, c in zip(place, row, column, strict=True)])  # fmt: skip
    assert grid_shape(36, torus) == (4, 9)
    assert grid_shape(36, edges([(0, i) for i in range(1, 36)])) is None


def test_a_society_moves(society, tmp_path):
    from PIL import Image

    path = animate_society(society.isel(step=slice(0, 6)), tmp_path / "society.gif")
    assert Image.open(path).n_frames == 6
    with pytest.raises(StoreError, match="select one first"):
        animate_society(society.expand_dims(temperature=[1.0]), tmp_path / "no.gif")


def test_a_commons_is_drawn_beside_its_nash_stock_and_its_optimum() -> None:
    dims, shape = ("temperature", "replicate", "step", "agent"), (3, 2, 8, 5)
    stock = np.linspace(0.25, 0.4, 3)[:, None, None, None] * np.ones(shape)
    data = {
        "stock": (dims, stock),
        "stock_nash": (dims, np.full(shape, 0.25)),
        "stock_optimum": (dims, np.full(shape, 0.55)),
    }
    ds = xr.Dataset(data, {"temperature": [0.1, 1.0, 10.0], "kind": ("agent", ["active_inference"] * 5)})
    axes = draw(ds, "phase_diagram").axes[0]
    lines = {str(line.get_label()): set(np.round(line.get_ydata(), 6)) for line in axes.lines}
    assert lines["Nash"] == {0.25} and lines["optimum"] == {0.55}


def test_players_of_a_lattice_are_not_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from thermopolis.analysis.plot import network

    monkeypatch.setattr(network, "positions", lambda *_: pytest.fail("its cells say where they stand"))
    side = 30
    player = np.arange(side * side)
    row, column = np.divmod(player, side)
    links = np.concatenate(
        [
            np.stack([player, (row + 1) % side * side + column]),
            np.stack([player, row * side + (column + 1) % side]),
        ],
        1,
    )
    ds = xr.Dataset(
        {"cooperation": (("replicate", "step", "agent"), np.ones((1, 5, side * side)))},
        coords={"source": ("link", links[0]), "target": ("link", links[1])},
    )
    network.society_snapshots(ds)
