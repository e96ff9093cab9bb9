"""Gaussian noise for lanes: every lane draws from its own key."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thermopolis.errors import ModelError
from thermopolis.keys import as_key, fold_in
from thermopolis.thermo.checks import refuse_unless


def normals(keys: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Float[Array, "*shape lanes"]:
    """Independent standard normals of shape ``(*shape, lanes)``, drawn with the resolution of float32."""
    return jax.vmap(lambda key: jax.random.normal(key, shape, jnp.float32), out_axes=-1)(keys).astype(dtype)


def lane_keys(key: Any, lanes: int) -> Any:
    """The keys of a number of lanes: lane n has ``fold_in(key, n)``."""
    return _lane_keys(as_key(key), lanes)


@partial(jax.jit, static_argnames="lanes")
def _lane_keys(key: Any, lanes: int) -> Any:
    return fold_in(jnp.broadcast_to(key, (lanes,)), jnp.arange(lanes))


def one_temperature(temperature: Any) -> float:
    """A known temperature as a number, or ModelError."""
    positive_temperature(temperature)
    if np.size(temperature) != 1:
        raise ModelError(f"temperature: expected one number, got an array of shape {np.shape(temperature)}")
    return float(np.asarray(temperature).reshape(()))


def positive_temperature(temperature: Any) -> None:
    """Refuse what is known not to be a temperature (in the energy's unit, k_B = 1)."""
    refuse_unless(temperature, lambda t: (t > 0) & (t < float("inf")), "temperature", "positive")
