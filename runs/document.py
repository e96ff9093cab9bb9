"""An experiment file as plain data, with the line and column of every key.

YAML is read event by event with the scalars of YAML 1.2 (``1e-3`` is a number, ``no`` and ``off`` are text),
no tags, no duplicate keys, no merge keys; aliases are allowed but what they expand to is bounded, and so are
depth and size. All faults that can be told apart are gathered before anything is raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from thermopolis.errors import ExperimentError

MOST_BYTES = 2**20
MOST_NODES = 200_000
MOST_DEPTH = 50

Location = tuple[str | int, ...]

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong: ``where: path: what``."""

    line: int
    column: int
    path: str
    what: str
    source: str = field(compare=False)

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        line = f"{where}: {self.path}: {self.what}" if self.path else f"{where}: {self.what}"
        # what a file holds must neither break the line nor reach the terminal as a command
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def refuse(faults: list[Fault]) -> ExperimentError:
    """One error of all faults, in the order of the file."""
    return ExperimentError("\n".join(str(fault) for fault in sorted(set(faults))))


@dataclass(frozen=True)
class Document:
    """Plain data and where it came from."""

    data: Any
    source: str
    places: dict[Location, tuple[int, int]]
    faults: tuple[Fault, ...] = ()
    """What was wrong with the text itself, while its data could still be made out."""
    changed: dict[Location, str] = field(default_factory=dict)
    """Locations set by an option of the command line, and that option."""

    def place(self, location: Location) -> tuple[int, int]:
        """Line and column (from 1) of a key, or of the nearest section around it."""
        while location not in self.places and location:
            location = location[:-1]
        return self.places.get(location, (1, 1))

    def fault(self, location: Location, what: str) -> Fault:
        for length in range(len(location), 0, -1):
            if option := self.changed.get(location[:length]):
                return Fault(0, 0, dotted(location), what, option)
        if location not in self.places:  # made by an option that sets something inside of it
            for changed, option in self.changed.items():
                if location and changed[: len(location)] == location:
                    return Fault(0, 0, dotted(location), what, option)
        line, column = self.place(location)
        return Fault(line, column, dotted(location), what, self.source)


def dotted(location: Location) -> str:
    """``agents.0.temperature``"""
    return ".".join(str(part) for part in location)


def scalar(text: str) -> Any:
    """The value of a plain (unquoted) YAML 1.2 scalar."""
    if _NULL.fullmatch(text):
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        try:
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        except ValueError:  # more digits than Python will read
            return float("inf")
    if _FLOAT.fullmatch(text):
        return float(text)
    if special := _SPECIAL.fullmatch(text):
        return float(special.group(1) + "inf") if special.group(2) else float("nan")
    return text


class _TooMuch(Exception):
    def __init__(self, mark: Any, what: str):
        self.mark, self.what = mark, what


class _Reader:
    """Builds data from parse events."""

    def __init__(self, text: str, source: str):
        self.source = source
        self.faults: list[Fault] = []
        self.places: dict[Location, tuple[int, int]] = {}
        self.nodes = 0
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)

    def complain(self, mark: Any, location: Location, what: str) -> None:
        self.faults.append(Fault(mark.line + 1, mark.column + 1, dotted(location), what, self.source))

    def document(self) -> Any:
        value: Any = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.complain(event.start_mark, (), "a second document starts here; a file holds one")
                    break
                value = self.node(next(self.events), ())
        return value

    def count(self, mark: Any, nodes: int = 1) -> None:
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            raise _TooMuch(mark, f"more than {MOST_NODES} values (aliases counted as often as they are used)")

    def node(self, event: Any, location: Location) -> Any:
        mark = event.start_mark
        if len(location) > MOST_DEPTH:
            raise _TooMuch(mark, f"nested deeper than {MOST_DEPTH}")
        self.places.setdefault(location, (mark.line + 1, mark.column + 1))
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                self.complain(
                    mark, location, f"the alias *{event.anchor} stands for nothing finished before it"
                )
                return None
            value, size = self.anchors[event.anchor]
            self.count(mark, size)
            return value
        before = self.nodes
        self.count(mark)
        if event.tag not in (None, "!") and not event.tag.startswith("tag:yaml.org,2002:str"):
            self.complain(mark, location, f"tags are not allowed: {event.tag}")
        if isinstance(event, yaml.ScalarEvent):
            value = scalar(event.value) if event.implicit[0] else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
                value.append(self.node(item, (*location, len(value))))
        else:
            value = self.mapping(location)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.nodes - before)
        return value

    def mapping(self, location: Location) -> dict[str, Any]:
        value: dict[str, Any] = {}
        while not isinstance(key := next(self.events), yaml.MappingEndEvent):
            mark = key.start_mark
            if not isinstance(key, yaml.ScalarEvent):
                self.complain(mark, location, "a key must be plain text")
                self.node(key, (*location, "?"))
                self.node(next(self.events), (*location, "?"))
                continue
            self.count(mark)
            below = (*location, key.value)
            if key.value == "<<" and key.implicit[0]:
                self.complain(mark, location, "merge keys (<<) are not read; write the keys out")
                self.node(next(self.events), below)
                continue
            if key.value in value:
                first = self.places[below][0]
                self.complain(mark, below, f"duplicate key (first on line {first})")
                self.node(next(self.events), below)
                continue
            self.places[below] = (mark.line + 1, mark.column + 1)
            value[key.value] = self.node(next(self.events), below)
        return value


def parse(text: str, source: str) -> Document:
    """Plain data from YAML text.

    Raises
    ------
    ExperimentError : one line per fault, ``source:line:column: path: what``.
    """
    reader = None
    try:
        reader = _Reader(text, source)
        data = reader.document()
    except _TooMuch as error:
        mark = error.mark
        raise refuse([Fault(mark.line + 1, mark.column + 1, "", error.what, source)]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(str(error.problem or error.context or "it can't be read").split())
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        raise refuse(
            [*(reader.faults if reader else []), Fault(line, column, "", f"not YAML: {what}", source)]
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        what = f"not text: the character #x{ord(text[error.position]):02x} is not allowed"
        raise refuse([Fault(line, column, "", what, source)]) from None
    assert reader is not None
    if data is None:
        reader.faults.append(Fault(1, 1, "", "the file is empty", source))
    elif not isinstance(data, dict):
        reader.faults.append(
            Fault(1, 1, "", f"expected keys such as 'name: …', got {type(data).__name__}", source)
        )
    if not isinstance(data, dict):
        raise refuse(reader.faults)
    return Document(data, source, reader.places, tuple(reader.faults))


def read(path: str | Path) -> Document:
    """Plain data from a file; missing, unreadable, binary and too large files are refused by name."""
    source = str(path)

    def refused(what: str) -> ExperimentError:
        return refuse([Fault(1, 1, "", what, source)])

    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        near = _neighbour(Path(path))
        raise refused("no such file" + (f"; did you mean {near!r}?" if near else "")) from None
    except IsADirectoryError:
        raise refused("this is a directory, not an experiment file") from None
    except (OSError, ValueError) as error:
        raise refused(f"can't be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > MOST_BYTES:
        raise refused(f"larger than {MOST_BYTES // 1024} KiB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        raise refuse([Fault(line, column, "", "not text: this byte is no UTF-8", source)]) from None
    return parse(text, source)


def _neighbour(path: Path) -> str | None:
    from difflib import get_close_matches

    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix in (".yaml", ".yml")]
    except OSError:
        return None
    near = get_close_matches(path.name, names, 1)
    return str(path.parent / near[0]) if near else None
