"""The simulated thermodynamic core, used wherever a ``kind`` says ``core``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from thermopolis.runs.schema._base import Count, Natural, Section, fault


def _known_device(name: str) -> str:
    from difflib import get_close_matches

    from thermopolis.thermo import devices

    known = [device["name"] for device in devices()]
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
        raise fault(f"no such device {name!r}{hint}")
    return name


def unpriced(name: str) -> list[str]:
    """Operations of a device that nobody published a figure for."""
    from thermopolis.thermo import devices

    row = next(device for device in devices() if device["name"] == name)
    return [operation for operation in ("update", "read", "write", "rng") if row[operation] is None]


Device = Annotated[str, AfterValidator(_known_device)]


class Core(Section):
    device: Device = "cmos_pbit"
    """A preset of ``thermopolis list devices``: what an update, a read, a write and a random bit cost."""
    sampler: Literal["gibbs"] = "gibbs"
    samples: Count = 64
    """Sweeps whose states are read to make a belief."""
    burn_in: Natural = 8
    """Sweeps thrown away before."""
