"""The page's sections: what was run, warnings, controls, panels' frames, tables, how to reproduce it."""

from __future__ import annotations

import shlex
from typing import Any

import xarray as xr

from thermopolis.analysis.page.diagnosis import diagnose
from thermopolis.analysis.page.html import Markup, code, details, joined, table, tag
from thermopolis.analysis.plot.style import dim_label, label_of
from thermopolis.analysis.read import Results
from thermopolis.analysis.series import sweep_dims, time_label


def sentence(ds: xr.Dataset) -> str:
    """The run in one sentence."""
    swept = " × ".join(f"{ds.sizes[d]} values of {dim_label(d)}" for d in sweep_dims(ds))
    groups = ", ".join(label_of(str(g)) for g in ds["group"].values) if "group" in ds.coords else "agents"
    agents = int(ds.attrs.get("agents", 1))
    who = f"{agents} agent{'s' * (agents != 1)} ({groups})"
    if ds.attrs.get("alone"):
        who = f"A core by itself, {agents} chain{'s' * (agents != 1)}"
    text = f"{who}, {ds.attrs['steps']} {time_label(ds)}s, {ds.sizes['replicate']} replicates"
    return text + (f", swept over {swept}." if swept else ".")


def overview(results: Results, ds: xr.Dataset) -> Markup:
    """Facts, the resolved experiment, seeds and versions."""
    manifest = results.manifest
    versions = dict(manifest.get("versions") or {})
    failed = sum(p.status == "failed" for p in results.points)
    facts: dict[str, Any] = {
        "points finished": f"{len(results.finished)} of {len(results.points)}",
        "points failed": failed or None,
        "replicates": ds.sizes["replicate"],
        "steps": ds.attrs["steps"],
        "chains" if ds.attrs.get("alone") else "agents": ds.attrs.get("agents", 1),
        "seed": manifest.get("seed", ds.attrs.get("seed", "not recorded")),
        "thermopolis": versions.get("thermopolis", manifest.get("version")),
        "commit": str(manifest["git_commit"])[:10] if manifest.get("git_commit") else None,
        "started": str(manifest["started"]).replace("T", " ").rstrip("Z")
        if manifest.get("started")
        else None,
    }
    cells = [tag("div", tag("dt", k), tag("dd", v)) for k, v in facts.items() if v is not None]
    for key in ("python", "platform", "processor", "cpu_count"):
        if manifest.get(key) is not None:
            versions[key.replace("_", " ")] = manifest[key]
    rows = [tag("tr", tag("th", k, scope="row"), tag("td", v)) for k, v in versions.items()]
    seeds = list(ds["world_seed"].values.ravel()[:256]) if "world_seed" in ds.coords else []
    return joined(
        tag("dl", cells, klass="facts"),
        details(
            "The experiment, resolved", code(results.experiment_text() or "not found beside the results")
        ),
        details("World seeds of the replicates", code(", ".join(map(str, seeds)))) if len(seeds) else None,
        details("Versions and machine", tag("table", tag("tbody", rows))) if rows else None,
    )


def warnings_section(results: Results, ds: xr.Dataset) -> Markup:
    """What a reader must know before believing the panels."""
    items = [
        tag("p", tag("strong", f"{title}. "), text, klass="warning") for title, text in diagnose(results, ds)
    ]
    return joined(items) if items else tag("p", "Nothing to warn of.", klass="calm")


def controls(data: dict[str, Any]) -> Markup | None:
    """A slider or a list for every swept dimension, and a box for every group."""
    parts: list[Markup] = []
    for k, dim in enumerate(data["dims"]):
        if len(dim["values"]) < 2:
            continue
        if dim["numeric"]:
            slider = tag(
                "input", type="range", id=f"dim-{k}", data_dim=k, min=0, max=len(dim["values"]) - 1, step=1,
                value=dim["start"],
            )  # fmt: skip
            said = tag(
                "output", dim["text"][dim["start"]], id=f"value-{k}", for_=f"dim-{k}", aria_live="polite"
            )
            parts.append(
                tag("div", tag("label", dim["label"], for_=f"dim-{k}"), slider, said, klass="slider")
            )
        else:
            options = [tag("option", text, value=i) for i, text in enumerate(dim["text"])]
            choice = tag("select", options, id=f"dim-{k}", data_dim=k)
            parts.append(tag("div", tag("label", tag("strong", dim["label"]), choice)))
    if len(data["groups"]) > 1:
        boxes = []
        for g, name in enumerate(data["plain"]):
            swatch = tag(
                "span", klass="swatch", style=f"background:{data['colours'][g % len(data['colours'])]}"
            )
            boxes.append(
                tag("label", tag("input", type="checkbox", data_group=g, checked=True), swatch, name)
            )
        parts.append(tag("fieldset", tag("legend", "Groups"), boxes))
    if not parts:
        return None
    return tag("div", parts, klass="controls", role="region", aria_label="Controls of all panels")


def panel_figures(data: dict[str, Any]) -> list[Markup]:
    """The frames that the script draws into."""
    return [_panel_figure(k, panel) for k, panel in enumerate(data["panels"])]


def _panel_figure(k: int, panel: dict[str, Any]) -> Markup:
    title = panel["title"][0].upper() + panel["title"][1:]
    n = panel["n"]
    words = "Mean over the last half of the steps" if panel["kind"] == "sweep" else "Mean"
    words += f" and 95% interval over n = {n} replicates." if n > 1 else "; n = 1, no interval."
    if panel["kind"] == "sweep":
        words += " The dotted line is the controls' place; a pale dot is a replicate."
    heads = [panel["xlabel"], "group", panel["ylabel"], "low", "high"]
    numbers = table(heads, [], f"At most twelve places of {title}.", f"Numbers of {title}")
    return tag(
        "figure",
        tag("h3", title),
        tag("div", id=f"panel-{k}", klass="plot", role="img", aria_label=title),
        tag("figcaption", words),
        details(f"Numbers: {title}", numbers),
    )


def reproduce(results: Results) -> Markup:
    """The commands that make these numbers again."""
    name = results.directory.name
    lines = [
        f"thermopolis run {shlex.quote(name + '/experiment.yaml')} --out {shlex.quote(name + '-again')}",
        f"thermopolis report {shlex.quote(name + '-again')}",
    ]
    version = (results.manifest.get("versions") or {}).get("thermopolis") or results.manifest.get("version")
    said = f" with thermopolis {version}" if version else ""
    text = f"Everything random derives from the seed, so the same file{said} gives the same numbers."
    return joined(tag("p", text), code("\n".join(lines)))
