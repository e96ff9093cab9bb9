"""Where randomness comes from: integer seeds that depend on what is simulated, never on its place in a sweep.

A replicate's streams derive from the experiment's ``seed``, a hash of its environment, agents and core, and the
replicate's number. The world's seed is the one that ``reset(seed=…)`` of a PettingZoo environment gets; a player's
key is that of its replicate folded with its slot, and a step's draws come from that key folded with the step.
"""

from __future__ import annotations

import hashlib

from thermopolis.runs.identity import digest, settings
from thermopolis.runs.schema import Experiment


def stream_root(experiment: Experiment) -> str:
    """What all streams of a point share: its seed and a hash of environment, agents and core."""
    data = settings(experiment)
    return f"{experiment.seed}:{digest({key: data[key] for key in ('environment', 'agents', 'core')})}"


def _number(text: str, bits: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> (64 - bits)


def world_seeds(experiment: Experiment) -> list[int]:
    """One seed below 2³¹ a replicate: what the world of that replicate is reset with."""
    root = stream_root(experiment)
    return [_number(f"{root}:{replicate}:world", 31) for replicate in range(experiment.replicates)]


def player_seeds(experiment: Experiment) -> list[int]:
    """One seed below 2⁶⁴ a replicate: what the players' keys of that replicate are folded from."""
    root = stream_root(experiment)
    return [_number(f"{root}:{replicate}:players", 64) for replicate in range(experiment.replicates)]


def placement_seeds(experiment: Experiment) -> list[int]:
    """One seed a replicate: who sits where, when groups are placed by share."""
    root = stream_root(experiment)
    return [_number(f"{root}:{replicate}:placement", 63) for replicate in range(experiment.replicates)]


def evolution_root(experiment: Experiment) -> str:
    """What all streams of a selection share: those of its lives, and its settings but the number of generations."""
    data = settings(experiment)["selection"]
    return f"{stream_root(experiment)}:{digest({key: data[key] for key in data if key != 'generations'})}"


def society_seeds(root: str, societies: int, purpose: str, bits: int) -> list[int]:
    """One seed a society for some purpose, such as its world in a generation."""
    return [_number(f"{root}:{society}:{purpose}", bits) for society in range(societies)]
