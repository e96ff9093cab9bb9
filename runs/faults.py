"""pydantic's complaints in the words of the experiment file, each at its line."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from thermopolis.runs.document import Document, Fault, Location
from thermopolis.runs.schema import Sweep, Values

_EXPECTED = {
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "dict_type": "expected a section of keys",
    "model_type": "expected a section of keys",
    "model_attributes_type": "expected a section of keys",
}
_BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


def shown(value: Any) -> str:
    """A value as the file would have it, cut to a length that fits a line."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def did_you_mean(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, 1, 0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def _tag(annotation: Any) -> str | None:
    """The tag under which a union lists one of its members."""
    for extra in get_args(annotation)[1:] if get_origin(annotation) is Annotated else ():
        if isinstance(extra, Tag):
            return extra.tag
    if (
        isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
        and "kind" in annotation.model_fields
    ):
        kinds = get_args(annotation.model_fields["kind"].annotation)
        return kinds[0] if len(kinds) == 1 else None
    return None


def _model_at(annotation: Any, location: tuple[Any, ...]) -> type[BaseModel] | None:
    """The model that pydantic was validating at one of its own locations (union tags included)."""
    origin = get_origin(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not location:
            return annotation
        named = annotation.model_fields.get(str(location[0]))
        if named is None:
            return _model_at(Values, location[1:]) if annotation is Sweep else None
        return _model_at(named.annotation, location[1:])
    if origin is Annotated:
        return _model_at(get_args(annotation)[0], location)
    if origin in (Union, UnionType):
        for member in get_args(annotation):
            tagged = location and _tag(member) == location[0]
            if found := _model_at(member, location[1:] if tagged else location):
                return found
    if origin is tuple and location:
        return _model_at(get_args(annotation)[0], location[1:])
    return None


def _in_file(data: Any, location: tuple[Any, ...], keep_last: bool) -> Location:
    """A pydantic location without the tags of unions, which the file doesn't have (but for a key of the same name)."""
    found: list[str | int] = []
    inside = None
    for place, part in enumerate(location):
        if isinstance(data, dict) and part == data.get("kind") and inside is not data:
            inside = data
            continue
        in_list = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if in_list or (isinstance(data, dict) and part in data):
            data = data[part]
        elif not (keep_last and place == len(location) - 1):
            continue
        found.append(part)
    return tuple(found)


def _unquoted(listed: str) -> list[str]:
    return re.findall(r"'([^']*)'", listed)


def _explain(error: Any, model: type[BaseModel]) -> tuple[tuple[Any, ...], str]:
    """What to append to the location, and what to say."""
    kind, value, ctx = error["type"], error["input"], error.get("ctx", {})
    if kind == "experiment":
        return tuple(ctx["at"]), ctx["message"]
    if kind == "missing":
        return (), "missing"
    if kind == "extra_forbidden":
        key = str(error["loc"][-1])
        inside = _model_at(model, error["loc"][:-1])
        return (), "unknown key" + did_you_mean(key, list(inside.model_fields) if inside else [])
    if kind == "union_tag_invalid":
        known = [tag for tag in _unquoted(ctx["expected_tags"]) if tag not in ("number", "name", "payoffs")]
        hint = did_you_mean(str(ctx["tag"]), known) or f"; known: {', '.join(known)}"
        return ("kind",), f"no such kind {shown(ctx['tag'])}{hint}"
    if kind == "union_tag_not_found":
        if not isinstance(value, dict):
            return (), f"expected a section of keys, got {shown(value)}"
        return ("kind",), "missing"
    if kind == "literal_error":
        known = _unquoted(ctx["expected"]) or [ctx["expected"]]
        hint = did_you_mean(value, known) if isinstance(value, str) else ""
        return (), f"expected {' or '.join(known)}, got {shown(value)}{hint}"
    if kind in _EXPECTED:
        hint = " (write true or false)" if kind == "bool_type" and value in ("yes", "no", "on", "off") else ""
        if kind == "string_type" and isinstance(value, (int, float)):
            hint = " (put it in quotes)"
        return (), f"{_EXPECTED[kind]}, got {shown(value)}{hint}"
    if kind == "finite_number":
        return (), "must be a finite number"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return (), f"must be {words} {ctx[key]:g}, got {shown(value)}"
    if kind == "not_equal":
        return (), f"must not be {shown(value)}"
    if kind in ("too_short", "too_long"):
        bound, key = ("at least", "min_length") if kind == "too_short" else ("at most", "max_length")
        return (), f"must hold {bound} {ctx[key]} values, got {ctx['actual_length']}"
    if kind == "string_pattern_mismatch":
        return (), f"must match {ctx['pattern']}, got {shown(value)}"
    return (), " ".join(str(error["msg"]).split())


def explain(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Fault]:
    """Every complaint of a validation as a fault of the document."""
    faults = []
    for complaint in error.errors(include_url=False):
        below, what = _explain(complaint, model)
        missing = complaint["type"] in ("missing", "extra_forbidden")
        location = _in_file(document.data, complaint["loc"], missing) + below
        faults.append(document.fault(location, what))
    return faults
