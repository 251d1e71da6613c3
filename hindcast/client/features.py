"""Answers about features."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class Featured(TypedDict):
    """The features of one subject at ``at`` (ISO 8601), by name; null where there is nothing."""

    subject: str
    at: str
    features: dict[str, Any]
    source: Literal["live", "log"]
    """Whether they were kept live, or worked out from the log."""
    heard: str | None
    """When the newest event was received that the live state has."""
