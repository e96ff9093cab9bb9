"""The thermodynamic core inside the perception-action loop.

Two registers, each with a state it keeps between uses. The belief register holds one categorical unit a state factor
with energy U(s) = -Σ ln prior_f(s_f) - Σ ln p(o_m | s) at temperature 1; beliefs are its sampled frequencies. The policy
register holds one unit over policies with energy U(π) = G(π) - T ln E(π) at temperature T, programmed as U/T; its
last sample is the policy.

A use first reprograms the energy under the state it finds (work W = E_new(x) - E_old(x)), then relaxes (heat
Q = E_new(x) - E_new(x')): ΔE = W - Q. Energies are in units of kT of the device. A forbidden state stands in the ledger
at the largest energy that is programmed, -ln of the smallest probability (36.04 kT): hardware couplings are finite.

Where a world charges for thinking, a use takes only as many samples as its budget of joules pays (:mod:`budget`);
with none, nothing is programmed or drawn: beliefs stay the prediction, and the policy is the one last drawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from thermopolis import thermo
from thermopolis.agents import lanes as ln
from thermopolis.agents.belief import Beliefs, likelihood, outer
from thermopolis.agents.budget import Size, belief_size, policy_size
from thermopolis.agents.free_energy import of_joint
from thermopolis.agents.model import GenerativeModel
from thermopolis.agents.perception import Evidence, Percept, support
from thermopolis.errors import ModelError
from thermopolis.thermo.device import Device
from thermopolis.thermo.ledger import BOLTZMANN, OPERATIONS, relaxation_ledger

#: Largest energy in the ledger, in kT: -ln of the smallest probability that counts.
CEILING = 36.04365338911715


@dataclass(frozen=True)
class Core:
    """How a core is used.

    Parameters
    ----------
    device : str
        Name of a device preset (:func:`thermopolis.thermo.devices`).
    samples, burn_in : int
        Sweeps a use counts, after those it throws away.
    sampler : str
        ``gibbs``, the sampler of categorical units.
    """

    device: str = "landauer"
    samples: int = 64
    burn_in: int = 8
    sampler: str = "gibbs"

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ModelError(f"core.samples is {self.samples}, expected at least 1")
        if self.burn_in < 0:
            raise ModelError(f"core.burn_in is {self.burn_in}, expected at least 0")
        if self.sampler != "gibbs":
            raise ModelError(f"core.sampler is {self.sampler!r} in the loop, expected gibbs")

    def preset(self) -> Device:
        """The device."""
        return Device.preset(self.device)

    def check(self, model: GenerativeModel, perception: bool, policies: int) -> None:
        """Refuse a model that the device or the sampler can't hold.

        Raises
        ------
        ModelError
            Too few cells; or an outcome after which single moves of the belief register don't connect the states
            that the likelihoods allow.
        """
        device = self.preset()
        if policies:
            device.require(thermo.Categorical([policies], [((0,), np.zeros(policies))]))
        if not perception:
            return
        scopes = model.A_dependencies
        for outcomes in itertools.product(*(range(n) for n in model.num_obs)):
            tables = [np.where(a[o] > 0, 0.0, np.inf) for a, o in zip(model.A, outcomes, strict=True)]
            if not np.isfinite(_joint_sum(tables, scopes, model.num_states)).any():
                continue  # an impossible outcome has no posterior to sample
            try:
                energy = thermo.Categorical(model.num_states, list(zip(scopes, tables, strict=True)))
            except ModelError as error:
                raise ModelError(f"perception: core, after outcome {list(outcomes)}: {error}") from None
        device.require(energy)


class Register(NamedTuple):
    """A register between uses: its state, the law it was last programmed with, and that law's entropy (nats)."""

    state: Int[Array, "units lanes"]
    energy: Float[Array, "joint lanes"]  # of every joint state, in kT, at most CEILING
    entropy: Float[Array, "lanes"]


def _joint_sum(
    tables: Sequence[np.ndarray], scopes: Sequence[Sequence[int]], sizes: Sequence[int]
) -> np.ndarray:
    total = np.zeros(tuple(sizes))
    for table, scope in zip(tables, scopes, strict=True):
        order = np.argsort(scope)
        shape = [sizes[f] if f in scope else 1 for f in range(len(sizes))]
        total = total + np.transpose(table, order).reshape(shape)
    return total


class Use(NamedTuple):
    """What uses of the core amounted to in one step: joules of operations, the rest in kT and nats."""

    joules: Float[Array, "operation lanes"]
    work: Float[Array, "lanes"]
    heat: Float[Array, "lanes"]
    entropy_production: Float[Array, "lanes"]
    erased: Float[Array, "lanes"]  # max(0, H before - H after), the Landauer bound of the use
    information: Float[Array, "lanes"]  # KL of the exact posterior from the prior: what the outcome told


class CoreUse(NamedTuple):
    """Registers of every lane and what they did in this step."""

    belief: Register | None
    policy: Register | None
    use: Use

    @classmethod
    def fresh(cls, num_states: Sequence[int], policies: int, lanes: int) -> CoreUse:
        """Registers at rest, programmed with nothing (all energies zero)."""

        def rest(sizes: Sequence[int]) -> Register:
            joint = 1
            for n in sizes:
                joint *= n
            return Register(
                jnp.zeros((len(sizes), lanes), jnp.int32),
                jnp.zeros((joint, lanes)),
                jnp.full(lanes, jnp.log(float(joint))),
            )

        idle = idle_use(lanes)
        return cls(rest(num_states) if num_states else None, rest([policies]) if policies else None, idle)

    def settled(self) -> CoreUse:
        """Ready for the next step: registers keep their states, the books start anew."""
        return self._replace(use=idle_use(self.use.work.shape[-1]))

    def trace(self, core: Core) -> dict[str, Array]:
        """The step's use by the names of the results, in joules and J/K."""
        ledger = relaxation_ledger(core.preset().temperature_kelvin, self.use.heat, self.use.work)
        kelvin = core.preset().temperature_kelvin
        return {
            "core_joules": self.use.joules,
            "core_work": ledger.work,
            "core_heat": ledger.heat,
            "core_entropy_production": BOLTZMANN * self.use.entropy_production,
            "landauer_bound": BOLTZMANN * kelvin * self.use.erased,
            "information_gained": self.use.information,
        }


def idle_use(lanes: int) -> Use:
    """A step in which the core did nothing."""
    zero = jnp.zeros(lanes)
    return Use(jnp.zeros((len(OPERATIONS), lanes)), zero, zero, zero, zero, zero)


def _joint_index(state: Int[Array, "units lanes"], sizes: Sequence[int]) -> Int[Array, "lanes"]:
    index = state[0]
    for row, n in zip(state[1:], sizes[1:], strict=True):
        index = index * n + row
    return index


def _account(
    register: Register,
    state: Int[Array, "units lanes"],
    energy: Float[Array, "joint lanes"],
    entropy: Float[Array, "lanes"],
    sizes: Sequence[int],
    used: Bool[Array, "lanes"],
    joules: Float[Array, "operation l"],
    so_far: Use,
    information: Float[Array, "lanes"] | float = 0.0,
) -> tuple[Register, Use]:
    """The register after a use, and the use added to what came before in this step."""
    before, after = _joint_index(register.state, sizes), _joint_index(state, sizes)
    old, new, relaxed = ln.pick(register.energy, before), ln.pick(energy, before), ln.pick(energy, after)
    work, heat = new - old, new - relaxed
    change = entropy - register.entropy
    parts = (joules, work, heat, change + heat, jnp.maximum(-change, 0.0), information)
    total = Use(*(x + jnp.where(used, y, 0.0) for x, y in zip(so_far, parts, strict=True)))
    kept = Register(
        jnp.where(used, state, register.state),
        jnp.where(used, energy, register.energy),
        jnp.where(used, entropy, register.entropy),
    )
    return kept, total


def _running_joules(core: Core, size: Size, samples: Any, reads: Any) -> Float[Array, "operation l"]:
    """Joules of a use, last axis lanes, or 1 where all take as many samples."""
    device = core.preset()
    costs = device.joules(device.operations(size, core.burn_in + samples, reads)).operations
    return jnp.atleast_2d(costs).T


def perceive_on_core(
    core: Core,
    held: CoreUse,
    keys: Key[Array, "lanes"],
    given: Evidence,
    A: Sequence[Float[Array, "outcome joint lanes"]],
    dependencies: Sequence[Sequence[int]],
    prior: Beliefs,
    outcomes: Sequence[Int[Array, "lanes"]],
    seen: Bool[Array, "lanes"],
    taken: Int[Array, "lanes"] | None = None,
) -> tuple[Percept, CoreUse]:
    """Beliefs as sampled frequencies on the belief register.

    One uniform pseudo-count over the allowed states keeps a state that was never drawn from being believed
    impossible; states that the posterior forbids get none. ``taken`` is how many samples each lane can pay
    (``None``: all); without any the belief is the prediction.
    """
    assert held.belief is not None
    sizes = [q.shape[0] for q in prior]
    # where nothing was seen the register keeps a legal program; its draw is not used
    cost = lambda p: jnp.where(p > 0, -ln.safe_log(p), jnp.inf)
    factors: list[tuple[tuple[int, ...], Array]] = [((f,), cost(q)) for f, q in enumerate(prior)]
    for table, scope, outcome in zip(A, dependencies, outcomes, strict=True):
        terms = likelihood(table, outcome)
        factors.append((tuple(scope), cost(terms.reshape(*(sizes[f] for f in scope), terms.shape[-1]))))
    if len(sizes) == 1:
        factors = [((0,), cost(given.prior * given.likelihood))]
    energy = thermo.Categorical(sizes, factors)
    drawn = thermo.sample_lanes(keys, energy, 1.0, held.belief.state, core.burn_in, core.samples, taken)
    allowed = support(given, sizes)
    qs = []
    for counts, legal in zip(drawn.counts, allowed, strict=True):
        share = jnp.where(legal, 1.0, 0.0)
        weights = jnp.where(legal, counts, 0.0) + share / jnp.maximum(ln.total(share), 1.0)
        qs.append(weights / jnp.maximum(ln.total(weights), ln.TINY))
    samples: Any = core.samples
    if taken is not None:
        samples = taken
        qs = [jnp.where(taken > 0, q, p) for q, p in zip(qs, prior, strict=True)]
    possible = ln.total(given.prior * given.likelihood) > 0
    free_energy = of_joint(outer(qs), given.prior, given.likelihood)
    free_energy = free_energy._replace(free_energy=jnp.where(possible, free_energy.free_energy, jnp.inf))
    weights = given.prior * given.likelihood
    exact = weights / jnp.maximum(ln.total(weights), ln.TINY)
    surprise = jnp.minimum(-ln.safe_log(weights), CEILING)
    information = ln.total(exact * (ln.safe_log(exact) - ln.safe_log(given.prior)))
    register, use = _account(
        held.belief,
        drawn.state,
        surprise,
        ln.entropy(exact),
        sizes,
        seen & possible & (jnp.asarray(samples) > 0),
        _running_joules(core, belief_size(sizes, dependencies), samples, samples),
        held.use,
        information,
    )
    return Percept(qs, free_energy), held._replace(belief=register, use=use)


def select_on_core(
    core: Core,
    held: CoreUse,
    keys: Key[Array, "lanes"],
    utilities: Float[Array, "policy lanes"],
    q_pi: Float[Array, "policy lanes"],
    taken: Int[Array, "lanes"] | None = None,
) -> tuple[Int[Array, "lanes"], CoreUse]:
    """The policy register's last sample. ``utilities`` are -U(π)/T, so the register runs at temperature 1 in kT.

    ``taken`` is how many samples each lane can pay (``None``: all); without any the register keeps its policy.
    """
    assert held.policy is not None
    allowed = q_pi > 0
    energy = jnp.where(allowed, -ln.safe_log(q_pi), jnp.inf)
    law = thermo.Categorical([q_pi.shape[0]], [((0,), energy)])
    drawn = thermo.sample_lanes(keys, law, 1.0, held.policy.state, core.burn_in, core.samples, taken)
    samples: Any = core.samples if taken is None else taken
    thinking = jnp.broadcast_to(jnp.asarray(samples) > 0, keys.shape)
    programmed = jnp.minimum(-ln.safe_log(q_pi), CEILING)
    register, use = _account(
        held.policy,
        drawn.state,
        programmed,
        ln.entropy(q_pi),
        [q_pi.shape[0]],
        thinking,
        _running_joules(core, policy_size(q_pi.shape[0]), samples, 1),
        held.use,
    )
    return drawn.state[0], held._replace(policy=register, use=use)
