"""A widget: one panel of a dashboard. Its type says how it draws; a topic, a metric, a typed question, a kept query or a
fixed view says what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from actors.definitions.schema import MetricName, Section, Span, Title, Word
from events.errors import Rejected
from query.questions.asking import question_of

WidgetType = Literal[
    "user_activity", "system_health", "alert_system", "business_metrics", "campaign_performance", "revenue_tracking",
    "measure", "metric", "ingest", "heat", "top_events", "late_rows",
    "number", "gauge", "line", "stacked", "bar", "table", "list",
    "funnel", "retention", "heatmap", "text",
]  # fmt: skip
MeasureName = Literal["active_users", "events_per_minute", "events_total", "rejected"]
Format = Literal["number", "percent", "money", "duration", "bytes", "time", "text", "user", "event", "metric"]
Way = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A field of a topic's data by its way, with dots: ``orders.today``."""
Unit = Annotated[str, StringConstraints(min_length=1, max_length=20)]
Bound = Annotated[float, Field(allow_inf_nan=False)]


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
    min: Bound | None = None
    """Of a `gauge`: where its scale begins; None: 0."""
    max: Bound | None = None
    """Of a `gauge`: where its scale ends."""
    warn: Bound | None = None
    """Of a `gauge`: from here on it is worth a look; above it where less is better, else below it."""
    crit: Bound | None = None
    """Of a `gauge`: from here on somebody has to act."""
    opens: Literal["user", "event", "metric"] | None = None
    """Of a `bar` or `list`: what a row's name is, so that it leads there."""
    text: Annotated[str, StringConstraints(min_length=1, max_length=4_000)] | None = None
    """Of a `text`: paragraphs, with an empty line between; `[words](https://…)` or `[words](#/events)` is a link."""


FIGURE = ("unit", "format")
USES: Mapping[str, tuple[str, ...]] = {
    "measure": ("measure", "better"),
    "metric": ("aggregate", "unit", "better"),
    "number": ("value", "before", "trend", "better", "aggregate", *FIGURE),
    "gauge": ("value", "min", "max", "warn", "crit", "better", "aggregate", *FIGURE),
    "line": ("rows", "x", "y", "aggregate", *FIGURE),
    "stacked": ("rows", "x", "y", "aggregate", *FIGURE),
    "bar": ("rows", "label", "value", "sort", "limit", "opens", "aggregate", *FIGURE),
    "table": ("rows", "columns", "sort", "limit", "aggregate"),
    "list": ("rows", "label", "detail", "value", "sort", "limit", "opens", *FIGURE),
    "heatmap": ("x", "label", "value", "aggregate", *FIGURE),
    "text": ("text",),
}
"""The options of each type; the others have none."""
SOURCES: Mapping[str, tuple[str, ...]] = {
    "metric": ("metric",),
    "number": ("topic", "metric", "question", "query"),
    "gauge": ("topic", "metric", "question", "query"),
    "line": ("topic", "metric", "question", "query"),
    "stacked": ("topic", "metric", "question", "query"),
    "bar": ("topic", "metric", "question", "query"),
    "table": ("topic", "metric", "question", "query"),
    "list": ("topic", "query"),
    "funnel": ("question",),
    "retention": ("question",),
    "heatmap": ("metric", "query"),
}
"""What each type draws: exactly one of these is named. The others draw what is their own."""
ASKS: Mapping[str, tuple[str, ...]] = {
    "number": ("trends", "users", "funnel", "cohort"),
    "gauge": ("trends", "users", "funnel", "cohort"),
    "line": ("trends", "users"),
    "stacked": ("trends", "users"),
    "bar": ("trends",),
    "table": ("trends", "users"),
    "funnel": ("funnel",),
    "retention": ("retention",),
}
"""The questions whose answers each type can draw."""
NEEDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "measure": ("measure", ()),
    "text": ("text", ()),
    "number": ("value", ("topic",)),
    "gauge": ("value", ("topic",)),
    "bar": ("value", ("topic",)),
}
"""The option without which a type has nothing to show, and of which sources that is so (none named: always)."""
OF_THE_PAGE = ("since", "until", "zone", "as_of", "valid_at")
"""What a widget's question leaves to the page: its time range, its zone and its moment."""


def sources_of(widget: Widget) -> list[str]:
    """Which of ``topic | metric | question | query`` a widget names."""
    return [name for name in ("topic", "metric", "question", "query") if getattr(widget, name) is not None]


class Widget(Section):
    """One panel of a dashboard. Types that draw any figures take them from one source: a live ``topic``, a ``metric``, a
    typed ``question`` without its span, or the name of a kept ``query``.

    ``range``: its own time range, whatever the top bar says.
    """

    id: Word
    type: WidgetType
    title: Title | None = None
    metric: MetricName | None = None
    topic: Word | None = None
    question: dict[str, Any] | None = None
    query: Title | None = None
    range: Span | None = None
    options: WidgetOptions = WidgetOptions()

    @model_validator(mode="after")
    def _says_what_it_shows(self) -> Self:
        takes, given = SOURCES.get(self.type, ()), sources_of(self)
        for name in given:
            if name not in takes:
                known = ", ".join(type_ for type_, sources in SOURCES.items() if name in sources)
                raise ValueError(f"{name}: a widget of type {self.type} takes none; those are {known}")
        if takes and len(given) != 1:
            raise ValueError(f"{takes[0]}: a widget of type {self.type} names one {' or one '.join(takes)} to draw")
        if self.range is not None and not takes:
            raise ValueError(f"range: a widget of type {self.type} follows the top bar; leave it out")
        return self

    @model_validator(mode="after")
    def _asks_what_it_can_draw(self) -> Self:
        if self.question is None:
            return self
        asked = self.question.get("ask")
        draws = ASKS.get(self.type, ())
        if isinstance(asked, str) and asked not in draws:
            raise ValueError(f"question.ask: a widget of type {self.type} draws {' or '.join(draws)}, not {asked}")
        for field in OF_THE_PAGE:
            if field in self.question:
                raise ValueError(f"question.{field}: is the page's to say, by its time range; leave it out")
        try:
            question_of(self.question)
        except Rejected as error:
            raise ValueError(f"question.{error.field}: {error.reason}") from None
        return self

    @model_validator(mode="after")
    def _has_use_for_its_options(self) -> Self:
        uses = USES.get(self.type, ())
        given = [name for name in WidgetOptions.model_fields if getattr(self.options, name) is not None]
        for name in given:
            if name not in uses:
                known = f"; it has {', '.join(uses)}" if uses else ", nor for any other"
                raise ValueError(f"options.{name}: a widget of type {self.type} has no use for it{known}")
        needed, of_sources = NEEDS.get(self.type, ("", ()))
        of_these = not of_sources or any(name in of_sources for name in sources_of(self))
        if needed and needed not in given and of_these:
            which = ": the field that is as long as its bar" if self.type == "bar" else ""
            raise ValueError(f"options.{needed}: a widget of type {self.type} needs it{which}")
        if self.metric is None and self.options.aggregate:
            raise ValueError("options.aggregate: is for a metric; other figures are drawn as they are")
        return self

    @model_validator(mode="after")
    def _has_a_scale(self) -> Self:
        low, high = self.options.min or 0.0, self.options.max
        if high is not None and high <= low:
            raise ValueError(f"options.max: must be greater than where the scale begins, {low:g}; got {high:g}")
        return self
