"""A dashboard: a page of widgets, and where each of them stands."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from actors.definitions.schema import Section, Span, Title, Word
from actors.definitions.widget import Way, Widget

MOST_WIDGETS = 200
MOST_FILTERS = 8


class Place(Section):
    """Where a widget stands on twelve columns; ``y`` and ``h`` are in rows, of about 70 px."""

    widget: Word
    x: int = Field(ge=0, le=11)
    y: int = Field(ge=0, le=1000)
    w: int = Field(ge=1, le=12)
    h: int = Field(ge=1, le=24)


class Filter(Section):
    """A property by which a reader may filter the dashboard: a column, a property of events, or the key of a metric."""

    field: Way
    title: Title | None = None
    """None: the field, in words."""
    values: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=200)], ...], Field(max_length=100)
    ] = ()
    """What may be chosen; none: anything that is typed."""


class Dashboard(Section):
    """A page of widgets. The same id again is a new version of the dashboard."""

    id: Word
    name: Title
    layout: Literal["grid"] | Annotated[tuple[Place, ...], Field(max_length=MOST_WIDGETS)] = "grid"
    """`grid`: one after the other, each as wide as its type needs; or a place for each widget."""
    widgets: Annotated[tuple[Widget, ...], Field(max_length=MOST_WIDGETS)] = ()
    range: Span | None = None
    """The time range that it opens with; None: the one that the reader comes with."""
    filters: Annotated[tuple[Filter, ...], Field(max_length=MOST_FILTERS)] = ()

    @model_validator(mode="after")
    def _places_its_widgets(self) -> Self:
        ids = Counter(widget.id for widget in self.widgets)
        for id, times in ids.items():
            if times > 1:
                raise ValueError(f"widgets: {id!r} is there {times} times; ids are unique")
        fields = Counter(one.field for one in self.filters)
        for field, times in fields.items():
            if times > 1:
                raise ValueError(f"filters: {field!r} is there {times} times; a field is filtered by once")
        if self.layout == "grid":
            return self
        placed = Counter(place.widget for place in self.layout)
        for id in placed:
            if id not in ids:
                raise ValueError(f"layout: there is no widget {id!r}; there are {', '.join(ids) or 'none'}")
        for id in ids:
            if placed[id] != 1:
                raise ValueError(f"layout: widget {id!r} has {placed[id]} places; each has one")
        for place in self.layout:
            if place.x + place.w > 12:
                raise ValueError(f"layout: widget {place.widget!r} reaches beyond the twelve columns")
        return self
