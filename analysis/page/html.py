"""HTML from Python values: text is escaped unless it is already :class:`Markup`."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import numpy as np


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element. ``klass`` is class, ``_`` in attribute names is ``-``, ``True`` a bare attribute."""
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = "class" if key == "klass" else key.rstrip("_").replace("_", "-")
        parts.append(key if value is True else f'{key}="{escape(str(value), quote=True)}"')
    opening = f"<{' '.join(parts)}>"
    if name in ("input", "img", "meta"):
        return Markup(opening)
    return Markup(f"{opening}{joined(*children)}</{name}>")


def joined(*children: object) -> Markup:
    """Children one after the other; None is nothing, lists are flattened."""
    out: list[str] = []
    for child in children:
        if isinstance(child, (list, tuple)):
            out.append(joined(*child))
        elif child is not None:
            out.append(child if isinstance(child, Markup) else escape(str(child), quote=True))
    return Markup("".join(out))


def table(heads: list[str], rows: list[list[object]], caption: str, label: str) -> Markup:
    """A table that scrolls sideways by itself and can be reached by keyboard."""
    head = tag("thead", tag("tr", [tag("th", h, scope="col") for h in heads]))
    body = tag("tbody", [tag("tr", [tag("td", cell) for cell in row]) for row in rows])
    inner = tag("table", tag("caption", caption), head, body)
    return tag("div", inner, klass="scroll", tabindex=0, role="region", aria_label=label)


def details(summary: str, *children: object) -> Markup:
    """A disclosure."""
    return tag("details", tag("summary", summary), *children)


def code(text: str) -> Markup:
    """A block of code that can be scrolled by keyboard."""
    return tag("pre", tag("code", text), tabindex=0)


def script_json(data: Any) -> Markup:
    """JSON that can't end its script element; what isn't finite is null."""
    text = json.dumps(_finite(data), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "&<>\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {k: _finite(v) for k, v in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(v) for v in data]
    if isinstance(data, np.generic):
        data = data.item()
    return None if isinstance(data, float) and not np.isfinite(data) else data
