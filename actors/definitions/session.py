"""A session: what one device does without a longer pause, and which of its events are conversions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from actors.definitions.schema import Section, Word

DAY_S = 86_400


class SessionRule(Section):
    """Events of a device are one session as long as no more than ``gap_s`` lies between two of them."""

    name: Word
    stream: Literal["user_interactions", "website_analytics"] = "user_interactions"
    gap_s: float = Field(default=1_800.0, ge=1, le=DAY_S)
    lateness_s: float = Field(default=3_600.0, ge=0, le=30 * DAY_S)
    """How long a session that has ended still takes late rows, by telling a revision."""
    conversions: tuple[str, ...] = Field(default=(), max_length=50)
    """Types of events that count as conversions."""
    own_hosts: tuple[str, ...] = Field(default=(), max_length=50)
    """Hosts that are no referrers, each with all that is below it: your own, a payment page."""
