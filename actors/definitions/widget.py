"""A widget: one panel of a dashboard. Its type says how it draws; a topic, a metric or a fixed view says what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from actors.definitions.schema import MetricName, Section, Title, Word

WidgetType = Literal[
    "user_activity", "system_health", "alert_system", "business_metrics", "campaign_performance", "revenue_tracking",
    "measure", "metric", "ingest", "heat", "top_events", "late_rows",
    "number", "line", "bar", "table", "list", "text",
]  # fmt: skip
MeasureName = Literal["active_users", "events_per_minute", "events_total", "rejected"]
Format = Literal["number", "percent", "money", "duration", "bytes", "time", "text", "user", "event", "metric"]
Way = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A field of a topic's data by its way, with dots: ``orders.today``."""
Unit = Annotated[str, StringConstraints(min_length=1, max_length=20)]


class Column(Section):
    """One column of a `table`."""

    field: Way
    title: Title | None = None
    """None: the field, in words."""
    format: Format | None = None
    """How a value is written; None: as what it is, a number or a text. `user`, `event` and `metric` are links."""
    unit: Unit | None = None


class WidgetOptions(Section):
    """How a widget shows its figures. A field that its type has no use for is refused."""

    measure: MeasureName | None = None
    """Of a `measure`: which of the figures of user activity."""
    aggregate: Literal["count", "sum", "mean", "min", "max", "distinct"] | None = None
    """Of what shows a metric: what of its windows; None: the count. `distinct` shows the greatest window's."""
    better: Literal["higher", "lower"] | None = None
    """Of one figure: which direction is good news; None: higher."""
    unit: Unit | None = None
    """What stands behind a figure; `money` of a metric's amounts in minor units by currency."""
    format: Format | None = None
    """How a figure is written; `percent` of a fraction, `money` of minor units of the currency in `unit`, `duration` of
    seconds, `time` of seconds since 1970 or ISO 8601."""
    value: Way | None = None
    """Of a `number`: the field with the figure. Of a `bar` or `list`: each row's field with it."""
    before: Way | None = None
    """Of a `number`: the field with the figure that it is compared with."""
    trend: Way | None = None
    """Of a `number`: the field with its last values, a list of numbers; None: the column, where `value` is one."""
    rows: Way | None = None
    """Where the rows are in the topic: a list, an object by key, or columns of one length. None: the topic itself."""
    x: Way | None = None
    """Of a `line`: each row's field with its time, in seconds since 1970; None: `t`, or the row's key."""
    y: Annotated[tuple[Way, ...], Field(min_length=1, max_length=6)] | None = None
    """Of a `line`: the fields that are drawn, a line each; None: the first six that are numbers."""
    label: Way | None = None
    """Of a `bar` or `list`: each row's field with its name; None: the row's key."""
    detail: Way | None = None
    """Of a `list`: each row's field that stands below its name."""
    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=20)] | None = None
    """Of a `table`; None: every field of the rows."""
    sort: Way | None = None
    """Of a `table`, `list` or `bar`: the field to sort by, with a minus before it for the largest first."""
    limit: int | None = Field(default=None, ge=1, le=1_000)
    """Rows that are shown at most; None: 100, of a `bar` 12."""
    opens: Literal["user", "event", "metric"] | None = None
    """Of a `bar` or `list`: what a row's name is, so that it leads there."""
    text: Annotated[str, StringConstraints(min_length=1, max_length=4_000)] | None = None
    """Of a `text`: paragraphs, with an empty line between; `[words](https://…)` or `[words](#/events)` is a link."""


FIGURE = ("unit", "format")
USES: Mapping[str, tuple[str, ...]] = {
    "measure": ("measure", "better"),
    "metric": ("aggregate", "unit", "better"),
    "number": ("value", "before", "trend", "better", *FIGURE),
    "line": ("rows", "x", "y", "aggregate", *FIGURE),
    "bar": ("rows", "label", "value", "sort", "limit", "opens", "aggregate", *FIGURE),
    "table": ("rows", "columns", "sort", "limit"),
    "list": ("rows", "label", "detail", "value", "sort", "limit", "opens", *FIGURE),
    "text": ("text",),
}
"""The options of each type; the others have none."""
OF_A_TOPIC = ("number", "line", "bar", "table", "list")
OF_A_METRIC = ("metric", "line", "bar")
NEEDS: Mapping[str, str] = {"measure": "measure", "number": "value", "text": "text"}
"""The option without which a type has nothing to show."""


class Widget(Section):
    """One panel of a dashboard. Types that draw any figures take them from a live ``topic``, or ask for a ``metric``."""

    id: Word
    type: WidgetType
    title: Title | None = None
    metric: MetricName | None = None
    topic: Word | None = None
    options: WidgetOptions = WidgetOptions()

    @model_validator(mode="after")
    def _says_what_it_shows(self) -> Self:
        takes = [name for name, types in (("topic", OF_A_TOPIC), ("metric", OF_A_METRIC)) if self.type in types]
        given = [name for name in ("topic", "metric") if getattr(self, name) is not None]
        for name in given:
            if name not in takes:
                known = OF_A_TOPIC if name == "topic" else OF_A_METRIC
                raise ValueError(f"{name}: a widget of type {self.type} takes none; those are {', '.join(known)}")
        if takes and len(given) != 1:
            raise ValueError(f"{takes[0]}: a widget of type {self.type} names one {' or one '.join(takes)} to draw")
        return self

    @model_validator(mode="after")
    def _has_use_for_its_options(self) -> Self:
        uses = USES.get(self.type, ())
        given = [name for name in WidgetOptions.model_fields if getattr(self.options, name) is not None]
        for name in given:
            if name not in uses:
                known = f"; it has {', '.join(uses)}" if uses else ", nor for any other"
                raise ValueError(f"options.{name}: a widget of type {self.type} has no use for it{known}")
        needed = NEEDS.get(self.type)
        if needed and needed not in given:
            raise ValueError(f"options.{needed}: a widget of type {self.type} needs it")
        if self.topic is not None and self.options.aggregate:
            raise ValueError("options.aggregate: is for a metric; a topic's figures are drawn as they are")
        if self.type == "bar" and self.topic is not None and self.options.value is None:
            raise ValueError("options.value: a widget of type bar names the field that is as long as its bar")
        return self
