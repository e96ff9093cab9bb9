"""The posterior of a factored POMDP as an energy: E(s) = −Σ_f ln prior_f(s_f) − Σ_m ln A_m[o_m | s].

At temperature 1 its law is the exact joint posterior of one step under a factored prior. Zeros of A and of the
prior become forbidden states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thermopolis.errors import ModelError
from thermopolis.thermo.categorical import Categorical
from thermopolis.thermo.checks import refuse_unless


def negative_log(probabilities: Any) -> jax.Array:
    """−ln p, with +inf at zero and no NaN in gradients."""
    p = jnp.asarray(probabilities)
    return jnp.where(p > 0, -jnp.log(jnp.where(p > 0, p, 1.0)), jnp.inf)


def from_model(
    A: Sequence[Any],
    prior: Sequence[Any],
    observation: Sequence[Any],
    dependencies: Sequence[Sequence[int]] | None = None,
    blocks: Any = "auto",
) -> Categorical:
    """The energy of the states given an observation.

    Parameters
    ----------
    A : sequence of Float[outcomes, *states]
        One likelihood per modality; axes after the first are the state factors it depends on.
    prior : sequence of Float[states] or Float[states, lanes]
        One per state factor.
    observation : sequence of int or Int32[lanes]
        One outcome per modality; −1: not observed.
    dependencies : sequence of sequences of int, optional
        State factors of each modality's axes; default all of them.
    blocks : as ``Categorical``
        ``"auto"`` draws those factors jointly that zeros tie together.

    Raises
    ------
    ModelError
        Shapes that disagree, negative numbers or NaN, outcomes out of range, an observation that no state allows.
    """
    sizes = [np.shape(p)[0] for p in prior]
    every = tuple(range(len(sizes)))
    scopes = [tuple(d) for d in dependencies] if dependencies is not None else [every] * len(A)
    if not len(A) == len(observation) == len(scopes):
        raise ModelError(
            f"from_model: {len(A)} likelihoods, {len(observation)} outcomes, {len(scopes)} dependencies"
        )
    for name, given in (("prior", prior), ("A", A)):
        for number, p in enumerate(given):
            refuse_unless(
                p, lambda v: (v >= 0) & np.isfinite(v), f"from_model: {name}[{number}]", "no negative number"
            )
    factors: list[tuple[tuple[int, ...], Any]] = [((f,), negative_log(p)) for f, p in enumerate(prior)]
    for modality, (likelihood, scope, outcome) in enumerate(zip(A, scopes, observation, strict=True)):
        likelihood = jnp.asarray(likelihood)
        expected = tuple(sizes[f] for f in scope)
        if likelihood.shape[1:] != expected:
            raise ModelError(
                f"from_model: A[{modality}]: expected (outcomes, {expected}), got {likelihood.shape}"
            )
        if np.ndim(outcome) == 0 and not isinstance(outcome, jax.core.Tracer):
            if not -1 <= int(outcome) < likelihood.shape[0]:
                raise ModelError(
                    f"from_model: outcome {outcome} of modality {modality} is not in 0…{likelihood.shape[0] - 1}"
                )
            if int(outcome) >= 0:
                factors.append((scope, negative_log(likelihood[int(outcome)])))
            continue
        outcome = jnp.asarray(outcome)
        if not isinstance(outcome, jax.core.Tracer) and bool(
            ((outcome < -1) | (outcome >= likelihood.shape[0])).any()
        ):
            raise ModelError(
                f"from_model: outcomes of modality {modality} are not all in −1…{likelihood.shape[0] - 1}"
            )
        lanes = jnp.moveaxis(negative_log(likelihood)[jnp.maximum(jnp.atleast_1d(outcome), 0)], 0, -1)
        factors.append((scope, jnp.where(jnp.atleast_1d(outcome) >= 0, lanes, 0.0)))
    return Categorical(sizes, factors, blocks=blocks)
