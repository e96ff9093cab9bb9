"""``plot``, ``report`` and ``view``: what the analysis makes of a results directory."""

from __future__ import annotations

from pathlib import Path

from thermopolis.errors import StoreError
from thermopolis.runs.api import find
from thermopolis.runs.cli.guard import CallError


def _existing(directory: str) -> Path:
    try:
        root = find(directory)
    except StoreError as error:
        raise CallError(str(error)) from None
    if not (root / "manifest.json").is_file():
        raise CallError(f"{root}: no results here (no manifest.json)")
    return root


def draw(directory: str, figures: list[str]) -> None:
    """Draws all figures that the results have data for, or those named."""
    from difflib import get_close_matches

    from thermopolis.analysis import FIGURES, plot_all

    root = _existing(directory)
    for name in figures:
        if name not in FIGURES:
            near = get_close_matches(name, list(FIGURES), 1)
            raise CallError(f"no figure {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    paths = plot_all(root, figures) if figures else plot_all(root)
    print(f"figures: {root / 'figures'} ({len(paths)} files)")


def serve_page(directory: str, port: int) -> None:
    """Serves the live page."""
    from thermopolis.analysis import serve

    serve(_existing(directory), port, lambda address: print(f"page: {address} (Ctrl-C ends it)", flush=True))


def write_report(directory: str) -> None:
    """Writes the page."""
    from thermopolis.analysis import report

    print(f"page: {report(_existing(directory))}")
