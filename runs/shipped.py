"""The experiments that come with the package."""

from __future__ import annotations

from pathlib import Path

import thermopolis


def shipped() -> list[Path]:
    """Their files, by name."""
    folder = Path(thermopolis.__file__).parent / "experiments"
    return sorted(folder.glob("*.yaml"))
