"""Puts the page together: text escaped, styles and scripts inlined, nothing fetched from anywhere."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import xarray as xr

from thermopolis.analysis.page.html import Markup, joined, script_json, tag
from thermopolis.analysis.page.panels import panel_data
from thermopolis.analysis.page.pictures import pictures
from thermopolis.analysis.page.sections import (
    controls,
    overview,
    panel_figures,
    reproduce,
    sentence,
    warnings_section,
)
from thermopolis.analysis.page.tables import tables
from thermopolis.analysis.read import Results, open_results
from thermopolis.errors import StoreError

_HERE = Path(__file__).parent
PAGE_BYTES = 5_950_000
_FRAME = 4_870_000  # Plotly, styles and the page's own script
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
_SECTIONS = (
    ("run", "What was run"),
    ("warnings", "Warnings"),
    ("panels", "Panels"),
    ("figures", "Further figures"),
    ("tables", "Tables"),
    ("reproduce", "How to reproduce it"),
)


def report(directory: str | Path) -> Path:
    """Writes ``report.html`` into a results directory: one file, readable offline.

    Returns
    -------
    Path
        The page written.

    Raises
    ------
    StoreError
        The directory isn't a results directory, no point of it has finished, or the page can't be written there.
    """
    results = open_results(directory)
    page = page_of(results, results.digest())
    target = results.directory / "report.html"
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=results.directory, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except OSError as fault:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise StoreError(f"{target}: can't be written ({fault.strerror or fault})") from None
    return target


def page_of(results: Results, ds: xr.Dataset) -> str:
    """The page as text, from a run and its digest."""
    data = panel_data(ds)
    contents = {
        "run": overview(results, ds),
        "warnings": warnings_section(results, ds),
        "panels": _panels(data),
        "figures": Markup(""),
        "tables": tables(ds),
        "reproduce": reproduce(results),
    }
    spent = _FRAME + len(script_json(data)) + sum(len(part.encode()) for part in contents.values())
    shown = pictures(results, ds, PAGE_BYTES - spent)
    contents["figures"] = (
        tag("div", shown, klass="panels") if shown else tag("p", "The panels show all there is.")
    )
    links = [tag("li", tag("a", title, href=f"#{key}")) for key, title in _SECTIONS]
    sections = [tag("section", tag("h2", title), contents[key], id=key) for key, title in _SECTIONS]
    heading = tag(
        "div",
        tag("p", "thermopolis report", klass="kicker"),
        tag("h1", results.name),
        tag("p", sentence(ds)),
        klass="inside",
    )
    footer = (
        "Made by thermopolis from the files in this results directory. Intervals are over replicates, "
        "never over steps. The page needs no network."
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        tag("title", f"{results.name} · thermopolis report"),
        tag("style", _inline("page.css")),
    )
    body = tag(
        "body",
        tag("a", "Skip to the panels", klass="skip", href="#panels"),
        tag("header", heading, klass="top"),
        tag("main", tag("nav", tag("ul", links), aria_label="Contents"), sections),
        tag("footer", footer),
        tag("script", script_json(data), type="application/json", id="data"),
        tag("script", _plotly()),
        tag("script", _inline("page.js")),
    )
    return "<!DOCTYPE html>\n" + tag("html", head, body, lang="en") + "\n"


def _panels(data: dict[str, Any]) -> Markup:
    bar = controls(data)
    how = "Hover for values, drag to zoom, double-click to go back."
    if bar:
        how = "The controls move every panel at once. " + how
    return joined(tag("p", how), bar, tag("div", panel_figures(data), klass="panels"))


def _inline(name: str) -> Markup:
    return Markup((_HERE / name).read_text(encoding="utf-8"))


def _plotly() -> Markup:
    from plotly.offline import get_plotlyjs

    return Markup(str(get_plotlyjs()).replace("</script", "<\\/script"))
