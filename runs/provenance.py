"""Where and with what a run was made: versions, commit, platform."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "thermopolis", "jax", "jaxlib", "numpy", "scipy", "xarray", "h5netcdf", "h5py", "equinox",
    "inferactively-pymdp", "pettingzoo", "gymnasium", "networkx", "pydantic", "distributed", "axelrod",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Installed versions of what a result can depend on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@functools.cache
def commit() -> str | None:
    """The git commit of this source (``+`` where files differ from it); None outside a checkout."""
    # the folder as it lies in the checkout: an editable install reaches it through a link
    folder = Path(__file__).resolve().parent
    try:
        head = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5
        )
        tracked = subprocess.run(
            ["git", "-C", str(folder), "ls-files", "--error-unmatch", Path(__file__).name],
            capture_output=True,
            timeout=5,
        )
        if head.returncode or tracked.returncode:
            return None
        changed = subprocess.run(
            ["git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def provenance() -> dict[str, Any]:
    """What the manifest says about the machine and the software."""
    return {
        "versions": versions(),
        "git_commit": commit(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": processor(),
        "cpu_count": os.cpu_count(),
    }


def processor() -> str:
    """The processor's model where the system says it, else its kind."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return platform.machine()


def device() -> str:
    """What JAX computes on in this process."""
    import jax

    first = jax.devices()[0]
    return f"{first.platform}: {processor() if first.platform == 'cpu' else first.device_kind}"
