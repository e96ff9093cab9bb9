"""One self-contained page on a run: settings, warnings, interactive panels, tables, how to reproduce it."""

from __future__ import annotations

from thermopolis.analysis.page.build import report

__all__ = ["report"]
