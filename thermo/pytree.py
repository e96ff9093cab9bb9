"""Frozen dataclasses as pytrees whose checks run once, at construction, never on unflattening.

A field of metadata ``STATIC`` is structure (hashable, decides what is compiled); all others are leaves.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

T = TypeVar("T")


STATIC = {"static": True}


def pytree(cls: type[T]) -> type[T]:
    """Register a frozen dataclass; rebuilt objects skip ``__init__``, so that leaves may be anything."""
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    leaves = tuple(f.name for f in fields if not f.metadata.get("static"))
    structure = tuple(f.name for f in fields if f.metadata.get("static"))

    def flatten(node: T) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(getattr(node, n) for n in leaves), tuple(getattr(node, n) for n in structure)

    def unflatten(meta: tuple[Any, ...], data: tuple[Any, ...]) -> T:
        node = object.__new__(cls)
        for name, value in (*zip(leaves, data, strict=True), *zip(structure, meta, strict=True)):
            object.__setattr__(node, name, value)
        return node

    jax.tree_util.register_pytree_node(cls, flatten, unflatten)
    return cls


def repeated(leaf: Any, count: int) -> Any:
    """Per-lane numbers (lanes last) for ``count`` times as many lanes."""
    return jnp.tile(jnp.asarray(leaf), (1,) * (jnp.ndim(leaf) - 1) + (count,))
