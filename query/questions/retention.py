"""Retention: of the users who began in one day, week or month, how many came back in the ones after it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from events.errors import Rejected
from query.questions.asked import Asking, Behind, Figures, ratio
from query.questions.schema import CellOf, Events, Match, Observed
from query.questions.span import Key, begin_us, following, key_asked, key_sql, keys_between

MOST_COHORTS = 400


class Retention(Observed):
    """``begin``: the event that puts a user into a cohort; ``come_back``: the one that counts as coming back.

    ``mode``: ``first_time`` takes the first such event that the log has of a user, so each is in one cohort at most;
    ``recurring`` takes every interval with one. Period 0 is the cohort itself; period 1 is the interval after it.
    The span is widened to whole intervals.
    """

    ask: Literal["retention"]
    begin: Events = Match()
    come_back: Events = Match()
    interval: Literal["day", "week", "month"] = "week"
    mode: Literal["first_time", "recurring"] = "first_time"
    periods: int = Field(default=8, ge=1, le=90)

    @property
    def settles_s(self) -> float:
        return (self.periods + 2) * 32 * 86_400.0


class RetentionCell(CellOf):
    """The users of the cohort that began in ``cohort`` (as the answer calls it), who came back in ``period``."""

    cohort: str
    period: int = Field(default=0, ge=0)


_APART = {
    "day": "date_diff('day', c, k)",
    "week": "date_diff('day', c, k) // 7",
    "month": "date_diff('month', c, k)",
}


def _keys(asking: Asking[Retention]) -> list[Key]:
    q, span = asking.question, asking.span
    keys = keys_between(q.interval, span.since_us, min(span.until_us, span.observed_us), span)
    if len(keys) > MOST_COHORTS:
        raise Rejected("interval", f"gives {len(keys)} cohorts, more than {MOST_COHORTS}; take a longer one")
    return keys


def _pairs(asking: Asking[Retention]) -> str:
    """``began(u, t, p, o, c)``: the events that put users into cohorts. ``came(u, t, p, o, c, k)``: those of coming back."""
    q, sql, span = asking.question, asking.sql, asking.span
    keys = _keys(asking)
    zone = sql.bind(span.zone_name)
    begins = begin_us(q.interval, keys[0], span)
    ends = begin_us(q.interval, following(q.interval, keys[-1], span), span)
    observed = min(ends, span.observed_us)
    key = key_sql(q.interval, "time", zone)
    mine = f"{asking.user} IS NOT NULL AND {asking.rows}"
    since = f"time < {sql.at(observed)}" if q.mode == "first_time" else sql.between(begins, observed)
    first = "QUALIFY row_number() OVER (PARTITION BY u ORDER BY t, p, o) = 1" if q.mode == "first_time" else ""
    came_until = min(span.observed_us, begin_us(q.interval, following(q.interval, keys[-1], span, q.periods + 1), span))
    return f"""began AS (SELECT * FROM (SELECT {asking.user} AS u, time AS t, {sql.place()}, {key} AS c FROM {sql.table}
        WHERE {since} AND {sql.match(q.begin, "begin")} AND {mine} {first}) WHERE t >= {sql.at(begins)}),
      members AS (SELECT DISTINCT u, c FROM began),
      backs AS (SELECT {asking.user} AS u, time AS t, {sql.place()}, {key} AS k FROM {sql.table}
        WHERE {sql.between(begins, came_until)} AND {sql.match(q.come_back, "come_back")} AND {mine}),
      came AS (SELECT backs.*, c, {_APART[q.interval]} AS period FROM backs JOIN members ON backs.u = members.u
        WHERE k > c AND {_APART[q.interval]} <= {q.periods})"""


def answer(asking: Asking[Retention]) -> Figures:
    """``cohorts``: one for each interval, oldest first. Of each period: how many came back, None before it has begun;
    ``complete`` once it is over. ``average``: by period, over the cohorts for which it is over."""
    q, span = asking.question, asking.span
    pairs = _pairs(asking)
    counted = asking.run(f"WITH {pairs} SELECT c, count(*) FROM members GROUP BY c")
    sizes = {row[0]: row[1] for row in counted}
    back = {
        (c, period): n
        for c, period, n in asking.run(f"WITH {pairs} SELECT c, period, count(DISTINCT u) FROM came GROUP BY c, period")
    }
    cohorts: list[Figures] = []
    over: dict[int, list[tuple[int, int]]] = {}
    for key in _keys(asking):
        size, periods = sizes.get(key, 0), list[Figures]()
        for place in range(q.periods + 1):
            begins = begin_us(q.interval, following(q.interval, key, span, place), span)
            ends = begin_us(q.interval, following(q.interval, key, span, place + 1), span)
            users = size if place == 0 else back.get((key, place), 0) if begins < span.observed_us else None
            complete = ends <= span.observed_us
            periods.append({"period": place, "users": users, "rate": ratio(users, size), "complete": complete})
            if complete and users is not None:
                over.setdefault(place, []).append((users, size))
        cohorts.append({"cohort": span.text(begin_us(q.interval, key, span)), "users": size, "periods": periods})
    average = [
        {"period": place, "users": sum(u for u, _ in found), "of": sum(s for _, s in found),
         "rate": ratio(sum(u for u, _ in found), sum(s for _, s in found))}
        for place, found in sorted(over.items())
    ]  # fmt: skip
    return {"interval": q.interval, "mode": q.mode, "cohorts": cohorts, "average": average}


def behind(asking: Asking[Retention], cell: RetentionCell) -> Behind:
    """The events with which the users of a cohort came back; for period 0 those that put them into it."""
    q, span, sql = asking.question, asking.span, asking.sql
    if cell.period > q.periods:
        raise Rejected("cell.period", f"must be from 0 to {q.periods}, got {cell.period}")
    key = sql.bind(key_asked(q.interval, cell.cohort, _keys(asking), span, "cell.cohort"))
    where = (
        f"FROM began WHERE c = {key}" if cell.period == 0 else f"FROM came WHERE c = {key} AND period = {cell.period}"
    )
    return Behind(f"{_pairs(asking)}, hit AS (SELECT u, t, p, o {where})")
