"""Trends: how many events, distinct users, or how much of a property, in each interval."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from events.errors import Rejected
from query.questions.asked import Asking, Behind, Figures, ratio
from query.questions.schema import CellOf, Interval, Match, Name, Question, as_match
from query.questions.span import begin_us, ended, key_asked, key_sql, keys_between

Measure = Literal["count", "users", "sum", "mean", "min", "max", "median", "p95"]
MEASURES = {
    "count": "count(*)",
    "users": "count(DISTINCT u)",
    "sum": "{sum}",
    "mean": "{sum} / nullif(count(x), 0)",
    "min": "min(x)",
    "max": "max(x)",
    "median": "quantile_cont(x, 0.5)",
    "p95": "quantile_cont(x, 0.95)",
}
MONEY = "amount"


class Series(Match):
    """One line: what is measured of which events; ``of``: the column or property that sum, mean and the like are of."""

    measure: Measure = "count"
    of: Name | None = None
    name: Name | None = None

    @model_validator(mode="after")
    def _says_of_what(self) -> Self:
        if (self.of is not None) != (self.measure not in ("count", "users")):
            needs = "needs one, such as amount" if self.of is None else "takes none; it counts rows"
            raise ValueError(f"of: {self.measure} {needs}")
        return self


class Trends(Question):
    """``series``: the lines. ``breakdown``: a line for each value of a column or property, for the ``top`` of them by rows.
    ``compare``: also the span of the same length before."""

    ask: Literal["trends"]
    series: Annotated[tuple[Annotated[Series, BeforeValidator(as_match)], ...], Field(min_length=1, max_length=20)] = (
        Series(),
    )
    interval: Interval = "day"
    breakdown: Name | None = None
    top: int = Field(default=10, ge=1, le=200)
    compare: Literal["prior"] | None = None


class TrendsCell(CellOf):
    """A figure of the answer: its series by place, its bucket (none: the total), its value of the breakdown (none given:
    of all; ``other``: of those beyond the top), and its period."""

    series: int = Field(default=0, ge=0)
    bucket: str | None = None
    breakdown: str | None = None
    other: bool = False
    period: Literal["current", "prior"] = "current"


def _found(asking: Asking[Trends], i: int) -> str:
    """``f(period, u, t, p, o, x, currency, b)``: each event that a series counts, and its group."""
    q, sql, span = asking.question, asking.sql, asking.span
    series = q.series[i]
    begin = span.prior_since_us if q.compare else span.since_us
    money = series.of == MONEY and sql.is_column("currency")
    return f"""f AS (SELECT CASE WHEN time < {sql.at(span.since_us)} THEN 1 ELSE 0 END AS period,
      {asking.user} AS u, time AS t, {sql.place()}, {sql.number(series.of, f"series.{i}.of") if series.of else "NULL"} AS x,
      {"CAST(currency AS VARCHAR)" if money else "NULL"} AS currency,
      {sql.text(q.breakdown, "breakdown") if q.breakdown else "NULL"} AS b
      FROM {sql.table} WHERE {sql.between(begin, span.until_us)} AND {sql.match(series, f"series.{i}")}
      AND {asking.rows})"""


def _groups(asking: Asking[Trends]) -> list[str | None]:
    """The values of the breakdown that have lines of their own: those with most events of all series together."""
    q = asking.question
    if not q.breakdown:
        return []
    each = " UNION ALL ".join(f"(WITH {_found(asking, i)} SELECT b FROM f)" for i in range(len(q.series)))
    rows = asking.run(f"SELECT b FROM ({each}) GROUP BY b ORDER BY count(*) DESC, b NULLS LAST LIMIT {q.top}")
    return [b for (b,) in rows]


def _group_sql(asking: Asking[Trends], groups: Sequence[str | None]) -> str:
    """The place of a row's group among the lines; -1 for the others."""
    said = [
        f"WHEN b {'IS NULL' if b is None else f'= {asking.sql.bind(b)}'} THEN {place}" for place, b in enumerate(groups)
    ]
    return f"CASE {' '.join(said)} ELSE -1 END" if said else "0" if not asking.question.breakdown else "-1"


def answer(asking: Asking[Trends]) -> Figures:
    """``series``: a line each, by group; every bucket of the span is there, also those without rows."""
    q, span = asking.question, asking.span
    groups = _groups(asking)
    key = key_sql(q.interval, "t", asking.sql.bind(span.zone_name))
    lines: list[Figures] = []
    for i, series in enumerate(q.series):
        whole = series.of is None or asking.sql.whole(series.of)
        # Whole numbers are added exactly; fractions with compensation, so that the order of rows does not show.
        total = "sum(x)" if whole else "CASE WHEN count(x) > 0 THEN fsum(x) END"
        rows = asking.run(f"""WITH {_found(asking, i)}, h AS (
            SELECT *, {_group_sql(asking, groups)} AS g, {key} AS k FROM f)
          SELECT period, g, k, grouping(k), count(DISTINCT currency), min(currency), max(currency),
            {MEASURES[series.measure].format(sum=total)}
          FROM h GROUP BY GROUPING SETS ((period, g, k), (period, g))""")
        _refuse_mixed(rows, i)
        values = {(period, g, None if all_ else k): _plain(value) for period, g, k, all_, _, _, _, value in rows}
        currencies = {(period, g): currency for period, g, _, all_, _, currency, _, _ in rows if all_}
        shown = [(g, b, False) for g, b in enumerate(groups)] if q.breakdown else [(0, None, False)]
        if any(g == -1 for _, g, _ in values):
            shown.append((-1, None, True))
        lines += [_line(asking, values, currencies, i, line) for line in shown]
    return {"series": lines}


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) else value


def _line(asking: Asking[Trends], values: dict[Any, Any], currencies: dict[Any, Any], i: int, line: Any) -> Figures:
    q, span = asking.question, asking.span
    series, (g, b, other) = q.series[i], line
    empty = 0 if series.measure in ("count", "users") else None

    def period(place: int, since_us: int, until_us: int) -> list[Figures]:
        return [
            {
                "bucket": span.text(begin_us(q.interval, k, span)),
                "value": values.get((place, g, k), empty),
                "complete": ended(q.interval, k, span, since_us, until_us),
            }
            for k in keys_between(q.interval, since_us, until_us, span)
        ]

    said: Figures = {
        "name": series.name or (series.title if series.measure == "count" else f"{series.measure} of {series.title}"),
        "series": i,
        "measure": series.measure,
        **({"breakdown": b, "other": other} if q.breakdown else {}),
        "total": values.get((0, g, None), empty),
        "points": period(0, span.since_us, span.until_us),
    }
    if series.of == MONEY:
        said["currency"] = currencies.get((0, g)) or currencies.get((1, g))
    if q.compare:
        prior = values.get((1, g, None), empty)
        now = said["total"]
        change = None if prior is None or now is None or prior <= 0 else ratio(now - prior, prior)
        said["prior"] = {"since": span.text(span.prior_since_us), "until": span.text(span.since_us), "total": prior,
                         "points": period(1, span.prior_since_us, span.since_us)}  # fmt: skip
        said["change"] = change
    return said


def _refuse_mixed(rows: Sequence[Sequence[Any]], i: int) -> None:
    for _, _, _, _, n, first, last, _ in rows:
        if n > 1:
            raise Rejected(
                f"series.{i}.of",
                f"amounts are in several currencies ({first}, {last}): they cannot be added. Break down by currency, or "
                f'choose one with where: {{"name": "currency", "value": "{first}"}}',
            )


def behind(asking: Asking[Trends], cell: TrendsCell) -> Behind:
    """The events that a figure counts."""
    q, span, sql = asking.question, asking.span, asking.sql
    if cell.series >= len(q.series):
        raise Rejected("cell.series", f"must be from 0 to {len(q.series) - 1}, got {cell.series}")
    if cell.period == "prior" and not q.compare:
        raise Rejected("cell.period", 'the question compares with nothing; ask it with "compare": "prior"')
    said = [f"period = {int(cell.period == 'prior')}"]
    if cell.bucket is not None:
        bounds = (span.prior_since_us, span.since_us) if cell.period == "prior" else (span.since_us, span.until_us)
        key = key_asked(q.interval, cell.bucket, keys_between(q.interval, *bounds, span), span, "cell.bucket")
        said.append(f"{key_sql(q.interval, 't', sql.bind(span.zone_name))} = {sql.bind(key)}")
    found = _found(asking, cell.series)
    if cell.other:
        said.append(f"{_group_sql(asking, _groups(asking))} = -1")
    elif "breakdown" in cell.model_fields_set:
        said.append(f"b IS NOT DISTINCT FROM {sql.bind(cell.breakdown)}" if cell.breakdown is not None else "b IS NULL")
    return Behind(f"{found}, hit AS (SELECT u, t, p, o FROM f WHERE {' AND '.join(said)})")
