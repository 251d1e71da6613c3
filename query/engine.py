"""SQL over the streams of a log: DuckDB, read-only, locked down and bounded.

Every query has a connection of its own, to a database in memory that is empty but for its streams. It can reach no file,
network, setting or extension; it is one SELECT, SHOW, DESCRIBE or EXPLAIN; it ends at its limits of time, memory and rows.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
import pyarrow as pa

from events.archive.log import ArchivedLog
from events.errors import Rejected
from events.log import LogReader
from query import as_of, views
from query.answers import Answer, Column
from query.as_of import Moment
from query.bounds import Limits, Stop, Stopped, deadline
from query.history import Cut, History
from query.statements import admitted, database, refused
from query.streams import Streams

_COUNTS = re.compile(
    r"\s*select\s+count\s*\(\s*(?:\*|1)\s*\)\s+(?:as\s+\w+\s+)?from\s+\w+\s*"
    r"(?:where\b(?!.*\b(?:id|select|from|columns)\b)[^*#]*)?;?\s*",
    re.DOTALL,
)
"""Statements that only count the rows of one table, by conditions without the column `id`, which is every stream's first."""
_BATCH_ROWS = 2048


class Engine:
    """Answers SQL over one log. Safe for several threads; every query stands on its own cut."""

    def __init__(self, log: LogReader, limits: Limits | None = None) -> None:
        self._log = log
        self._limits = limits or Limits()

    def run(
        self,
        sql: str,
        *,
        tenant: str,
        rows: int | None = None,
        commands: bool = True,
        stop: Stop | None = None,
        moment: Moment | None = None,
        valid_at: int | None = None,
    ) -> Answer:
        """The answer to ``sql`` over what ``tenant`` has; at most ``rows`` of it, and never above the engine's limit.

        ``commands``: whether the stream ``control`` may be read (see ``History``); else such a query is ``Withheld``.
        ``moment``: what was known then; None: now. ``valid_at``: only rows of events up to that time (us UTC), whenever they
        became known. Raises ``Rejected("sql", …)`` with DuckDB's words for a statement that is wrong, forbidden or too much.
        """
        moment = moment or as_of.now(self._log, tenant)
        with self.open(tenant=tenant, commands=commands, stop=stop, moment=moment, valid_at=valid_at) as session:
            return replace(session.run(sql, rows=rows), as_of=moment.token)

    @contextmanager
    def open(
        self,
        *,
        tenant: str,
        commands: bool = True,
        cut: Cut | None = None,
        stop: Stop | None = None,
        partitions: int = 1,
        moment: Moment | None = None,
        valid_at: int | None = None,
        keep_bytes: int = 0,
    ) -> Generator[Session, None, None]:
        """Several statements on one cut and one deadline. ``cut``: the one of an earlier answer; None: all there is now.

        ``partitions``: into so many parts that are scanned at the same time is each stream divided that ``cut`` names.
        In one part a stream is read in its order by one thread, so that sums of fractions are the same to the last bit.
        ``keep_bytes``: so much of what a statement has read is kept for the next ones, which then need not read it.
        """
        stop = stop or Stop()
        history = History(self._log, tenant, commands=commands, cut=cut, moment=moment)
        root = self._log.root if isinstance(self._log, ArchivedLog) else Path()
        tables = Streams(history, root, cut or {}, partitions, keep_bytes, valid_at)
        limits = self._limits if partitions > 1 else replace(self._limits, threads=1)
        with closing(database(limits)) as db, stop.over(db), deadline(db, self._limits.seconds, stop) as late:
            yield Session(db, tables, self._limits, late, stop)


class Session:
    """Statements on one cut of the log; what one of them read, the next one sees, too, and nothing newer."""

    def __init__(
        self, db: duckdb.DuckDBPyConnection, tables: Streams, limits: Limits, late: threading.Event, stop: Stop
    ) -> None:
        self._db = db
        self._tables = tables
        self._limits = limits
        self._late = late
        self._stop = stop
        self._registered = False
        self._views: set[str] = set()

    def add(self, name: str, table: pa.Table) -> None:
        """Make ``table`` known to the statements that follow, beside the streams."""
        self._db.register(name, table)

    def heads(self, stream: str) -> Mapping[str, int]:
        """How far a stream goes in this session, whether it was read or not."""
        return self._tables.heads(stream)

    def add_rest(self, name: str, stream: str, after: Mapping[str, int]) -> None:
        """Make the rows of ``stream`` from an offset of each producer on known as ``name``; no others are read for it."""
        self._tables.register_rest(self._db, name, stream, after)

    @property
    def cut(self) -> Cut:
        """How far each stream that was read so far goes: the next offset of each producer."""
        return self._tables.cut

    def run(self, sql: str, parameters: Mapping[str, Any] | None = None, rows: int | None = None) -> Answer:
        """The answer to one statement; ``parameters`` are what ``$name`` stands for in it. Raises as ``Engine.run``."""
        limits = self._limits
        wanted = limits.rows if rows is None else min(rows, limits.rows)
        if wanted < 1:
            raise Rejected("limit", f"must be 1 or more, got {wanted}")
        started = perf_counter()
        statement = admitted(self._db, sql)
        tables = self._tables
        tables.counting = _COUNTS.fullmatch(statement.lower()) is not None
        try:
            if not self._registered:
                tables.register(self._db)
                self._registered = True
            missing = [name for name in views.needed(statement) if name not in self._views]
            views.register(self._db, missing)
            self._views.update(missing)
            columns, table, truncated = _fetch(self._db, statement, parameters, wanted, limits.result_bytes)
        except (duckdb.Error, pa.ArrowException, RuntimeError, OSError) as error:  # OSError: in the middle of the rows
            if tables.failure is not None:
                raise tables.failure from error
            if self._stop.asked:
                raise Stopped from None
            raise refused(statement, error, limits, self._late.is_set()) from None
        return Answer(columns, table, truncated, (perf_counter() - started) * 1000, tables.cut)


def _fetch(
    db: duckdb.DuckDBPyConnection, statement: str, parameters: Mapping[str, Any] | None, rows: int, result_bytes: int
) -> tuple[list[Column], pa.Table, bool]:
    relation = db.sql(statement, params=dict(parameters)) if parameters else db.sql(statement)
    columns = [Column(name, str(type_)) for name, type_ in zip(relation.columns, relation.types, strict=True)]
    reader = relation.to_arrow_reader(_BATCH_ROWS)
    found: list[pa.RecordBatch] = []
    n = size = 0
    truncated = False
    for batch in reader:
        found.append(batch.slice(0, rows - n))
        n += batch.num_rows
        size += batch.nbytes
        truncated = n > rows
        if truncated or size > result_bytes:
            truncated = truncated or next(reader, None) is not None
            break
    return columns, pa.Table.from_batches(found, reader.schema), truncated
