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
    """Draws all figures that the results have data for, or those named; says what is left out, and why."""
    from difflib import get_close_matches

    from thermopolis.analysis import FIGURES, plot_all

    root = _existing(directory)
    for name in figures:
        if name not in FIGURES:
            near = get_close_matches(name, list(FIGURES), 1)
            remedy = f"did you mean {near[0]!r}?" if near else "see thermopolis list figures"
            raise CallError(f"no figure {name!r}; {remedy}")
    drawn = plot_all(root, figures) if figures else plot_all(root)
    print(f"figures: {root / 'figures'} ({len(drawn)} files)")
    by_reason: dict[str, list[str]] = {}
    for name, reason in drawn.left_out.items():
        by_reason.setdefault(reason, []).append(name)
    if figures and by_reason:
        raise StoreError("\n".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()))
    for reason, names in by_reason.items():
        print(f"left out {', '.join(names)}: {reason}")


def serve_page(directory: str, port: int) -> None:
    """Serves the live page."""
    from thermopolis.analysis import serve

    serve(_existing(directory), port, lambda address: print(f"page: {address} (Ctrl-C ends it)", flush=True))


def write_report(directory: str) -> None:
    """Writes the page."""
    from thermopolis.analysis import report

    print(f"page: {report(_existing(directory))}")
