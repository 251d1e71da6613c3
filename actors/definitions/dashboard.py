"""A dashboard: a page of widgets, and where each of them stands."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from actors.definitions.schema import Section, Title, Word
from events.nearest import did_you_mean

WIDGETS = (
    "user_activity",
    "system_health",
    "alert_system",
    "measure",
    "ingest",
    "activity",
    "alerts",
    "health",
    "heat",
    "top-events",
)
"""The types of widgets that the page can draw."""


class Widget(Section):
    """One panel of a dashboard. ``type`` says how it looks; what it shows is a topic, a metric or a query."""

    id: Word
    type: str
    title: Title | None = None
    topic: Word | None = None
    """A live view to follow."""
    metric: str | None = Field(default=None, max_length=120)
    """A metric to show."""
    query: str | None = Field(default=None, max_length=100_000)
    """A SQL statement to ask now and then."""
    options: dict[str, Any] = Field(default_factory=dict[str, Any])

    @field_validator("type")
    @classmethod
    def _is_known(cls, type_: str) -> str:
        if type_ not in WIDGETS:
            hint = did_you_mean(type_, WIDGETS)
            raise ValueError(f"there is no widget type {type_!r}{hint}; there are {', '.join(WIDGETS)}")
        return type_

    @model_validator(mode="after")
    def _shows_one_thing(self) -> Self:
        shown = [name for name in ("topic", "metric", "query") if getattr(self, name) is not None]
        if len(shown) > 1:
            raise ValueError(f"shows {' and '.join(shown)}; keep one of them, or make two widgets")
        return self


class Place(Section):
    """Where a widget stands, in cells of a grid of twelve columns."""

    widget: Word
    x: int = Field(ge=0, le=11)
    y: int = Field(ge=0, le=1_000)
    w: int = Field(ge=1, le=12)
    h: int = Field(ge=1, le=100)


class Dashboard(Section):
    """A page of widgets. The same id again is a new version of the dashboard."""

    id: Word
    name: Title
    layout: str | dict[str, Any] | tuple[Place, ...] = "grid"
    widgets: tuple[Widget, ...] = ()

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        ids = [widget.id for widget in self.widgets]
        for id_ in ids:
            if ids.count(id_) > 1:
                raise ValueError(f"widgets: {id_!r} is there {ids.count(id_)} times; ids are unique in a dashboard")
        for place in self.layout if isinstance(self.layout, tuple) else ():
            if place.widget not in ids:
                hint = did_you_mean(place.widget, ids)
                raise ValueError(f"layout: there is no widget {place.widget!r}{hint}; there are {', '.join(ids)}")
        return self
