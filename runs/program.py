"""The compiled loop: players and world in one ``jit(lax.scan)`` over a block of cells.

A program is a function of a cast's structure, the recorded variables and the length of a chunk alone. It is compiled
for one thread; different blocks run on different cores.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.agents.budget import SETTING as BUDGET
from thermopolis.envs.world import init_keys, step_keys
from thermopolis.keys import fold_in
from thermopolis.runs.cast import Cast
from thermopolis.runs.imitation import STREAM, Society
from thermopolis.runs.slabs import Slabs
from thermopolis.runs.variables import ON_REQUEST

#: A block holds at most this many lanes, and no more than fit a core's cache with their models, unless GRAIN cells are
#: more. Enough that a kernel's own overhead counts little; and no power of two, whose rows would all fall on the same
#: sets of the cache.
LANES = 1696
CACHE_BYTES = 1 << 20
#: Cells of a block are a multiple of this, so that no lane falls into a vector loop's remainder.
GRAIN = 16

#: One thread a program: XLA's CPU backend would cut kernels of some microseconds in as many parts as there are cores,
#: and the blocks that run side by side would wait for each other's parts. And the barriers between stages are kept to
#: the end: by default they are dropped before operations are fused, and a cheap value is worked out anew for every
#: slice that reads it (docs/performance.md).
OPTIONS = {
    "xla_cpu_multi_thread_eigen": False,
    "xla_disable_hlo_passes": "cpu-parallel-task-assigner,cse_barrier_expander",
}


def cells_per_block(cast: Cast, cells: int) -> int:
    """Cells of a block, from the shape of a cell, of its players, and of the point (which has so many) alone."""
    slots = int(cast.world.slots)
    lanes = _in_cache(cast)
    if slots > LANES or (slots * GRAIN > LANES and cells < GRAIN):
        return 1  # a society of its own: its lanes stand in the same place whatever else there is
    most = max(GRAIN, lanes // slots // GRAIN * GRAIN)
    if cells < most // 2:
        return most  # several points fill a block together
    width = -(-cells // -(-cells // most) // GRAIN) * GRAIN  # as many blocks as needed, filled alike
    return width + GRAIN if width * slots % 1024 == 0 else width


def _in_cache(cast: Cast) -> int:
    """Lanes that fit a core's cache with their models."""
    return min(LANES, CACHE_BYTES // max(1, cast.lane_bytes))


def _slabs(cast: Cast) -> list[Slabs | None]:
    """How each segment of a society of its own is cut, where it's large and its players don't look at each other."""
    most = max(GRAIN, _in_cache(cast))
    society = int(cast.world.slots) > LANES
    return [
        Slabs.of(len(segment.slots), most, GRAIN)
        if society and getattr(segment.player, "independent", False) and len(segment.slots) > most
        else None
        for segment in cast.segments
    ]


class Inputs(NamedTuple):
    """What a block is given; every leaf ends in cells, or in lanes (slot-major), or in 1 where shared."""

    cell_keys: Any
    player_keys: tuple[Any, ...]  # per segment, lanes
    settings: tuple[dict[str, Any], ...]  # per segment
    seats: Any  # group of every slot (slots, cells), or None
    first: Any  # first observation (slots, cells)
    params: Any


class Carry(NamedTuple):
    """What a block carries from step to step."""

    world: Any
    players: tuple[Any, ...]
    observation: Any
    over: Any  # (players, cells)
    society: Society | None  # last round's actions and earnings, where somebody imitates
    budget: Any  # joules a decision of every slot may cost (slots, cells), where the world charges a core for them


@dataclass(frozen=True)
class Program:
    """A compiled pair of functions; see :func:`program`."""

    start: Callable[[Inputs], Carry]
    advance: Callable[[Inputs, Carry, Any], tuple[Carry, dict[str, Any]]]


_PROGRAMS: dict[Hashable, Program] = {}
_LOCK = threading.Lock()


def program(cast: Cast, every: int, frames: int, variables: tuple[str, ...] | None) -> Program:
    """The program of a cast.

    Parameters
    ----------
    every : int
        One step in so many is recorded (the first of each stretch).
    frames : int
        Recorded steps of one call of ``advance``, which takes ``every · frames`` steps.
    variables : tuple of str, optional
        Names to record; ``None`` for all.
    """
    key = (cast.key, every, frames, variables)
    with _LOCK:
        if key not in _PROGRAMS:
            _PROGRAMS[key] = _build(cast, every, frames, variables)
        return _PROGRAMS[key]


def _build(cast: Cast, every: int, frames: int, variables: tuple[str, ...] | None) -> Program:
    world, segments = cast.world, cast.segments
    slots, players = int(world.slots), int(world.players)
    endless = getattr(world, "endless", False)
    imitated = any(getattr(segment.player, "society", False) for segment in segments)
    charged = [charges(world, segment.player) for segment in segments]
    slabs = _slabs(cast)
    wanted = None if variables is None else {*variables, "core_joules"}

    def start(inputs: Inputs) -> Carry:
        states = tuple(
            segment.player.init(keys, settings) if cut is None else cut.start(segment.player, keys, settings)
            for segment, cut, keys, settings in zip(
                segments, slabs, inputs.player_keys, inputs.settings, strict=True
            )
        )
        world_state = world.init(init_keys(inputs.cell_keys), inputs.params)
        cells = inputs.cell_keys.shape[0]
        nobody = Society(jnp.full((slots, cells), -1, jnp.int32), jnp.zeros((slots, cells)), None)
        over = jnp.zeros((players, cells), bool)
        budget = jnp.full((slots, cells), jnp.inf, jnp.float32) if any(charged) else None
        carry = Carry(world_state, states, inputs.first, over, nobody if imitated else None, budget)
        return jax.tree_util.tree_map(_strong, carry)

    def step(inputs: Inputs, carry: Carry, time: Any) -> tuple[Carry, dict[str, Any]]:
        cells = inputs.cell_keys.shape[0]
        over = None if endless else _of_slots(carry.over, world, inputs, slots)
        observation = _unless(over, carry.observation, -1)
        actions = jnp.zeros((slots, cells), jnp.int32)
        states, traces = [], []
        for number, segment in enumerate(segments):
            lo, hi = segment.slots.start, segment.slots.stop
            seen = observation[lo:hi].reshape(-1)
            if getattr(segment.player, "society", False):
                action = _imitate(segment, inputs, number, carry.society, time)[lo:hi]
                state, trace = carry.players[number], {}
            else:
                keys, settings, cut = inputs.player_keys[number], inputs.settings[number], slabs[number]
                if charged[number]:
                    budget = carry.budget[lo:hi].reshape(-1)
                    settings = settings | {BUDGET: budget if cut is None else cut.cut(budget)}
                mine = carry.players[number]
                if cut is None:
                    state, action, trace = segment.player.step(fold_in(keys, time), mine, settings, seen)
                else:
                    state, action, trace = cut.step(segment.player, keys, time, mine, settings, seen, wanted)
                trace = asked_for(trace, variables)
                action = action.reshape(hi - lo, cells)
            if segment.seat is None:
                actions = action if hi - lo == slots else actions.at[lo:hi].set(action)
            else:
                actions = jnp.where(inputs.seats == segment.seat, action, actions)
            states.append(state)
            traces.append(trace)
        states, traces, actions = jax.lax.optimization_barrier((tuple(states), traces, actions))
        drawn = _drawn(traces, segments, inputs, slots, players, cells)
        world_state, outcome = world.step(
            step_keys(inputs.cell_keys, time), carry.world, actions, inputs.params, drawn
        )
        record = {
            "action": _unless(over, outcome.action, -1).astype(counting(world.num_actions, np.int8)),
            "observation": observation.astype(counting(world.num_observations, np.int16)),
            "reward": outcome.reward,
        }
        record |= {
            name: value if endless or value.dtype != jnp.float32 else jnp.where(carry.over, jnp.nan, value)
            for name, value in outcome.variables.items()
        }
        record |= _reported(traces, segments, inputs, slots, cells, over)
        if variables is not None:
            record = {k: v for k, v in record.items() if k in variables}
        if any(value.dtype == jnp.float64 for value in record.values()):
            record["alive"] = ~carry.over  # tells which of a world's own figures are a finished game's
        society = Society(outcome.action, outcome.reward, None) if imitated else None
        budget = outcome.variables["thinking_budget"].astype(jnp.float32) if any(charged) else None
        ended = carry.over if endless else outcome.ended
        return Carry(world_state, states, outcome.observation, ended, society, budget), record

    def advance(inputs: Inputs, carry: Carry, first: Any) -> tuple[Carry, dict[str, Any]]:
        inputs = inputs._replace(
            player_keys=tuple(
                keys if cut is None else cut.cut(keys)
                for keys, cut in zip(inputs.player_keys, slabs, strict=True)
            ),
            settings=tuple(
                given if cut is None else cut.settings(given)
                for given, cut in zip(inputs.settings, slabs, strict=True)
            ),
        )

        def frame(carry: Carry, index: Any) -> tuple[Carry, dict[str, Any]]:
            time = jax.lax.optimization_barrier(first + index * every)  # read once a step, not once a lane
            carry, record = step(inputs, carry, time)
            if every > 1:
                carry = jax.lax.fori_loop(1, every, lambda i, c: step(inputs, c, time + i)[0], carry)
            return carry, record

        return jax.lax.scan(frame, carry, jnp.arange(frames, dtype=jnp.int32))

    return Program(
        jax.jit(start, compiler_options=OPTIONS),
        jax.jit(advance, donate_argnums=(1,), compiler_options=OPTIONS),
    )


def asked_for(trace: dict[str, Any], variables: tuple[str, ...] | None) -> dict[str, Any]:
    """A trace without what is recorded on request alone and wasn't asked for, so that it costs nothing."""
    wanted = variables or ()
    return {name: value for name, value in trace.items() if name not in ON_REQUEST or name in wanted}


def counting(values: int, least: type[np.signedinteger[Any]]) -> type[np.signedinteger[Any]]:
    """A type that counts so many values, and −1."""
    return least if values <= np.iinfo(least).max else np.int32


def charges(world: Any, player: Any) -> bool:
    """Whether this world charges this player for thinking: then its core takes only the samples that are paid."""
    core = getattr(player.structure, "core", None)
    return core is not None and getattr(world, "charges_thinking", False)


def _imitate(segment: Any, inputs: Inputs, number: int, society: Any, time: Any) -> Any:
    """Actions of a society whose members look at their neighbours."""
    cells = inputs.cell_keys.shape[0]
    settings = {k: v.reshape(-1, cells)[0] for k, v in inputs.settings[number].items()}
    key = fold_in(fold_in(inputs.cell_keys, STREAM), time)
    return segment.player.imitate(key, settings, society._replace(network=inputs.params.network))


def _strong(leaf: Any) -> Any:
    """Without JAX's weak type, which would make the second chunk another program than the first."""
    return jax.lax.convert_element_type(leaf, leaf.dtype) if leaf.weak_type else leaf


def _of_slots(values: Any, world: Any, inputs: Inputs, slots: int) -> Any:
    """Per player (players, cells) as per slot (slots, cells)."""
    if values.shape[0] == slots:
        return values
    network = getattr(inputs.params, "network", None)
    if network is None:
        return values[world.slot_player]
    source = network.source
    if source.shape[-1] == 1:
        return values[source[:, 0]]
    return jnp.take_along_axis(values, source, axis=0)


def _drawn(
    traces: list[dict[str, Any]],
    segments: tuple[Any, ...],
    inputs: Inputs,
    slots: int,
    players: int,
    cells: int,
) -> Any:
    """Joules the cores drew in this step, per player; ``None`` where no core is used (or decisions are on links)."""
    if slots != players or not any("core_joules" in trace for trace in traces):
        return None
    joules = jnp.zeros((slots, cells))
    for segment, trace in zip(segments, traces, strict=True):
        if "core_joules" in trace:
            spent = sum(trace["core_joules"][i] for i in range(trace["core_joules"].shape[0]))
            spent = spent.reshape(len(segment.slots), cells)
            lo, hi = segment.slots.start, segment.slots.stop
            if segment.seat is None:
                joules = joules.at[lo:hi].set(spent)
            else:
                joules = jnp.where(inputs.seats == segment.seat, spent, joules)
    return joules


def _reported(
    traces: list[dict[str, Any]], segments: tuple[Any, ...], inputs: Inputs, slots: int, cells: int, over: Any
) -> dict[str, Any]:
    """What players report, by slot: (…, slots, cells); NaN where a kind reports nothing or the game is over."""
    shapes: dict[str, tuple[int, ...]] = {}
    for trace in traces:
        for name, value in trace.items():  # players whose models differ in size share the larger one's table
            have = shapes.get(name, value.shape[:-1])
            shapes[name] = tuple(max(pair) for pair in zip(have, value.shape[:-1], strict=True))
    out = {}
    for name, lead in shapes.items():
        rows = jnp.full((*lead, slots, cells), jnp.nan, jnp.float32)
        for segment, trace in zip(segments, traces, strict=True):
            if name not in trace:
                continue
            lo, hi = segment.slots.start, segment.slots.stop
            value = trace[name].astype(jnp.float32)
            if value.shape[:-1] != lead:
                missing = [(0, n - m) for n, m in zip(lead, value.shape[:-1], strict=True)]
                value = jnp.pad(value, [*missing, (0, 0)], constant_values=jnp.nan)
            value = value.reshape(*lead, hi - lo, cells)
            if segment.seat is not None:
                rows = jnp.where(inputs.seats == segment.seat, value, rows)
            elif hi - lo == slots:
                rows = value
            else:
                rows = rows.at[..., lo:hi, :].set(value)
        out[name] = _unless(over, rows, jnp.nan)
    return out


def _unless(over: Any, value: Any, nothing: Any) -> Any:
    """A value, or nothing where the game is over; ``over`` is None in a world that never ends."""
    return value if over is None else jnp.where(over, nothing, value)
