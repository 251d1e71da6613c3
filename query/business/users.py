"""Who was active, who converted, who stayed and who left: everything of a summary that counts people."""

from __future__ import annotations

from dataclasses import dataclass, field

from query.business.meaning import Inactivity
from query.business.reading import DAY_US, SPANS, Reading, whole


@dataclass
class People:
    """The counts of one span. ``kinds_used``: over its active users, the kinds of activity that each used."""

    active: int = 0
    active_days: int = 0
    kinds_used: int = 0
    eligible: int = 0
    converted: int = 0
    at_start: int = 0
    left: int = 0
    stayed: int = 0
    """Active ones that were active in the span before, too; of the current span only."""


@dataclass
class Counted:
    """By span; by point of the history; and by segment, value and span."""

    spans: dict[str, People] = field(default_factory=lambda: {name: People() for name in SPANS})
    history: dict[object, tuple[int, int, int]] = field(default_factory=dict[object, tuple[int, int, int]])
    """By key: active users, eligible ones, converted ones."""
    segments: dict[int, dict[str | None, dict[str, People]]] = field(
        default_factory=dict[int, dict[str | None, dict[str, People]]]
    )


def counted(reading: Reading) -> Counted:
    """Count them all, in one reading of the stream."""
    found = Counted()
    for row in reading.run(_statement(reading)):
        n, m, k = (whole(row, name) for name in ("n", "m", "k"))
        what, span = row["what"], row["span"]
        if what == "point":
            found.history[row["key"]] = (n, m, k)
            continue
        if what.startswith("by "):
            of = found.segments.setdefault(int(what[3:]), {}).setdefault(row["v"], {})
            people = of.setdefault(span, People())
        else:
            people = found.spans[span]
        if what == "active" or what.startswith("by "):
            people.active = n
        if what == "active":
            people.active_days, people.kinds_used = m, k
        elif what == "conversion" or what.startswith("by "):
            people.eligible, people.converted = (n, m) if what == "conversion" else (m, k)
        elif what == "churn":
            people.at_start, people.left = n, m
        elif what == "stayed":
            people.stayed = n
    return found


def _statement(reading: Reading) -> str:
    b, spans = reading.business, reading.spans
    kinds = " | ".join(
        f"(CASE WHEN {reading.match(kind, f'kinds.{i}')} THEN {1 << i} ELSE 0 END)"
        for i, kind in enumerate(b.kinds_offered)
    )
    learn = reading.match(b.churn.events, "churn.events") if isinstance(b.churn, Inactivity) else "false"
    edges = sorted({point for span in spans.values() for point in span} | _churn_edges(reading))
    piece = " ".join(f"WHEN time < {reading.at(edge)} THEN {i}" for i, edge in enumerate(edges))
    places = {edge: i for i, edge in enumerate(edges)}

    def inside(since: int, until: int, e: str = "e") -> str:
        """Piece ``i`` ends at edge ``i``: ``[since, until)`` are those after edge ``since``, up to edge ``until``."""
        return f"({e} > {places[since]} AND {e} <= {places[until]})"

    parts = [_points()]
    for name, (since, until) in spans.items():
        here = inside(since, until)
        parts.append(f"""SELECT 'active' AS what, '{name}' AS span, NULL AS key, NULL AS v, count(*) AS n, sum(days) AS m,
          sum(bit_count(kinds)) AS k FROM (SELECT u, count(DISTINCT day) AS days, bit_or(kinds) AS kinds FROM did
          WHERE active AND {here} GROUP BY u)""")
        parts.append(f"""SELECT 'conversion', '{name}', NULL, NULL, count(*), count(*) FILTER (c), NULL FROM (
          SELECT u, bool_or(converted) AS c FROM did WHERE {here} GROUP BY u HAVING bool_or(eligible))""")
        if isinstance(b.churn, Inactivity):
            days = b.churn.days * DAY_US
            before, after = inside(since - days, since), inside(until - days, until)
            parts.append(f"""SELECT 'churn', '{name}', NULL, NULL, count(*), count(*) FILTER (NOT still), NULL FROM (
              SELECT u, bool_or({after}) AS still FROM did WHERE learns GROUP BY u HAVING bool_or({before}))""")
        for i, segment in enumerate(b.segments):
            if segment.by != "event":
                parts.append(f"""SELECT 'by {i}', '{name}', NULL, v, count(*) FILTER (a), count(*) FILTER (e),
                  count(*) FILTER (e AND c) FROM (SELECT u, bool_or(active) AS a, bool_or(eligible) AS e,
                  bool_or(converted) AS c FROM did WHERE {here} GROUP BY u) LEFT JOIN who_{i} USING (u) GROUP BY v""")
    now, before = inside(*spans["current"]), inside(*spans["previous"])
    parts.append(f"""SELECT 'stayed', 'current', NULL, NULL, count(*), NULL, NULL FROM (
      SELECT u FROM did WHERE active GROUP BY u HAVING bool_or({now}) AND bool_or({before}))""")
    return f"""WITH did AS MATERIALIZED (
        SELECT {reading.user} AS u, {reading.bucket()} AS key, {reading.day()} AS day,
          CASE {piece} ELSE {len(edges)} END AS e,
          bool_or({reading.match(b.active, "active")}) AS active,
          bool_or({reading.match(b.eligible, "eligible")}) AS eligible,
          bool_or({reading.match(b.converted, "converted")}) AS converted, bool_or({learn}) AS learns,
          bit_or({kinds or "0"}) AS kinds
        FROM {reading.sql.table} WHERE {reading.looked_at()} AND {reading.types} AND {reading.ours}
        GROUP BY ALL HAVING u IS NOT NULL)
      {" UNION ALL ".join(parts)}"""  # fmt: skip


def _churn_edges(reading: Reading) -> set[int]:
    churn = reading.business.churn
    if not isinstance(churn, Inactivity):
        return set()
    return {point - churn.days * DAY_US for span in reading.spans.values() for point in span}


def _points() -> str:
    return """SELECT 'point' AS what, NULL AS span, key, NULL AS v, count(*) FILTER (a) AS n, count(*) FILTER (e) AS m,
      count(*) FILTER (e AND c) AS k FROM (SELECT key, u, bool_or(active) AS a, bool_or(eligible) AS e,
      bool_or(converted) AS c FROM did GROUP BY key, u) GROUP BY key"""


def subscriptions(reading: Reading, found: Counted) -> None:
    """Of a business whose customers leave by ending something: who held it at the start of each span, and who ended it."""
    rule = reading.subscriptions
    if rule is None:
        return
    held, over = reading.match(rule.holds, "churn.holds"), reading.match(rule.ended, "churn.ended")
    parts = [
        f"""SELECT '{name}' AS span, count(*) AS n, count(*) FILTER (gone) AS m FROM (
          SELECT u, bool_or(over AND {reading.within(span, "t")}) AS gone FROM said GROUP BY u
          HAVING arg_max(NOT over, (t, o)) FILTER (t < {reading.at(span[0])}))"""
        for name, span in reading.spans.items()
    ]
    rows = reading.run(f"""WITH said AS MATERIALIZED (
        SELECT {reading.user} AS u, time AS t, row_offset AS o, {over} AS over FROM {reading.sql.table}
        WHERE time < {reading.at(reading.period.until_us)} AND ({held} OR {over}) AND {reading.ours})
      {" UNION ALL ".join(parts)}""")
    for row in rows:
        found.spans[row["span"]].at_start, found.spans[row["span"]].left = whole(row, "n"), whole(row, "m")
