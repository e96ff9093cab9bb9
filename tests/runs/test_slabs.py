"""Large societies are stepped in slabs of lanes: what happens is what happens without them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thermopolis.keys import make_keys
from thermopolis.runs import Experiment, program
from thermopolis.runs.simulate import simulate
from thermopolis.runs.slabs import Slabs

LEARNER: dict[str, Any] = {"kind": "active_inference", "learning": {"rate": 0.3}, "temperature": 0.5}
SOCIETIES: dict[str, dict[str, Any]] = {
    "learners": {"agents": [LEARNER | {"count": 150}]},
    "two groups by share": {
        "agents": [LEARNER | {"share": 0.6}, {"kind": "memory_one", "strategy": "tit_for_tat", "share": 0.4}],
        "action": "dyadic",
    },
    "two temperatures": {
        "agents": [LEARNER | {"count": 90}, LEARNER | {"count": 60, "temperature": 2.0, "horizon": 2}]
    },
    "on the core": {
        "agents": [LEARNER | {"count": 150, "perception": {"kind": "core"}, "policy": {"kind": "core"}}],
        "core": {"device": "cmos_pbit", "samples": 4, "burn_in": 1},
    },
    "adaptive": {
        "agents": [
            LEARNER
            | {
                "count": 150,
                "temperature": {"kind": "adaptive"},
                "selection": {"kind": "entmax", "alpha": 1.5},
                "information_gain": {"state": True, "parameter": True},
                "learning": {"rate": 0.3, "forgetting": 0.1},
            }
        ]
    },
}


def society(agents: list[dict[str, Any]], action: str = "broadcast", **settings: Any) -> Experiment:
    """Players on a small scale-free graph."""
    topology = {"kind": "scale_free", "n": 150, "m": 2}
    environment = {"kind": "matrix_game", "topology": topology, "action": action, "noise": 0.02}
    about = {"name": "slabs", "seed": 3, "replicates": 2, "steps": 12}
    return Experiment.model_validate(about | {"environment": environment, "agents": agents} | settings)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "learners" else pytest.mark.long) for n in SOCIETIES]
)
def test_slabs_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same actions and rewards, and beliefs to a rounding, whether all step at once or 48 to 80 at a time."""
    ((_, together),) = simulate([society(**SOCIETIES[name])], engine="compiled")
    monkeypatch.setattr(program, "LANES", 50)
    monkeypatch.setattr(program, "_PROGRAMS", {})
    ((_, apart),) = simulate([society(**SOCIETIES[name])], engine="compiled")
    assert set(together.variables) == set(apart.variables)
    for variable in together.data_vars:
        np.testing.assert_allclose(
            together[variable].values, apart[variable].values, rtol=2e-5, atol=2e-5, err_msg=variable
        )


@pytest.mark.parametrize("lanes", [1697, 10_000, 99_999])
def test_lanes_are_cut_and_joined(lanes: int) -> None:
    """Every lane once, in its place; slabs hold no more than they should and are nearly full."""
    cut = Slabs.of(lanes, 1216, 16)
    numbers = np.arange(2 * lanes).reshape(2, lanes)
    slabs = np.asarray(cut.cut(numbers))
    assert slabs.shape == (cut.count, 2, cut.width)
    assert cut.width <= 1216 + 16
    assert cut.width % 32 == 16
    assert cut.count * cut.width < lanes + cut.width
    np.testing.assert_array_equal(cut.joined(slabs), numbers)


def test_a_state_of_another_type_is_refused() -> None:
    """It would be cut to the first one's: 2.5 to 2."""

    class Growing:
        def init(self, keys: Any, settings: Any) -> Any:
            return jnp.zeros(keys.shape, jnp.int32)

        def step(self, keys: Any, state: Any, settings: Any, seen: Any) -> Any:
            return state + jnp.float32(2.5), seen, {}

    keys, cut = make_keys(range(48), "counter"), Slabs.of(48, 16, 16)
    given = jax.tree_util.tree_map(cut.cut, keys)
    states = cut.start(Growing(), keys, {})
    with pytest.raises(TypeError, match="int32"):
        cut.step(Growing(), given, 0, states, {}, jnp.zeros(48, jnp.int32), None)
