"""Attribution: which sessions, by channel or campaign, led to conversions.

The touches of a conversion are the sessions of its user that began within the window before it; the session that it is in
is one of them. ``first`` and ``last`` give it to one of these, ``linear`` gives each an equal share. Sessions that nothing
from outside brought count only where there are no others, unless ``direct`` says otherwise.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from events.catalog import SESSIONS
from events.errors import Rejected
from query.moments import length_s
from query.questions.asked import Asking, Behind, Figures
from query.questions.expressions import Expressions
from query.questions.schema import CellOf, Events, Length, Name, Question

MONEY = "amount"
NOBODY = "unattributed"


class Attribution(Question):
    """``conversion``: the events that are explained. ``model``: who gets them. ``by``: what the sessions are called by.
    ``window``: how long before it a session counts. ``of``: a number that is shared out, too, such as amount. ``direct``:
    whether sessions from nowhere count as others do. ``sessions``: of which definition, where there are several."""

    ask: Literal["attribution"]
    conversion: Events
    model: Literal["first", "last", "linear"] = "last"
    by: Literal["channel", "origin", "medium", "campaign", "content", "term", "entry"] = "channel"
    window: Length = "30d"
    of: Name | None = None
    direct: Literal["last_resort", "counts"] = "last_resort"
    sessions: Name | None = None
    top: int = Field(default=50, ge=1, le=500)

    @property
    def beside(self) -> tuple[str, ...]:
        return (SESSIONS.name,)


class AttributionCell(CellOf):
    """The conversions that a ``group`` has a share of; ``unattributed``: those without a session."""

    group: str | None = None
    unattributed: bool = False


def _shares(asking: Asking[Attribution]) -> str:
    """``share(u, t, p, o, x, currency, k, found, credit)``: a row for each conversion and session that it is given to."""
    q, sql, span = asking.question, asking.sql, asking.span
    beside: Expressions = sql.over(SESSIONS.name)
    window = f"to_microseconds({round((length_s(q.window) or 0) * 1e6)})"
    money = q.of == MONEY and sql.is_column("currency")
    one = "true" if q.sessions is None else f"session = {sql.bind(q.sessions)}"
    kept = "" if q.direct == "counts" else "QUALIFY away OR NOT bool_or(away) OVER (PARTITION BY p, o)"
    chosen = {"first": "place = 1", "last": "place = touches", "linear": "true"}[q.model]
    credit = "1.0 / touches" if q.model == "linear" else "1.0"
    user = beside.text(q.user, "user") if beside.is_column(q.user) else "subject"
    return f"""c AS (SELECT {asking.user} AS u, time AS t, {sql.place()},
        {sql.number(q.of, "of") if q.of else "NULL"} AS x, {"CAST(currency AS VARCHAR)" if money else "NULL"} AS currency
        FROM {sql.table} WHERE {sql.between(span.since_us, span.until_us)} AND {sql.match(q.conversion, "conversion")}
        AND {asking.user} IS NOT NULL AND {asking.rows}),
      s AS (SELECT {user} AS su, id, start, channel <> 'direct' AS away, CAST({q.by} AS VARCHAR) AS k
        FROM {beside.table} WHERE {one}),
      near AS (SELECT c.*, id, start, k, away FROM c JOIN s ON su = u AND start <= t AND start >= t - {window}),
      kept AS (SELECT * FROM near {kept}),
      placed AS (SELECT *, row_number() OVER (PARTITION BY p, o ORDER BY start, id) AS place,
        count(*) OVER (PARTITION BY p, o) AS touches FROM kept),
      share AS (SELECT u, t, p, o, x, currency, k, true AS found, {credit} AS credit FROM placed WHERE {chosen}
        UNION ALL SELECT u, t, p, o, x, currency, NULL, false, 1.0 FROM c ANTI JOIN kept USING (p, o))"""


def answer(asking: Asking[Attribution]) -> Figures:
    """``groups``: of each its share of the conversions, of their ``value``, and how many it had any share of. The shares of
    all groups and of ``unattributed`` add up to ``conversions``."""
    q = asking.question
    rows = asking.run(f"""WITH {_shares(asking)} SELECT k, found, fsum(credit), fsum(credit * x), count(*),
        count(DISTINCT u), count(DISTINCT currency), min(currency), max(currency)
      FROM share GROUP BY k, found ORDER BY 3 DESC, k NULLS LAST""")
    total = asking.run(f"WITH {_shares(asking)} SELECT count(*), fsum(x) FROM c")[0]
    currencies = {one for row in rows for one in row[7:9] if one is not None}
    if len(currencies) > 1:
        first, second, *_ = sorted(currencies)
        raise Rejected("of", f"amounts are in several currencies ({first}, {second}): they cannot be added. Choose one "
                       f'with where: {{"name": "currency", "value": "{first}"}}')  # fmt: skip
    shown = [
        {"group": k, "conversions": credit, "value": value, "touched": n, "users": users}
        for k, found, credit, value, n, users, *_ in rows
        if found
    ]
    lost = next((row for row in rows if not row[1]), None)
    return {
        "model": q.model,
        "by": q.by,
        "conversions": total[0],
        "value": total[1],
        **({"currency": min(currencies, default=None)} if q.of == MONEY else {}),
        "groups": shown[: q.top],
        "other_groups": len(shown[q.top :]),
        NOBODY: {"conversions": lost[4] if lost else 0, "value": lost[3] if lost else None},
    }


def behind(asking: Asking[Attribution], cell: AttributionCell) -> Behind:
    """The conversions that a group has a share of."""
    if cell.unattributed:
        said = "NOT found"
    elif "group" in cell.model_fields_set:
        said = (
            f"found AND k IS NOT DISTINCT FROM {asking.sql.bind(cell.group)}" if cell.group else "found AND k IS NULL"
        )
    else:
        said = "true"
    return Behind(f"{_shares(asking)}, hit AS (SELECT DISTINCT u, t, p, o FROM share WHERE {said})")
