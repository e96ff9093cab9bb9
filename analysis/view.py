"""A page that follows a sweep while it runs: progress, latest curves, failures. Writes nothing, needs no network.

Served on 127.0.0.1 by the standard library. The page asks for the state every second; the server reads the manifest
and the digests of the newest points, each once. It goes on when the run has ended.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import OrderedDict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from thermopolis.analysis.digests import digest
from thermopolis.analysis.page.html import Markup, script_json, tag
from thermopolis.analysis.plot.style import PALETTE, label_of
from thermopolis.analysis.plot.words import number
from thermopolis.analysis.quantities import axis_label, quantity
from thermopolis.analysis.read import Point, Results, open_results
from thermopolis.analysis.series import group_names, time_label
from thermopolis.errors import StoreError

_HERE = Path(__file__).parent / "page"
_NEWEST = 6
_BINS = 60
_SHOWN = (
    "cooperation", "reward", "belief_entropy", "policy_entropy", "free_energy", "kardashev", "power", "stock", "energy",
    "magnetisation",
)  # fmt: skip


class Watch:
    """What the page is told about a results directory; digests of points are kept, the newest only."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self._curves: OrderedDict[tuple[str, float], dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def state(self) -> dict[str, Any]:
        """Progress, failures and the newest points' curves, as plain data."""
        try:
            results = open_results(self.directory)
        except StoreError as fault:
            # a run that is just starting has no manifest yet; a page left open waits for it
            return {"name": self.directory.name, "waiting": str(fault)}
        counts: dict[str, int] = {}
        for point in results.points:
            counts[point.status] = counts.get(point.status, 0) + 1
        failures = [
            {"where": _where(p), "message": p.message} for p in results.points if p.status == "failed"
        ]
        curves, faults = self._newest(results)
        ended = results.manifest.get("ended")
        return {
            "name": results.name,
            "total": len(results.points),
            "done": counts.get("done", 0),
            "failed": counts.get("failed", 0),
            "started": results.manifest.get("started"),
            "ended": ended if ended or counts.get("done", 0) < len(results.points) else "finished",
            "failures": failures[:50] + faults,
            "curves": curves,
        }

    def _newest(self, results: Results) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        stamped = []
        for point in results.points:
            try:
                stamped.append((point.path.stat().st_mtime, point))
            except OSError:
                continue
        stamped.sort(key=lambda pair: -pair[0])
        curves, faults = [], []
        for stamp, point in stamped[:_NEWEST]:
            try:
                curves.append(self._curve(results, point, stamp))
            except StoreError as fault:
                faults.append({"where": _where(point), "message": str(fault)})
        return curves, faults

    def _curve(self, results: Results, point: Point, stamp: float) -> dict[str, Any]:
        key = (point.id, stamp)
        with self._lock:
            if key not in self._curves:
                self._curves[key] = _curve(results.load(point), _where(point))
                while len(self._curves) > 4 * _NEWEST:
                    self._curves.popitem(last=False)
            return self._curves[key]


def _where(point: Point) -> str:
    return ", ".join(f"{k.split('.')[-1]} {number(v)}" for k, v in point.swept.items()) or "the run"


def _curve(ds: xr.Dataset, where: str) -> dict[str, Any]:
    small = digest(ds, _BINS, _SHOWN)
    plain = {"replicate", "step", "group"}
    names = [n for n in _SHOWN if n in small.data_vars and set(small[n].dims) == plain]
    out: dict[str, Any] = {"where": where, "time": time_label(small), "panels": {}}
    for name in names:
        mean = small[name].mean("replicate").transpose("group", "step")
        if not np.isfinite(mean.values).any():
            continue
        out["panels"][name] = {
            "label": axis_label(name, small[name]),
            "rate": quantity(name).is_rate,
            "x": [float(s) for s in small["step"].values],
            "groups": [label_of(g) for g in group_names(small)],
            "y": [[float(v) if np.isfinite(v) else None for v in row] for row in mean.values],
        }
    return out


def _page() -> bytes:
    style = (_HERE / "page.css").read_text(encoding="utf-8") + (_HERE / "view.css").read_text(
        encoding="utf-8"
    )
    script = (_HERE / "view.js").read_text(encoding="utf-8")
    body = tag(
        "body",
        tag(
            "header",
            tag(
                "div",
                tag("p", "thermopolis, live", klass="kicker"),
                tag("h1", "…", id="name"),
                klass="inside",
            ),
            klass="top",
        ),
        tag(
            "main",
            tag("h2", "Progress"),
            tag("progress", id="bar", max=1, value=0, aria_label="Points finished"),
            tag("p", "Waiting for the run.", id="says", role="status"),
            tag("div", tag("h2", "Failures"), tag("ul", id="failures"), id="failed", hidden=True),
            tag("h2", "Latest curves"),
            tag("p", "Means over replicates of the newest points.", id="legend"),
            tag("div", id="panels", klass="panels"),
        ),
        tag("script", script_json({"colours": list(PALETTE)}), type="application/json", id="settings"),
        tag("script", Markup(script)),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", "thermopolis, live"),
        tag("style", Markup(style)),
    )
    return ("<!DOCTYPE html>\n" + tag("html", head, body, lang="en")).encode()


class _Handler(BaseHTTPRequestHandler):
    watch: Watch
    page: bytes
    hosts: frozenset[str]
    server_version, sys_version = "thermopolis", ""

    def do_GET(self) -> None:
        if self.headers.get("Host", "") not in self.hosts:
            # a page elsewhere that makes its own name point here must not read results
            self.send_error(HTTPStatus.FORBIDDEN, "This page answers on its own address only")
        elif self.path == "/":
            self._send(self.page, "text/html; charset=utf-8")
        elif self.path == "/state":
            self._send(json.dumps(self.watch.state(), allow_nan=False).encode(), "application/json")
        elif self.path == "/favicon.ico":
            self._send(b"", "image/x-icon", HTTPStatus.NO_CONTENT)
        else:
            self.send_error(HTTPStatus.NOT_FOUND, "There is one page here, at /")

    def _send(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        policy = (
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"
        )
        self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the terminal belongs to the run."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader who leaves in the middle of an answer is no news; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server(directory: str | Path, port: int = 0) -> ThreadingHTTPServer:
    """A server bound to 127.0.0.1 (``server_address`` says the port), not yet serving.

    Raises
    ------
    StoreError
        There is no such directory, or the port can't be had.
    """
    if not Path(directory).is_dir():
        raise StoreError(f"{directory}: no such results directory")

    class Handler(_Handler):
        watch = Watch(directory)
        page = _page()

    try:
        made = _Server(("127.0.0.1", port), Handler)
    except (OSError, OverflowError) as fault:
        raise StoreError(f"port {port} on 127.0.0.1 can't be opened ({fault}); choose another") from None
    bound = made.server_address[1]
    Handler.hosts = frozenset({f"127.0.0.1:{bound}", f"localhost:{bound}"})
    return made


def serve(directory: str | Path, port: int = 0, announce: Any = print) -> None:
    """Serves the live page until interrupted; ``announce`` is called with the address first."""
    made = server(directory, port)
    announce(f"http://127.0.0.1:{made.server_address[1]}/")
    try:
        made.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        made.server_close()
