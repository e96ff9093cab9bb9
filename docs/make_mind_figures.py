"""Two figures of minds: how controllers answer a step, and what perceptions cost and miss (nine minutes of one core).

``controllers.png``: a learning agent meets a partner who cooperates, defects from round 80 to 160 and cooperates again.
``perceptions.png``: on ten random models of two and three factors, the gap F + ln p(o) of every kind of perception
against its joules, the host's arithmetic taken at 70 pJ an operation and the core's at the figures of its preset.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thermopolis.agents import ActiveInference, GenerativeModel, Learning, dilemma_model, perception_ledger
from thermopolis.agents.perception_cost import SIMPLE_PROCESSOR
from thermopolis.analysis.plot.style import PALETTE, figure, finish
from thermopolis.keys import fold_in, make_key

FOLDER = Path(__file__).parent / "figures"
CONTROLLERS: dict[str, Any] = {
    "constant": 1.0,
    "anneal": {"kind": "anneal", "start": 3.0, "stop": 0.2, "steps": 120},
    "adaptive": {"kind": "adaptive", "temperature": 1.0},
    "entropy target 0.4": {"kind": "entropy_target", "entropy": 0.4, "lower": 0.01, "upper": 100.0},
    "entropy feedback 0.4": {
        "kind": "entropy_feedback", "entropy": 0.4, "lower": 0.01, "upper": 100.0, "gain": 0.5,
    },
    "doom": {"kind": "doom", "temperature": 0.5, "ceiling": 4.0, "threshold": 0.2, "rate": 0.2},
}  # fmt: skip
STEPS, STEP_AT, BACK_AT, LANES = 240, 80, 160, 256


def lanes_of(player: ActiveInference, lanes: int) -> tuple[Any, Any]:
    """Keys and settings of equal lanes."""
    settings = {
        name: jnp.broadcast_to(
            jnp.asarray(x)[..., None], (*np.shape(x), 1 if name in player.shared else lanes)
        )
        for name, x in player.settings().items()
    }
    return fold_in(jnp.broadcast_to(make_key(3), (lanes,)), jnp.arange(lanes)), settings


def step_response(temperature: Any) -> dict[str, np.ndarray]:
    """Traces (step, lane) of a learner whose partner steps from cooperation to defection and back."""
    player = ActiveInference(
        dilemma_model([[3, 0], [5, 1]]), temperature, learning=Learning(1.0, 0.1), doom_outcome=3
    )
    keys, settings = lanes_of(player, LANES)

    def body(carry: Any, time: Any) -> Any:
        state, seen = carry
        state, action, trace = player.step(fold_in(keys, time), state, settings, seen)
        partner = jnp.where((time >= STEP_AT) & (time < BACK_AT), 1, 0)
        return (state, 2 * action + partner), (trace["exploration_temperature"], trace["policy_entropy"])

    start = (player.init(keys, settings), jnp.full(LANES, -1))
    _, (t, entropy) = jax.jit(lambda s: jax.lax.scan(body, s, jnp.arange(STEPS)))(start)
    return {"temperature": np.asarray(t), "entropy": np.asarray(entropy)}


@figure
def controllers(_: Any, ax: Axes) -> None:
    """Temperature above, policy entropy below, means over lanes."""
    ax.set_axis_off()
    upper, lower = ax.inset_axes((0, 0.55, 1, 0.45)), ax.inset_axes((0, 0, 1, 0.45))
    for i, (name, told) in enumerate(CONTROLLERS.items()):
        out = step_response(told)
        upper.plot(np.exp(np.log(out["temperature"]).mean(axis=1)), color=PALETTE[i], label=name)
        lower.plot(out["entropy"].mean(axis=1), color=PALETTE[i], label=name)
    for part in (upper, lower):
        part.axvspan(STEP_AT, BACK_AT, color="#000000", alpha=0.06, linewidth=0)
        part.margins(x=0)
    upper.set_yscale("log")
    upper.set_ylabel("temperature")
    upper.tick_params(labelbottom=False)
    lower.set_ylabel("policy entropy (nat)")
    lower.set_xlabel("round")
    lower.axhline(0.4, color="#666666", linewidth=0.7, linestyle=":")
    upper.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    finish(
        ax,
        "Controllers answer a step",
        f"Mean (of T: geometric) over {LANES} learning agents, no interval shown. Shaded: the partner defects. "
        "Dotted: the entropy that two of them hold.",
    )


def random_model(seed: int) -> GenerativeModel:
    """Two or three factors of two to four states, one dense modality of six outcomes."""
    rng = np.random.default_rng(seed)
    states = tuple(int(n) for n in rng.integers(2, 5, size=2 + seed % 2))
    law = lambda *shape: (lambda x: x / x.sum(axis=0))(rng.gamma(0.7, size=shape) + 1e-3)
    return GenerativeModel(
        [law(6, *states)],
        [law(n, n, 2 if f == 0 else 1) for f, n in enumerate(states)],
        D=[law(n) for n in states],
    )


def gap(model: GenerativeModel, kind: str, samples: int = 1) -> tuple[float, float]:
    """Mean F + ln p(o) over all outcomes (weighed equally), and the joules of one perception."""
    core = {"device": "cmos_pbit", "samples": samples, "burn_in": 2}
    player = ActiveInference(model, perception=kind, core=core)
    exact = ActiveInference(model)
    lanes = 6 * (64 if kind == "core" else 1)
    seen = jnp.arange(lanes) % 6
    cost = []
    for each in (player, exact):
        keys, settings = lanes_of(each, lanes)
        _, _, trace = jax.jit(each.step)(keys, each.init(keys, settings), settings, seen)
        cost.append(np.asarray(trace["free_energy"], float))
    spent = perception_ledger(player, SIMPLE_PROCESSOR, sweeps=8)
    return float((cost[0] - cost[1]).mean()), float(spent.running_joules)


@figure
def perceptions(_: Any, ax: Axes) -> None:
    """Every model a faint mark, every kind its median."""
    models = [random_model(seed) for seed in range(10)]
    kinds = [
        ("exact", 1),
        ("fixed_point", 1),
        ("mean_field", 1),
        *(("core", n) for n in (2, 8, 32, 128, 512)),
    ]
    floor, names = (
        1e-4,
        {"exact": "exact", "fixed_point": "fixed point", "mean_field": "mean field", "core": "core"},
    )
    core_line: list[tuple[float, float]] = []
    for kind, samples in kinds:
        colour = PALETTE[list(names).index(kind)]
        found = np.array([gap(model, kind, samples) for model in models])
        shown = np.maximum(found[:, 0], floor)
        ax.plot(found[:, 1], shown, ".", color=colour, alpha=0.3, markersize=5)
        middle = np.median(found[:, 1]), max(np.median(found[:, 0]), floor)
        label = names[kind] if kind != "core" or samples == 2 else None
        ax.plot(*middle, "o", color=colour, markersize=8, label=label)
        if kind == "core":
            core_line.append(middle)
            ax.annotate(f"{samples}", middle, (6, 5), textcoords="offset points", fontsize=8)
    ax.plot(*np.array(core_line).T, color=PALETTE[3], linewidth=1)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("joules of a perception")
    ax.set_ylabel("gap to exact free energy (nat)")
    finish(
        ax,
        "What perceptions cost and miss",
        "Ten random models of 2-3 factors (dots), medians (discs), no interval: all outcomes are enumerated; the core's "
        "samples stand beside its discs. Host arithmetic at 70 pJ an operation, the core at its preset's figures; mean "
        "field at 8 sweeps. Gaps below 1e-4 are drawn there.",
    )


def main() -> None:
    for name, drawn in (("controllers", controllers), ("perceptions", perceptions)):
        made: Figure = drawn(None)
        made.savefig(FOLDER / f"{name}.png", dpi=130)
        print(f"docs/figures/{name}.png")


if __name__ == "__main__":
    main()
