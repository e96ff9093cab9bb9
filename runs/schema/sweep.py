"""What a swept path takes on: a list, ``values``, ``linspace``, ``geomspace`` or ``range``.

``range: [start, stop, step]`` leaves ``stop`` out, as Python does. Ends of ``linspace`` and ``geomspace`` are
exact.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from thermopolis.runs.schema._base import Integer, Loose, Section, fault

MOST = 1_000_000
"""Values of one path; more is refused."""

Number = int | float
Spaced = Annotated[tuple[float, float, Annotated[Integer, Field(ge=1, le=MOST)]], Loose]


class Values(Section):
    """One way to give the values of a path."""

    values: Annotated[tuple[Any, ...], Field(min_length=1), Loose] | None = None
    linspace: Spaced | None = None
    """[start, stop, number]"""
    geomspace: Spaced | None = None
    """[start, stop, number], equal ratios"""
    range: Annotated[tuple[Number, ...], Field(min_length=1, max_length=3), Loose] | None = None
    """[stop], [start, stop] or [start, stop, step]; stop is left out"""

    @model_validator(mode="after")
    def _one_way(self) -> Values:
        given = [
            name for name in ("values", "linspace", "geomspace", "range") if getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise fault("give exactly one of values, linspace, geomspace, range")
        if self.geomspace is not None and not self.geomspace[0] * self.geomspace[1] > 0:
            raise fault("both ends must be of one sign and not zero", "geomspace")
        expanded = self.expand()
        if not expanded:
            raise fault("holds no value", given[0])
        if len({repr(value) for value in expanded}) != len(expanded):
            raise fault("the same value comes twice", given[0])
        return self

    def expand(self) -> list[Any]:
        """All values, in order."""
        if self.values is not None:
            return list(self.values)
        if self.linspace is not None:
            start, stop, number = self.linspace
            inner = [start + (stop - start) * i / (number - 1) for i in range(1, number - 1)]
            return [start, *inner, stop][:number]
        if self.geomspace is not None:
            start, stop, number = self.geomspace
            inner = [start * (stop / start) ** (i / (number - 1)) for i in range(1, number - 1)]
            return [start, *inner, stop][:number]
        assert self.range is not None
        start, stop, step = ((0, *self.range, 1), (*self.range, 1), self.range)[len(self.range) - 1]
        if step == 0:
            raise fault("a step of zero never ends", "range")
        number = math.ceil((stop - start) / step)
        if number > MOST:
            raise fault(f"{number} values are more than {MOST}", "range")
        return [start + step * i for i in range(max(number, 0))]


def _listed(value: Any) -> Any:
    return {"values": value} if isinstance(value, (list, tuple)) else value


Spec = Annotated[Values, BeforeValidator(_listed)]


class Sweep(BaseModel):
    """Paths and their values; ``zip`` names the paths that move together."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, Spec]

    zip: Annotated[tuple[Annotated[tuple[str, ...], Field(min_length=2), Loose], ...], Loose] = ()

    @property
    def paths(self) -> dict[str, list[Any]]:
        """Values by path, in the order of the file."""
        return {path: spec.expand() for path, spec in (self.__pydantic_extra__ or {}).items()}

    @model_validator(mode="after")
    def _consistent(self) -> Sweep:
        paths = self.paths
        seen: set[str] = set()
        for number, together in enumerate(self.zip):
            for place, path in enumerate(together):
                if path not in paths:
                    raise fault(f"{path!r} is not swept", "zip", number, place)
                if path in seen:
                    raise fault(f"{path!r} is zipped twice", "zip", number, place)
                seen.add(path)
            lengths = {path: len(paths[path]) for path in together}
            if len(set(lengths.values())) > 1:
                listed = ", ".join(f"{path} has {length}" for path, length in lengths.items())
                raise fault(f"zipped paths need equally many values: {listed}", "zip", number)
        return self
