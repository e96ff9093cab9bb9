"""Driven protocols: closed forms, the first law, Jarzynski, Crooks, Landauer, Sagawa–Ueda, uncertainty relation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.errors import ModelError, SimulationError
from thermopolis.keys import make_key
from thermopolis.thermo.bar import bennett, jarzynski
from thermopolis.thermo.double_well import DoubleWell
from thermopolis.thermo.driven import drive
from thermopolis.thermo.engines import (
    DraggedTrap,
    Held,
    StiffnessJump,
    TwoStateQuench,
    bit_erasure,
    bit_erasure_work,
    crooks,
    dragged_trap_work,
    erasure_bound,
    szilard_engine,
    uncertainty_product,
)
from thermopolis.thermo.free_energy import log_partition
from thermopolis.thermo.gibbs import Gibbs
from thermopolis.thermo.ledger import BOLTZMANN
from thermopolis.thermo.ornstein_uhlenbeck import OrnsteinUhlenbeck
from thermopolis.thermo.overdamped import Overdamped
from thermopolis.thermo.potential import Potential
from thermopolis.thermo.quadratic import Quadratic
from thermopolis.thermo.underdamped import Underdamped

KEY = make_key(20)


def near(values, expected: float) -> bool:
    """Within 4 standard errors of the mean of independent values."""
    values = np.asarray(values, float)
    return abs(values.mean() - expected) < 4 * values.std(ddof=1) / np.sqrt(values.size)


@pytest.fixture(scope="module")
def dragged():
    sampler = OrnsteinUhlenbeck(dt=3.0 / 150)
    return [drive(KEY, DraggedTrap(1.0, 1.5), sampler, 150, chains=20_000, reverse=r) for r in (False, True)]


def test_dragged_trap(dragged) -> None:
    forward, _ = dragged
    mean = dragged_trap_work(1.0, 1.5, 3.0)
    assert mean == pytest.approx(0.51245, abs=1e-5)
    assert near(forward.work, mean)
    n = forward.work.size
    assert abs(forward.work.var(ddof=1) - 2 * mean) < 4 * 2 * mean * np.sqrt(2 / n)
    free = jarzynski(forward.work)
    assert abs(free) < 4 * free.standard_error
    assert forward.work.mean() > 0


def test_crooks_relation(dragged) -> None:
    forward, reverse = dragged
    work, ratio, error = crooks(forward.work, reverse.work)
    assert len(work) > 8
    assert np.all(np.abs(ratio - work) < 4 * error)  # ΔF = 0, T = 1
    both = bennett(forward.work, reverse.work)
    assert abs(both) < 4 * both.standard_error < 0.1


def test_first_law_closes_move_by_move(dragged) -> None:
    for run in dragged:
        assert run.first_law_residual.max() < 1e-10
        assert near(run.work - run.heat, run.energy_change.mean())
    assert dragged[0].ledger(300.0).work.mean() == pytest.approx(BOLTZMANN * 300 * dragged[0].work.mean())


@pytest.mark.parametrize(
    ("before", "after"),
    [(1.0, 3.0), (2.0, 1.2)],
)
def test_stiffness_jump(before: float, after: float) -> None:
    t = 0.7
    run = drive(KEY, StiffnessJump(before, after), OrnsteinUhlenbeck(dt=5.0), 2, temperature=t, chains=20_000)
    assert near(run.work, t * (after / before - 1) / 2)
    assert near(
        run.heat, t * (after / before - 1) / 2
    )  # all of it is given up again: ⟨E⟩ = T/2 before and after
    assert near(np.exp(-run.work / t), np.sqrt(before / after))
    free = t * np.log(after / before) / 2
    assert run.work.mean() > free
    exact = log_partition(Quadratic.trap(before), t) - log_partition(Quadratic.trap(after), t)
    assert free == pytest.approx(t * exact, abs=1e-6)


def test_two_state_quench() -> None:
    t, before, after = 0.8, 0.3, 1.5
    run = drive(KEY, TwoStateQuench(before, after), Gibbs(), 1, temperature=t, chains=40_000, burn_in=1)
    p, q = 1 / (1 + np.exp(before / t)), 1 / (1 + np.exp(after / t))
    assert near(run.work, (after - before) * p)
    assert near(run.heat, after * (p - q))
    assert near(np.exp(-run.work / t), (1 + np.exp(-after / t)) / (1 + np.exp(-before / t)))
    assert run.first_law_residual.max() < 1e-6


def test_erasure_tends_to_landauers_bound_as_one_over_n() -> None:
    gap, t = 4.0, 0.9
    bound = erasure_bound(gap, t)
    excess = []
    for steps in (3, 24):
        run = bit_erasure(KEY, gap, steps, temperature=t, chains=20_000)
        assert near(run.work, bit_erasure_work(gap, steps, t))
        wrong = 1 / (1 + np.exp(gap / t))
        assert near(run.end[0] == 1, wrong)
        assert near(run.heat, bit_erasure_work(gap, steps, t))  # the bit's energy is 0 before and after
        assert run.first_law_residual.max() < 1e-6
        excess.append(run.work.mean() - bound)
    assert excess[0] > excess[1] > 0
    laws = [bit_erasure_work(gap, n, t) - bound for n in (64, 128, 256)]
    assert laws[0] / laws[1] == pytest.approx(2, rel=0.02) and laws[1] / laws[2] == pytest.approx(2, rel=0.01)
    assert bit_erasure_work(60.0, 400_000, 1.0) == pytest.approx(np.log(2), abs=1e-4)


def test_information_engine_obeys_sagawa_and_ueda() -> None:
    error, t, steps = 0.1, 1.3, 10
    run, information = szilard_engine(KEY, error, steps, temperature=t, chains=40_000)
    assert near(np.exp(-run.work / t - information), 1.0)
    known = np.log(2) + error * np.log(error) + (1 - error) * np.log(1 - error)
    assert near(information, known)
    assert run.work.mean() > -t * known
    assert run.work.mean() < -0.7 * t * known  # most of what was learned is turned to work
    ledger = run.ledger(300.0, np.log(2), np.log(2), information)  # a bit at rest before and after
    assert near(ledger.information_gained, known)
    bound = BOLTZMANN * 300.0 * ledger.information_gained.mean()
    assert -bound < ledger.work.mean() < 0  # the second law with information, in joules
    assert sum([ledger, ledger]).information_gained.mean() == pytest.approx(2 * information.mean())


def test_jarzynski_holds_for_every_sampler_and_any_speed() -> None:
    """A double well tilted over: ΔF from quadrature."""
    t = 1.0

    def tilt(s):
        return DoubleWell(1.0, 1.0, 0.6 * s)

    free = -t * (log_partition(tilt(1.0), t) - log_partition(tilt(0.0), t))
    samplers = {"adjusted": Overdamped(0.05, adjusted=True), "baoab": Underdamped(0.1, friction=1.0)}
    for name, sampler in samplers.items():
        run = drive(KEY, tilt, sampler, 20, temperature=t, chains=6_000, moves=2, burn_in=150)
        total = run.work + (run.shadow_work if name == "baoab" else 0)
        assert near(np.exp(-total / t), np.exp(-free / t)), name
        assert run.first_law_residual.max() < 1e-10
        assert run.work.mean() > free - 4 * run.work.std() / np.sqrt(6_000)


def test_uncertainty_relation() -> None:
    """A particle pushed along a flat or a corrugated line; the flat one saturates the relation."""
    force, t, dt, steps, chains = 1.2, 1.0, 0.05, 400, 4_000

    def corrugated(x, ripple):
        return -force * x[0] + ripple * jnp.cos(x[0])

    for ripple in (0.0, 0.8):
        line = Held(Potential(corrugated, 1, (jnp.float32(ripple),)))
        run = drive(KEY, line, Overdamped(dt), steps, temperature=t, chains=chains, burn_in=100)
        current = run.end[0] - run.start[0]
        product = uncertainty_product(current, run.heat.mean() / t)
        error = product * np.sqrt(2 / chains)
        assert product > 1 - 4 * error
        if ripple == 0.0:
            assert abs(product - 1) < 4 * error
            assert near(run.heat, force**2 * steps * dt)  # constant force: heat is force times way
        else:
            assert product > 1 + 4 * error


def test_path_adds_up_and_seeds_repeat() -> None:
    protocol, sampler = DraggedTrap(1.0, 1.0), Overdamped(0.1)
    run = drive(KEY, protocol, sampler, 5, chains=7, record=True)
    again = drive(KEY, protocol, sampler, 5, chains=9)
    np.testing.assert_array_equal(run.work, again.work[:7])  # a chain does not depend on its company
    np.testing.assert_allclose(run.path["heat"].sum(0), run.heat, atol=1e-12)
    assert run.path["values"].shape == (5, 1, 7)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: drive(KEY, StiffnessJump(1, 2), OrnsteinUhlenbeck(), 0), "steps"),
        (lambda: drive(KEY, StiffnessJump(1, 2), OrnsteinUhlenbeck(), 2, temperature=-1.0), "temperature"),
        (lambda: drive(KEY, 3.0, OrnsteinUhlenbeck(), 2), "protocol"),
        (lambda: StiffnessJump(1.0, -2.0), "after"),
        (lambda: DraggedTrap(1.0, np.nan), "distance"),
        (lambda: bit_erasure(KEY, 0.0, 3), "gap"),
        (lambda: szilard_engine(KEY, 0.5, 3), "error"),
        (lambda: crooks([0.0, 0.1], [5.0, 5.1]), "overlap"),
    ],
)
def test_bad_input_is_refused_by_name(call, name: str) -> None:
    with pytest.raises(ModelError, match=name):
        call()


def test_a_step_too_long_is_named() -> None:
    with pytest.raises(SimulationError, match="shorter time step"):
        drive(KEY, lambda s: DoubleWell(5.0), Overdamped(2.0), 50, chains=4)
    assert jax.config.jax_enable_x64 is False
