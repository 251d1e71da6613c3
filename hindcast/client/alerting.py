"""What the API answers about alerts that are sent, checks of rules, and messages to channels."""

from __future__ import annotations

from typing import Any, TypedDict


class SentAlert(TypedDict):
    type: str
    key: str
    status: str
    severity: str
    message: str


class CheckedAlert(TypedDict):
    """A rule whose condition holds for the figures; ``timestamp`` in ISO 8601, UTC."""

    rule_id: str
    message: str
    severity: str
    timestamp: str
    data: dict[str, Any]
    channels: list[str]


class SentNotifications(TypedDict):
    """``keys``: by channel, the name of its message in ``notifications``."""

    keys: dict[str, str]


class TriedChannel(TypedDict):
    """``outcome``: ``sent``, ``failed`` (``error`` says why) or ``waiting``."""

    channel: str
    outcome: str
    error: str
    key: str


class Silence(TypedDict):
    """``t`` and ``until`` in seconds UTC; ``until`` None: until what it matches is resolved."""

    id: str
    matchers: list[str]
    by: str
    comment: str
    t: float
    until: float | None


class Proposal(TypedDict):
    threshold: float
    pages: int
    pages_per_week: float | None


class TunedRule(TypedDict):
    """``threshold``: the one that calls as often as it may and no more; None where none does."""

    rule: str
    pages_per_week: float
    samples: int
    threshold: float | None
    pages: int | None
    proposals: list[Proposal]
