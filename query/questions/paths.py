"""Paths: what users do one after the other, from a beginning or towards an end.

A user's events make sessions, which a pause parts; events with the same value one after the other count as one. A path
begins at the first event of its session, or at the first one with the value ``begin``; with ``end`` it ends at the first
one after that with this value, and paths that do not get there are left out.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from events.errors import Rejected
from query.moments import length_s
from query.questions.asked import Asking, Behind, Figures
from query.questions.schema import CellOf, Events, Length, Match, Name, Observed


class Paths(Observed):
    """``events``: which ones are on the paths. ``by``: what an event is called there: its type, or a column or property.
    ``steps``: so many of a path are shown, its first ones, or with ``end`` its last ones. ``pause``: parts sessions.
    ``top``: so many ways on are shown from each step, those that most paths took.
    """

    ask: Literal["paths"]
    events: Events = Match()
    by: Name = "type"
    begin: Name | None = None
    end: Name | None = None
    steps: int = Field(default=5, ge=2, le=20)
    pause: Length = "30m"
    top: int = Field(default=20, ge=1, le=200)

    @property
    def settles_s(self) -> float:
        return (length_s(self.pause) or 0) + 1


class PathsCell(CellOf):
    """Paths that go ``from_`` one value (as ``from``) at ``step`` to another one ``to``; without ``to``: that end there."""

    step: int = Field(ge=1, le=20)
    from_: str = Field(alias="from")
    to: str | None = None


def _walks(asking: Asking[Paths]) -> str:
    """``edges(u, path, t, p, o, step, v, nxt, open)``: each step of each path, and what came after it."""
    q, sql, span = asking.question, asking.sql, asking.span
    pause = f"to_microseconds({round((length_s(q.pause) or 0) * 1e6)})"
    until = min(span.until_us, span.observed_us)
    begin = f"min(n) FILTER (WHERE v = {sql.bind(q.begin)})" if q.begin is not None else "min(n)"
    ends = "NULL::BIGINT AS last" if q.end is None else (
        f"(min(n) FILTER (WHERE v = {sql.bind(q.end)} AND n >= first)) AS last"
    )  # fmt: skip
    kept = "n >= first" if q.end is None else "n BETWEEN first AND last"
    step = "row_number() OVER (PARTITION BY u, path ORDER BY n)"
    if q.end is not None:  # the last steps are shown: step 1 is then the one that stands furthest before the end
        step += f" - greatest(count(*) OVER (PARTITION BY u, path) - {q.steps}, 0)"
    return f"""e AS (SELECT {asking.user} AS u, time AS t, {sql.place()}, {sql.text(q.by, "by")} AS v FROM {sql.table}
        WHERE {sql.between(span.since_us, max(until, span.since_us + 1))} AND {sql.match(q.events, "events")}
        AND {asking.user} IS NOT NULL AND {asking.rows}),
      named AS (SELECT *, coalesce(t - lag(t) OVER w > {pause}, true) AS new, lag(v) OVER w AS before
        FROM e WHERE v IS NOT NULL WINDOW w AS (PARTITION BY u ORDER BY t, p, o)),
      runs AS (SELECT *, sum(new::INT) OVER (PARTITION BY u ORDER BY t, p, o ROWS UNBOUNDED PRECEDING) AS path,
        max(t) OVER (PARTITION BY u) AS seen FROM named),
      steps AS (SELECT *, row_number() OVER (PARTITION BY u ORDER BY t, p, o) AS n,
        seen + {pause} >= {sql.at(span.observed_us)} AND path = max(path) OVER (PARTITION BY u) AS open
        FROM runs WHERE new OR v <> before),
      firsts AS (SELECT u, path, {begin} AS first FROM steps GROUP BY u, path),
      bounds AS (SELECT u, path, first, {ends} FROM steps JOIN firsts USING (u, path) WHERE first IS NOT NULL
        GROUP BY u, path, first),
      walked AS (SELECT steps.*, {step} AS step, lead(v) OVER (PARTITION BY u, path ORDER BY n) AS nxt
        FROM steps JOIN bounds USING (u, path) WHERE {kept}),
      edges AS (SELECT * FROM walked WHERE step BETWEEN 1 AND {q.steps})"""


def answer(asking: Asking[Paths]) -> Figures:
    """``steps``: of each the ways on from it. ``to`` None: the path ended there; ``still_in``: those of them whose session
    may still go on. The last step has no ways on."""
    q = asking.question
    walks = _walks(asking)
    total, users = asking.run(f"WITH {walks} SELECT count(DISTINCT (u, path)), count(DISTINCT u) FROM edges")[0]
    rows = asking.run(f"""WITH {walks} SELECT step, v, nxt, count(*), count(DISTINCT u),
      count(*) FILTER (WHERE nxt IS NULL AND open) FROM edges WHERE step < {q.steps} GROUP BY ALL
      ORDER BY step, count(*) DESC, v, nxt NULLS LAST""")
    steps: list[Figures] = []
    for place in range(1, q.steps):
        here = [r for r in rows if r[0] == place]
        ways = [
            {"from": v, "to": nxt, "paths": n, "users": who, "still_in": still_in}
            for _, v, nxt, n, who, still_in in here[: q.top]
        ]
        rest = here[q.top :]
        other = {"ways": len(rest), "paths": sum(r[3] for r in rest)}
        steps.append({"step": place, "paths": sum(r[3] for r in here), "ways": ways, "other": other})
    return {"by": q.by, "paths": total, "users": users, "steps": steps}


def behind(asking: Asking[Paths], cell: PathsCell) -> Behind:
    """The events that the paths stand at before they go that way."""
    if cell.step >= asking.question.steps:
        raise Rejected("cell.step", f"must be from 1 to {asking.question.steps - 1}, got {cell.step}")
    sql = asking.sql
    to = "nxt IS NULL" if cell.to is None else f"nxt = {sql.bind(cell.to)}"
    return Behind(f"""{_walks(asking)}, hit AS (SELECT u, t, p, o FROM edges
      WHERE step = {cell.step} AND v = {sql.bind(cell.from_)} AND {to})""")
