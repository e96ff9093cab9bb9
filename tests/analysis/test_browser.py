"""The pages in Chromium: offline, without a console error, by keyboard, for a screen reader, and safe against names."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thermopolis import analysis
from thermopolis.analysis.view import server

pytestmark = pytest.mark.browser

CHROMIUM = next((p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), None)
NAME = "<img src=x onerror=\"document.title='owned'\">"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Debian's chromium isn't installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def page_path(_sweep_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = Path(shutil.copytree(_sweep_once, tmp_path_factory.mktemp("page") / "run"))
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text()) | {"name": NAME}
    manifest["points"].append({"id": "gone", "index": [0], "swept": {}, "status": "failed", "error": NAME})
    path.write_text(json.dumps(manifest))
    return analysis.report(directory)


@pytest.fixture
def opened(browser: Any, page_path: Path) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1200, "height": 900}, offline=True)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: faults.append(str(e)))
    page.on(
        "request",
        lambda r: faults.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None,
    )
    page.goto(page_path.as_uri())
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    page.wait_for_timeout(400)
    yield page
    assert faults == []
    context.close()


def curves(page: Any) -> list[list[Any]]:
    """What every panel draws: its numbers, and where its marker stands."""
    return page.evaluate(
        "thermopolisReport.panels.map(p => [p.kind, JSON.stringify(p.node.data.map(t => t.y)),"
        " p.kind === 'sweep' ? p.node.layout.shapes[0].x0 : null])"
    )


def test_the_page_opens_offline_and_draws_every_panel(opened):
    assert opened.locator(".plot .main-svg").count() >= opened.locator("figure .plot").count() > 8
    assert opened.locator(".plot").evaluate_all(
        "plots => plots.every(p => p.querySelectorAll('path.js-line').length)"
    )


def test_the_slider_moves_every_panel_by_keyboard(opened):
    before = curves(opened)
    opened.locator("input[type=range]").focus()
    opened.keyboard.press("Home")
    opened.wait_for_timeout(600)
    after = curves(opened)
    assert opened.locator("output").inner_text() == "0.1"
    for (kind, old, old_mark), (_, new, new_mark) in zip(before, after, strict=True):
        assert (old != new) if kind == "time" else (old_mark != new_mark)


def test_groups_can_be_hidden(opened):
    before = opened.evaluate("thermopolisReport.panels.map(p => p.node.data.length)")
    opened.locator("input[data-group='1']").uncheck()
    opened.wait_for_timeout(600)
    after = opened.evaluate("thermopolisReport.panels.map(p => p.node.data.length)")
    assert all(b == 2 * a for a, b in zip(after, before, strict=True))
    opened.locator("input[data-group='0']").uncheck()
    opened.wait_for_timeout(600)
    assert opened.evaluate("thermopolisReport.panels.every(p => p.node.data.length === 0)")


def test_hover_shows_values(opened):
    opened.locator("#panel-0 .nsewdrag").first.hover()
    opened.wait_for_selector("#panel-0 .hoverlayer text", state="attached", timeout=20_000)
    assert "[" in opened.locator("#panel-0 .hoverlayer").text_content()  # the interval


def test_pictures_and_panels_have_words(opened):
    words = opened.locator("[role=img]").evaluate_all("nodes => nodes.map(n => n.getAttribute('aria-label'))")
    assert all(len(w) > 20 for w in words) and any("goes from" in w for w in words)
    alts = opened.locator("img").evaluate_all("nodes => nodes.map(n => n.alt)")
    assert alts and all(len(a) > 30 for a in alts)
    levels = opened.locator("h1, h2, h3").evaluate_all("nodes => nodes.map(n => +n.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1 and all(np.diff(levels) <= 1)
    opened.locator("#panels details summary").first.click()
    opened.wait_for_timeout(200)
    assert opened.locator("#panels details[open] tbody tr").count() > 3


def test_a_hostile_name_stays_text(opened):
    assert opened.title().startswith("<img")
    assert opened.locator("h1").inner_text() == NAME
    assert opened.locator("img[src=x]").count() == 0
    assert "<img" in opened.locator("#warnings").inner_text()


def test_axe_finds_no_serious_fault(opened):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(opened).response["violations"]
    grave = [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
    assert grave == []


def test_nothing_is_wider_than_a_telephone(opened):
    opened.set_viewport_size({"width": 390, "height": 800})
    opened.wait_for_timeout(800)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_live_page_follows_and_outlives_a_run(browser, sweep_dir):
    path = sweep_dir / "manifest.json"
    manifest = json.loads(path.read_text()) | {"name": NAME}
    late = manifest["points"][4]
    late["status"] = "pending"
    path.write_text(json.dumps(manifest))
    made = server(sweep_dir)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    context = browser.new_context()
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: faults.append(str(e)))
    try:
        page.goto(f"http://127.0.0.1:{made.server_address[1]}/")
        page.locator("#says", has_text="4 of 5").wait_for(timeout=20_000)
        assert page.locator("h1").inner_text() == NAME
        assert page.locator("#panels svg path").count() > 4
        late["status"] = "failed"
        late["error"] = "not finite"
        path.write_text(json.dumps(manifest))
        page.locator("#failures", has_text="not finite").wait_for(timeout=20_000)
        late["status"] = "done"
        path.write_text(json.dumps(manifest | {"ended": "2026-01-01T00:00:00Z"}))
        page.locator("#says", has_text="has ended: 5 of 5").wait_for(timeout=20_000)
        assert faults == []
    finally:
        made.shutdown()
        made.server_close()
    page.locator("#says", has_text="has stopped").wait_for(timeout=20_000)
    assert page.locator("#panels svg").count() > 0
    context.close()
