"""What a perception costs, as a ledger: the core's operations in joules, host arithmetic counted.

    exact, tempered   (F + M + 3) J for prior, likelihood, weights and their sum,  F J for marginals
    fixed_point       a sweep reads every modality's table once a factor and normalises every factor, 16 times
    mean_field        the same, as many sweeps as it takes, and once more for the gradient
    core              updates, reads and writes of the device; the host prepares the tables

J joint states, F factors, M modalities; a multiplication, an addition, a logarithm or an exponential is one operation,
and every kind pays 6 J for F, complexity and accuracy. What such an operation costs in joules depends on a host that
nobody told us of: without a figure it is NaN, not zero and not a guess.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from thermopolis.agents.budget import belief_size
from thermopolis.agents.fixed_point import ITERATIONS
from thermopolis.agents.structure import Structure
from thermopolis.errors import ModelError
from thermopolis.thermo.device import Figure
from thermopolis.thermo.ledger import Ledger

if TYPE_CHECKING:
    from thermopolis.agents.active_inference import ActiveInference

#: An instruction of a simple in-order processor, about 70 pJ whatever it computes: an estimate to compare kinds with.
SIMPLE_PROCESSOR = Figure(
    70e-12, 20e-12, 1e-9, "published", "Horowitz 2014, ISSCC, fig. 1.1.9: a 45 nm in-order core at 0.9 V"
)


def host_operations(player: ActiveInference, sweeps: int | None = None) -> int:
    """Arithmetic operations of one perception on the host.

    Parameters
    ----------
    player : ActiveInference
    sweeps : int, optional
        Of ``mean_field``: how many it took, at least 1 (they depend on the outcome).

    Raises
    ------
    ModelError
        Where mean field's sweeps aren't said.
    """
    s = player.structure
    iterated = s.perception == "mean_field" and len(s.num_states) > 1
    if iterated and (sweeps is None or sweeps < 1):
        raise ModelError("mean_field takes as many sweeps as an outcome asks for: say sweeps, at least 1")
    return int(operations(s, sweeps))


def operations(s: Structure, sweeps: Any = None) -> Any:
    """``host_operations`` of a structure; by lanes where ``sweeps`` are."""
    joint, factors, modalities = math.prod(s.num_states), len(s.num_states), len(s.num_obs)
    tables = [math.prod(s.num_states[f] for f in scope) for scope in s.A_dependencies]
    free_energy = 6 * joint
    if s.perception in ("exact", "tempered"):
        powers = 2 * joint if s.perception == "tempered" else 0
        marginals = factors * joint if factors > 1 else 0
        return (factors + modalities + 3) * joint + powers + marginals + free_energy
    if s.perception == "core":
        return sum(tables) + sum(s.num_states) + free_energy  # logarithms that program the register
    turn = sum(2 * size * len(scope) for size, scope in zip(tables, s.A_dependencies, strict=True))
    turn += 4 * sum(s.num_states)
    logs = sum(tables) + sum(s.num_states)
    if factors == 1:
        return logs + turn + free_energy
    if s.perception == "fixed_point":
        return logs + ITERATIONS * turn + free_energy
    return logs + 2 * sweeps * turn + free_energy


def perception_ledger(
    player: ActiveInference, host: Figure | None = None, sweeps: int | None = None
) -> Ledger:
    """Joules of one perception by kind of operation; host joules are NaN where ``host`` has no figure."""
    price = math.nan if host is None or host.value is None else host.value
    spent = price * host_operations(player, sweeps)
    s = player.structure
    if s.perception != "core" or s.core is None:
        return Ledger(host_joules=spent)
    device = s.core.preset()
    size = belief_size(s.num_states, s.A_dependencies)
    counted = device.operations(size, s.core.burn_in + s.core.samples, s.core.samples)
    return device.joules(counted, spent)
