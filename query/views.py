"""Tables that are made of streams: of what is told again and again, what holds now.

Each is a view, so it stands on the same cut as the streams that it is made of, and shows what held then.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

import duckdb

from events.catalog import IDENTITIES, METRICS, PAST_METRICS, SESSIONS, USER_INTERACTIONS
from events.collected import BUSINESS_EVENTS, WEBSITE_ANALYTICS

LATEST = "metrics_latest"
SESSIONS_LATEST = "sessions_latest"
PEOPLE = "people"
OF_PEOPLE = ("person", "account")
"""What ``by_person`` adds to the columns of a stream."""


class View(NamedTuple):
    about: str
    of: str
    """The stream whose columns it has."""
    sql: str
    reads: tuple[str, ...]
    """The streams that it is made of."""


def table_of(stream: str) -> str:
    """The table that has each event of a stream once."""
    return SESSIONS_LATEST if stream == SESSIONS.name else stream


def by_person(stream: str) -> str:
    """A SELECT of the events of a stream, each with its ``person`` (its subject, where no more is known of that) and the
    person's ``account``."""
    return f"""SELECT s.*, coalesce(p.person, nullif(s.subject, '')) AS person, p.account AS account
      FROM {table_of(stream)} s LEFT JOIN {PEOPLE} p ON p.id = s.subject"""


_LISTS = re.compile(r"\b(show|information_schema|duckdb_\w+|pg_\w+|sqlite_\w+|pragma\w*)\b")
_BY_PERSON = (USER_INTERACTIONS.name, BUSINESS_EVENTS.name, WEBSITE_ANALYTICS.name, SESSIONS.name)
TOLD = "coalesce(try_cast(split_part(cause, ':', 2) AS BIGINT), -1)"
"""Place of the event that defined a metric as it is counted in this sample."""


def latest(within: str = "") -> str:
    """A SELECT of the samples of ``metrics_latest``.

    ``within``: a condition on each of them, which spares the files that cannot have such; it has to hold of all samples of a
    window, or of none, as one on ``time`` or ``start`` does.
    """
    live, past = (f" AND {within}", f" WHERE {within}") if within else ("", "")
    # No WITH: what is named there and used twice is kept in memory as a whole, however little of it is asked for.
    return f"""SELECT every.* EXCLUDE (again) FROM (
          SELECT *, false AS again FROM metrics WHERE revision IS NOT NULL{live}
          UNION ALL SELECT *, true FROM past_metrics{past}
        ) every SEMI JOIN (
          SELECT source, max({TOLD}) AS told FROM (
            SELECT source, cause FROM metrics WHERE revision IS NOT NULL UNION ALL SELECT source, cause FROM past_metrics
          ) GROUP BY source
        ) newest ON every.source IS NOT DISTINCT FROM newest.source AND {TOLD} = newest.told
        QUALIFY 1 = row_number() OVER (
          PARTITION BY metric, key, start, width_us ORDER BY again DESC, revision DESC, row_offset DESC
        )"""


VIEWS: Mapping[str, View] = {
    LATEST: View(
        "Of each window of `metrics` the sample with the highest revision, as the newest definition counts it; or the "
        "one of `past_metrics`, where an import has brought rows of it.",
        METRICS.name,
        latest(),
        (METRICS.name, PAST_METRICS.name),
    ),
    SESSIONS_LATEST: View(
        "Each session as its last row says it, without those that became part of another one.",
        SESSIONS.name,
        """SELECT * FROM (SELECT * FROM sessions
          QUALIFY 1 = row_number() OVER (PARTITION BY session, id ORDER BY revision DESC, row_offset DESC))
        WHERE type <> 'session.withdrawn'""",
        (SESSIONS.name,),
    ),
    PEOPLE: View(
        "Each id that is linked to another one or has an account: its person, and the newest account of that.",
        IDENTITIES.name,
        """WITH placed AS (
          SELECT subject AS id, arg_max(person, row_offset) AS person FROM identities
          WHERE type = 'identity.placed' GROUP BY 1
        ), joined AS (
          SELECT subject AS id, arg_max(account, row_offset) AS account, max((time, row_offset)) AS since FROM identities
          WHERE type = 'account.joined' GROUP BY 1
        ), every AS (
          SELECT id, coalesce(placed.person, id) AS person, joined.account AS mine, joined.since
          FROM placed FULL JOIN joined USING (id)
        )
        SELECT id, person, arg_max(mine, (since, id)) FILTER (WHERE mine IS NOT NULL) OVER (PARTITION BY person) AS account
        FROM every""",
        (IDENTITIES.name,),
    ),
    **{
        f"{stream}_by_person": View(
            f"`{table_of(stream)}`, each row with its `person` and `account`.",
            stream,
            by_person(stream),
            (stream, IDENTITIES.name),
        )
        for stream in _BY_PERSON
    },
}
"""By name."""


def needed(statement: str) -> list[str]:
    """The views that a statement may look at, those that others are made of first: those that it names, or all where it may
    list what there is. To make a view takes about a millisecond, so the others are not made."""
    said = statement.lower()
    if _LISTS.search(said):
        return list(VIEWS)
    named = [name for name in VIEWS if name in said]
    deeper = {name for one in named for name in VIEWS if name in VIEWS[one].sql}
    return [name for name in VIEWS if name in named or name in deeper]


def register(db: duckdb.DuckDBPyConnection, names: Collection[str]) -> None:
    """Define these views where the streams are tables."""
    for name in names:
        db.execute(f"CREATE TEMP VIEW {name} AS {VIEWS[name].sql}")


def streams_behind(words: Collection[str]) -> frozenset[str]:
    """The streams of the views among these words of a statement."""
    return frozenset(stream for name, view in VIEWS.items() if name in words for stream in view.reads)
