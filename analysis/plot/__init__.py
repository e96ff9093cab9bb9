"""Figures: each takes a dataset (or its digest) and ``ax=None``, and returns a matplotlib Figure.

The registry in :mod:`thermopolis.analysis.figures` names them, says what each needs, and loads the module
that draws it on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

from thermopolis.analysis.figures import FIGURES

__all__ = sorted(FIGURES)


def __getattr__(name: str) -> Any:
    if name not in FIGURES:
        raise AttributeError(f"there is no figure {name!r}; there are: {', '.join(sorted(FIGURES))}")
    return getattr(importlib.import_module(f"thermopolis.analysis.plot.{FIGURES[name].module}"), name)


def __dir__() -> list[str]:
    return list(__all__)
