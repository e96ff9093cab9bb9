"""Build hook: an editable install links the root folders into the one import namespace.

A wheel maps ``agents/`` … to ``thermopolis/agents`` by ``tool.hatch.build.targets.wheel.sources``; an
editable install can't map, so here each root folder is linked under ``src/thermopolis/`` (git-ignored).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("agents", "envs", "thermo", "analysis", "runs", "experiments")


class LinkFolders(BuildHookInterface):
    """Links the root folders on ``pip install -e``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            return
        root = Path(self.root)
        for folder in FOLDERS:
            link = root / "src" / "thermopolis" / folder
            if link.exists():
                continue
            if link.is_symlink():  # a dangling link, as after the checkout was moved
                link.unlink()
            if os.name == "nt":  # a junction needs no privilege, a symbolic link does
                subprocess.run(["cmd", "/c", "mklink", "/J", str(link), str(root / folder)], check=True)
            else:
                link.symlink_to(Path("..") / ".." / folder, target_is_directory=True)
