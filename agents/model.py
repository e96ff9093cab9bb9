"""Generative models: what an agent takes its world to be.

A discrete, factored POMDP: likelihoods ``A[m]`` = p(o_m | s), transitions ``B[f]`` = p(s_f' | s, u_f), preferences
``C[m]``, initial beliefs ``D[f]``, habit ``E`` over policies, and Dirichlet counts ``pA``, ``pB`` of what is learned.
Axes follow pymdp: ``A[m]`` is (outcome, *states it depends on), ``B[f]`` is (next state, *states it depends on, control).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermopolis.agents.checked_arrays import FloatArray, array_of, counts_of, distribution, list_of
from thermopolis.errors import ModelError


class GenerativeModel:
    """A validated discrete generative model of one agent.

    Parameters
    ----------
    A : list of arrays (outcomes_m, *states of A_dependencies[m])
        Likelihoods; columns sum to one.
    B : list of arrays (states_f, *states of B_dependencies[f], controls_f)
        Transitions; columns sum to one.
    C : list of arrays (outcomes_m,), optional
        Preferences in nats, up to a constant: ln C = log_softmax(C). Default: none (uniform).
    D : list of arrays (states_f,), optional
        Initial beliefs. Default: uniform.
    E : array (policies,), optional
        Habit, a distribution over policies. Default: uniform.
    pA, pB, pD : like A, B, D, optional
        Dirichlet counts of what is learned; where the count is zero nothing is ever learned.
    A_dependencies, B_dependencies : list of lists of int, optional
        Factors each array depends on. Default: every modality on all factors, every factor on itself.
    actions : array (actions, factors) of int, optional
        Control index each action sets on each factor. Default: every combination.
    readouts : mapping of name to array (states_0,), optional
        Quantities of the first factor whose expectation under the beliefs is recorded by that name.

    Raises
    ------
    ModelError
        Names the array, the place and the remedy.
    """

    def __init__(
        self,
        A: Sequence[ArrayLike],
        B: Sequence[ArrayLike],
        C: Sequence[ArrayLike] | None = None,
        D: Sequence[ArrayLike] | None = None,
        E: ArrayLike | None = None,
        pA: Sequence[ArrayLike] | None = None,
        pB: Sequence[ArrayLike] | None = None,
        pD: Sequence[ArrayLike] | None = None,
        A_dependencies: Sequence[Sequence[int]] | None = None,
        B_dependencies: Sequence[Sequence[int]] | None = None,
        actions: ArrayLike | None = None,
        readouts: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        a = [array_of(f"A[{m}]", x) for m, x in enumerate(list_of("A", A))]
        b = [array_of(f"B[{f}]", x) for f, x in enumerate(list_of("B", B))]
        if not a or not b:
            raise ModelError("a model needs at least one likelihood in A and one transition in B")
        for f, array in enumerate(b):
            if array.ndim < 3:
                raise ModelError(
                    f"B[{f}] has {array.ndim} axes, expected at least 3: (next state, state, control)"
                )
        self.num_states = tuple(x.shape[0] for x in b)
        self.num_obs = tuple(x.shape[0] for x in a)
        self.num_controls = tuple(x.shape[-1] for x in b)
        factors = len(b)
        self.A_dependencies = self._dependencies("A", A_dependencies, len(a), [list(range(factors))] * len(a))
        self.B_dependencies = self._dependencies("B", B_dependencies, factors, [[f] for f in range(factors)])
        for m, array in enumerate(a):
            want = (self.num_obs[m], *(self.num_states[f] for f in self.A_dependencies[m]))
            if array.shape != want:
                raise ModelError(
                    f"A[{m}] has shape {array.shape}, expected {want}: (outcomes, states of factors "
                    f"{list(self.A_dependencies[m])})"
                )
        for f, array in enumerate(b):
            want = (
                self.num_states[f],
                *(self.num_states[d] for d in self.B_dependencies[f]),
                self.num_controls[f],
            )
            if array.shape != want:
                raise ModelError(
                    f"B[{f}] has shape {array.shape}, expected {want}: (next state, states of factors "
                    f"{list(self.B_dependencies[f])}, control)"
                )
        self.A = [distribution(f"A[{m}]", x) for m, x in enumerate(a)]
        self.B = [distribution(f"B[{f}]", x) for f, x in enumerate(b)]
        self.C = self._preferences(C)
        self.D = self._initial(D)
        self.pA = self._dirichlet("pA", pA, self.A)
        self.pB = self._dirichlet("pB", pB, self.B)
        self.pD = self._dirichlet("pD", pD, self.D)
        if self.pB is not None:
            self.B = [x / x.sum(axis=0) for x in self.pB]
        if self.pA is not None:
            self.A = [x / x.sum(axis=0) for x in self.pA]
        if self.pD is not None:
            self.D = [x / x.sum(axis=0) for x in self.pD]
        if actions is None:
            combinations = list(itertools.product(*(range(n) for n in self.num_controls)))
            self.actions = np.array(combinations, dtype=np.int64)
        else:
            self.actions = np.asarray(actions, dtype=np.int64)
            if self.actions.ndim != 2 or self.actions.shape[1] != factors:
                raise ModelError(
                    f"actions has shape {self.actions.shape}, expected (actions, {factors} factors)"
                )
            if (self.actions < 0).any() or (self.actions >= np.array(self.num_controls)).any():
                raise ModelError(f"actions names a control outside 0 … {[n - 1 for n in self.num_controls]}")
        self.E = None if E is None else distribution("E", array_of("E", E))
        self.readouts = {name: array_of(f"readouts[{name!r}]", x) for name, x in (readouts or {}).items()}
        for name, x in self.readouts.items():
            if x.shape != (self.num_states[0],):
                raise ModelError(f"readouts[{name!r}] has shape {x.shape}, expected ({self.num_states[0]},)")

    @property
    def num_actions(self) -> int:
        """Number of actions of the agent."""
        return int(self.actions.shape[0])

    def _dependencies(
        self, name: str, given: Sequence[Sequence[int]] | None, count: int, default: list[list[int]]
    ) -> tuple[tuple[int, ...], ...]:
        chosen = default if given is None else [list(x) for x in given]
        if len(chosen) != count:
            raise ModelError(
                f"{name}_dependencies has {len(chosen)} entries, expected {count}, one per array of {name}"
            )
        for i, factors in enumerate(chosen):
            if any(f not in range(len(self.num_states)) for f in factors) or len(set(factors)) != len(
                factors
            ):
                raise ModelError(
                    f"{name}_dependencies[{i}] is {factors}: expected distinct factors of 0 … {len(self.num_states) - 1}"
                )
        return tuple(tuple(int(f) for f in x) for x in chosen)

    def _preferences(self, given: Sequence[ArrayLike] | None) -> list[FloatArray]:
        if given is None:
            return [np.full(n, -np.log(n)) for n in self.num_obs]
        values = [array_of(f"C[{m}]", x) for m, x in enumerate(list_of("C", given))]
        if len(values) != len(self.num_obs):
            raise ModelError(f"C has {len(values)} entries, expected {len(self.num_obs)}, one per modality")
        for m, x in enumerate(values):
            if x.shape != (self.num_obs[m],):
                raise ModelError(f"C[{m}] has shape {x.shape}, expected ({self.num_obs[m]},)")
        shifted = [x - x.max() for x in values]
        return [x - np.log(np.exp(x).sum()) for x in shifted]

    def _initial(self, given: Sequence[ArrayLike] | None) -> list[FloatArray]:
        if given is None:
            return [np.full(n, 1.0 / n) for n in self.num_states]
        values = [array_of(f"D[{f}]", x) for f, x in enumerate(list_of("D", given))]
        if len(values) != len(self.num_states):
            raise ModelError(f"D has {len(values)} entries, expected {len(self.num_states)}, one per factor")
        for f, x in enumerate(values):
            if x.shape != (self.num_states[f],):
                raise ModelError(f"D[{f}] has shape {x.shape}, expected ({self.num_states[f]},)")
        return [distribution(f"D[{f}]", x) for f, x in enumerate(values)]

    def _dirichlet(
        self, name: str, given: Sequence[ArrayLike] | None, like: list[FloatArray]
    ) -> list[FloatArray] | None:
        if given is None:
            return None
        values = list_of(name, given)
        if len(values) != len(like):
            raise ModelError(f"{name} has {len(values)} entries, expected {len(like)}")
        return [counts_of(f"{name}[{i}]", array_of(f"{name}[{i}]", x), like[i]) for i, x in enumerate(values)]

    def save(self, path: str | Path) -> None:
        """Write the model as ``.npz`` (no pickle): ``A_0 …, B_0 …, C_0 …, D_0 …, E, pA_0 …, pB_0 …``."""
        arrays: dict[str, NDArray[Any]] = {"actions": self.actions}
        for name in ("A", "B", "C", "D", "pA", "pB", "pD"):
            for i, x in enumerate(getattr(self, name) or []):
                arrays[f"{name}_{i}"] = x
        for name, values in (
            ("A_dependencies", self.A_dependencies),
            ("B_dependencies", self.B_dependencies),
        ):
            for i, factors in enumerate(values):
                arrays[f"{name}_{i}"] = np.array(factors, dtype=np.int64)
        if self.E is not None:
            arrays["E"] = self.E
        arrays |= {f"readout_{name}": x for name, x in self.readouts.items()}
        with open(path, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> GenerativeModel:
        """Read what :meth:`save` wrote, or any ``.npz`` with the arrays ``A_0 …, B_0 …`` and so on."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except FileNotFoundError:
            raise ModelError(f"{path}: no such model file") from None
        except (OSError, ValueError, EOFError) as error:
            raise ModelError(f"{path}: not a model file of arrays (.npz): {error}") from None

        def series(name: str) -> list[NDArray[Any]] | None:
            found: list[NDArray[Any]] = []
            while f"{name}_{len(found)}" in arrays:
                found.append(arrays[f"{name}_{len(found)}"])
            return found or None

        a, b = series("A"), series("B")
        if a is None or b is None:
            raise ModelError(f"{path}: has no {'A_0' if a is None else 'B_0'}: expected arrays A_0 …, B_0 …")
        dependencies = {}
        for name in ("A_dependencies", "B_dependencies"):
            given = series(name)
            dependencies[name] = None if given is None else [[int(f) for f in x] for x in given]
        return cls(
            a,
            b,
            series("C"),
            series("D"),
            arrays.get("E"),
            series("pA"),
            series("pB"),
            series("pD"),
            actions=arrays.get("actions"),
            readouts={n.removeprefix("readout_"): x for n, x in arrays.items() if n.startswith("readout_")},
            **dependencies,
        )

    @classmethod
    def from_pymdp(cls, agent: Any, index: int = 0) -> GenerativeModel:
        """The model of one member of a pymdp ``Agent``'s batch (its C is taken as log preferences).

        Actions are the first moves of its policies. A habit that favours no policy is none, so that the model may be
        planned with at any horizon.

        Raises
        ------
        ModelError
            For what isn't a pymdp agent, or has no such member.
        """
        if not all(hasattr(agent, name) for name in ("A", "B", "C", "D", "E", "A_dependencies", "policies")):
            raise ModelError(
                f"the model is a {type(agent).__name__}, expected a GenerativeModel or a pymdp Agent"
            )
        if not 0 <= index < agent.batch_size:
            raise ModelError(f"index is {index}, the pymdp agent has members 0 … {agent.batch_size - 1}")
        take = lambda arrays: (
            None if arrays is None else [np.asarray(x, dtype=np.float64)[index] for x in arrays]
        )
        habit = np.asarray(agent.E, dtype=np.float64)[index]
        moves = np.asarray(agent.policies.policy_arr)[:, 0]
        return cls(
            take(agent.A) or [],
            take(agent.B) or [],
            take(agent.C),
            take(agent.D),
            None if np.allclose(habit, habit[0]) else habit,
            take(agent.pA),
            take(agent.pB),
            A_dependencies=agent.A_dependencies,
            B_dependencies=agent.B_dependencies,
            actions=moves[np.sort(np.unique(moves, axis=0, return_index=True)[1])],
        )

    @classmethod
    def from_spaces(
        cls, observation_space: Any, action_space: Any, preferences: Any = None, **options: Any
    ) -> GenerativeModel:
        """A learnable model of any world with discrete spaces: :func:`thermopolis.agents.from_spaces`."""
        from thermopolis.agents.spaces import from_spaces

        return from_spaces(observation_space, action_space, preferences, **options)
