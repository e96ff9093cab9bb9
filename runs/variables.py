"""The vocabulary of results: type, unit and meaning of every variable."""

from __future__ import annotations

from typing import NamedTuple


class Variable(NamedTuple):
    """How a variable is stored and what it means."""

    dtype: str
    units: str
    long_name: str


VARIABLES: dict[str, Variable] = {
    "action": Variable("int8", "1", "realised action (0 cooperate, 1 defect; -1 after the end)"),
    "cooperation": Variable("float32", "1", "share of realised actions that cooperate"),
    "reward": Variable("float32", "1", "payoff of the round"),
    "observation": Variable("int16", "1", "outcome seen before the action (-1 none)"),
    "belief": Variable("float32", "1", "probability of each state (of the first factor), where asked for"),
    "belief_entropy": Variable("float32", "nat", "entropy of the beliefs about states, summed over factors"),
    "policy_entropy": Variable("float32", "nat", "entropy of q(π)"),
    "policy_varentropy": Variable("float32", "nat2", "variance of -ln q(π) under q(π)"),
    "free_energy": Variable("float32", "nat", "variational free energy of the outcome seen"),
    "complexity": Variable("float32", "nat", "KL of posterior from prior beliefs"),
    "accuracy": Variable("float32", "nat", "expected log-likelihood of the outcome seen"),
    "expected_free_energy": Variable("float32", "nat", "expected free energy, mean under q(π)"),
    "risk": Variable("float32", "nat", "KL of expected outcomes from preferences, mean under q(π)"),
    "ambiguity": Variable("float32", "nat", "expected entropy of outcomes given states, mean under q(π)"),
    "state_information_gain": Variable(
        "float32", "nat", "expected information about states, mean under q(π)"
    ),
    "parameter_information_gain": Variable(
        "float32", "nat", "expected information about learned parameters, mean under q(π)"
    ),
    "exploration_temperature": Variable("float32", "1", "exploration temperature T of q(π) ∝ E exp(-G/T)"),
    "entmax_alpha": Variable("float32", "1", "α of adaptive entmax (1 softmax, 2 sparsemax)"),
    "regret": Variable("float32", "nat", "expected free energy of the policy taken above the best one's"),
    "counterfactual_value": Variable(
        "float32", "nat", "-G of the best policy that starts with another action than the one taken"
    ),
    "mutual_defection": Variable(
        "float32", "1", "predicted probability of mutual defection next, under q(π)"
    ),
    "partner_cooperates": Variable(
        "float32", "1", "probability that the partner cooperates next, under the beliefs about its type"
    ),
    "partner_level": Variable("float32", "1", "expected level of the partner's type (0 fixed, 1 answers me)"),
    "perception_converged": Variable("float32", "1", "1 where the iteration of beliefs settled"),
    "perception_operations": Variable(
        "float32", "1", "arithmetic operations that perceiving took on the host, where asked for"
    ),
    "core_joules": Variable("float64", "J", "running cost of the core by operation"),
    "core_samples": Variable("float32", "1", "samples of the core that could be paid for"),
    "core_work": Variable("float64", "J", "work done on the core by reprogramming it"),
    "core_heat": Variable("float64", "J", "heat the core gave to its bath"),
    "core_entropy_production": Variable(
        "float64", "J K-1", "entropy produced by core and bath (an ensemble mean is not negative)"
    ),
    "landauer_bound": Variable(
        "float64", "J", "least heat for the entropy the core lost, kT·max(0, H before - after)"
    ),
    "information_gained": Variable(
        "float32",
        "nat",
        "what the outcome told a core that perceives: KL of the exact posterior from the prior",
    ),
    "energy": Variable("float32", "1", "energy of a core alone (of its coldest replica)"),
    "core_temperature": Variable("float32", "1", "temperature of a core alone, in its energy's unit"),
    "magnetisation": Variable("float32", "1", "mean of the units of a core alone"),
    "acceptance": Variable("float32", "1", "accepted share of a core's moves"),
    "state": Variable("int32", "1", "state of every unit of a core alone"),
    "round_trips": Variable("int32", "1", "round trips of a chain's replicas so far"),
    "replica": Variable("int32", "1", "which replica is at each temperature, coldest first"),
    "swap_rate": Variable("float32", "1", "accepted share of swaps so far, by pair of temperatures"),
    "core_free_energy": Variable(
        "float64", "J", "free energy of the law a driven core is told to follow, exactly"
    ),
    "law_error": Variable("float64", "1", "total variation between the states seen and the law asked for"),
    "held_law_error": Variable(
        "float64", "1", "total variation between the law held and the law asked for, exactly"
    ),
    "power": Variable("float64", "W", "power used"),
    "kardashev": Variable("float64", "1", "Kardashev rating (log10 P - 6)/10"),
    "planet_temperature": Variable("float64", "K", "surface temperature of the planet"),
    "fuel": Variable("float64", "J", "fuel left on the planet"),
    "store": Variable("float64", "J", "stored energy"),
    "population": Variable("float64", "1", "population"),
    "entropy_production": Variable("float64", "J K-1", "entropy produced by planet and surroundings"),
    "power_total": Variable("float64", "W", "power used by all civilizations"),
    "kardashev_total": Variable("float64", "1", "Kardashev rating of all civilizations together"),
    "capacity": Variable("float64", "W", "power a civilization can draw from fuel"),
    "collectors": Variable("float64", "W", "power of its collectors"),
    "efficiency": Variable("float64", "1", "useful share of its power"),
    "exported_share": Variable("float64", "1", "share of the waste heat that leaves the planet"),
    "embodied": Variable("float64", "J", "energy embodied in its works"),
    "experience": Variable("float64", "J", "work ever invested, own and taught"),
    "reach": Variable("float64", "W", "power it commands or could build from its store"),
    "comfort": Variable("float64", "1", "what the planet's heat leaves of its carrying capacity"),
    "waste_heat": Variable("float64", "W", "heat it gives off"),
    "thinking_power": Variable("float64", "W", "power paid for thinking"),
    "thinking_share": Variable("float64", "1", "share of the thinking that could be paid"),
    "thinking_budget": Variable("float64", "J", "what a decision may cost to be paid in full"),
    "entropy_planet": Variable("float64", "J K-1", "change of the planets' entropy"),
    "entropy_radiated": Variable("float64", "J K-1", "entropy radiated by the planets"),
    "entropy_starlight": Variable("float64", "J K-1", "entropy brought by starlight (negative)"),
    "entropy_exported": Variable("float64", "J K-1", "entropy of the heat sent off the planets"),
    "entropy_least": Variable("float64", "J K-1", "least entropy produced in any substep"),
    "energy_residual": Variable("float64", "1", "what doesn't close of the energy balance, over its flows"),
    "ledger_residual": Variable(
        "float64", "1", "what doesn't close of the civilization's ledger, over its flows"
    ),
    "stock": Variable("float64", "1", "stock of the common resource"),
    "harvest": Variable("float64", "1", "what a player took of it"),
    "effort": Variable("float64", "1", "effort of a player"),
    "growth_rate": Variable("float64", "1", "growth rate of the stock, ln of its change in a round"),
    "growth_rate_nash": Variable("float64", "1", "growth rate at the Nash harvest"),
    "growth_rate_optimum": Variable("float64", "1", "growth rate at the planner's harvest"),
    "stock_nash": Variable("float64", "1", "stock at the Nash harvest, steady or by now"),
    "stock_optimum": Variable("float64", "1", "stock at the planner's harvest, steady or by now"),
    "reward_nash": Variable("float64", "1", "reward of each at the Nash harvest, steady or by now"),
    "reward_optimum": Variable("float64", "1", "reward of each at the planner's harvest, steady or by now"),
    "temperature_attained": Variable(
        "float32", "1", "1 where the entropy target is attainable within bounds"
    ),
    "temperature_doom": Variable("float32", "1", "smoothed predicted probability of mutual defection"),
    "fitness": Variable("float64", "1", "fitness: the mean over a life of what is selected for"),
    "offspring": Variable("float32", "1", "descendants in the next generation"),
    "expected_offspring": Variable("float64", "1", "mean of its descendants, given how everybody lived"),
    "on_trial": Variable("int8", "1", "1 where a mutant of the society is on trial"),
    "parent": Variable("int32", "1", "who it descends from in the generation before (-1 the first)"),
    "other_parent": Variable("int32", "1", "the second parent in the generation before (-1 the first)"),
    "genotype": Variable("int16", "1", "the group it belongs to"),
    "type_share": Variable("float32", "1", "share of players of each group"),
    "origin": Variable("int16", "1", "the deme its parents lived in"),
    "swapped": Variable("int8", "1", "1 where neighbouring demes swapped, 0 where not, -1 where not asked"),
}

OF_TRAITS = ("trait_", "genetic_")
"""What names of a trait's phenotype and of its genetic value begin with."""

LEADS = {"core_joules": ("operation",), "belief": ("state",)}
"""Dimensions of a variable beyond those of every decision."""
STEPS = {"matrix_game": "round", "commons": "round", "civilization": "year"}
"""What a step of each world is, the long name of ``step``; of others' worlds and of cores alone: a step."""
ON_REQUEST = ("belief", "perception_operations")
"""What ``record.variables: all`` leaves out: for its size, or as it seldom changes."""

OPERATIONS = ("update", "read", "write", "rng", "host")


def of_steps(kind: str) -> dict[str, str]:
    """Attributes of the coordinate ``step`` in a kind of world."""
    return {"long_name": STEPS[kind]} if kind in STEPS else {}


def describe(name: str) -> Variable:
    """The variable of a name; a world's own quantities get a plain description."""
    if name.startswith(OF_TRAITS):
        kind, _, trait = name.partition("_")
        words = "phenotype" if kind == "trait" else "genetic value"
        return Variable("float64", "1", f"{words} of the trait {trait.replace('_', ' ')}")
    return VARIABLES.get(name, Variable("float64", "1", name.replace("_", " ")))
