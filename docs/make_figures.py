"""The README's figures, from a shipped experiment: ``make figures`` writes them to ``docs/figures/``.

Results that are there already are used as they are.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from thermopolis.analysis.figures import draw
from thermopolis.analysis.read import open_results

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENT = ROOT / "experiments" / "prisoners_dilemma.yaml"
FIGURES = ("phase_diagram", "outcome_dynamics", "joules_by_operation")


def results() -> Path:
    """The experiment's results directory, run or resumed."""
    command = [sys.executable, "-m", "thermopolis", "run", str(EXPERIMENT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    line = next((x for x in done.stdout.splitlines() if x.startswith("results: ")), None)
    if line is None:
        sys.exit(done.stderr or done.stdout)
    return ROOT / line.removeprefix("results: ")


def main() -> None:
    ds = open_results(results()).digest()
    folder = ROOT / "docs" / "figures"
    folder.mkdir(exist_ok=True)
    for name in FIGURES:
        path = folder / f"{name}.png"
        draw(ds, name).savefig(path, dpi=130)
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
