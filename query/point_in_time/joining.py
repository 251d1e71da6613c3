"""Features joined to the rows of a table, as SQL.

For each row count the events of its key with ``event time <= at`` and ``known <= at``. Where one event must be chosen, the
order of event time, producer and offset has no ties, so every run chooses the same one. Fractions are added in that order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from query.moments import length_s
from query.point_in_time.schema import Feature, MetricFeature
from query.questions.expressions import Expressions
from query.questions.trends import MONEY
from query.views import TOLD

_IN_ORDER = "row(t, p, o)"


class Known(NamedTuple):
    """Since when the rows of a stream are known: when they were received, or else committed.

    ``commits``: the table with the time of each commit, where some rows were not received but made by a cell.
    """

    commits: str | None = None

    def source(self, sql: Expressions) -> str:
        """The stream, with the times of its commits where they are needed."""
        if self.commits is None:
            return f"{sql.stream} AS e"
        producer = "row_producer" if sql.is_column("row_producer") else "producer"
        return (
            f"{sql.stream} AS e ASOF LEFT JOIN {self.commits} AS c "
            f"ON CAST(e.{producer} AS VARCHAR) = c.of_producer AND e.row_offset >= c.first"
        )

    @property
    def at(self) -> str:
        return "epoch_us(received)" if self.commits is None else "coalesce(epoch_us(received), c.committed)"


class Joined(NamedTuple):
    """``rows``: the CTE ``f`` of all rows that concern some feature. ``columns``: the aggregates for each row."""

    rows: str
    columns: list[str]
    within: str
    """A condition on the pairs that some feature counts, beside key and times."""

    @property
    def text(self) -> str:
        """n, then the features, then what else ``columns`` has; in order of n."""
        return f"""WITH f AS ({self.rows}) SELECT s.n, {", ".join(self.columns)}
          FROM points AS s LEFT JOIN f ON f.k = s.key AND f.t <= s.at AND f.known <= s.at{self.within}
          GROUP BY s.n ORDER BY s.n"""


def joined(features: Sequence[tuple[int, Feature]], sql: Expressions, known: Known, latest_us: int) -> Joined:
    """The features with their places in the table, all of one stream and one key. Raises ``Rejected`` with the field."""
    first = features[0]
    parts: list[str] = []
    columns: list[str] = []
    for n, feature in features:
        field = f"features.{n}"
        parts.append(f"{sql.match(feature, field)} AS m{n}")
        parts.append(f"{_value(feature, sql, field)} AS v{n}")
        condition = f"m{n}"
        if feature.window is not None:
            condition += f" AND f.t > s.at - {window_us(feature)}"
        columns.append(f"{_aggregate(feature, n, sql, condition)} AS f{n}")
        if adds_money(feature, sql):
            parts.append(f"CAST(currency AS VARCHAR) AS c{n}")
            columns += [f"{word}(c{n}) FILTER (WHERE {condition}) AS {word}_of_{n}" for word in ("min", "max")]
    some = " OR ".join(f"m{n}" for n, _ in features)
    windows = [window_us(feature) for _, feature in features]
    within = f" AND f.t > s.at - {max(windows)}" if all(windows) else ""
    key = f"nullif({sql.text(first[1].key, f'features.{first[0]}.key')}, '')"
    rows = f"""SELECT * FROM (SELECT {key} AS k, epoch_us(time) AS t, {known.at} AS known, {sql.place()},
        {", ".join(parts)} FROM {known.source(sql)} WHERE time <= {sql.at(latest_us)}) WHERE k IS NOT NULL AND ({some})"""
    return Joined(rows, columns, within)


def metric_joined(n: int, feature: MetricFeature, sql: Expressions, known: Known, latest_us: int) -> Joined:
    """One metric: its newest window, by the newest definition and revision that were known. ``sql``: of ``metrics``."""
    column = "distinct_count" if feature.value == "distinct" else feature.value
    rows = f"""SELECT coalesce(CAST(key AS VARCHAR), '') AS series, epoch_us(time) AS t, {known.at} AS known, {sql.place()},
        {TOLD} AS told, revision AS r, {column} AS v FROM {known.source(sql)}
      WHERE metric = {sql.bind(feature.metric)} AND revision IS NOT NULL AND time <= {sql.at(latest_us)}"""
    if feature.series is None:
        rows = f"SELECT series AS k, * FROM ({rows})"
    else:
        rows = (
            f"SELECT q.key AS k, x.* FROM ({rows}) AS x CROSS JOIN (SELECT DISTINCT key FROM points) AS q "
            f"WHERE x.series = {sql.bind(feature.series)}"
        )
    newest = "arg_max(struct_pack(v := v), row(t, told, r, p, o)) FILTER (WHERE t IS NOT NULL)"
    return Joined(rows, [f"({newest}).v AS f{n}"], "")


def window_us(feature: Feature) -> int:
    """0: without a window."""
    return 0 if feature.window is None else round((length_s(feature.window) or 0) * 1e6)


def adds_money(feature: Feature, sql: Expressions) -> bool:
    """Whether amounts are added, and nothing says that they are of one currency."""
    return feature.aggregate == "sum" and feature.of == MONEY and sql.is_column("currency")


def _value(feature: Feature, sql: Expressions, field: str) -> str:
    if feature.of is None:
        return "NULL"
    if feature.aggregate == "sum" or feature.number:
        return sql.number(feature.of, f"{field}.of")
    if feature.aggregate == "last" and sql.is_column(feature.of):
        return f'"{feature.of}"'
    return sql.text(feature.of, f"{field}.of")


def _aggregate(feature: Feature, n: int, sql: Expressions, condition: str) -> str:
    value, where = f"v{n}", f"FILTER (WHERE {condition})"
    with_value = f"FILTER (WHERE {condition} AND v{n} IS NOT NULL)"
    if feature.aggregate == "count":
        return f"count(*) {where}"
    if feature.aggregate == "days_since":
        return f"(any_value(s.at) - max(t) {where}) / 86400000000.0"
    if feature.aggregate == "distinct":
        return f"count(DISTINCT {value}) {where}"
    if feature.aggregate == "last":
        return f"arg_max({value}, {_IN_ORDER}) {with_value}"
    if sql.whole(feature.of or ""):
        return f"coalesce(CAST(sum({value}) {where} AS BIGINT), 0)"
    return f"coalesce(sum({value} ORDER BY t, p, o) {with_value}, 0.0)"
