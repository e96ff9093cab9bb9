"""Gaussian noise for lanes: every lane draws from its own key."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thermopolis.thermo.checks import refuse_unless


def normals(keys: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Float[Array, "*shape lanes"]:
    """Independent standard normals of shape ``(*shape, lanes)``."""
    return jax.vmap(lambda key: jax.random.normal(key, shape, dtype), out_axes=-1)(keys)


def positive_temperature(temperature: Any) -> None:
    """Refuse what is known not to be a temperature (in the energy's unit, k_B = 1)."""
    refuse_unless(temperature, lambda t: (t > 0) & (t < float("inf")), "temperature", "positive")
