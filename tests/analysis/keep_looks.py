"""Keeps how every figure looks now in ``looks.npz``: run it after having looked at the figures.

python tests/analysis/keep_looks.py
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import xarray as xr

HERE = Path(__file__).parent


def main() -> None:
    spec = importlib.util.spec_from_file_location("conftest", HERE / "conftest.py")
    assert spec is not None and spec.loader is not None
    simulated = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(simulated)
    from thermopolis import analysis
    from thermopolis.analysis.figures import FIGURES, draw

    points = [simulated.simulate_game(t, 12, 40, seed=k) for k, t in enumerate((0.2, 1.0, 5.0))]
    sweep = xr.concat(points, dim="temperature").assign_coords(temperature=[0.2, 1.0, 5.0])
    worlds = [sweep, points[1], simulated.simulate_civilizations(), simulated.simulate_spins()]
    digests = [analysis.digest(ds) for ds in worlds]
    looks = {}
    for name, spec_ in FIGURES.items():
        candidates = [simulated.simulate_society()] if spec_.raw else digests
        made = draw(next(ds for ds in candidates if spec_.unfit(ds) is None), name)
        if len(sys.argv) > 1:
            made.savefig(Path(sys.argv[1]) / f"{name}.png")
        made.set_size_inches(6.8, 4.2)
        made.set_dpi(60)
        made.canvas.draw()
        grey = np.asarray(made.canvas.buffer_rgba())[..., :3].mean(-1)
        rows, columns = (np.array_split(np.arange(n), k) for n, k in zip(grey.shape, (16, 24), strict=True))
        looks[name] = np.array([[grey[np.ix_(r, c)].mean() for c in columns] for r in rows], np.float32)
    np.savez_compressed(HERE / "looks.npz", **looks)


if __name__ == "__main__":
    main()
