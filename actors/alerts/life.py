"""What is remembered of alerts beyond their rules: who was told, what is quiet and why, which wait for each other."""

from __future__ import annotations

from typing import Any

import msgspec


class Held(msgspec.Struct):
    """An alert that fires and that people may be told of. Times in us UTC."""

    labels: dict[str, str]
    channels: tuple[str, ...]
    row: dict[str, Any]
    """Its row in ``alerts``, as it fired."""
    extra: dict[str, Any]
    """What its messages have beyond the row."""
    since: int
    told: bool = False
    """Whether anybody was told."""
    quiet: str = ""
    """Why nobody is; empty: no reason."""
    acknowledged: bool = False
    escalated: tuple[str, ...] = ()
    """The routes by which it was escalated."""


class Silence(msgspec.Struct):
    matchers: tuple[str, ...]
    until: int = 0
    """0: until what it matches is resolved."""
    by: str = ""
    comment: str = ""
    began: int = 0


class Group(msgspec.Struct):
    """Alerts of one route that are told together."""

    route: str
    channels: tuple[str, ...]
    interval: int
    repeat: int
    due: int = 0
    """When the next message goes; 0: none is owed."""
    sent: int = 0
    """When the last one went."""
    news: bool = False
    """Whether something changed since."""
    alerts: dict[str, dict[str, Any]] = {}
    """By alert, the newest body."""


class Flapping(msgspec.Struct):
    """One rule at one key: when it fired lately."""

    fired: list[int] = []
    damped: bool = False
    """Whether it is told no more until it is calm."""
    body: dict[str, Any] = {}
    """What its newest turn would have said."""
    channels: tuple[str, ...] = ()


class Change(msgspec.Struct):
    """Something that was defined."""

    at: int
    text: str


class Life(msgspec.Struct):
    held: dict[str, Held] = {}
    """By alert."""
    silences: dict[str, Silence] = {}
    groups: dict[str, Group] = {}
    flapping: dict[str, Flapping] = {}
    """By rule and key."""
    routes: dict[str, dict[str, Any]] = {}
    """Specs, by name."""
    inhibitions: dict[str, dict[str, Any]] = {}
    changes: list[Change] = []
    """The newest definitions, oldest first."""
