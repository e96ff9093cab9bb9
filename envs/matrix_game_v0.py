"""``matrix_game_v0``: any matrix game on any society, by PettingZoo's conventions."""

from thermopolis.envs.matrix_game.describe import describe
from thermopolis.envs.matrix_game.dynamics import MatrixGame, MatrixGameParams, MatrixGameState, matrix_game
from thermopolis.envs.matrix_game.env import MatrixGameEnv, parallel_env
from thermopolis.envs.parallel import to_aec

env = to_aec(parallel_env)
raw_env = to_aec(parallel_env)

__all__ = [
    "MatrixGame",
    "MatrixGameEnv",
    "MatrixGameParams",
    "MatrixGameState",
    "describe",
    "env",
    "matrix_game",
    "parallel_env",
    "raw_env",
]
