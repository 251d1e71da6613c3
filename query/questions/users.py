"""Distinct users: how many were active in each interval and in the days up to its end, and how many were new."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from query.moments import us_of
from query.questions.asked import Asking, Behind, Figures, ratio
from query.questions.schema import CellOf, Events, Interval, Match, Question
from query.questions.span import Key, Span, begin_us, ended, following, key_asked, key_sql, keys_between

Days = Annotated[int, Field(ge=1, le=366)]


class Users(Question):
    """``events``: what makes a user active. ``interval``: active users of each. ``trailing``: also those of so many days up
    to the end of the interval (7 and 30 are known as weekly and monthly active users)."""

    ask: Literal["users"]
    events: Events = Match()
    interval: Interval = "day"
    trailing: Annotated[tuple[Days, ...], Field(max_length=5)] = (7, 30)


class UsersCell(CellOf):
    """The users of a ``bucket`` (none: of the whole span): those active in it, those ``new`` in it, or those active in the
    ``trailing`` days up to its end."""

    bucket: str | None = None
    new: bool = False
    trailing: Days | None = None


def _days_before(span: Span, us: int, days: int) -> int:
    """The beginning of the ``days`` days that end at ``us``, by the wall clock."""
    return us_of((span.local(us) - timedelta(days=days)).replace(tzinfo=span.zone))


def _seen(asking: Asking[Users], since_us: int, until_us: int) -> str:
    """``f(u, t, p, o)``: the events that make users active."""
    q, sql = asking.question, asking.sql
    return f"""f AS (SELECT {asking.user} AS u, time AS t, {sql.place()} FROM {sql.table}
      WHERE {sql.between(since_us, until_us)} AND {sql.match(q.events, "events")}
      AND {asking.user} IS NOT NULL AND {asking.rows})"""


def _news(asking: Asking[Users]) -> str:
    """``news(u, t, p, o)``: of each user the first such event that the log has."""
    return f"""{_seen(asking, 0, asking.span.until_us)}, news AS (SELECT * FROM (SELECT * FROM f
      QUALIFY row_number() OVER (PARTITION BY u ORDER BY t, p, o) = 1) WHERE t >= {asking.sql.at(asking.span.since_us)})"""


def answer(asking: Asking[Users]) -> Figures:
    """``points``: of each interval its users, the new ones among them, and by days the trailing ones."""
    q, span, sql = asking.question, asking.span, asking.sql
    zone = sql.bind(span.zone_name)
    key = key_sql(q.interval, "t", zone)
    keys = keys_between(q.interval, span.since_us, span.until_us, span)
    seen = _seen(asking, span.since_us, span.until_us)
    active = _by_key(asking, f"WITH {seen} SELECT {key}, count(DISTINCT u) FROM f GROUP BY 1")
    (total,) = asking.run(f"WITH {seen} SELECT count(DISTINCT u) FROM f")[0]
    new = _by_key(asking, f"WITH {_news(asking)} SELECT {key}, count(*) FROM news GROUP BY 1")
    ends = {k: min(begin_us(q.interval, following(q.interval, k, span), span), span.until_us) for k in keys}
    trailing = {days: _trailing(asking, list(ends.values()), days) for days in q.trailing}
    points: list[Figures] = [
        {
            "bucket": span.text(begin_us(q.interval, k, span)),
            "users": active.get(k, 0),
            "new": new.get(k, 0),
            "trailing": {str(days): found.get(ends[k], 0) for days, found in trailing.items()},
            "complete": ended(q.interval, k, span, span.since_us, span.until_us),
        }
        for k in keys
    ]
    longest = max(q.trailing, default=0)
    whole = [p for p in points if p["complete"] and longest and p["trailing"][str(longest)]]
    sticky = [ratio(p["users"], p["trailing"][str(longest)]) or 0.0 for p in whole]
    return {
        "total": total,
        "new": sum(new.values()),
        "points": points,
        "stickiness": {"of_days": longest, "mean": ratio(sum(sticky), len(sticky))} if longest else None,
    }


def _by_key(asking: Asking[Users], text: str) -> dict[Key, int]:
    return {row[0]: row[1] for row in asking.run(text)}


def _trailing(asking: Asking[Users], ends: list[int], days: int) -> dict[int, int]:
    """By the end of an interval (microseconds UTC), the users who were active in the ``days`` days before it."""
    span = asking.span
    begins = [_days_before(span, end, days) for end in ends]
    bounds = ", ".join(f"({begin}, {end})" for begin, end in zip(begins, ends, strict=True))
    edges = ", ".join(f"({edge})" for edge in sorted({*begins, *ends}))
    # Between two edges it makes no difference when a user was active, so each counts there once.
    rows = asking.run(f"""WITH {_seen(asking, max(0, min(begins)), max(ends))},
        bounds(a, z) AS (VALUES {bounds}), edges(e) AS (VALUES {edges}), g AS (SELECT u, epoch_us(t) AS us FROM f),
        visits AS (SELECT DISTINCT u, e FROM g ASOF JOIN edges ON g.us >= edges.e)
      SELECT z, count(DISTINCT u) FROM bounds JOIN visits ON e >= a AND e < z GROUP BY z""")
    return {row[0]: row[1] for row in rows}


def behind(asking: Asking[Users], cell: UsersCell) -> Behind:
    """The events that make the users of a bucket active; for new users their first ones."""
    q, span, sql = asking.question, asking.span, asking.sql
    since, until = span.since_us, span.until_us
    if cell.bucket is not None:
        key = key_asked(q.interval, cell.bucket, keys_between(q.interval, since, until, span), span, "cell.bucket")
        since = max(since, begin_us(q.interval, key, span))
        until = min(until, begin_us(q.interval, following(q.interval, key, span), span))
    if cell.trailing is not None:
        since = max(0, _days_before(span, until, cell.trailing))
    if cell.new:
        return Behind(f"""{_news(asking)}, hit AS (SELECT * FROM news
          WHERE t >= {sql.at(since)} AND t < {sql.at(until)})""")
    return Behind(f"{_seen(asking, since, until)}, hit AS (SELECT u, t, p, o FROM f)")
