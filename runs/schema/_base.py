"""What every section of an experiment file shares: frozen, no unknown keys, finite numbers, strict types.

A fault found by comparing several keys is raised with :func:`fault`, which names the key to blame, so that
the loader can point at its line.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """Base of all sections: ``extra="forbid"``, frozen, strict, finite numbers only."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def _whole(value: Any) -> Any:
    """4.0 is 4 (a linspace over an integer key gives floats); everything else is left to the strict check."""
    if type(value) is float and value.is_integer():
        return int(value)
    return value


Integer = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=1)]
Natural = Annotated[int, BeforeValidator(_whole), Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Loose = Field(strict=False)
"""YAML has lists where a frozen model has tuples."""


def fault(message: str, *at: str | int) -> PydanticCustomError:
    """An error about the key at ``at``, relative to the section whose validator raises it."""
    return PydanticCustomError("experiment", "{message}", {"message": message, "at": list(at)})
