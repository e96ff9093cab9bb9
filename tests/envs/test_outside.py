"""Other people's worlds: flattening, masks, turns, and refusals by name."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from pettingzoo import ParallelEnv

from thermopolis.envs import matrix_game_v0, outside
from thermopolis.envs.flatten import Flat
from thermopolis.errors import ModelError, SimulationError

LEAVES = st.one_of(
    st.builds(lambda n, s: spaces.Discrete(n, start=s), st.integers(1, 6), st.integers(-3, 3)),
    st.builds(lambda n: spaces.MultiDiscrete(n), st.lists(st.integers(1, 4), min_size=1, max_size=3)),
    st.builds(lambda n: spaces.MultiBinary(n), st.integers(1, 4)),
    st.builds(
        lambda low, span, shape: spaces.Box(low, low + span, shape, np.int8),
        st.integers(-3, 2),
        st.integers(1, 3),
        st.sampled_from([(1,), (2,), (2, 2)]),
    ),
)
NESTED = st.one_of(
    LEAVES,
    st.builds(lambda parts: spaces.Tuple(parts), st.lists(LEAVES, min_size=1, max_size=2)),
    st.builds(lambda a, b: spaces.Dict({"b": a, "a": b}), LEAVES, LEAVES),
)


@settings(max_examples=60, deadline=None)
@given(NESTED, st.integers(0, 1000))
def test_numbers_stand_for_points_one_to_one(space, seed):
    flat = Flat(space, "space")
    space.seed(seed)
    for _ in range(5):
        number = flat.number(space.sample())
        assert 0 <= number < flat.size
    if not isinstance(space, (spaces.Tuple, spaces.Dict)):
        for number in range(min(flat.size, 50)):
            assert space.contains(flat.point(number))
            assert flat.number(flat.point(number)) == number


@pytest.mark.parametrize(
    ("space", "named"),
    [
        (spaces.Box(0.0, 1.0, (2,)), "continuous"),
        (spaces.Dict({"x": spaces.Discrete(2), "y": spaces.Box(0.0, 1.0, (2,))}), r"\['y'\].*continuous"),
        (spaces.MultiDiscrete([100] * 5), "more than"),
        (spaces.Text(3), "Text"),
    ],
    ids=str,
)
def test_spaces_that_are_not_discrete_are_refused_by_name(space, named):
    with pytest.raises(ModelError, match=named):
        Flat(space, "observation space of player_0")


class Masked(ParallelEnv):
    """Two agents of unequal spaces; the first may only repeat what its mask shows."""

    metadata = {"name": "masked_v0"}  # noqa: RUF012

    def __init__(self, fault=None):
        self.possible_agents = ["fox", "hen"]
        self.agents, self.fault, self.done = [], fault, []

    def observation_space(self, agent):
        seen = spaces.Box(0, 2, (2,), np.int8)
        return (
            spaces.Dict({"observation": seen, "action_mask": spaces.MultiBinary(3)})
            if agent == "fox"
            else seen
        )

    def action_space(self, agent):
        return spaces.Discrete(3, start=5) if agent == "fox" else spaces.MultiDiscrete([2, 2])

    def _seen(self):
        mask = np.eye(3, dtype=np.int8)[self.t % 3]
        value = np.array([self.t % 3, 0], np.int8)
        return {"fox": {"observation": value, "action_mask": mask}, "hen": value}

    def reset(self, seed=None, options=None):
        self.t, self.agents = 0, list(self.possible_agents)
        return self._seen() if self.fault == "reset" else (self._seen(), {a: {} for a in self.agents})

    def step(self, actions):
        self.done.append(dict(actions))
        self.t += 1
        over = self.t >= 4
        if over:
            self.agents = []
        every = dict.fromkeys(self.possible_agents, over)
        rewards = {} if self.fault == "step" else dict.fromkeys(self.possible_agents, 1.0)
        return self._seen(), rewards, every, dict.fromkeys(every, False), {a: {} for a in every}


def test_masks_and_unequal_spaces_are_honoured():
    inner = Masked()
    env = outside.OutsideEnv(inner)
    assert env.world == outside.Outside("masked_v0", 2, 4, 9)
    seen, _ = env.reset(seed=3)
    assert seen == {"player_0": 0, "player_1": 0}
    realised = []
    while env.agents:
        assert env.action_mask("player_0").tolist()[:3] == np.eye(3, dtype=bool)[env.round % 3].tolist()
        _, rewards, ended, _, infos = env.step({"player_0": 0, "player_1": 3})
        realised.append([infos[a]["realised_action"] for a in ("player_0", "player_1")])
    assert [deed["fox"] for deed in inner.done] == [5, 6, 7, 5]
    assert all(deed["hen"].tolist() == [1, 1] for deed in inner.done)
    assert realised == [[0, 3], [1, 3], [2, 3], [0, 3]]
    assert ended == {"player_0": True, "player_1": True} and rewards["player_0"] == 1.0


def test_environments_that_break_the_api_are_named():
    with pytest.raises(ModelError, match="masked_v0: reset must return"):
        outside.OutsideEnv(Masked("reset")).reset()
    env = outside.OutsideEnv(Masked("step"))
    env.reset()
    with pytest.raises(SimulationError, match="said nothing of fox"):
        env.step({"player_0": 0, "player_1": 0})
    with pytest.raises(ModelError, match="no step"):
        outside.OutsideEnv(type("Half", (), {"reset": lambda self: 0, "possible_agents": ["a"]})())
    with pytest.raises(ModelError, match="can't be imported"):
        outside.load("no.such.module")
    with pytest.raises(ModelError, match="neither parallel_env nor env"):
        outside.load("json")
    with pytest.raises(ModelError, match="can't be made"):
        outside.load("thermopolis.envs.matrix_game_v0", wings=2)
    with pytest.raises(ModelError, match=r"CartPole.*|continuous"):
        outside.load("gymnasium:CartPole-v1")


def test_our_own_world_from_outside_is_itself():
    ours = matrix_game_v0.parallel_env(noise=0.3)
    theirs = outside.load("thermopolis.envs.matrix_game_v0", noise=0.3)
    ours.reset(seed=5)
    assert theirs.reset(seed=5)[0] == {"player_0": 0, "player_1": 0}  # "nothing seen" is the first of five
    for t in range(20):
        actions = {"player_0": t % 2, "player_1": 0}
        a, b = ours.step(actions), theirs.step(actions)
        assert {k: v + 1 for k, v in a[0].items()} == b[0]
        assert a[1] == b[1]


def test_pettingzoo_conformance_survives():
    from pettingzoo.test import parallel_api_test

    parallel_api_test(outside.load("thermopolis.envs.matrix_game_v0", max_cycles=30), num_cycles=100)


def test_a_gymnasium_environment_is_a_world_of_one():
    env = outside.load("gymnasium:FrozenLake-v1", is_slippery=False)
    assert env.world == outside.Outside("FrozenLake-v1", 1, 4, 16)
    direct = gymnasium.make("FrozenLake-v1", is_slippery=False)
    seen, _ = env.reset(seed=1)
    assert seen["player_0"] == direct.reset(seed=1)[0]
    for action in (2, 2, 1, 1, 1, 2):
        mine = env.step({"player_0": action})
        theirs = direct.step(action)
        assert mine[0]["player_0"] == theirs[0] and mine[1]["player_0"] == theirs[1]
    assert theirs[2] and env.agents == []
    assert outside.load("gymnasium:Blackjack-v1").world.num_observations == 32 * 11 * 2


def test_rock_paper_scissors_is_played():
    pytest.importorskip("pygame")
    env = outside.load("pettingzoo.classic.rps_v2", max_cycles=4)
    assert (env.world.num_actions, env.world.num_observations) == (3, 4)
    env.reset(seed=0)
    seen, rewards, *_ = env.step({"player_0": 0, "player_1": 1})
    assert seen == {"player_0": 1, "player_1": 0}
    assert rewards == {"player_0": -1.0, "player_1": 1.0}


def test_tic_tac_toe_is_played_in_turns_and_legally():
    pytest.importorskip("pygame")
    env = outside.load("pettingzoo.classic.tictactoe_v3")
    assert (env.world.players, env.world.num_actions, env.world.num_observations) == (2, 9, 2**18)
    for seed in range(5):
        env.reset(seed=seed)
        total, squares, turns = np.zeros(2), [], []
        while env.agents:
            _, rewards, _, _, infos = env.step(dict.fromkeys(env.agents, 4))  # all want the centre
            moves = [infos[f"player_{i}"]["realised_action"] for i in range(2)]
            assert sum(m >= 0 for m in moves) == 1
            turns.append(int(np.argmax(moves)))
            squares.append(max(moves))
            total += [rewards["player_0"], rewards["player_1"]]
        assert squares[0] == 4 and len(set(squares)) == len(squares)
        assert turns == [t % 2 for t in range(len(turns))]
        assert total.tolist() in ([1, -1], [-1, 1], [0, 0])
