"""Refusals: bad numbers become a ModelError that names them, wherever their value is known (outside jit)."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from thermopolis.errors import ModelError


def known(x: Any) -> np.ndarray | None:
    """The value as a NumPy array, or None while it is traced."""
    return None if isinstance(x, jax.core.Tracer) else np.asarray(x)


def numeric(x: Any, name: str) -> np.ndarray | None:
    """Numbers as a NumPy array, None while traced, or ModelError: words, lists of unequal lengths."""
    if isinstance(x, jax.core.Tracer):
        return None
    try:
        value = np.asarray(x)
        if value.dtype.kind not in "biuf":  # numbers in words, "inf" too
            value = value.astype(np.float64)
    except (TypeError, ValueError):
        raise ModelError(f"{name}: expected numbers in rows of equal length, got {x!r:.80}") from None
    return value


def refuse_unless(x: Any, law: Callable[[np.ndarray], Any], name: str, expected: str) -> None:
    """Raise ModelError unless every known entry is no NaN and satisfies ``law``."""
    value = known(x)
    if value is None:
        return
    if value.dtype.kind not in "biuf":
        raise ModelError(f"{name}: expected {expected}, got {x!r}")
    good = np.asarray(law(value)) & ~np.isnan(value)
    if not np.all(good):
        at = np.argwhere(~good)[0].tolist() if value.ndim else []
        got = value[tuple(at)] if at else value
        raise ModelError(f"{name}{at or ''}: expected {expected}, got {got}")


def matrix(x: Any, name: str, *, symmetric: bool = False, size: int | None = None) -> np.ndarray:
    """A finite square float64 matrix, or ModelError."""
    value = np.asarray(numeric(x, name), np.float64)
    if value.ndim != 2 or value.shape[0] != value.shape[1] or (size is not None and len(value) != size):
        wanted = "a square matrix" if size is None else f"shape ({size}, {size})"
        raise ModelError(f"{name}: expected {wanted}, got shape {value.shape}")
    refuse_unless(value, np.isfinite, name, "finite numbers")
    if not value.size:
        raise ModelError(f"{name}: expected at least one row, got none")
    if symmetric and not np.allclose(
        value, value.T, rtol=1e-6, atol=1e-9 * max(1.0, np.abs(value).max(initial=0))
    ):
        i, j = np.unravel_index(np.argmax(np.abs(value - value.T)), value.shape)
        raise ModelError(
            f"{name}: expected a symmetric matrix, got {value[i, j]} at [{i}, {j}] "
            f"and {value[j, i]} at [{j}, {i}]"
        )
    return value


def vector(x: Any, name: str, size: int) -> np.ndarray:
    """A finite float64 vector of a given size (a scalar fills it), or ModelError."""
    value = np.asarray(numeric(x, name), np.float64)
    if value.ndim == 0:
        value = np.full(size, float(value))
    if value.shape != (size,):
        raise ModelError(f"{name}: expected shape ({size},), got {value.shape}")
    refuse_unless(value, np.isfinite, name, "finite numbers")
    return value


def continuous(energy: Any, sampler: str, needs: str = "start") -> None:
    """Refuse an energy that this sampler of continuous units can't move."""
    if not hasattr(energy, needs):
        lacks = "a force" if needs == "gradient" else "continuous units"
        raise ModelError(
            f"{sampler}: needs {lacks}, which {type(energy).__name__} has not; expected Quadratic, DoubleWell or "
            "Potential (Mixed: Metropolis; discrete energies: Gibbs, Metropolis, Jump)"
        )


def same_lanes(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse per-lane numbers of different widths; ``shapes`` are what is left of each beside its own axes."""
    widths = {name: shape[-1] for name, shape in shapes.items() if shape and shape[-1] != 1}
    if any(len(shape) > 1 for shape in shapes.values()) or len(set(widths.values())) > 1:
        raise ModelError(f"numbers disagree in their lanes: {widths or dict(shapes)}")


def whole(x: Any, name: str, at_least: int = 1) -> int:
    """An integer not below a bound (a float may hold it), or ModelError."""
    number = isinstance(x, numbers.Real) or (
        getattr(x, "shape", None) == () and not isinstance(x, jax.core.Tracer)
    )
    if not number or isinstance(x, bool | np.bool_) or not float(x).is_integer() or x < at_least:
        raise ModelError(f"{name}: expected an integer of at least {at_least}, got {x!r}")
    return int(x)


def wholes(values: Any, name: str, at_least: int = 0) -> tuple[int, ...]:
    """Integers, each not below a bound, or ModelError."""
    return tuple(whole(value, f"{name}[{place}]", at_least) for place, value in enumerate(values))
