"""Datasets of the documented schema, simulated in numpy, and results directories made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

KINDS = ["update", "read", "write", "rng", "host"]
EXPERIMENT = """name: synthetic
seed: 7
replicates: 24
environment: {kind: matrix_game, game: prisoners_dilemma}
agents:
  - {kind: active_inference, count: 1, temperature: 1.0}
  - {kind: memory_one, count: 1, strategy: tit_for_tat}
"""


def memory_one_moves(
    p: np.ndarray,
    q: np.ndarray,
    steps: int,
    replicates: int,
    noise: float = 0.0,
    seed: int = 1,
    opening: float = 0.5,
) -> np.ndarray:
    """Realised moves (replicate, step, 2), cooperate = 0, of two memory-one players."""
    generator = np.random.default_rng(seed)
    p, q = (np.asarray(x) * (1 - 2 * noise) + noise for x in (p, q))
    moves = np.zeros((replicates, steps, 2), np.int8)
    first = generator.random((replicates, 2)) >= opening
    moves[:, 0] = first
    for t in range(1, steps):
        a, b = moves[:, t - 1, 0].astype(int), moves[:, t - 1, 1].astype(int)
        draws = generator.random((replicates, 2))
        moves[:, t, 0] = draws[:, 0] >= p[2 * a + b]
        moves[:, t, 1] = draws[:, 1] >= q[2 * b + a]
    return moves


def simulate_game(
    temperature: float = 1.0, replicates: int = 24, steps: int = 120, seed: int = 3, core: bool = True
) -> xr.Dataset:
    """One point of a two-player game; warm players cooperate more, with learning over time."""
    generator = np.random.default_rng(seed)
    level = 0.15 + 0.6 / (1 + np.exp(-2.5 * np.log(temperature)))
    tft = np.array([1.0, 0.0, 1.0, 0.0])
    p = np.clip(level + np.array([0.25, -0.1, 0.1, -0.15]), 0.02, 0.98)
    moves = memory_one_moves(p, tft, steps, replicates, noise=0.02, seed=seed)
    payoff = np.array([3.0, 0.0, 5.0, 1.0])
    outcome = 2 * moves + moves[..., ::-1]
    shape = moves.shape
    time = np.arange(steps)[None, :, None]
    jitter = generator.normal(0, 0.05, shape)
    entropy = np.clip(np.log(4) * (0.35 + 0.6 * np.exp(-time / 30)) * temperature**0.2 + jitter, 0, np.log(4))
    policy = np.clip(np.log(2) * (1 - np.exp(-temperature - time / 200)) + 0.4 * jitter, 0, np.log(2))
    dims = ("replicate", "step", "agent")
    complexity = np.abs(0.3 * np.exp(-time / 40) + 0.5 * jitter)
    accuracy = -0.2 - np.abs(jitter) * 0.8 + 0 * time
    data = {
        "action": (dims, moves),
        "cooperation": (dims, (moves == 0).astype(np.float32)),
        "reward": (dims, payoff[outcome].astype(np.float32)),
        "observation": (
            dims,
            np.concatenate([np.full((replicates, 1, 2), -1), outcome[:, :-1]], 1).astype(np.int16),
        ),
        "belief_entropy": (dims, entropy.astype(np.float32), {"units": "nat", "long_name": "belief entropy"}),
        "policy_entropy": (dims, policy.astype(np.float32), {"units": "nat"}),
        "policy_varentropy": (dims, (policy * 0.3).astype(np.float32), {"units": "nat2"}),
        "free_energy": (dims, (complexity - accuracy).astype(np.float32)),
        "complexity": (dims, complexity.astype(np.float32)),
        "accuracy": (dims, accuracy.astype(np.float32)),
        "expected_free_energy": (dims, (0.9 + jitter).astype(np.float32)),
        "risk": (dims, (0.6 + 0.6 * jitter).astype(np.float32)),
        "ambiguity": (dims, (0.3 + 0.4 * np.abs(jitter)).astype(np.float32)),
        "state_information_gain": (
            dims,
            (0.2 * np.exp(-time / 50) + 0.02 * np.abs(jitter)).astype(np.float32),
        ),
        "exploration_temperature": (dims, (temperature * (0.6 + entropy / 3)).astype(np.float32)),
    }
    if core:
        sizes = np.array([1.28e-13, 2.7e-11, 2.46e-9, 1.9e-14, 0.0]) * (1 + 0.1 * temperature)
        joules = sizes * (1 + 0.05 * generator.normal(size=(*shape, 5)))
        joules[..., 1, :] = 0.0
        data["core_joules"] = ((*dims, "operation"), joules.astype(np.float64), {"units": "J"})
        heat = np.abs(generator.normal(3e-20, 1e-20, shape))
        data["core_heat"] = (dims, heat, {"units": "J"})
        data["core_work"] = (dims, heat + generator.normal(1e-21, 6e-21, shape), {"units": "J"})
        data["core_entropy_production"] = (dims, heat / 300, {"units": "J/K"})
        data["landauer_bound"] = (dims, np.full(shape, 2.87e-21), {"units": "J"})
    coords = {
        "replicate": np.arange(replicates),
        "step": np.arange(steps),
        "agent": np.arange(2),
        "kind": ("agent", ["active_inference", "memory_one"]),
        "world_seed": ("replicate", np.arange(100, 100 + replicates)),
    }
    if core:
        coords["operation"] = KINDS
    return xr.Dataset(data, coords=coords, attrs={"name": "synthetic", "version": "0.1.0", "seed": 7})


def simulate_growth(replicates: int = 8, steps: int = 60, seed: int = 9) -> xr.Dataset:
    """A growing stock of three harvesters at three discounts, who take about what Nash says."""
    generator = np.random.default_rng(seed)
    discount = np.array([0.8, 0.95, 0.99])
    dims, shape = ("discount", "replicate", "step", "agent"), (3, replicates, steps, 3)
    kept = {"nash": discount / (3 - 2 * discount), "optimum": discount}
    rates = {end: np.log(1.1 * left)[:, None, None, None] * np.ones(shape) for end, left in kept.items()}
    rate = rates["nash"] + 0.05 * generator.normal(size=(3, replicates, steps, 1)) * np.ones(3)
    data = {"stock": np.exp(np.cumsum(rate, 2)), "growth_rate": rate}
    for end, way in rates.items():
        data |= {f"stock_{end}": np.exp(np.cumsum(way, 2)), f"growth_rate_{end}": way}
    step = ("step", np.arange(steps), {"long_name": "round"})
    coords = {"discount": discount, "step": step, "kind": ("agent", ["active_inference"] * 3)}
    return xr.Dataset({name: (dims, values) for name, values in data.items()}, coords)


def simulate_civilizations(
    growth: float = 0.03, replicates: int = 12, steps: int = 300, seed: int = 5
) -> xr.Dataset:
    """Four civilizations of two kinds growing exponentially; the fast ones overheat and collapse."""
    generator = np.random.default_rng(seed)
    rate = growth * np.array([1.0, 1.0, 1.7, 1.7]) * (1 + 0.1 * generator.normal(size=(replicates, 1, 4)))
    power = 2e13 * np.exp(rate * np.arange(steps)[None, :, None])
    limit = 10 ** (16.2 + 0.3 * generator.normal(size=(replicates, 1, 4)))
    alive = np.cumsum(power > limit, axis=1) == 0
    power = np.where(alive, power, 0.0)
    dims = ("replicate", "step", "agent")
    with np.errstate(divide="ignore"):
        number = (np.log10(power) - 6) / 10
    waste = np.cumsum(power.sum(-1, keepdims=True), 1)
    warm = 288 + 0.5 * np.log1p(power.sum(-1, keepdims=True) / 1e14) + 0 * power
    data = {
        "power": (dims, power, {"units": "W"}),
        "kardashev": (dims, number),
        "population": (dims, np.where(alive, 1e9, 0.0)),
        "planet_temperature": (dims, warm, {"units": "K"}),
        "entropy_production": (
            dims,
            power.sum(-1, keepdims=True) / 288 + 0 * power + 1e10,
            {"units": "J K-1"},
        ),
        "core_entropy_production": (
            dims,
            np.abs(generator.normal(2e-22, 1e-22, power.shape)),
            {"units": "J K-1"},
        ),
        "fuel": (dims, np.maximum(1e20 - waste, 0) + 0 * power, {"units": "J"}),
        "action": (dims, generator.integers(0, 4, power.shape).astype(np.int8)),
        "reward": (dims, generator.normal(1, 0.1, power.shape).astype(np.float32)),
    }
    coords = {"replicate": np.arange(replicates), "step": np.arange(steps), "agent": np.arange(4)}
    coords["kind"] = ("agent", ["frugal", "frugal", "greedy", "greedy"])
    return xr.Dataset(data, coords=coords)


def simulate_spins(replicates: int = 4, chains: int = 8, steps: int = 40, seed: int = 8) -> xr.Dataset:
    """A sweep of a core alone whose magnetisation goes from two sharp states to none."""
    generator = np.random.default_rng(seed)
    temperatures = np.array([1.5, 2.0, 2.2, 2.3, 2.5, 3.0])
    level = np.clip(1 - (temperatures / 2.27) ** 8, 0, 1) ** 0.125
    shape = (len(temperatures), replicates, steps, chains)
    sign = np.sign(generator.normal(size=shape))
    m = sign * level[:, None, None, None] + 0.05 * generator.normal(size=shape)
    dims = ("temperature", "replicate", "step", "chain")
    units = (generator.random((*shape, 3)) < 0.5 + 0.5 * m[..., None]).astype(np.int8)
    heat = np.broadcast_to(temperatures[:, None, None, None], shape).astype(np.float32)
    swaps = np.clip(0.9 - 0.2 * np.arange(3) + 0.02 * generator.normal(size=(*shape, 3)), 0, 1)
    trips = np.broadcast_to(np.arange(steps)[:, None] // 4, shape)
    data = {
        "magnetisation": (dims, m.astype(np.float32)),
        "energy": (dims, (-2 * m**2).astype(np.float32)),
        "core_temperature": (dims, heat),
        "state": ((*dims, "unit"), units),
        "replica": ((*dims, "rung"), generator.permuted(np.broadcast_to(np.arange(4), (*shape, 4)), axis=-1)),
        "swap_rate": ((*dims, "pair"), swaps.astype(np.float32)),
        "round_trips": (dims, trips.astype(np.int32)),
    }
    coords = {"temperature": temperatures, "replicate": np.arange(replicates), "step": np.arange(steps)}
    return xr.Dataset(data, coords=coords)


def simulate_protocol(chains: int = 400, seed: int = 9) -> xr.Dataset:
    """Gaussian works of a protocol in both directions at two speeds: ΔF = .7 kT exactly, Var W = 2(⟨W⟩ − ΔF)."""
    generator = np.random.default_rng(seed)
    spread = np.array([0.5, 1.0])[None, :, None, None]
    sign = np.array([1.0, -1.0])[:, None, None, None]
    total = sign * 0.7 + spread / 2 + np.sqrt(spread) * generator.normal(size=(2, 2, 3, chains))
    work = total[:, :, :, None] * np.array([0.25, 0.5, 0.25])[:, None] * 4.1e-21
    dims = ("reverse", "dt", "replicate", "step", "chain")
    data = {"core_work": (dims, work, {"units": "J", "kT": "4.1e-21"})}
    joules = np.broadcast_to(np.array([0.0, 3e-21, 9e-20, 0.0, 0.0]), (*work.shape, 5))
    data["core_joules"] = ((*dims, "operation"), joules, {"units": "J"})
    return xr.Dataset(data, coords={"reverse": [False, True], "dt": [0.1, 0.05], "operation": KINDS})


def simulate_tempered(replicates: int = 8, steps: int = 60, seed: int = 10) -> xr.Dataset:
    """Perception at several β of one of two equally likely states, seen rightly 7 times in 10, by its closed form."""
    generator = np.random.default_rng(seed)
    betas = np.geomspace(0.05, 20, 9)
    right = generator.random((len(betas), replicates, steps, 2)) < 0.7
    sure = 1 / (1 + (0.3 / 0.7) ** betas)[:, None, None, None]  # belief in what is seen
    seen = np.where(right, 0, 1)
    q = np.stack([np.where(seen == 0, sure, 1 - sure), np.where(seen == 0, 1 - sure, sure)], -1)
    entropy = -(q * np.log(q)).sum(-1)
    accuracy = sure[..., 0] * np.log(0.7) + (1 - sure[..., 0]) * np.log(0.3)
    accuracy = np.broadcast_to(accuracy[..., None], entropy.shape)
    complexity = np.log(2) - entropy
    dims = ("beta", "replicate", "step", "agent")
    data = {
        "belief": ((*dims, "state"), q.astype(np.float32)),
        "belief_entropy": (dims, entropy),
        "complexity": (dims, complexity),
        "accuracy": (dims, accuracy),
        "free_energy": (dims, complexity - accuracy),
    }
    coords = {"beta": betas, "kind": ("agent", ["active_inference"] * 2), "state": ["up", "down"]}
    return xr.Dataset(data, coords=coords)


def figure_worlds() -> list[xr.Dataset]:
    """Digests, and raw points of a society and a core, that between them have all a figure can ask for."""
    from thermopolis import analysis

    from .evolved import simulate_births, simulate_demes

    points = [simulate_game(t, 12, 40, seed=k) for k, t in enumerate((0.2, 1.0, 5.0))]
    sweep = xr.concat(points, dim="temperature").assign_coords(temperature=[0.2, 1.0, 5.0])
    spins = simulate_spins()
    whole = [sweep, points[1], simulate_civilizations(), spins, simulate_protocol(), simulate_tempered()]
    births = [simulate_births(fitter, seed=k) for k, fitter in enumerate((0.7, 1.0, 2.0))]
    takeover = xr.concat(births, dim="fitter", data_vars="all").assign_coords(fitter=[0.7, 1.0, 2.0])
    whole += [simulate_growth(), takeover, simulate_demes()]
    return [*(analysis.digest(ds) for ds in whole), simulate_society(), spins.isel(temperature=3)]


def fitting(name: str, worlds: list[xr.Dataset]) -> list[xr.Dataset]:
    """Those of the worlds that a figure can be drawn from."""
    from thermopolis.analysis.figures import FIGURES

    spec = FIGURES[name]
    return [ds for ds in worlds if spec.unfit(ds) is None and spec.raw == ("digest" not in ds.attrs)]


def look(made: Any) -> np.ndarray:
    """Brightness of a figure on a 16 × 24 grid: alike for the eye, whatever the fonts' hinting."""
    made.set_size_inches(6.8, 4.2)
    made.set_dpi(60)
    made.canvas.draw()
    grey = np.asarray(made.canvas.buffer_rgba())[..., :3].mean(-1)
    rows, columns = (np.array_split(np.arange(n), k) for n, k in zip(grey.shape, (16, 24), strict=True))
    return np.array([[grey[np.ix_(r, c)].mean() for c in columns] for r in rows], np.float32)


def simulate_society(
    side: int = 16, ring: bool = False, steps: int = 40, replicates: int = 3, seed: int = 6
) -> xr.Dataset:
    """Imitation on a lattice (or a ring of side² players): clusters grow out of a random start."""
    generator = np.random.default_rng(seed)
    agents = side * side
    place = np.arange(agents)
    row, column = np.divmod(place, side)
    shifts = [(0, 1), (0, -1), (1, 0), (-1, 0)]
    near = np.stack([((row + a) % side) * side + (column + b) % side for a, b in shifts], 1)
    if ring:
        near = np.stack([(place + d) % agents for d in (-2, -1, 1, 2)], 1)
    action = np.zeros((replicates, steps, agents), np.int8)
    action[:, 0] = generator.random((replicates, agents)) < 0.45
    for t in range(1, steps):
        before = action[:, t - 1]
        pull = before[:, near].sum(-1) - 2 + generator.normal(0, 0.7, before.shape)
        action[:, t] = np.where(pull == 0, before, pull > 0)
    dims = ("replicate", "step", "agent")
    source, target = np.repeat(place, 4), near.ravel()
    data = {
        "cooperation": (dims, (action == 0).astype(np.float32)),
        "action": (("replicate", "step", "link"), action[:, :, source]),
        "reward": (dims, (3 - 2 * action).astype(np.float32)),
    }
    coords = {"replicate": np.arange(replicates), "step": np.arange(steps), "agent": place}
    coords |= {
        "kind": ("agent", ["imitator"] * agents),
        "source": ("link", source),
        "target": ("link", target),
    }
    return xr.Dataset(data, coords=coords)


def write_results(directory: Path, points: list[tuple[dict, xr.Dataset]], name: str = "synthetic") -> Path:
    """A results directory of the documented layout; points say where they lie in the sweep."""
    (directory / "points").mkdir(parents=True)
    (directory / "experiment.yaml").write_text(
        EXPERIMENT.replace("name: synthetic", f"name: {json.dumps(name)}")
    )
    names = list(points[0][0])
    values = {n: list(dict.fromkeys(coords[n] for coords, _ in points)) for n in names}
    entries = []
    for i, (coords, ds) in enumerate(points):
        ds.to_netcdf(directory / "points" / f"{i:04d}.nc", engine="h5netcdf")
        index = [values[n].index(coords[n]) for n in names]
        swept = {f"agents.0.{n}": v for n, v in coords.items()}
        entries.append({"id": f"{i:04d}", "index": index, "swept": swept, "status": "done"})
    manifest = {
        "name": name,
        "hash": "abcd1234",
        "version": "0.1.0",
        "seed": 7,
        "replicates": int(points[0][1].sizes["replicate"]),
        "dimensions": [
            {"name": n, "paths": [f"agents.0.{n}"], "names": [n], "values": [values[n]]} for n in names
        ],
        "counts": {"done": len(points)},
        "points": entries,
        "versions": {"thermopolis": "0.1.0", "jax": "0.10.0"},
        "python": "3.11.7",
        "platform": "Linux",
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return directory
