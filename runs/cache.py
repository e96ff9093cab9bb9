"""Compiled programs kept on disk, so that the second start of a run needn't compile.

They lie in ``$XDG_CACHE_HOME/thermopolis`` (``~/.cache/thermopolis``), apart by processor and by version of jax: a
program compiled for one processor is never loaded on another. ``JAX_COMPILATION_CACHE_DIR`` is respected, and
``THERMOPOLIS_CACHE=off`` keeps nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from importlib.metadata import version
from pathlib import Path


def _processor() -> str:
    """What a compiled program depends on: the processor's model and features."""
    described = platform.machine() + platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        described += "".join(
            sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
        )
    return hashlib.sha256(described.encode()).hexdigest()[:12]


def directory() -> Path:
    """Where this machine's compiled programs lie."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "thermopolis" / f"{_processor()}-jax{version('jaxlib')}"


def enable() -> None:
    """Turns the cache on for this process, where it can be written."""
    if os.environ.get("THERMOPOLIS_CACHE") == "off" or os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    import jax

    if jax.config.values.get("jax_compilation_cache_dir") is not None:
        return
    try:
        folder = directory()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or one that can't be written: compile every time
        return
    if not os.access(folder, os.W_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
