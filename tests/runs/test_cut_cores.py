"""Cores alone go stretch by stretch: the same bits as in one, on disk as in memory, and after a cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import thermopolis as tp
from thermopolis.runs import alone, keeping, netcdf, table
from thermopolis.runs import checkpoints as kept

DRIVEN = """\
  energy: {kind: potential, terms: [[0.25, [4]], [-0.5, [2]], [0.0, [1]]]}
  protocol: {to: {terms: [[0.25, [4]], [-0.5, [2]], [0.4, [1]]]}}
  sampler: {kind: metropolis, scale: 1.2}
  chains: 7
  burn_in: 10
"""
LATTICE = "  energy: {kind: ising, lattice: [8, 8]}\n  temperature: 2.2\n  chains: 5\n  burn_in: 3\n"
TEMPERED = """\
  energy: {kind: ising, edges: [[0, 1], [1, 2], [2, 0]], coupling: -0.5, bias: 0.1}
  tempering: [1.0, 2.0, 4.0]
  chains: 6
"""


class Cut(Exception):
    """What ends a run in its middle."""


def bytes_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("points/*.nc")}


@pytest.mark.parametrize(
    "core",
    [
        pytest.param(DRIVEN, id="driven"),
        pytest.param(LATTICE, id="packed spins", marks=pytest.mark.long),
        pytest.param(TEMPERED, id="tempered", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("on_disk", [False, True])
def test_a_core_cut_anywhere_goes_on_to_the_same_bits(
    core: str, on_disk: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "core.yaml"
    file.write_text(
        f"name: core\nseed: 6\nreplicates: 2\nsteps: 41\nenvironment:\n  kind: core\n{core}record: {{every: 3}}\n"
    )
    experiment = tp.load(file)
    tp.run(experiment, tmp_path / "whole")

    monkeypatch.setattr(alone, "stretch_of", lambda relaxation: 5)
    monkeypatch.setattr(kept.Checkpoints, "due", lambda self, key: not self.off)
    if on_disk:
        monkeypatch.setattr(alone, "LARGE_BYTES", 1)
        monkeypatch.setattr(keeping, "LARGE_BYTES", 1)
        for module in (table, netcdf):
            monkeypatch.setattr(module, "STRETCH_BYTES", 512)
        monkeypatch.setattr(netcdf, "CHUNK_BYTES", 256)
    tp.run(experiment, tmp_path / "stretches")
    stretches: list[int] = []
    advance = alone.Relaxation.advance

    def counted(self: Any, count: int) -> Any:
        stretches.append(self.done)
        return advance(self, count)

    monkeypatch.setattr(alone.Relaxation, "advance", counted)

    def stop(progress: Any) -> None:
        if progress.done >= progress.total / 2:
            raise Cut

    with pytest.raises(Cut):
        tp.run(experiment, tmp_path / "cut", progress=stop)
    assert bool(list((tmp_path / "cut").rglob("*.raw"))) is on_disk
    stretches.clear()
    tp.run(experiment, tmp_path / "cut")
    assert stretches == [20, 25, 30, 35, 40]  # the fifth stretch was lost
    if on_disk:  # another division into chunks: other files of the same numbers
        whole, cut = tp.open(tmp_path / "whole").load(), tp.open(tmp_path / "cut").load()
        assert whole.drop_attrs().identical(cut.drop_attrs())
    else:
        assert bytes_of(tmp_path / "whole") == bytes_of(tmp_path / "stretches")
    assert bytes_of(tmp_path / "cut") == bytes_of(tmp_path / "stretches") != {}
    assert not (tmp_path / "cut" / ".checkpoints").exists()
