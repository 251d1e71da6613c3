"""Funnels: of the users who began, how many went on from step to step, in time.

A user has reached step k where there are events of steps 1 to k, one after the other, the first of them within the span of
the question and the last one not later than a window after it; in strict order nothing is between two of them, and in any
case no exclusion is. Of the events that may have begun this, the last one decides, since its window ends last; so one pass
over a user's events in order suffices, which here is one window function a step. Events of one time are in the order of
the log. A user who has not reached the last step is still in while one more event could be a next step. Of the others,
those are excluded whose furthest way an exclusion ended within its window, and the rest dropped out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from events.errors import Rejected
from query.moments import length_s
from query.questions.asked import Asking, Behind, Figures, ratio
from query.questions.schema import CellOf, Events, Length, Match, Name, Observed, as_match

MOST_STEPS = 20
Outcome = Literal["reached", "dropped", "excluded", "still_in"]


class Exclusion(Match):
    """Events that end an attempt, between any steps or between two of them (``[1, 3]``: after step 1 and before step 3)."""

    between: tuple[int, int] | None = None


class Funnel(Observed):
    """``steps``: what users do, one after the other. ``order``: ``ordered`` allows anything between them, ``strict`` allows
    nothing, ``any`` takes them in any order. ``window``: from the first step to the last. ``breakdown``: by the value that
    the event has with which a user's furthest attempt began.
    """

    ask: Literal["funnel"]
    steps: tuple[Events, ...] = ()
    order: Literal["ordered", "strict", "any"] = "ordered"
    window: Length = "14d"
    exclude: Annotated[tuple[Annotated[Exclusion, BeforeValidator(as_match)], ...], Field(max_length=20)] = ()
    breakdown: Name | None = None
    top: int = Field(default=10, ge=1, le=200)

    @model_validator(mode="after")
    def _can_be_walked(self) -> Self:
        n = len(self.steps)
        if not 2 <= n <= MOST_STEPS:
            raise ValueError(
                f'steps: a funnel has from 2 to {MOST_STEPS} steps, such as ["page", "order.placed"]; got {n or "none"}'
            )
        for i, one in enumerate(self.exclude):
            if one.between is not None and not 1 <= one.between[0] < one.between[1] <= n:
                raise ValueError(f"exclude.{i}.between: must name two steps from 1 to {n}, the earlier one first")
            if one.between is not None and self.order == "any":
                raise ValueError(f"exclude.{i}.between: steps in any order have no between; leave it out")
            if any(one.types == s.types and one.where == s.where for s in self.steps):
                raise ValueError(f"exclude.{i}: is a step of this funnel, too; an event cannot be both")
        if self.order == "any":
            self._refuse_overlaps()
        return self

    def _refuse_overlaps(self) -> None:
        """In any order it must be plain which step an event is."""
        for i, one in enumerate(self.steps):
            for j, other in enumerate(self.steps[:i]):
                same = (one.types, one.where) == (other.types, other.where)
                meet = not one.types or not other.types or set(one.types) & set(other.types)
                if meet and not same:
                    raise ValueError(f"steps.{i}: an event may be of this step and of step {j + 1}; in any order, steps "
                                     "must be of different events, or quite the same")  # fmt: skip

    @property
    def settles_s(self) -> float:
        return self.window_us / 1e6 + 1

    @property
    def window_us(self) -> int:
        return round((length_s(self.window) or 0) * 1e6)


class FunnelCell(CellOf):
    """Users at a ``step`` (from 1): those who ``reached`` it, or who came no further and ``dropped`` out, were ``excluded``,
    or are ``still_in`` their window. ``breakdown``: of that group (none given: of all; ``other``: beyond the top)."""

    step: int = Field(ge=1, le=MOST_STEPS)
    outcome: Outcome = "reached"
    breakdown: str | None = None
    other: bool = False


def _walk(asking: Asking[Funnel]) -> str:
    """``r``: the events in order, numbered ``n`` by user. ``w(u, reached, begun, ended, still_in, excluded, b, took)``:
    a row a user, with the numbers of the events that the furthest attempt began with and came to."""
    return _unordered(asking) if asking.question.order == "any" else _ordered(asking)


def _events(asking: Asking[Funnel], horizon_us: int) -> str:
    """``r(u, t, p, o, b, n, m1…, x1…)``: ``m`` is whether an event is of a step, ``x`` whether it ends attempts there."""
    q, sql, span = asking.question, asking.sql, asking.span
    steps = [f"{sql.match(step, f'steps.{i}')} AS m{i + 1}" for i, step in enumerate(q.steps)]
    ends = [f"{x} AS x{k}" for k, x in _exclusions(asking).items()]
    group = sql.text(q.breakdown, "breakdown") if q.breakdown else "NULL"
    flags = [f"m{i + 1}" for i in range(len(q.steps))] + [f"x{k}" for k in _exclusions(asking)]
    only = "" if q.order == "strict" else f"WHERE {' OR '.join(flags)}"
    return f"""e AS (SELECT {asking.user} AS u, time AS t, {sql.place()}, {group} AS b, {", ".join(steps + ends)}
        FROM {sql.table} WHERE {sql.between(span.since_us, horizon_us)} AND {asking.user} IS NOT NULL AND {asking.rows}),
      r AS (SELECT *, row_number() OVER (PARTITION BY u ORDER BY t, p, o) AS n FROM e {only})"""


def _exclusions(asking: Asking[Funnel]) -> dict[int, str]:
    """By step: the events that end the attempts that stand there."""
    q, found = asking.question, dict[int, list[str]]()
    for i, one in enumerate(q.exclude):
        first, last = one.between or (1, len(q.steps))
        for step in range(first, last) if q.order != "any" else (1,):
            found.setdefault(step, []).append(asking.sql.match(one, f"exclude.{i}"))
    return {step: f"({' OR '.join(said)})" for step, said in sorted(found.items())}


def _horizon_us(asking: Asking[Funnel]) -> int:
    """Attempts begin until the span ends, and are watched until their window does."""
    span = asking.span
    return max(span.since_us + 1, min(span.observed_us, span.until_us + asking.question.window_us + 1))


def _ordered(asking: Asking[Funnel]) -> str:
    q, sql, span = asking.question, asking.sql, asking.span
    last, window = len(q.steps), f"to_microseconds({q.window_us})"
    ends = _exclusions(asking)
    begins = f"m1 AND t < {sql.at(span.until_us)}"
    gone = "".join(f", sum(x{k}::INT) OVER (PARTITION BY u ORDER BY n) AS g{k}" for k in ends)
    ctes = [
        _events(asking, _horizon_us(asking)),
        f"""l1 AS (SELECT *, CASE WHEN {begins} THEN n END AS s1, CASE WHEN {begins} THEN t END AS a1{gone} FROM r)""",
    ]
    for k in range(2, last + 1):
        if q.order == "strict":
            before, over = "lag", "PARTITION BY u ORDER BY n"
        else:
            piece = f"u, g{k - 1}" if k - 1 in ends else "u"
            over = f"PARTITION BY {piece} ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
            before = "max"
        came = f"m{k} AND t <= pt + {window}"
        ctes.append(f"""b{k} AS (SELECT *, {before}(s{k - 1}) OVER w AS pn, {before}(a{k - 1}) OVER w AS pt
          FROM l{k - 1} WINDOW w AS ({over}))""")
        ctes.append(f"""l{k} AS (SELECT * EXCLUDE (pn, pt), CASE WHEN {came} THEN pn END AS s{k},
          CASE WHEN {came} THEN pt END AS a{k} FROM b{k})""")
    levels = range(1, last + 1)
    observed = sql.at(span.observed_us)
    alive = [_alive(k, q.order, k in ends, window, observed) for k in range(1, last)]
    shut = [f"(count(s{k + 1}) = 0 AND bool_or(s{k} IS NOT NULL AND next{k} <= a{k} + {window}))" for k in ends]
    more = [f"max(g{k}) OVER (PARTITION BY u) AS all{k}" for k in ends]
    more += [f"""min(CASE WHEN x{k} THEN t END) OVER (PARTITION BY u ORDER BY n
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next{k}""" for k in ends]  # fmt: skip
    if q.order == "strict":
        more.append("max(n) OVER (PARTITION BY u) AS newest")
    ctes.append(f"""z AS (SELECT *{"".join(f", {one}" for one in more)} FROM l{last})""")
    reached = "CASE " + " ".join(f"WHEN count(s{k}) > 0 THEN {k}" for k in reversed(levels)) + " ELSE 0 END"

    def at_level(pick: str) -> str:
        return "CASE " + " ".join(f"WHEN count(s{k}) > 0 THEN {pick.format(k=k)}" for k in reversed(levels)) + " END"

    took = ", ".join(
        f"arg_min(date_diff('microsecond', a{k}, t), n) FILTER (WHERE s{k} IS NOT NULL) AS took{k}" for k in levels
    )
    ctes.append(f"""v AS (SELECT u, {reached} AS reached,
        {at_level("arg_min(s{k}, n) FILTER (WHERE s{k} IS NOT NULL)")} AS begun,
        {at_level("min(n) FILTER (WHERE s{k} IS NOT NULL)")} AS ended,
        {" OR ".join(f"coalesce({one}, false)" for one in alive)} AS open,
        {" OR ".join(f"coalesce({one}, false)" for one in shut) or "false"} AS shut, {took}
      FROM z GROUP BY u HAVING count(s1) > 0)""")
    ctes.append(f"""w AS (SELECT v.*, r.b, reached < {last} AND open AS still_in,
        reached < {last} AND NOT open AND shut AS excluded FROM v JOIN r ON r.u = v.u AND r.n = v.begun)""")
    return ", ".join(ctes)


def _alive(k: int, order: str, ends: bool, window: str, observed: str) -> str:
    """Whether an attempt that stands at step ``k`` may still go on."""
    where = f"s{k} IS NOT NULL"
    if order == "strict":
        where += " AND n = newest"
    if ends:
        where += f" AND g{k} = all{k}"
    return f"max(a{k}) FILTER (WHERE {where}) + {window} >= {observed}"


def _unordered(asking: Asking[Funnel]) -> str:
    """Every event of a step may begin an attempt; it reaches as many steps as have their events within the window."""
    q, sql, span = asking.question, asking.sql, asking.span
    ends = bool(_exclusions(asking))
    kinds: dict[Any, list[int]] = {}
    for i, step in enumerate(q.steps):
        kinds.setdefault((step.types, step.where), []).append(i + 1)
    flags = [f"m{places[0]}" for places in kinds.values()]
    part = "PARTITION BY u, g" if ends else "PARTITION BY u"
    frame = f"{part} ORDER BY us RANGE BETWEEN CURRENT ROW AND {q.window_us} FOLLOWING"
    each = [
        f"least({len(places)}, count(*) FILTER (WHERE m{places[0]}) OVER ({frame}))" for places in kinds.values()
    ]  # fmt: skip
    going = "sum(x1::INT) OVER (PARTITION BY u ORDER BY n)" if ends else "0"
    begins = f"({' OR '.join(flags)}) AND t < {sql.at(span.until_us)}"
    window, last = f"to_microseconds({q.window_us})", len(q.steps)
    shut = f"bool_or(level = best AND g < newest AND ends <= t + {window}) FILTER (WHERE {begins})" if ends else "false"
    ended = (
        "min(CASE WHEN x1 THEN t END) OVER (PARTITION BY u ORDER BY n ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)"
    )
    return f"""{_events(asking, _horizon_us(asking))},
      l1 AS (SELECT *, epoch_us(t) AS us, {going} AS g, {ended if ends else "NULL::TIMESTAMPTZ"} AS ends FROM r),
      l2 AS (SELECT *, {" + ".join(each)} AS level, max(g) OVER (PARTITION BY u) AS newest FROM l1),
      l3 AS (SELECT *, max(level) FILTER (WHERE {begins}) OVER (PARTITION BY u) AS best FROM l2),
      v AS (SELECT u, max(level) FILTER (WHERE {begins}) AS reached,
        arg_max(n, (level, -n)) FILTER (WHERE {begins}) AS begun,
        coalesce(max(t) FILTER (WHERE {begins} AND g = newest) + {window} >= {sql.at(span.observed_us)}, false) AS open,
        coalesce({shut}, false) AS shut
        FROM l3 GROUP BY u HAVING count(*) FILTER (WHERE {begins}) > 0),
      w1 AS (SELECT v.* EXCLUDE (begun), l2.b, l2.t AS begins_at, l2.g FROM v JOIN l2 ON l2.u = v.u AND l2.n = v.begun),
      w2 AS (SELECT w1.u, min(l2.n) AS begun, max(l2.n) AS ended FROM w1 JOIN l2 ON l2.u = w1.u AND l2.g = w1.g
        AND l2.t BETWEEN begins_at AND begins_at + {window} GROUP BY w1.u),
      w AS (SELECT w1.*, w2.begun, w2.ended, reached < {last} AND open AS still_in,
        reached < {last} AND NOT open AND shut AS excluded
        {"".join(f", NULL::BIGINT AS took{k}" for k in range(1, last + 1))} FROM w1 JOIN w2 ON w1.u = w2.u)"""


def answer(asking: Asking[Funnel]) -> Figures:
    """``groups``: first all users together, then by group; of each the steps."""
    q = asking.question
    last = len(q.steps)
    steps = range(1, last + 1)
    count = ", ".join(
        f"""count(*) FILTER (WHERE reached >= {k}), count(*) FILTER (WHERE reached = {k} AND still_in),
        count(*) FILTER (WHERE reached = {k} AND excluded), median(took{k}) FILTER (WHERE reached >= {k})"""
        for k in steps
    )
    walk = _walk(asking)
    rows = asking.run(f"WITH {walk} SELECT b, grouping(b), {count} FROM w GROUP BY GROUPING SETS (b, ())")
    whole = [row for row in rows if row[1]] or [[None, 1, *[0, 0, 0, None] * last]]
    groups = [_group(q, whole[0][2:])]
    if q.breakdown:
        by_size = sorted((r for r in rows if not r[1]), key=lambda r: (-r[2], r[0] is None, r[0]))
        groups += [{"breakdown": r[0], "other": False, **_group(q, r[2:])} for r in by_size[: q.top]]
        if rest := by_size[q.top :]:
            groups.append({"breakdown": None, "other": True, **_group(q, _together(rest, last))})
    return {"order": q.order, "window": q.window, "groups": groups}


def _together(rows: list[list[Any]], last: int) -> list[Any]:
    """Counts are added; a median of several groups is not known from theirs."""
    return [None if at % 4 == 3 else sum(r[2 + at] for r in rows) for at in range(4 * last)]


def _group(q: Funnel, figures: list[Any]) -> Figures:
    last = len(q.steps)
    begun, still = figures[0], sum(figures[4 * k + 1] for k in range(last))
    steps: list[Figures] = []
    for k, step in enumerate(q.steps):
        reached, still_in, excluded, took = figures[4 * k : 4 * k + 4]
        after = figures[4 * k + 4] if k + 1 < last else reached
        name = step.title if q.order != "any" else f"any {k + 1} of {last}"
        steps.append({
            "step": k + 1, "name": name, "users": reached,
            "rate": ratio(reached, begun), "rate_from_previous": ratio(reached, figures[4 * k - 4]) if k else None,
            "dropped": reached - after - still_in - excluded, "still_in": still_in, "excluded": excluded,
            "median_s": None if took is None else took / 1e6,
        })  # fmt: skip
    done = figures[4 * (last - 1)]
    return {"users": begun, "converted": done, "still_in": still, "rate": ratio(done, begun),
            "settled_rate": ratio(done, begun - still), "steps": steps}  # fmt: skip


def behind(asking: Asking[Funnel], cell: FunnelCell) -> Behind:
    """The events of each user's furthest attempt, from the one that it began with to the one that it came to."""
    q = asking.question
    if cell.step > len(q.steps):
        raise Rejected("cell.step", f"must be from 1 to {len(q.steps)}, got {cell.step}")
    said = {
        "reached": f"reached >= {cell.step}",
        "still_in": f"reached = {cell.step} AND still_in",
        "excluded": f"reached = {cell.step} AND excluded",
        "dropped": f"reached = {cell.step} AND reached < {len(q.steps)} AND NOT still_in AND NOT excluded",
    }[cell.outcome]
    walk = _walk(asking)
    if cell.other and q.breakdown:
        said += f""" AND NOT EXISTS (SELECT 1 FROM (SELECT b FROM w GROUP BY b ORDER BY count(*) DESC, b NULLS LAST
          LIMIT {q.top}) top WHERE top.b IS NOT DISTINCT FROM w.b)"""
    elif "breakdown" in cell.model_fields_set:
        said += " AND b IS NULL" if cell.breakdown is None else f" AND b = {asking.sql.bind(cell.breakdown)}"
    flags = " OR ".join(f"r.m{k + 1}" for k in range(len(q.steps)))
    return Behind(f"""{walk}, hit AS (SELECT r.u, r.t, r.p, r.o
      FROM r JOIN w ON r.u = w.u AND r.n BETWEEN w.begun AND w.ended WHERE ({flags}) AND {said.replace(" b ", " w.b ")})""")
