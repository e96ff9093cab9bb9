"""A large population summed up on line: memory doesn't grow while it is simulated."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

POPULATION = """\
name: population
steps: {steps}
environment: {{kind: matrix_game, topology: {{kind: pair}}}}
agents: [{{kind: active_inference, count: {agents}, learning: {{rate: 0.1}}}}]
record: {{summary: {{sample: 1024}}, variables: [cooperation, reward, free_energy]}}
"""


def resident(process: int) -> int:
    """Bytes of a process that are in memory now."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * 4096


def measured(folder: Path, agents: int, steps: int) -> list[tuple[float, int]]:
    """(share of the work done, bytes resident) while the command line simulates a population."""
    file = folder / "population.yaml"
    file.write_text(POPULATION.format(agents=agents, steps=steps))
    command = [sys.executable, "-m", "thermopolis", "run", str(file), "--out", str(folder / "out")]
    found = []
    with subprocess.Popen([*command, "--progress", "json"], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            said = json.loads(line)
            if said["event"] == "progress" and running.poll() is None:
                found.append((said["done"] / said["total"], resident(running.pid)))
    assert running.returncode == 0
    return found


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
def test_memory_stays_flat(tmp_path: Path) -> None:
    found = measured(tmp_path, 200_000, 300)
    flat = [size for share, size in found if share >= 0.1]
    assert len(flat) > 20
    assert max(size for _, size in found) < 2 * 2**30
    assert max(flat) - min(flat) < 0.1 * max(flat)
