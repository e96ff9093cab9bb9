"""The experiment file as frozen pydantic models, one file a section."""

from thermopolis.runs.schema.agents import (
    ActiveInference,
    Agent,
    FiniteState,
    LogitResponse,
    MemoryOne,
    Pymdp,
    QLearning,
    Random,
)
from thermopolis.runs.schema.core import Core
from thermopolis.runs.schema.environment import Environment, MatrixGame, Payoffs, PettingZoo
from thermopolis.runs.schema.experiment import POLICY_BUDGET, Experiment
from thermopolis.runs.schema.mind import Argmax, Entmax, InformationGain, Learning, MinP, Softmax
from thermopolis.runs.schema.record import COORDINATES, DIMENSIONS, VARIABLES, Record, Summary
from thermopolis.runs.schema.sweep import Sweep, Values
from thermopolis.runs.schema.temperature import (
    Adaptive,
    Anneal,
    Constant,
    Doom,
    EntropyFeedback,
    EntropyTarget,
    Temperature,
)
from thermopolis.runs.schema.topology import (
    Complete,
    Edges,
    Lattice,
    Matching,
    Pair,
    Ring,
    ScaleFree,
    SmallWorld,
    Topology,
)

__all__ = [
    "COORDINATES",
    "DIMENSIONS",
    "POLICY_BUDGET",
    "VARIABLES",
    "ActiveInference",
    "Adaptive",
    "Agent",
    "Anneal",
    "Argmax",
    "Complete",
    "Constant",
    "Core",
    "Doom",
    "Edges",
    "Entmax",
    "EntropyFeedback",
    "EntropyTarget",
    "Environment",
    "Experiment",
    "FiniteState",
    "InformationGain",
    "Lattice",
    "Learning",
    "LogitResponse",
    "Matching",
    "MatrixGame",
    "MemoryOne",
    "MinP",
    "Pair",
    "Payoffs",
    "PettingZoo",
    "Pymdp",
    "QLearning",
    "Random",
    "Record",
    "Ring",
    "ScaleFree",
    "SmallWorld",
    "Softmax",
    "Summary",
    "Sweep",
    "Temperature",
    "Topology",
    "Values",
]
