"""A dashboard: a page of widgets, and where each of them stands."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from actors.definitions.schema import Section, Title, Word
from actors.definitions.widget import Widget


class Place(Section):
    """Where a widget stands on twelve columns; ``y`` and ``h`` are in rows, of about 70 px."""

    widget: Word
    x: int = Field(ge=0, le=11)
    y: int = Field(ge=0, le=1000)
    w: int = Field(ge=1, le=12)
    h: int = Field(ge=1, le=24)


class Dashboard(Section):
    """A page of widgets. The same id again is a new version of the dashboard."""

    id: Word
    name: Title
    layout: Literal["grid"] | tuple[Place, ...] = "grid"
    """`grid`: one after the other, each as wide as its type needs; or a place for each widget."""
    widgets: tuple[Widget, ...] = ()

    @model_validator(mode="after")
    def _places_its_widgets(self) -> Self:
        ids = [widget.id for widget in self.widgets]
        for id in ids:
            if ids.count(id) > 1:
                raise ValueError(f"widgets: {id!r} is there {ids.count(id)} times; ids are unique")
        if self.layout == "grid":
            return self
        placed = [place.widget for place in self.layout]
        for id in placed:
            if id not in ids:
                raise ValueError(f"layout: there is no widget {id!r}; there are {', '.join(ids) or 'none'}")
        for id in ids:
            if placed.count(id) != 1:
                raise ValueError(f"layout: widget {id!r} has {placed.count(id)} places; each has one")
        for place in self.layout:
            if place.x + place.w > 12:
                raise ValueError(f"layout: widget {place.widget!r} reaches beyond the twelve columns")
        return self
