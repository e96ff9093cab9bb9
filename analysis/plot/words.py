"""What the values of a swept dimension are called in legends: numbers as numbers, sections by what tells them apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

_LONG = 24  # letters of a list that is still written out
_ABSENT = object()
NOTHING = "null"
"""What a coordinate says of a setting that was left out."""


def number(value: Any) -> str:
    """A sweep value as short text; a section of a file by its kind and what else it sets."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (float, int, np.floating, np.integer)):
        return f"{value:.3g}"
    if value is None or value == NOTHING:
        return "none"
    section = _plain(value)
    if not isinstance(section, dict):
        return str(value)
    words = [str(section.pop("kind"))] if "kind" in section else []
    words += [
        number(v) if k == "strategy" else f"{k} {number(v)}" for k, v in section.items() if v is not None
    ]
    return " ".join(words).replace("_", " ")[:40]


def texts(values: Sequence[Any]) -> list[str]:
    """Short words for each of a dimension's values.

    Sections of a file are called by their kind and by what differs between those of that kind, lists by the one entry
    that differs; lists that differ in more are written out where they are short, and numbered where they aren't.
    """
    plain = [_plain(value) for value in values]
    return [
        number(value) if words is None else words for value, words in zip(values, _tell(plain), strict=True)
    ]


def value_text(array: xr.DataArray | xr.Dataset, dim: str, index: int) -> str:
    """The words for one of a dimension's values, or its place where the dimension has no coordinate."""
    if dim not in array.coords:
        return number(index)
    values = array[dim].values
    return number(values[index]) if values.dtype.kind in "fiub" else texts(values.tolist())[index]


def said(array: xr.DataArray | xr.Dataset, dim: str, value: Any) -> str:
    """The words for a value that a dimension takes on somewhere."""
    values = array[dim].values if dim in array.coords else np.empty(0)
    places = np.flatnonzero(values == value)
    return value_text(array, dim, int(places[0])) if len(places) else number(value)


def _plain(value: Any) -> Any:
    """The section or list behind a coordinate's text; other values as they are."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _tell(values: list[Any]) -> list[str | None]:
    """Words for sections and lists among plain values; None for what speaks for itself."""
    words: list[str | None] = [None] * len(values)
    lists = [i for i, value in enumerate(values) if isinstance(value, list)]
    for i, text in zip(lists, _lists([values[i] for i in lists]), strict=True):
        words[i] = text
    sections = [i for i, value in enumerate(values) if isinstance(value, dict)]
    for kind in dict.fromkeys(values[i].get("kind") for i in sections):
        alike = [i for i in sections if values[i].get("kind") == kind]
        for i, text in zip(alike, _sections([values[i] for i in alike]), strict=True):
            words[i] = " ".join(filter(None, [kind, text])).replace("_", " ") or None
    return words


def _sections(sections: list[dict[str, Any]]) -> list[str]:
    """What differs between sections of one kind, key by key."""
    said: list[list[str]] = [[] for _ in sections]
    for key in dict.fromkeys(k for section in sections for k in section if k != "kind"):
        values = [section.get(key, _ABSENT) for section in sections]
        if len(sections) > 1 and all(value == values[0] for value in values):
            continue
        known = [i for i, value in enumerate(values) if value is not _ABSENT and value is not None]
        for i, text in zip(known, texts([values[i] for i in known]), strict=True):
            said[i].append(text if key == "strategy" else f"{key} {text}")
    if len(sections) == 1:  # nothing to tell apart: the kind says it, or, without one, the first that is set
        return [""] if "kind" in sections[0] else [" ".join(said[0])[:40]]
    return [" ".join(words) for words in said]


def _lists(lists: list[list[Any]]) -> list[str]:
    flat = [_leaves(value) for value in lists]
    if len({tuple(place for place, _ in leaves) for leaves in flat}) == 1:
        columns = list(zip(*([leaf for _, leaf in leaves] for leaves in flat), strict=True))
        differ = [column for column in columns if any(leaf != column[0] for leaf in column)]
        if len(lists) > 1 and len(differ) == 1:
            return [number(leaf) for leaf in differ[0]]
    written = ["[" + ", ".join(number(leaf) for _, leaf in leaves) + "]" for leaves in flat]
    if max(map(len, written), default=0) <= _LONG and len(set(written)) == len(written):
        return written
    return [str(place + 1) for place in range(len(lists))]


def _leaves(value: Any, place: tuple[int, ...] = ()) -> list[tuple[tuple[int, ...], Any]]:
    """The entries of nested lists with their places."""
    if not isinstance(value, list):
        return [(place, value)]
    return [leaf for i, inner in enumerate(value) for leaf in _leaves(inner, (*place, i))]
