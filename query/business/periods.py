"""The period of a summary, and those that it is compared with, in one time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from events.errors import Rejected
from query.moments import at_us, length_s, seconds_of, us_of, zone_of

Grain = Literal["hour", "day", "week", "month"]
NAMED = (
    "today",
    "yesterday",
    "week",
    "month",
    "quarter",
    "year",
    "last_week",
    "last_month",
    "last_quarter",
    "last_year",
)
LONGEST_S = 366 * 86_400.0 * 3
HISTORY = 12
"""Periods of history, the asked one included, that trends and forecasts look at, as far as there are events."""
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """``[since_us, until_us)`` in microseconds UTC is over or going on; it ends at ``end_us``.

    ``end_us`` is later than ``until_us`` where the period is not over yet. Of one that has no end of its own, such as the
    newest 7 days, both are the same.
    """

    since_us: int
    until_us: int
    end_us: int
    zone: ZoneInfo
    zone_name: str
    said: str

    @property
    def previous(self) -> tuple[int, int]:
        """The span before it of the same length, by the wall clock of the zone."""
        begin, end = self.local(self.since_us), self.local(self.until_us)
        return self.utc(begin - (end - begin)), self.since_us

    @property
    def year_before(self) -> tuple[int, int]:
        """The same dates a year earlier; of 29 February the day before."""
        return self.utc(_a_year_before(self.local(self.since_us))), self.utc(_a_year_before(self.local(self.until_us)))

    @property
    def grain(self) -> Grain:
        """The width of the points of a history."""
        hours = (self.until_us - self.since_us) / 3.6e9
        return "hour" if hours <= 36 else "day" if hours <= 24 * 100 else "week" if hours <= 24 * 400 else "month"

    @property
    def history_us(self) -> int:
        """Where the history begins: on a whole bucket."""
        begin, end = self.local(self.since_us), self.local(self.until_us)
        least = {"hour": timedelta(days=4), "day": timedelta(days=56)}.get(self.grain, timedelta(0))
        reach = max(least, min((end - begin) * HISTORY, timedelta(days=800)))
        return self.utc(max((end - reach), datetime(1970, 1, 2)).replace(hour=0, minute=0, second=0, microsecond=0))

    def local(self, us: int) -> datetime:
        return at_us(us).astimezone(self.zone).replace(tzinfo=None)

    def utc(self, wall: datetime) -> int:
        return us_of(wall.replace(tzinfo=self.zone))

    def text(self, us: int) -> str:
        """ISO 8601 with the offset of the zone."""
        return at_us(us).astimezone(self.zone).isoformat()


def period_of(said: str, now: float, zone_name: str = "UTC", field: str = "time_period") -> Period:
    """A period as people say it: ``7d`` (the newest seven days), ``month`` (this one, so far), ``last_month``, or
    ``2026-11-01/2026-11-08``.

    ``now``: seconds UTC. Raises ``Rejected`` with field and remedy.
    """
    zone = zone_of(zone_name)
    text = said.strip()
    now_us = round(now * 1e6)

    def made(since: int, until: int, end: int) -> Period:
        if not since < until:
            raise Rejected(
                field, f"{said!r} has no time in it before {at_us(now_us).isoformat()}; ask for one that has begun"
            )
        if since < 0 or (until - since) / 1e6 > LONGEST_S:
            raise Rejected(field, f"must be within three years and after 1970, got {said[:80]!r}")
        return Period(since, until, end, zone, zone_name, text)

    length = length_s(text)
    if length is not None:
        if length <= 0:
            raise Rejected(field, f"must be longer than nothing, got {said!r}")
        wall = at_us(now_us).astimezone(zone).replace(tzinfo=None) - timedelta(seconds=length)
        return made(us_of(wall.replace(tzinfo=zone)), now_us, now_us)
    if text in NAMED:
        begin, end = _named(text, at_us(now_us).astimezone(zone).replace(tzinfo=None))
        until = us_of(end.replace(tzinfo=zone))
        return made(us_of(begin.replace(tzinfo=zone)), min(until, now_us), until)
    first, slash, second = text.partition("/")
    if not slash:
        raise Rejected(field, f"must be a length such as 7d, one of {', '.join(NAMED)}, or FROM/TO as in "
                       f"2026-11-01/2026-11-08; got {said[:80]!r}")  # fmt: skip
    since, until = (round(seconds_of(one, now, field, zone) * 1e6) for one in (first, second))
    if until <= since:
        raise Rejected(field, f"must end after it begins, got {said[:80]!r}")
    return made(since, min(until, now_us), until)


def _named(name: str, now: datetime) -> tuple[datetime, datetime]:
    """Beginning and end in wall time."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if name in ("today", "yesterday"):
        day -= timedelta(days=name == "yesterday")
        return day, day + timedelta(days=1)
    last, what = name.startswith("last_"), name.removeprefix("last_")
    if what == "week":
        monday = day - timedelta(days=day.weekday() + 7 * last)
        return monday, monday + timedelta(days=7)
    months = _MONTHS[what]
    first = (day.year * 12 + day.month - 1) // months * months - months * last
    return _month(first), _month(first + months)


def _month(number: int) -> datetime:
    return datetime(number // 12, number % 12 + 1, 1)


def _a_year_before(wall: datetime) -> datetime:
    try:
        return wall.replace(year=wall.year - 1)
    except ValueError:
        return wall.replace(year=wall.year - 1, day=28)
