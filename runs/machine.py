"""What this machine has and uses: cores, free memory, joules."""

from __future__ import annotations

import os
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def shares(workers: int) -> list[list[int]]:
    """This process' cores divided among workers; nothing for anybody where there are too few, or the system can't say."""
    mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(mine) < workers:
        return [[] for _ in range(workers)]
    return [mine[k * len(mine) // workers : (k + 1) * len(mine) // workers] for k in range(workers)]


def hold_to(share: list[int]) -> None:
    """Keeps this process, its threads and those to come, on some cores.

    Compiled programs then start as many threads as they have cores, and workers don't wait for each other's.
    """
    if not share:
        return
    for thread in Path("/proc/self/task").iterdir():
        try:
            os.sched_setaffinity(int(thread.name), share)
        except OSError:  # it ended meanwhile, or the system doesn't let us
            continue


def available_memory() -> int:
    """Bytes of memory free to use, by the system's account and the limits of a container."""
    free = 2**33
    try:
        with open("/proc/meminfo") as file:
            free = next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                free = min(free, int(file.read()))
        except (OSError, ValueError):
            continue
    return free


class HostJoules:
    """Joules that the processors and their memory used since this was made, whoever used them.

    From the counters of Linux' powercap interface (RAPL): each package, and beside it its ``dram``; other zones are
    parts of a package or hold them all. Counters wrap after minutes to hours, so they must be read now and then.

    Parameters
    ----------
    root : where the kernel shows them.
    """

    def __init__(self, root: Path = POWERCAP) -> None:
        self.zones: dict[Path, tuple[int, int]] = {}  # last reading, and where the counter wraps
        self.microjoules = 0
        try:
            names = {zone: (zone / "name").read_text().strip() for zone in sorted(root.glob("*:*"))}
            for zone, name in names.items():
                if name.startswith("package") or name == "dram":
                    wraps = int((zone / "max_energy_range_uj").read_text())
                    self.zones[zone] = (int((zone / "energy_uj").read_text()), wraps)
        except (OSError, ValueError):  # none, or only for root
            self.zones = {}

    def read(self) -> float | None:
        """Joules so far; None where the machine can't tell."""
        try:
            for zone, (before, wraps) in self.zones.items():
                now = int((zone / "energy_uj").read_text())
                self.microjoules += now - before if now >= before else now - before + wraps
                self.zones[zone] = (now, wraps)
        except (OSError, ValueError):
            self.zones = {}
        return self.microjoules / 1e6 if self.zones else None
