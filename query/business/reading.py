"""What the statements of a summary have in common: its spans, its rows, and the SQL of who did what in which of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from query.business.meaning import Business, Ended, Inactivity, Segment
from query.business.periods import Period
from query.engine import Session
from query.questions.expressions import Expressions, run
from query.questions.schema import Match
from query.questions.span import Key, Span, begin_us, ended, key_sql, keys_between
from query.views import OF_PEOPLE

SPANS = ("current", "previous", "year_before")
DAY_US = 86_400_000_000


@dataclass
class Reading:
    """One business, one period, and the log that they are read from."""

    business: Business
    period: Period
    session: Session

    def __post_init__(self) -> None:
        self.sql = Expressions(self.business.stream)
        named = {self.business.user, *(segment.of for segment in self.business.segments)}
        named |= {one.name for one in self.business.where}
        self.sql.people = bool(named & {*OF_PEOPLE})
        self.spans = {
            "current": (self.period.since_us, self.period.until_us),
            "previous": self.period.previous,
            "year_before": self.period.year_before,
        }
        period = self.period
        self.span = Span(period.history_us, period.until_us, period.until_us, period.zone, period.zone_name)

    def run(self, text: str) -> list[dict[str, Any]]:
        """The rows of a statement, a mapping a row; decimals without a fraction are whole numbers."""
        return self.table(text).to_pylist()

    def table(self, text: str) -> pa.Table:
        return run(self.session, self.sql, text).table

    @property
    def user(self) -> str:
        return f"nullif({self.sql.text(self.business.user, 'user')}, '')"

    @property
    def ours(self) -> str:
        """The condition that a row is of this business."""
        return self.sql.all(self.business.where, "where")

    def match(self, events: Match, field: str) -> str:
        return self.sql.match(events, field)

    def bucket(self, time: str = "time") -> str:
        """The key of the point of the history that a row falls into."""
        return key_sql(self.period.grain, time, self.sql.bind(self.period.zone_name))

    def day(self, time: str = "time") -> str:
        return key_sql("day", time, self.sql.bind(self.period.zone_name))

    def at(self, us: int) -> str:
        return self.sql.at(us)

    def within(self, span: tuple[int, int], time: str = "time") -> str:
        return f"({time} >= {self.at(span[0])} AND {time} < {self.at(span[1])})"

    def looked_at(self, time: str = "time") -> str:
        """The condition that a row can matter to any figure of users: of the history, of a year before, or of churn."""
        first = min(self.spans["previous"][0], self.period.history_us)
        inactive = self.business.churn
        if isinstance(inactive, Inactivity):
            first = min(first, self.spans["previous"][0] - inactive.days * DAY_US)
            year = (self.spans["year_before"][0] - inactive.days * DAY_US, self.spans["year_before"][1])
        else:
            year = self.spans["year_before"]
        return f"({self.within((first, self.period.until_us), time)} OR {self.within(year, time)})"

    @property
    def types(self) -> str:
        """The condition that a row's type is one that some figure of users is about; quick, for the archive skips others."""
        b = self.business
        every = [b.active, b.eligible, b.converted, *b.kinds_offered]
        if isinstance(b.churn, Inactivity):
            every.append(b.churn.events)
        if any(not match.types for match in every):
            return "true"
        named = dict.fromkeys(type_ for match in every for type_ in match.types)
        return f"type IN ({', '.join(map(self.sql.bind, named))})"

    def points(self) -> list[tuple[Key, int, bool]]:
        """Every point of the history: its key, when it begins (us UTC), and whether it is over and whole."""
        grain, span = self.period.grain, self.span
        return [
            (key, begin_us(grain, key, span), ended(grain, key, span, span.since_us, span.until_us))
            for key in keys_between(grain, span.since_us, span.until_us, span)
        ]

    def days(self, name: str) -> int:
        """Calendar days that a span touches."""
        since, until = self.spans[name]
        return len(keys_between("day", since, until, self.span))

    def segment_table(self, i: int, segment: Segment) -> None:
        """Make ``who_i(u, v)`` known: each user's value of a segment, by the first or the last event that says it."""
        types = [f"type IN ({', '.join(map(self.sql.bind, segment.events))})"] if segment.events else []
        value = self.sql.text(segment.of, f"segments.{i}.of")
        pick = "arg_min" if segment.by == "first" else "arg_max"
        said = " AND ".join([*types, self.ours, f"time < {self.at(self.period.until_us)}"])
        self.session.add(f"who_{i}", self.table(f"""SELECT u, {pick}(v, (t, o)) AS v FROM (
            SELECT {self.user} AS u, time AS t, row_offset AS o, {value} AS v FROM {self.sql.table} WHERE {said})
          WHERE u IS NOT NULL AND v IS NOT NULL GROUP BY u"""))  # fmt: skip

    @property
    def subscriptions(self) -> Ended | None:
        return self.business.churn if isinstance(self.business.churn, Ended) else None


def whole(row: Mapping[str, Any], name: str) -> int:
    """A count or a sum of a row; nothing is 0."""
    value = row[name]
    return 0 if value is None else int(value)
