"""What is said of a source ``campaigns``: where its file is, and what its columns are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from actors.parts import SourceSection
from serve.sources.mapping import Zone

Figure = Literal["sent", "delivered", "bounced", "hard_bounced", "soft_bounced", "opened", "clicked", "unsubscribed",
                 "complained"]  # fmt: skip


class CampaignsSection(SourceSection):
    """A CSV file of campaign results, which may be saved anew with newer figures."""

    kind: str = "campaigns"
    path: Path
    campaign: str | None = None
    """Column of the campaign's name; None: guessed, as all columns that are not said."""
    id: str | None = None
    """Column of what tells campaigns apart; None: the name and the time."""
    time: str | None = None
    """Column of when it was sent."""
    figures: dict[Figure, str] = Field(default_factory=dict[Figure, str])
    """Columns by what they count."""
    zone: Zone | None = None
    """Where times are from that say no zone; None: UTC."""
    every_s: float = Field(default=60.0, ge=1, le=86_400)
    """How often it is looked whether the file is another one."""
