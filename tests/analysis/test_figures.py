"""What fits is drawn, what doesn't is said; every figure takes an axes of yours."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from thermopolis import analysis
from thermopolis.analysis.figures import FIGURES
from thermopolis.errors import StoreError


def test_plot_all_draws_what_fits_and_says_what_it_left_out(make_results, game_point):
    directory = make_results([({}, game_point(steps=20, replicates=4, core=False))])
    drawn = analysis.plot_all(directory, formats=("png",))
    names = {path.stem for path in drawn}
    assert {"cooperation_over_time", "belief_entropy_over_time"} <= names
    assert all(path.parent == directory / "figures" and path.stat().st_size > 5000 for path in drawn)
    assert drawn.left_out["phase_diagram"] == "no number was swept"
    assert drawn.left_out["joules_by_operation"] == "core_joules not recorded"
    assert names | set(drawn.left_out) == set(FIGURES)


def test_an_unknown_figure_is_refused_with_the_list(sweep_dir):
    with pytest.raises(StoreError, match="there are: cooperation_over_time"):
        analysis.plot_all(sweep_dir, ["cooperaton"])


def test_a_figure_draws_on_the_axes_it_is_given(point):
    ax = Figure().add_subplot()
    assert analysis.plot.cooperation_over_time(point, ax=ax) is ax.figure
    assert ax.get_ylabel() == "cooperation rate"
    assert any("n = 24 replicates" in text.get_text() for text in ax.texts)
