"""The door to point-in-time tables: make one as of a moment of the log; made again as of the same moment it is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from events.catalog import METRICS
from events.errors import Rejected
from events.log import LogReader
from events.nearest import did_you_mean
from query import as_of
from query.as_of import Moment, iso
from query.bounds import Limits, Stop
from query.engine import Engine, Session
from query.point_in_time.joining import Joined, Known, adds_money, joined, metric_joined
from query.point_in_time.points import checked, points_of_rows
from query.point_in_time.schema import MOST_ROWS, Feature, MetricFeature, Table
from query.questions.expressions import Expressions, refuse_unknown, unseen
from query.questions.mistakes import refused

LIMITS = Limits(rows=MOST_ROWS + 1, result_bytes=1 << 30, seconds=300.0)
READ_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """A table that was made. ``as_of``: the token of its moment. ``digest``: sha256 of its content, hexadecimal."""

    table: pa.Table
    as_of: str
    digest: str
    warnings: list[str] = field(default_factory=list[str])


def table_of(said: Mapping[str, Any]) -> Table:
    """Read what is asked for. Raises ``Rejected`` with the field and what would be right."""
    try:
        return Table.model_validate(said)
    except ValidationError as error:
        raise refused(error, Table, "a table") from None


def digest_of(table: pa.Table) -> str:
    """sha256 of names, types and values: equal for equal tables, whatever library writes them."""
    hashed = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        hashed.update(f"{name} {column.type}\n".encode())
        values = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        hashed.update(json.dumps(values.to_pylist(), default=str).encode())
    return hashed.hexdigest()


class PointInTime:
    """Makes tables over one log for one tenant."""

    def __init__(self, log: LogReader, tenant: str, limits: Limits = LIMITS) -> None:
        self._log = log
        self._tenant = tenant
        self._engine = Engine(log, limits)
        self._limits = limits

    def make(self, asked: Table, now_us: int, *, moment: Moment | None = None, stop: Stop | None = None) -> Made:
        """The table as of ``moment`` (None: now); no row's ``at`` may be after ``now_us``.

        Raises ``Rejected`` with the column and the reason: what cannot be asked, what knows the future, and a feature of
        which nothing was known yet at a row's moment, although it had happened.
        """
        moment = moment or as_of.now(self._log, self._tenant)
        with self._engine.open(
            tenant=self._tenant,
            commands=False,
            moment=moment,
            stop=stop,
            keep_bytes=self._limits.memory_bytes // 4,
        ) as session:
            making = _Making(self._log, session, asked, moment, now_us)
            table = making.table()
            return Made(table, moment.token, digest_of(table), making.warnings)


class _Making:
    def __init__(self, log: LogReader, session: Session, asked: Table, moment: Moment, now_us: int) -> None:
        self._log = log
        self._session = session
        self._asked = asked
        self._moment = moment
        self._now_us = now_us
        self._known: dict[str, Known] = {}
        self.warnings: list[str] = []

    def table(self) -> pa.Table:
        points = self._points()
        ats = points["at"].cast(pa.int64())
        numbers = pa.array(range(points.num_rows), pa.int64())
        self._session.add("points", pa.table({"n": numbers, "key": points["key"], "at": ats}))
        latest_us = max(ats.to_pylist(), default=0)
        found: dict[int, pa.ChunkedArray] = {}
        for features in _grouped(self._asked.features):
            found |= self._columns(features, latest_us)
        for place, feature in enumerate(self._asked.features):
            points = points.append_column(feature.name, found[place])
        return points.combine_chunks()

    def _points(self) -> pa.Table:
        asked = self._asked
        if asked.rows is not None:
            return points_of_rows(asked.rows, asked.given, self._now_us)
        try:
            answer = self._session.run(asked.rows_from or "")
        except Rejected as error:
            raise Rejected("rows_from", error.reason) from None
        if answer.truncated:
            raise Rejected("rows_from", f"selects more than {MOST_ROWS:,} rows; make several tables")
        return checked(answer.table, asked.given, self._now_us)

    def _columns(
        self, features: Sequence[tuple[int, Feature | MetricFeature]], latest_us: int
    ) -> dict[int, pa.ChunkedArray]:
        """The values of features that are read together, by their places."""
        (place, first), *_ = features
        if isinstance(first, MetricFeature):
            sql = Expressions(METRICS.name)
            known = self._known_of(METRICS.name)
            self._has_samples(place, first)
            said = metric_joined(place, first, sql, known, latest_us)
            self._known_in_time(first, said.rows, "true", sql)
        else:
            events = [(n, feature) for n, feature in features if isinstance(feature, Feature)]
            sql = Expressions(first.stream)
            said = joined(events, sql, self._known_of(first.stream), latest_us)
            refuse_unknown(self._session, sql)
            self.warnings += unseen(self._session, first.stream, [feature for _, feature in events])
            for n, feature in events:
                self._known_in_time(feature, said.rows, f"m{n}", sql)
        answer = self._run(said, sql)
        for n, feature in features:
            if isinstance(feature, Feature) and adds_money(feature, sql):
                _refuse_currencies(answer, n, feature)
        return {n: answer[f"f{n}"] for n, _ in features}

    def _run(self, said: Joined, sql: Expressions) -> pa.Table:
        return self._session.run(said.text, sql.used(said.text)).table

    def _known_of(self, stream: str) -> Known:
        """Rows that a cell made were not received: they are known since their commit."""
        if stream not in self._known:
            made = self._session.run(f"SELECT 1 FROM {stream} WHERE received IS NULL LIMIT 1").table.num_rows
            self._known[stream] = Known(f"commits_of_{stream}" if made else None)
            if made:
                self._session.add(f"commits_of_{stream}", self._commits(stream))
        return self._known[stream]

    def _commits(self, stream: str) -> pa.Table:
        heads = self._session.cut[stream]
        found = [entry for producer, head in heads.items() for entry in _entries(self._log, stream, producer, head)]
        columns = {
            "of_producer": pa.array([producer for producer, _, _ in found], pa.string()),
            "first": pa.array([first for _, first, _ in found], pa.int64()),
            "committed": pa.array([committed for _, _, committed in found], pa.int64()),
        }
        return pa.table(columns)

    def _known_in_time(self, feature: Feature | MetricFeature, rows: str, condition: str, sql: Expressions) -> None:
        """Refuse a feature that was only known later: for every row whose past has some of it, nothing was known yet.

        Where that is so for a part of the rows, a warning says it.
        """
        text = f"""WITH f AS ({rows}), b AS (SELECT min(t) AS t, min(known) AS known FROM f WHERE {condition})
          SELECT count(*) FILTER (WHERE s.at >= b.t) AS happened,
            count(*) FILTER (WHERE s.at >= b.t AND s.at < b.known) AS unknown, any_value(b.t), any_value(b.known)
          FROM points AS s, b"""
        ((happened, unknown, since, known),) = self._session.run(text, sql.used(text)).rows()
        if not unknown:
            return
        when = f"happened from {iso(since)} on and became known from {iso(known)} on"
        if unknown == happened:
            raise Rejected(
                feature.name,
                f"is only known later: what it is made of {when}, after the moments of all rows; leave it out, or ask about "
                "later moments. (History that is imported says itself since when it was known.)",
            )
        self.warnings.append(
            f"{feature.name}: nothing of it was known yet at the moments of {unknown} rows: what it is made of {when}"
        )

    def _has_samples(self, n: int, feature: MetricFeature) -> None:
        sql = "SELECT DISTINCT CAST(metric AS VARCHAR) FROM metrics WHERE revision IS NOT NULL ORDER BY 1"
        named = [name for (name,) in self._session.run(sql).rows()]
        if feature.metric not in named:
            hint, listed = did_you_mean(feature.metric, named), ", ".join(named) or "none yet"
            raise Rejected(
                f"features.{n}.metric", f"no metric {feature.metric!r} has samples{hint}; those that have are {listed}"
            )
        sql = """SELECT DISTINCT coalesce(CAST(key AS VARCHAR), '') AS k FROM metrics
          WHERE metric = $m AND revision IS NOT NULL ORDER BY k"""
        series = [key for (key,) in self._session.run(sql, {"m": feature.metric}).rows()]
        if feature.series is None and series == [""]:
            raise Rejected(
                f"features.{n}.series", f"is missing: {feature.metric!r} has one series and no keys; write series: ''"
            )
        if feature.series is not None and feature.series not in series:
            hint = did_you_mean(feature.series, series)
            raise Rejected(
                f"features.{n}.series",
                f"{feature.metric!r} has no series {feature.series!r}{hint}; there are {series[:20]}",
            )


def _grouped(features: Sequence[Feature | MetricFeature]) -> Iterator[list[tuple[int, Feature | MetricFeature]]]:
    """Features of one stream and key together, which are read together; each metric by itself."""
    found: dict[Any, list[tuple[int, Feature | MetricFeature]]] = {}
    for n, feature in enumerate(features):
        group = n if isinstance(feature, MetricFeature) else (feature.stream, feature.key)
        found.setdefault(group, []).append((n, feature))
    yield from found.values()


def _entries(log: LogReader, stream: str, producer: str, head: int) -> Iterator[tuple[str, int, int]]:
    """(producer, first offset, time of the commit) of each entry below ``head``."""
    at = 0
    while at < head:
        entries = log.read(stream, producer, at, READ_BYTES)
        if not entries:
            return
        for entry in entries:
            if entry.header.first >= head:
                return
            yield producer, entry.header.first, entry.header.committed
        at = entries[-1].header.end


def _refuse_currencies(answer: pa.Table, n: int, feature: Feature) -> None:
    for low, high in zip(answer[f"min_of_{n}"].to_pylist(), answer[f"max_of_{n}"].to_pylist(), strict=True):
        if low != high:
            raise Rejected(
                feature.name,
                f"amounts are in several currencies ({low}, {high}): they cannot be added. Choose one with where: "
                f'{{"name": "currency", "value": "{low}"}}',
            )
