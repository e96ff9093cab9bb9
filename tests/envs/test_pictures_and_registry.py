"""Pictures as films, and worlds found by name."""

from __future__ import annotations

import numpy as np
import pettingzoo
import pytest
from PIL import Image

from thermopolis.envs import civilization_v0, commons_v0, matrix_game_v0
from thermopolis.envs.pictures import film, save_gif


@pytest.mark.parametrize(
    ("module", "settings"),
    [
        (matrix_game_v0, {"players": 4, "noise": 0.3}),
        (matrix_game_v0, {"topology": {"kind": "ring", "n": 5}, "action": "broadcast"}),
        (matrix_game_v0, {"topology": {"kind": "scale_free", "n": 500}, "action": "broadcast"}),
        (commons_v0, {"players": 3}),
        (civilization_v0, {}),
    ],
    ids=str,
)
def test_every_world_can_be_filmed(tmp_path, module, settings):
    env = module.parallel_env(render_mode="rgb_array", **settings)
    draws = np.random.default_rng(0)

    def choose(observations):
        return {a: draws.integers(2) for a in observations}

    if "topology" in settings or module is not matrix_game_v0:
        env.reset(seed=1)
        before = env.render()
        assert before.dtype == np.uint8 and before.ndim == 3
    path = film(env, choose, tmp_path / "film.gif", rounds=3, seed=1)
    with Image.open(path) as image:
        assert image.format == "GIF" and image.n_frames >= 2
    assert len({int(c) for c in np.unique(env.render())}) > 2


def test_films_need_pictures(tmp_path):
    with pytest.raises(ValueError, match="rgb_array"):
        film(matrix_game_v0.parallel_env(), dict, tmp_path / "film.gif")
    with pytest.raises(ValueError, match="at least one frame"):
        save_gif([], tmp_path / "film.gif")


@pytest.mark.parametrize("name", ["matrix_game", "commons", "civilization"])
def test_pettingzoo_makes_our_worlds_by_name(name):
    env = pettingzoo.make("parallel", f"thermopolis/{name}-v0", max_cycles=7)
    assert env.unwrapped.max_cycles == 7
    assert str(env) == f"{name}_v0"
    turns = pettingzoo.make("aec", f"thermopolis/{name}-v0")
    turns.reset(seed=1)
    assert turns.agent_selection == "player_0"
