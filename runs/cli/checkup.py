"""``doctor``: what is installed, on what machine, what is missing."""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
from importlib.metadata import requires, version
from pathlib import Path

from thermopolis.runs.provenance import commit, provenance

EXTRAS = {"cluster": "distributed", "axelrod": "axelrod"}


def _problems() -> list[str]:
    """Dependencies that are absent or too old or new."""
    from importlib.metadata import PackageNotFoundError

    try:
        from packaging.requirements import Requirement
    except ImportError:
        return []
    found = []
    for line in requires("thermopolis") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            have = version(wanted.name)
        except PackageNotFoundError:
            found.append(f"{wanted.name} is not installed")
            continue
        if not wanted.specifier.contains(have, prereleases=True):
            found.append(f"{wanted.name} {have} is installed, {wanted.specifier} is needed")
    return found


def checkup() -> None:
    """Prints it; raises ``SystemExit(1)`` where something needed is wrong."""
    about = provenance()
    print(f"thermopolis {about['versions'].get('thermopolis', '?')}, commit {commit() or 'unknown'}")
    print(f"python {about['python']}, {about['platform']}, {about['cpu_count']} cores")
    print(
        ", ".join(f"{name} {number}" for name, number in about["versions"].items() if name != "thermopolis")
    )
    problems = _problems()
    started = time.monotonic()
    try:
        import jax
        import jax.numpy as jnp

        devices = ", ".join(str(device) for device in jax.devices())
        total = float(jax.jit(jnp.sum)(jnp.arange(4.0)))
        print(f"jax devices: {devices} (first computation after {time.monotonic() - started:.1f} s)")
        if total != 6.0:
            problems.append(f"jax adds 0+1+2+3 to {total}")
    except Exception as error:
        problems.append(f"jax does not work: {error}")
    for extra, package in EXTRAS.items():
        have = importlib.util.find_spec(package) is not None
        print(
            f"extra {extra}: {'installed' if have else f'not installed (pip install thermopolis[{extra}])'}"
        )
    here = Path.cwd()
    try:
        with tempfile.NamedTemporaryFile(dir=here):
            pass
    except OSError as error:
        problems.append(f"{here} can't be written ({error.strerror}): give --out")
    statistics = os.statvfs(here) if hasattr(os, "statvfs") else None
    if statistics is not None:
        print(f"free disk here: {statistics.f_bavail * statistics.f_frsize / 1e9:.1f} GB")
    for problem in problems:
        print(f"problem: {problem}")
    if problems:
        raise SystemExit(1)
    print("all is well")
