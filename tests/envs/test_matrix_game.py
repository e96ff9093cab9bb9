"""Matrix games: payoffs, observations, noise, continuation, societies, and PettingZoo's conformance."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.envs import matrix_game_v0
from thermopolis.envs.games import GAMES, game
from thermopolis.envs.matrix_game_v0 import matrix_game
from thermopolis.envs.topology import network, topology
from thermopolis.envs.world import cell_keys, init_keys, step_keys
from thermopolis.errors import ModelError, SimulationError

SOCIETIES = [
    {"kind": "complete", "n": 5},
    {"kind": "ring", "n": 7, "k": 4},
    {"kind": "lattice", "shape": [3, 4]},
    {"kind": "lattice", "shape": [3, 3], "boundary": "open", "neighbourhood": "von_neumann"},
    {"kind": "small_world", "n": 12, "k": 4, "p": 0.3},
    {"kind": "scale_free", "n": 15, "m": 2},
    {"kind": "edges", "edges": [[0, 1], [1, 2], [1, 3]]},
]


def play(world, params, cells, actions, seed=5):
    """Rounds of given actions (time, slots, cells): the outcomes, stacked over time."""
    keys = cell_keys(seed, cells)

    @jax.jit
    def run(actions):
        def one(state, at):
            t, action = at
            return world.step(step_keys(keys, t), state, action, params)

        start = world.init(init_keys(keys), params)
        return jax.lax.scan(one, start, (jnp.arange(len(actions)), actions))[1]

    return jax.device_get(run(jnp.asarray(actions, jnp.int32)))


def random_actions(world, cells, rounds, seed=0):
    return np.random.default_rng(seed).integers(world.num_actions, size=(rounds, world.slots, cells))


@pytest.mark.parametrize("name", GAMES)
def test_each_player_is_paid_by_its_own_matrix(name):
    world, params = matrix_game(name)
    table = game(name).array()
    joint = np.array(list(itertools.product(range(world.num_actions), repeat=2))).T
    out = play(world, params, joint.shape[1], joint[None])
    for k, (row, column) in enumerate(joint.T):
        assert out.reward[0, 0, k] == table[0][row, column]
        assert out.reward[0, 1, k] == table[-1][column, row]
        assert out.observation[0, :, k].tolist() == [
            row * world.num_actions + column,
            column * world.num_actions + row,
        ]


def test_a_bimatrix_is_read_as_row_and_column_player():
    row, column = [[1, 2], [3, 4]], [[10, 20], [30, 40]]
    world, params = matrix_game({"payoffs": [row, column]})
    out = play(world, params, 1, [[[0], [1]]])
    assert out.reward[0, :, 0].tolist() == [2.0, 20.0]


@pytest.mark.parametrize("choices", [2, 3])
def test_noise_replaces_actions_as_often_as_asked_and_by_all_others(choices):
    spec = "prisoners_dilemma" if choices == 2 else "rock_paper_scissors"
    world, params = matrix_game(spec, noise=0.3)
    out = play(world, params, 64, np.zeros((200, 2, 64)))
    n = out.action.size
    for other in range(1, choices):
        p = 0.3 / (choices - 1)
        assert abs(np.mean(out.action == other) - p) < 4 * np.sqrt(p * (1 - p) / n)
    np.testing.assert_array_equal(out.observation, out.action * choices + out.action[:, ::-1])


def test_observation_noise_touches_only_what_is_seen_of_the_partner():
    world, params = matrix_game(observation_noise=0.25)
    actions = random_actions(world, 64, 200)
    out = play(world, params, 64, actions)
    np.testing.assert_array_equal(out.action, actions)
    np.testing.assert_array_equal(out.observation // 2, actions)
    wrong = out.observation % 2 != actions[:, ::-1]
    assert abs(wrong.mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / wrong.size)


def test_games_last_as_continuation_says_then_are_silent():
    world, params = matrix_game(continuation=0.8)
    cells = 2000
    out = play(world, params, cells, np.zeros((60, 2, cells)))
    played = np.isfinite(out.reward[:, 0])
    np.testing.assert_array_equal(np.isfinite(out.reward[:, 1]), played)
    length = played.sum(axis=0)
    assert abs(length.mean() - 5.0) < 4 * np.sqrt(0.2**-2 * 0.8 / cells)
    np.testing.assert_array_equal(out.observation[:, 0] == -1, ~played)
    np.testing.assert_array_equal(out.action[:, 0] == -1, ~played)
    # the round that ends the game is still played, and says that it was the last one
    np.testing.assert_array_equal(out.ended[:-1, 0], ~played[1:])


def test_a_stream_never_drawn_changes_no_other():
    actions = random_actions(matrix_game()[0], 8, 50)
    lean, params = matrix_game(noise=0.2)
    full, more = matrix_game(noise=0.2, observation_noise=[0.0] * 7 + [0.5], continuation=[1.0] * 7 + [0.9])
    one, two = play(lean, params, 8, actions), play(full, more, 8, actions)
    np.testing.assert_array_equal(one.observation[..., :7], two.observation[..., :7])


def test_a_cell_does_not_depend_on_the_others():
    world, params = matrix_game(noise=0.2, continuation=0.95)
    actions = random_actions(world, 16, 30)
    all_cells, few = play(world, params, 16, actions), play(world, params, 5, actions[..., :5])
    np.testing.assert_array_equal(all_cells.observation[..., :5], few.observation)


@pytest.mark.parametrize("spec", SOCIETIES, ids=lambda s: s["kind"])
@pytest.mark.parametrize("how", ["dyadic", "broadcast"])
def test_societies_pay_as_a_dense_matrix_would(spec, how):
    seeds = (3, 4, 5)
    found = topology(spec)
    world, params = matrix_game("rock_paper_scissors", found, seeds=seeds, play=how, accumulate="mean")
    actions = random_actions(world, 3, 6)
    out = play(world, params, 3, actions)
    table = game("rock_paper_scissors").array()[0]
    for c in range(3):
        graph = network(found, seeds)
        column = min(c, graph.source.shape[1] - 1)
        source, target = graph.source[:, column], graph.target[:, column]
        for t in range(6):
            if how == "dyadic":
                played = {(s, e): a for s, e, a in zip(source, target, actions[t, :, c], strict=True)}
                paid = [table[played[s, e], played[e, s]] for s, e in zip(source, target, strict=True)]
                np.testing.assert_array_equal(out.reward[t, :, c], paid)
            else:
                a = actions[t, :, c]
                paid = np.zeros(world.players)
                np.add.at(paid, source, table[a[source], a[target]])
                np.testing.assert_allclose(
                    out.reward[t, :, c], paid / np.bincount(source), rtol=1e-6, atol=1e-6
                )


def test_broadcast_players_see_the_count_of_cooperating_neighbours():
    world, params = matrix_game("prisoners_dilemma", topology("ring", n=6), play="broadcast")
    out = play(world, params, 1, [[[0], [1], [1], [0], [0], [1]]])
    assert world.num_observations == 6
    assert (out.observation[0, :, 0] // 3).tolist() == [0, 1, 1, 0, 0, 1]
    assert (out.observation[0, :, 0] % 3).tolist() == [0, 1, 1, 1, 1, 2]


def test_self_interaction_adds_a_meeting_with_oneself():
    world, params = matrix_game(
        {"payoffs": [[1, 0], [1.9, 0]]},
        topology("lattice", shape=[4, 4]),
        play="broadcast",
        accumulate="sum",
        self_interaction=True,
    )
    actions = np.zeros((1, 16, 1))
    actions[0, 5] = 1
    out = play(world, params, 1, actions)
    assert out.reward[0, 5, 0] == np.float32(8 * 1.9)
    assert sorted(set(out.reward[0, :, 0].tolist())) == [8.0, 9.0, pytest.approx(15.2)]


@pytest.mark.parametrize("how", ["dyadic", "broadcast"])
@pytest.mark.parametrize("accumulate", ["mean", "sum"])
def test_the_description_says_what_each_observation_shows_and_pays(how, accumulate):
    settings = {} if how == "dyadic" else {"accumulate": accumulate, "self_interaction": accumulate == "sum"}
    world, params = matrix_game("prisoners_dilemma", topology("ring", n=8, k=4), play=how, **settings)
    said = matrix_game_v0.describe(world, params)
    actions = random_actions(world, 4, 5)
    out = play(world, params, 4, actions)
    np.testing.assert_array_equal(said.own_action[out.observation], out.action)
    np.testing.assert_allclose(said.payoffs[0, out.observation, 0], out.reward, rtol=1e-6)
    if how == "dyadic":
        assert said.observation_names == ("CC", "CD", "DC", "DD")


def test_random_matching_pairs_everyone_with_everyone_equally_often():
    world, params = matrix_game({"payoffs": np.arange(36).reshape(6, 6)}, topology("matching", n=6))
    rounds, cells = 50, 40
    own = np.broadcast_to(np.arange(6)[None, :, None], (rounds, 6, cells))
    partner = play(world, params, cells, own).observation % 6
    np.testing.assert_array_equal(np.take_along_axis(partner, partner, axis=1), own)
    assert not np.any(partner == own)
    for i in range(6):
        share = np.bincount(partner[:, i].ravel(), minlength=6)[np.arange(6) != i] / (rounds * cells)
        assert np.all(np.abs(share - 0.2) < 4 * np.sqrt(0.2 * 0.8 / (rounds * cells)))


def test_the_environment_is_the_pure_step():
    env = matrix_game_v0.parallel_env(players=6, noise=0.1, continuation=0.97, max_cycles=30)
    world, params = matrix_game(noise=0.1, continuation=0.97)
    actions = random_actions(world, 3, 30)
    out = play(world, params, 3, actions, seed=21)
    env.reset(seed=21)
    for t in range(30):
        alive = {name: (int(name[7:]) % 2, int(name[7:]) // 2) for name in env.agents}
        said = env.step({name: actions[t, slot, cell] for name, (slot, cell) in alive.items()})
        for name, (slot, cell) in alive.items():
            assert said[0][name] == out.observation[t, slot, cell]
            assert said[1][name] == out.reward[t, slot, cell]
            assert said[2][name] == out.ended[t, slot, cell]
            assert said[4][name]["realised_action"] == out.action[t, slot, cell]


@pytest.mark.parametrize(
    "settings",
    [
        {"players": 4, "noise": 0.2, "continuation": 0.9, "observation_noise": 0.1},
        {"game": "rock_paper_scissors", "topology": {"kind": "ring", "n": 4}},
        {"topology": {"kind": "lattice", "shape": [3, 4]}, "action": "broadcast", "noise": 0.1},
        {"topology": {"kind": "scale_free", "n": 8}, "random": "threefry"},
        {"topology": {"kind": "matching", "n": 4}, "game": "battle_of_the_sexes"},
    ],
    ids=str,
)
def test_pettingzoo_conformance(conforms, settings):
    conforms(matrix_game_v0, **settings)


def test_pettingzoo_cycles():
    from pettingzoo.test import max_cycles_test

    max_cycles_test(matrix_game_v0)


@pytest.mark.parametrize(
    "settings",
    [
        {"topology": {"kind": "scale_free", "n": 8}, "action": "broadcast", "noise": 0.3},
        {"topology": {"kind": "matching", "n": 6}, "continuation": 0.95},
    ],
    ids=str,
)
def test_seeds_govern_whole_trajectories(seeds_govern, settings):
    seeds_govern(matrix_game_v0, True, **settings)


def test_reset_without_a_seed_is_a_new_game_and_reproducible_after_a_seeded_one():
    worlds = []
    for _ in range(2):
        env = matrix_game_v0.parallel_env(noise=0.5)
        env.reset(seed=4)
        env.reset()
        worlds.append(env.world_seed)
    assert worlds[0] == worlds[1] != 4


def test_what_human_prints_is_what_ansi_returns(capsys):
    human = matrix_game_v0.parallel_env(render_mode="human")
    text = matrix_game_v0.parallel_env(render_mode="ansi")
    for env in (human, text):
        env.reset(seed=1)
        env.step({"player_0": 0, "player_1": 1})
    assert capsys.readouterr().out == text.render() + "\n"
    assert "cooperate +0 | defect +5" in text.render()


def test_pictures_colour_players_by_what_they_did():
    env = matrix_game_v0.parallel_env(
        topology={"kind": "lattice", "shape": [3, 4]}, action="broadcast", render_mode="rgb_array"
    )
    env.reset(seed=1)
    env.step({name: int(i == 5) for i, name in enumerate(env.agents)})
    image = env.render()
    side = image.shape[0] // 3
    middles = image[side // 2 :: side, side // 2 :: side]
    odd = np.any(middles != middles[0, 0], axis=-1)
    assert np.argwhere(odd).tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"game": "prisoner_dilemma"}, "prisoners_dilemma"),
        ({"game": {"payoffs": [[1, 2, 3], [4, 5, 6]]}}, "payoffs"),
        ({"game": {"payoffs": [[1, float("nan")], [0, 1]]}}, "payoffs"),
        ({"topology": {"kind": "rign", "n": 4}}, "ring"),
        ({"topology": {"kind": "ring", "n": 4, "size": 3}}, "topology.size"),
        ({"topology": {"kind": "ring", "n": 4, "k": 3}}, "topology.k"),
        ({"topology": {"kind": "lattice", "shape": [2, 4]}}, "topology.shape"),
        ({"topology": {"kind": "edges", "edges": [[0, 2]]}}, "player 1 has no neighbour"),
        ({"topology": {"kind": "matching", "n": 5}}, "topology.n"),
        ({"players": 3}, "players"),
        ({"noise": 1.5}, "noise"),
        ({"noise": "some"}, "noise"),
        ({"topology": {"kind": "ring", "n": "five"}}, "topology.n"),
        ({"topology": {"kind": "edges", "edges": [["a", "b"]]}}, r"topology.edges\[0\]"),
        ({"topology": {"kind": "edges", "edges": [[0, 1.5]]}}, r"topology.edges\[0\]"),
        ({"action": "both"}, "action"),
        ({"action": "broadcast"}, "action"),
        (
            {"game": "matching_pennies", "topology": {"kind": "ring", "n": 4}, "action": "broadcast"},
            "symmetric",
        ),
    ],
)
def test_bad_worlds_are_refused_by_name(settings, named):
    with pytest.raises(ModelError, match=named):
        matrix_game_v0.parallel_env(**settings)


def test_a_networkx_graph_is_a_society():
    import networkx as nx

    env = matrix_game_v0.parallel_env(topology=nx.star_graph(3))
    assert env.neighbours("player_0") == ["player_1", "player_2", "player_3"]
    assert env.neighbours("player_2") == ["player_0"]
    given = {"kind": "edges", "edges": np.array([[0, 1], [0, 2], [0, 3]])}
    assert matrix_game_v0.parallel_env(topology=given).world == env.world


@pytest.mark.parametrize("action", ["C", 0.5, [0, 1], None])
def test_actions_that_are_none_of_the_space_are_refused_by_agent(action):
    env = matrix_game_v0.parallel_env()
    env.reset(seed=0)
    with pytest.raises(SimulationError, match=r"player_0: expected Discrete\(2\)"):
        env.step({"player_0": action, "player_1": 0})


def test_seeds_and_generators_that_are_none_are_refused():
    with pytest.raises(ValueError, match="random"):
        matrix_game_v0.parallel_env(random="mersenne")
    with pytest.raises(ValueError, match="seed"):
        matrix_game_v0.parallel_env().reset(seed=-1)


def test_bad_actions_are_refused():
    env = matrix_game_v0.parallel_env()
    env.reset(seed=0)
    with pytest.raises(SimulationError, match="outside 0"):
        env.step({"player_0": 2, "player_1": 0})
    with pytest.raises(SimulationError, match="no action for player_1"):
        env.step({"player_0": 0})
