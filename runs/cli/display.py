"""Progress on a terminal as a bar, elsewhere as plain lines; or as JSON lines, or not at all."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from thermopolis.runs.progress import Progress

MODES = ("auto", "bar", "lines", "json", "none")
LINE_EVERY_SECONDS = 5.0
OBJECT_EVERY_SECONDS = 0.2


class Display:
    """Shows nothing; the base of the others."""

    def __init__(self) -> None:
        self.points = self.finished_before = 0

    def begin(self, title: str, points: int, finished: int) -> None:
        self.points, self.finished_before = points, finished

    def update(self, progress: Progress) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def end(self, results: str) -> None:
        """Says where the results are, in every mode."""
        self.close()
        print(f"results: {results}", flush=True)

    def close(self) -> None:
        pass

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows of text, on stderr: what failed is said in every mode."""
        widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
        for row in (head, *rows):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print(line.rstrip(), file=sys.stderr)

    def rate(self, progress: Progress) -> float:
        """Decisions per second."""
        return progress.done / max(progress.seconds, 1e-9)


def figures(progress: Progress) -> str:
    """``cooperation 0.43, kardashev 0.71``"""
    return ", ".join(f"{name} {value:.3g}" for name, value in progress.figures.items())


class Lines(Display):
    """A line at the beginning, at the end and every few seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.last = time.monotonic()

    def begin(self, title: str, points: int, finished: int) -> None:
        super().begin(title, points, finished)
        self.say(title)
        if finished:
            self.say(f"{finished} of {points} points are finished already")

    def update(self, progress: Progress) -> None:
        if time.monotonic() - self.last < LINE_EVERY_SECONDS:
            return
        self.last = time.monotonic()
        done = self.finished_before + progress.points_done
        share = progress.done / max(progress.total, 1)
        extra = f", {figures(progress)}" if progress.figures else ""
        self.say(f"{done}/{self.points} points, {share:.0%}, {self.rate(progress):.3g} decisions/s{extra}")

    def say(self, text: str) -> None:
        print(text, flush=True)


class JsonLines(Display):
    """One JSON object a line, for logs and other programs; progress a few times a second at most."""

    def __init__(self) -> None:
        super().__init__()
        self.last = 0.0

    def begin(self, title: str, points: int, finished: int) -> None:
        super().begin(title, points, finished)
        self._emit("begin", title=title, points=points, finished=finished)

    def update(self, progress: Progress) -> None:
        if time.monotonic() - self.last < OBJECT_EVERY_SECONDS and progress.points_done < progress.points:
            return
        self.last = time.monotonic()
        self._emit(
            "progress",
            done=progress.done,
            total=progress.total,
            points_done=self.finished_before + progress.points_done,
            decisions_per_second=round(self.rate(progress), 1),
            **progress.figures,
        )

    def say(self, text: str) -> None:
        self._emit("note", text=text)

    def end(self, results: str) -> None:
        self._emit("end", results=results)

    def _emit(self, event: str, **fields: Any) -> None:
        print(json.dumps({"event": event, "time": round(time.time(), 3), **fields}), flush=True)


class Bar(Display):
    """rich: a bar with rate, time left, points and current figures."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as RichProgress

        self.console = Console()
        self.bar = RichProgress(
            SpinnerColumn(),
            MofNCompleteColumn(),
            TextColumn("points"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[figures]}"),
            console=self.console,
        )
        self.task: Any = None

    def begin(self, title: str, points: int, finished: int) -> None:
        super().begin(title, points, finished)
        self.say(title)
        self.bar.start()
        self.task = self.bar.add_task("", total=points, completed=finished, rate="", figures="")

    def update(self, progress: Progress) -> None:
        left = self.points - self.finished_before
        self.bar.update(
            self.task,
            completed=self.finished_before + left * progress.done / max(progress.total, 1),
            rate=f"{self.rate(progress):.3g} decisions/s",
            figures=figures(progress),
        )

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self.bar.stop()


@contextlib.contextmanager
def display(mode: str) -> Iterator[Display]:
    """The display of a mode; ``auto`` is a bar on a terminal, lines elsewhere."""
    if mode == "auto":
        mode = "bar" if sys.stdout.isatty() else "lines"
    show = {"bar": Bar, "lines": Lines, "json": JsonLines, "none": Display}[mode]()
    try:
        yield show
    finally:
        show.close()
