"""``make bench``: runs peers and ourselves on the same work and prints the ratios.

Each module of rows is a process of its own (some peers change global settings when imported). Name modules to run them
alone: ``python benchmarks/run.py learners strategies``.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from timing import MARK, Row

HERE = Path(__file__).parent
HELPERS = {"run", "timing", "pymdp_peer", "experiments"}


def modules() -> list[str]:
    """Names of the modules of rows that are here."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in HELPERS)


def line(row: Row) -> str:
    """One printed line."""
    goal = f"≥ {row.goal:g}×" if row.goal else ""
    return (
        f"{row.work:58.58} {row.peer:28.28} {row.peer_seconds:10.3f} {row.our_seconds:10.4f} "
        f"{row.ratio:9.1f}× {goal:>8}  {row.note}"
    )


def main() -> int:
    """Run the modules asked for; 1 if one failed."""
    wanted = sys.argv[1:] or modules()
    unknown = sorted(set(wanted) - set(modules()))
    if unknown:
        print(f"no benchmark named {', '.join(unknown)}; there are {', '.join(modules())}", file=sys.stderr)
        return 2
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"{'work':58} {'peer':28} {'peer s':>10} {'our s':>10} {'ratio':>10} {'goal':>8}  note")
    failed = False
    for name in wanted:
        command = [sys.executable, str(HERE / f"{name}.py")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for text in process.stdout:
                if text.startswith(MARK):
                    print(line(Row(**json.loads(text[len(MARK) :]))), flush=True)
        if process.returncode:
            failed = True
            print(f"{name}: failed with exit code {process.returncode}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
