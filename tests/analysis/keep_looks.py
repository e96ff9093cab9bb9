"""Keeps how every figure looks now in ``looks.npz``: run it after having looked at the figures.

python tests/analysis/keep_looks.py [FOLDER]     (also writes the figures to FOLDER)
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from analysis.simulated import figure_worlds, fitting, look
from thermopolis.analysis.figures import FIGURES, draw


def main() -> None:
    worlds = figure_worlds()
    looks = {}
    for name in FIGURES:
        made = draw(fitting(name, worlds)[0], name)
        if len(sys.argv) > 1:
            made.savefig(Path(sys.argv[1]) / f"{name}.png")
        looks[name] = look(made)
    np.savez_compressed(Path(__file__).parent / "looks.npz", **looks)


if __name__ == "__main__":
    main()
