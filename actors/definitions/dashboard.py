"""A dashboard: a page of widgets, and where each of them stands."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from actors.definitions.schema import MetricName, Section, Title, Word

WidgetType = Literal[
    "user_activity", "system_health", "alert_system",
    "measure", "metric", "ingest", "heat", "top_events", "late_rows",
]  # fmt: skip
MeasureName = Literal["active_users", "events_per_minute", "events_total", "rejected"]


class WidgetOptions(Section):
    """How a widget shows its figures. A field that its type has no use for is refused."""

    measure: MeasureName | None = None
    """Of a `measure`: which of the figures of user activity."""
    aggregate: Literal["count", "sum", "mean", "min", "max", "distinct"] | None = None
    """Of a `metric`: what of its windows is shown; None: the count. `distinct` shows the greatest window's."""
    unit: Annotated[str, StringConstraints(min_length=1, max_length=20)] | None = None
    """Of a `metric`: what stands behind the figure; `money` for amounts in minor units by currency."""
    better: Literal["higher", "lower"] | None = None
    """Which direction is good news; None: higher."""


class Widget(Section):
    """One panel of a dashboard; ``type`` says which view of the log it shows, and ``metric`` which metric it asks for."""

    id: Word
    type: WidgetType
    title: Title | None = None
    metric: MetricName | None = None
    options: WidgetOptions = WidgetOptions()

    @model_validator(mode="after")
    def _says_what_it_shows(self) -> Self:
        if (self.type == "metric") != (self.metric is not None):
            raise ValueError("metric: a widget of type metric names the metric that it shows, and no other widget does")
        if (self.type == "measure") != (self.options.measure is not None):
            raise ValueError("options.measure: a widget of type measure says which, and no other widget does")
        if self.type != "metric" and (self.options.aggregate or self.options.unit):
            raise ValueError("options: aggregate and unit are for widgets of type metric")
        return self


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
