"""What a point-in-time table is asked for: its rows, and the features to join to them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator, model_validator

from query.questions.schema import Asked, Length, Match, Name, checked_stream

MOST_ROWS = 1_000_000
MOST_FEATURES = 200
RESERVED = ("key", "at", "label")
Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]


class Feature(Match):
    """An aggregate of the events of a row's key that happened, and were known, at the row's moment.

    ``key``: the column or property of the stream that says whose an event is. ``of``: the column or property that is summed,
    counted or taken; ``number`` takes a property as a number. ``window``: only events of so long before the moment.

    - ``count``: how many events; ``sum``: of numbers; ``distinct``: how many different values. 0 where there is nothing.
    - ``last``: the value of the latest event that has one; of several at one time the one that stands last in the log.
    - ``days_since``: days from the latest event to the moment. Both are null where there is nothing.
    """

    name: Column
    stream: Name = "user_interactions"
    key: Name = "subject"
    aggregate: Literal["count", "sum", "last", "distinct", "days_since"] = "count"
    of: Name | None = None
    number: bool = False
    window: Length | None = None

    _known = field_validator("stream")(checked_stream)

    @model_validator(mode="after")
    def _has_what_it_takes(self) -> Self:
        if self.aggregate in ("count", "days_since"):
            if self.of is not None:
                raise ValueError(f"of: {self.aggregate!r} takes none; put a condition into `where`")
        elif self.of is None:
            raise ValueError(f"of: is missing: {self.aggregate!r} is of a column or property; name it")
        return self


class MetricFeature(Asked):
    """A metric's newest window that had ended, and was told, at the row's moment; its newest revision then.

    ``series``: the one series to take for every row; without it, the series that is called like the row's key.
    """

    name: Column
    metric: Name
    value: Literal["count", "sum", "mean", "min", "max", "p50", "p95", "p99", "distinct"] = "count"
    series: Annotated[str, StringConstraints(max_length=1_000)] | None = None


def _which(said: Any) -> str:
    return "Metric" if isinstance(said, MetricFeature) or (isinstance(said, dict) and "metric" in said) else "Events"


class Given(Asked):
    """Columns of the rows that say when a further column is about, and since when its value was known."""

    known: Column
    time: Column | None = None


class Table(Asked):
    """A table: one row for each of ``rows``, or of what the SQL ``rows_from`` selects, in its order.

    A row has a ``key``, a moment ``at`` and, if you like, a ``label``. Any further column is a feature that somebody else
    made, so ``given`` must name the column that says since when its value was known.
    """

    rows: Annotated[tuple[dict[str, Any], ...], Field(max_length=MOST_ROWS)] | None = None
    rows_from: Annotated[str, StringConstraints(min_length=1, max_length=20_000)] | None = None
    features: Annotated[
        tuple[
            Annotated[
                Annotated[Feature, Tag("Events")] | Annotated[MetricFeature, Tag("Metric")],
                Discriminator(_which),
            ],
            ...,
        ],
        Field(max_length=MOST_FEATURES),
    ] = ()
    given: Annotated[dict[Column, Given], Field(default_factory=dict)]

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if (self.rows is None) == (self.rows_from is None):
            raise ValueError("rows: give the rows, or SQL that selects them as `rows_from`, and not both")
        names = [feature.name for feature in self.features]
        for name in [*names, *self.given]:
            if name in RESERVED:
                raise ValueError(f"features: none can be called {name!r}, which is a column of the rows")
        twice = {name for name in names if names.count(name) > 1 or name in self.given}
        if twice:
            raise ValueError(f"features: {min(twice)!r} is there twice; names are unique")
        return self
