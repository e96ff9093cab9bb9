"""Players of a large society, stepped a slab of lanes at a time.

A society is one cell and runs on one core. A step over all its lanes at once writes every intermediate result to
memory and reads it back; a slab's results stay in the core's cache, so that a player costs about as much among 10⁵ as
among 10³. States are kept as ``(slabs, …, width)`` and change where they are; the last lane fills up the last slab.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from thermopolis.keys import fold_in


@dataclass(frozen=True)
class Slabs:
    """How lanes are cut: so many slabs of so many lanes."""

    lanes: int
    count: int
    width: int

    @classmethod
    def of(cls, lanes: int, most: int, grain: int) -> Slabs:
        """Slabs of about ``most`` lanes; the width is an odd multiple of ``grain``: rows spread over the cache's sets."""
        count = -(-lanes // most)
        width = grain * (-(-lanes // (count * grain)) | 1)
        return cls(lanes, -(-lanes // width), width)

    def cut(self, leaf: Any) -> Any:
        """``(…, lanes)`` as ``(slabs, …, width)``."""
        places = jnp.minimum(jnp.arange(self.count * self.width), self.lanes - 1)
        return jnp.moveaxis(leaf[..., places].reshape(*leaf.shape[:-1], self.count, self.width), -2, 0)

    def joined(self, leaf: Any) -> Any:
        """``(slabs, …, width)`` as ``(…, lanes)``."""
        moved = jnp.moveaxis(leaf, 0, -2)
        return moved.reshape(*moved.shape[:-2], -1)[..., : self.lanes]

    def start(self, player: Any, keys: Any, settings: dict[str, Any]) -> Any:
        """The player's first states, in slabs."""
        return jax.tree_util.tree_map(self.cut, player.init(keys, settings))

    def settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Settings in slabs; those that all lanes share stay as they are."""
        return {name: value if value.shape[-1] == 1 else self.cut(value) for name, value in settings.items()}

    def step(
        self,
        player: Any,
        keys: Any,
        time: Any,
        states: Any,
        settings: dict[str, Any],
        seen: Any,
        wanted: Collection[str] | None,
    ) -> tuple[Any, Any, dict[str, Any]]:
        """``player.step`` of every lane: states in slabs, actions and the ``wanted`` traces (``None``: all) by lane.

        ``keys`` and ``settings`` come in slabs, ``seen`` by lane.
        """
        shared = {name: value for name, value in settings.items() if value.shape[-1] == 1}
        given = (
            keys,
            {name: value for name, value in settings.items() if name not in shared},
            self.cut(seen),
        )
        at: Any = lambda tree, i: jax.tree_util.tree_map(
            lambda x: jax.lax.dynamic_index_in_dim(x, i, 0, keepdims=False), tree
        )

        def one(i: Any, states: Any) -> Any:
            # read first, then worked on: a slice inside of a kernel would be read entry by entry
            (own_keys, own, now), mine = jax.lax.optimization_barrier((at(given, i), at(states, i)))
            mine, action, trace = player.step(fold_in(own_keys, time), mine, {**shared, **own}, now)
            return mine, action, {n: v for n, v in trace.items() if wanted is None or n in wanted}

        def body(i: Any, carry: Any) -> Any:
            put = lambda x, y: jax.lax.dynamic_update_index_in_dim(x, y, i, 0)
            return jax.tree_util.tree_map(put, carry, one(i, carry[0]))

        _, action, trace = jax.eval_shape(one, jnp.int32(0), states)
        empty = jax.tree_util.tree_map(lambda x: jnp.zeros((self.count, *x.shape), x.dtype), (action, trace))
        states, action, trace = jax.lax.fori_loop(0, self.count, body, (states, *empty))
        return states, self.joined(action), {name: self.joined(value) for name, value in trace.items()}
