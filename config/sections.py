"""The sections of a configuration. Every field has a unit in its name or its docstring; unknown keys are refused."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from actors.alerts.checking import Measure
from actors.alerts.definition import RuleFields
from actors.channels import secret_bytes
from actors.sources.machine import UNITS
from analytics import rules
from events.catalog import LATE_ROWS, METRICS, STREAMS, SYSTEM_METRICS

Aggregate = Literal["count", "sum", "mean", "min", "max", "p50", "p95", "p99", "distinct"]
WidgetType = Literal[
    "user_activity", "system_health", "alert_system",
    "measure", "metric", "ingest", "heat", "top_events", "late_rows",
]  # fmt: skip
MeasureName = Literal["active_users", "events_per_minute", "events_total", "rejected"]

MetricName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$|^\{[a-z_]+\}$", max_length=120)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]

DAY_S = 86_400
OF_METRICS = (METRICS.name, LATE_ROWS.name)
"""Streams that the metrics analyzer writes."""

_COLUMN = re.compile(r"\{([a-z_]+)\}")
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#@\s:\[\]]+|\[[0-9a-f:]+\])(:\d{1,5})?", re.ASCII)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def _origin(text: str) -> str:
    """An origin as browsers spell it, or ``*``: any other text would match none, and nobody would learn why."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None and text != "*":
        raise ValueError("must be a scheme, a host and maybe a port, such as https://shop.example; or * for all sites")
    return text.lower().removesuffix(_DEFAULT_PORTS.get(match.group(1), "/")) if match else text


Origin = Annotated[str, AfterValidator(_origin)]


class Section(BaseModel):
    """A part of the configuration: immutable, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(Section):
    """The one HTTP port."""

    address: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: HttpUrl | None = None
    """Where people reach the page, for links in notifications; None: address and port."""
    cors_origins: tuple[Origin, ...] = ()
    """Sites whose pages may send events and ask with an API key, as `https://shop.example`; `*` for all. None by default."""
    max_body_bytes: int = Field(default=5_000_000, ge=1_000)
    max_ahead_s: float = Field(default=600.0, ge=0, le=86_400)
    """How far ahead of this machine's clock the time of an event may be; one that is further ahead is refused."""


class LogBounds(Section):
    """When new work is refused with Retry-After instead of accepted."""

    min_free_mb: int = Field(default=256, ge=0)
    """Of disk, in MiB. A reader that lags holds nothing back: what was accepted is in the log."""


class Collectors(Section):
    """What the collectors remember and wait for."""

    bound_s: float = Field(default=5.0, ge=0, le=30 * DAY_S, allow_inf_nan=False)
    """How far out of order events may come before they count as late."""
    dedup_window: int = Field(default=1 << 22, ge=1)
    """A repeated event is known as such among this many accepted rows at least, and among all of the last hour."""


class Metric(Section):
    """Event-time windows over one stream, per key.

    ``name`` may be ``{column}``: each value of that column is then a metric of its own (the gauges of `system_metrics`).
    """

    name: MetricName
    stream: str
    types: tuple[str, ...] | None = None
    """Only rows of these event types; None: all."""
    key: str | None = None
    """One series for each value of this column; None: one series in all."""
    value: str | None = None
    """The numeric column that sum, mean, min, max and the quantiles are of; None: only rows are counted."""
    distinct: str | None = None
    """The column whose distinct values are counted."""
    width_s: float = Field(default=10.0, gt=0, le=366 * DAY_S, allow_inf_nan=False)
    lateness_s: float = Field(default=30.0, ge=0, le=366 * DAY_S, allow_inf_nan=False)
    """How long a closed window still takes late rows, by publishing a revision."""
    unit: str | None = Field(default=None, min_length=1, max_length=20)
    """What ``value`` is measured in, for messages (``ms``). Amounts by currency are known to be money."""
    sketches: bool = True
    """Whether quantiles (of ``value``) and distinct counts are kept."""

    @field_validator("width_s")
    @classmethod
    def _is_wide_enough(cls, width_s: float) -> float:
        if width_s < 0.001:
            raise ValueError(f"a window is at least 0.001 s wide, not {width_s:g}")
        return width_s

    @model_validator(mode="after")
    def _names_real_columns(self) -> Self:
        if self.stream not in STREAMS:
            raise ValueError(f"there is no stream {self.stream!r}; streams are {', '.join(STREAMS)}")
        if self.stream in OF_METRICS:
            raise ValueError(f"stream: {self.stream} is made of the metrics, and they cannot be made of it")
        schema = STREAMS[self.stream].schema
        named = {"name": self.named_by, "key": self.key, "distinct": self.distinct, "value": self.value}
        for field, column in named.items():
            if column is None:
                continue
            if column not in schema.names:
                raise ValueError(f"{field}: {self.stream} has no column {column!r}; it has {', '.join(schema.names)}")
            if pa.types.is_list(schema.field(column).type):
                raise ValueError(f"{field}: column {column!r} holds lists")
            numeric = pa.types.is_integer(schema.field(column).type) or pa.types.is_floating(schema.field(column).type)
            if numeric != (field == "value"):
                raise ValueError(f"{field}: column {column!r} {'is a number' if numeric else 'holds no numbers'}")
        return self

    @property
    def named_by(self) -> str | None:
        """The column that names the metric, where it is not named outright."""
        match = _COLUMN.fullmatch(self.name)
        return match.group(1) if match else None

    @property
    def measure(self) -> Measure:
        """What a rule about this metric needs to know of it."""
        names: tuple[str, ...] | None = (self.name,)
        if self.named_by is not None:  # the gauges are ours and known; what products send is not
            gauges = (self.stream, self.named_by) == (SYSTEM_METRICS.name, "type")
            names = tuple(g for g in UNITS if self.types is None or g in self.types) if gauges else None
        return Measure(self.name, names, self.key, self.value is not None, self.distinct is not None, self.sketches)


class Anomaly(Section):
    """Watch one aggregate of a metric for values that its own past does not lead to expect."""

    metric: MetricName
    aggregate: Aggregate = "count"
    false_alarms_per_week: float = Field(default=3.0, gt=0)
    """How many windows of a well-behaved week may be called anomalies."""


class Alert(RuleFields, Section):
    """A rule, and whom it tells."""

    channels: tuple[Word, ...] = ("dashboard",)

    @property
    def metric(self) -> str:
        """The metric that the condition is about."""
        return rules.parse(self.condition).metric


class DashboardChannel(Section):
    """The page's own list of alerts."""

    name: Word
    kind: Literal["dashboard"]


class WebhookChannel(Section):
    """POSTs to a URL of yours, signed with ``secret`` (Standard Webhooks 1.0: ``whsec_`` and base64)."""

    name: Word
    kind: Literal["webhook"]
    url: HttpUrl
    secret: SecretStr

    @field_validator("secret")
    @classmethod
    def _is_a_secret(cls, secret: SecretStr) -> SecretStr:
        secret_bytes(secret.get_secret_value())
        return secret


Channel = Annotated[DashboardChannel | WebhookChannel, Field(discriminator="kind")]


class Machine(Section):
    """This machine's gauges, by psutil."""

    enabled: bool = True
    every_s: float = Field(default=1.0, ge=0.1)


class Sources(Section):
    """What is polled. What is pushed over HTTP needs no entry."""

    machine: Machine = Machine()


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
