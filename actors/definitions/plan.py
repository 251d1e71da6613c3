"""A tracking plan: which events products may send, with which properties."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from actors.definitions.schema import Section, Word

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class PropertyRule(Section):
    """What a property may be."""

    type: Literal["any", "text", "number", "whole", "truth", "list", "object"] = "any"
    required: bool = False
    values: tuple[str | int | float | bool, ...] | None = Field(default=None, max_length=200)
    """Only these; None: all of the type."""


class EventRule(Section):
    """What an event may have."""

    properties: dict[Name, PropertyRule] = Field(default_factory=dict[str, PropertyRule], max_length=500)
    others: Literal["allow", "refuse"] = "allow"
    """Whether it may have properties that are not named."""


class Plan(Section):
    """The events that come over HTTP. ``mode``: ``block`` refuses what is not in the plan, ``flag`` takes it with a warning,
    ``learn`` takes everything while the plan is being written."""

    name: Word
    mode: Literal["block", "flag", "learn"] = "flag"
    others: Literal["allow", "refuse"] = "refuse"
    """Whether events may come that the plan does not name."""
    events: dict[Name, EventRule] = Field(default_factory=dict[str, EventRule], max_length=2_000)
