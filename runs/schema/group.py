"""What every kind of player has."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from thermopolis.runs.schema._base import Count, Positive, Section, fault


class Group(Section):
    """What every kind of player has: how many of it there are."""

    count: Count | None = None
    """Players of this group, placed in order. Neither ``count`` nor ``share`` means one player."""
    share: Positive | None = None
    """Proportion of the players that belong to this group; all groups or none state it."""

    @model_validator(mode="after")
    def _one_of(self) -> Any:
        if self.count is not None and self.share is not None:
            raise fault("give count or share, not both", "share")
        return self
