"""Players of the Axelrod library play here as they do there; native ones play as they do."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest

from thermopolis.agents.strategies import strategy
from thermopolis.errors import ModelError

from .playing import against_moves, lane_keys

pytestmark = pytest.mark.axelrod


@pytest.fixture(scope="module")
def axelrod():
    return pytest.importorskip("axelrod", reason="needs the extra axelrod")


def moves_of(player, partner: str) -> str:
    """An Axelrod player's moves against a fixed sequence."""
    keys = lane_keys(0, 1)
    state, seen, out = player.init(keys, {}), np.array([-1]), ""
    for move in partner:
        state, action, _ = player.step(keys, state, {}, seen)
        out += "CD"[action[0]]
        seen = action * 2 + "CD".index(move)
    return out


def test_a_wrapped_player_moves_as_in_the_librarys_own_match(axelrod):
    from thermopolis.agents.axelrod_player import AxelrodPlayer

    rng = np.random.default_rng(0)
    for name in ("Gradual", "Tit For Tat", "Adaptive", "Second by Tester", "Retaliate"):
        partner = "".join(rng.choice(["C", "D"], 60, p=(0.7, 0.3)))
        cls = {player.name: player for player in axelrod.all_strategies}[name]
        match = axelrod.Match((cls(), axelrod.Cycler(cycle=partner)), turns=60)
        assert moves_of(AxelrodPlayer(name), partner) == "".join(str(own) for own, _ in match.play()), name


def test_native_and_library_strategies_move_alike(axelrod):
    from thermopolis.agents.axelrod_player import AxelrodPlayer

    partner = "CCDCDDCCCDCDDDCCCCDC" * 5
    for name, theirs in (("hard_tit_for_two_tats", "Hard Tit For 2 Tats"), ("prober", "Prober")):
        assert against_moves(strategy(name), [partner])[0] == moves_of(AxelrodPlayer(theirs), partner)


def test_strategies_that_look_behind_the_curtain_are_refused(axelrod):
    from thermopolis.agents.axelrod_player import AxelrodPlayer

    with pytest.raises(ModelError, match="can't be played here"):
        AxelrodPlayer("Darwin")
    with pytest.raises(ModelError, match="did you mean 'Tit For Tat'"):
        AxelrodPlayer("Tit for Tat")


def test_importing_the_library_leaves_the_start_method_alone(axelrod):
    from thermopolis.agents.axelrod_player import library

    before = multiprocessing.get_start_method(allow_none=True)
    library()
    assert multiprocessing.get_start_method(allow_none=True) == before


def test_groups_of_one_kind_are_told_apart_by_strategy(axelrod):
    """Results of a tournament say who is who: the label that figures group by is the strategy."""
    import thermopolis as tp
    from thermopolis.runs import Experiment

    names = ["Tit For Tat", "Defector"]
    experiment = Experiment.model_validate(
        {
            "name": "table",
            "steps": 20,
            "environment": {"kind": "matrix_game", "topology": {"kind": "complete", "n": 3}},
            "agents": [{"kind": "axelrod", "strategy": name} for name in names] + [{"kind": "random"}],
        }
    )
    ds = tp.run(experiment)
    assert ds.group.values.tolist() == [*names, "random"]
    assert ds.kind.values.tolist() == ["axelrod", "axelrod", "random"]
    assert float(ds.cooperation.sel(agent=1).max()) == 0.0


def test_a_run_mixes_library_native_and_learning_players(axelrod):
    import thermopolis as tp
    from thermopolis.runs import Experiment

    experiment = Experiment.model_validate(
        {
            "name": "mixed",
            "seed": 1,
            "replicates": 2,
            "steps": 30,
            "environment": {
                "kind": "matrix_game",
                "game": "prisoners_dilemma",
                "topology": {"kind": "pair"},
                "noise": 0.1,
            },
            "agents": [
                {"kind": "axelrod", "strategy": "Tit For Tat"},
                {"kind": "memory_one", "strategy": "win_stay_lose_shift"},
                {"kind": "axelrod", "strategy": "Grudger"},
                {"kind": "active_inference"},
            ],
        }
    )
    mixed = tp.run(experiment)
    actions = mixed.action.transpose("replicate", "agent", "step").values
    # tit for tat repeats what its partner was seen to do, but for its own slips
    slips = (actions[:, 0, 1:] != actions[:, 1, :-1]).mean()
    assert 0 < slips < 0.3
