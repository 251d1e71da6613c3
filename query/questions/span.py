"""The span of a question in one time zone, and the buckets that it falls into.

Hours, days, weeks (from Monday) and months begin in the wall time of a named zone: a day may have 23 or 25 hours.
DuckDB's ``time_bucket`` would begin days at midnight UTC, whatever the zone. A bucket's key is its beginning: as a wall
time without a zone, or for hours, of which one comes twice a year, as microseconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from events.errors import Rejected
from query.moments import at_us, seconds_of, us_of, zone_of
from query.questions.schema import Interval, Observed, Question

MOST_BUCKETS = 10_000
Key = datetime
"""Wall time without a zone; of an hour its beginning in UTC, without a zone, too."""


@dataclass(frozen=True, slots=True)
class Span:
    """``[since_us, until_us)`` in microseconds UTC; events are known up to ``observed_us``."""

    since_us: int
    until_us: int
    observed_us: int
    zone: ZoneInfo
    zone_name: str

    @property
    def prior_since_us(self) -> int:
        """Where the span of the same length before this one begins, by the wall clock of the zone."""
        begin, end = self.local(self.since_us), self.local(self.until_us)
        return us_of((begin - (end - begin)).replace(tzinfo=self.zone))

    def local(self, us: int) -> datetime:
        return at_us(us).astimezone(self.zone).replace(tzinfo=None)

    def text(self, us: int) -> str:
        """ISO 8601 with the offset of the zone."""
        return at_us(us).astimezone(self.zone).isoformat()


def span_of(question: Question, now: float) -> Span:
    """The span that a question is about. Raises ``Rejected`` with the field."""
    zone = zone_of(question.zone)
    since = seconds_of(question.since, now, "since", zone)
    until = seconds_of(question.until, now, "until", zone) if question.until else now
    if until <= since:
        raise Rejected("until", f"must be later than since; got since={question.since!r}, until={question.until!r}")
    observed = now
    if isinstance(question, Observed) and question.observed_until:
        observed = seconds_of(question.observed_until, now, "observed_until", zone)
        if observed <= since:
            raise Rejected("observed_until", f"must be later than since={question.since!r}; leave it out for now")
    return Span(round(since * 1e6), round(until * 1e6), round(observed * 1e6), zone, question.zone)


def key_sql(interval: Interval, time: str, zone: str) -> str:
    """The key of the bucket that the column ``time`` falls into; ``zone`` is a bound parameter."""
    wall = f"({time} AT TIME ZONE {zone})"
    if interval == "hour":
        return f"(({time} AT TIME ZONE 'UTC') - ({wall} - date_trunc('hour', {wall})))"
    return f"date_trunc('{interval}', {wall})"


def key_at(interval: Interval, us: int, span: Span) -> Key:
    """The key of the bucket that a moment falls into."""
    wall = span.local(us)
    if interval == "hour":
        return at_us(us).replace(tzinfo=None) - (wall - wall.replace(minute=0, second=0, microsecond=0))
    day = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if interval == "month" else day


def begin_us(interval: Interval, key: Key, span: Span) -> int:
    """When a bucket begins, in microseconds UTC; where its wall time comes twice, the first of the two."""
    return us_of(key.replace(tzinfo=UTC if interval == "hour" else span.zone))


def following(interval: Interval, key: Key, span: Span, n: int = 1) -> Key:
    """The key of the ``n``-th bucket after ``key``."""
    if interval == "hour":
        for _ in range(n):
            key = next(k for half in (60, 90) if (k := key_at("hour", _utc_us(key) + half * 60_000_000, span)) > key)
        return key
    if interval == "month":
        months = key.year * 12 + key.month - 1 + n
        return key.replace(year=months // 12, month=months % 12 + 1)
    return key + timedelta(days=n * (7 if interval == "week" else 1))


def _utc_us(key: Key) -> int:
    return us_of(key.replace(tzinfo=UTC))


def keys_between(interval: Interval, since_us: int, until_us: int, span: Span) -> list[Key]:
    """Every bucket that ``[since_us, until_us)`` touches, also those without rows. Raises ``Rejected`` for too many."""
    key, last = key_at(interval, since_us, span), key_at(interval, until_us - 1, span)
    found = [key]
    while key < last:
        key = following(interval, key, span)
        found.append(key)
        if len(found) > MOST_BUCKETS:
            raise Rejected(
                "interval", f"gives more than {MOST_BUCKETS:,} buckets; take a longer one, or a shorter span"
            )
    return found


def ended(interval: Interval, key: Key, span: Span, since_us: int, until_us: int) -> bool:
    """Whether all of a bucket is in ``[since_us, until_us)`` and over, so that its figure stays as it is."""
    ends = begin_us(interval, following(interval, key, span), span)
    return begin_us(interval, key, span) >= since_us and ends <= min(until_us, span.observed_us)


def key_asked(interval: Interval, said: str, keys: list[Key], span: Span, field: str = "bucket") -> Key:
    """The key of the bucket that an answer called ``said``. Raises ``Rejected``."""
    us = round(seconds_of(said, 0.0, field, span.zone) * 1e6)
    key = key_at(interval, us, span)
    if key not in keys:
        first, last = (span.text(begin_us(interval, k, span)) for k in (keys[0], keys[-1]))
        raise Rejected(field, f"{said!r} is no {interval} of this answer; they go from {first} to {last}")
    return key
