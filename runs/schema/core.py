"""The simulated thermodynamic core, used wherever a ``kind`` says ``core``."""

from __future__ import annotations

from typing import Literal

from thermopolis.runs.schema._base import Count, Natural, Section


class Core(Section):
    device: str = "cmos_pbit"
    """A preset of ``thermopolis list devices``: what an update, a read, a write and a random bit cost."""
    sampler: Literal["gibbs"] = "gibbs"
    samples: Count = 64
    """Sweeps whose states are read to make a belief."""
    burn_in: Natural = 8
    """Sweeps thrown away before."""
