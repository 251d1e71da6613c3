"""SQL over the streams of a log: DuckDB, read-only, locked down and bounded.

Every query has a connection of its own, to a database in memory that is empty but for its streams. It can reach no file,
network, setting or extension; it is one SELECT, SHOW, DESCRIBE or EXPLAIN; it ends at its limits of time, memory and rows.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pyarrow as pa

from events.archive.log import ArchivedLog
from events.catalog import STREAMS
from events.errors import Rejected
from events.log import LogReader
from events.nearest import did_you_mean
from events.tables import columns_of
from query import as_of, views
from query.as_of import Moment
from query.history import Archived, Cut, History
from query.partitions import DataPartitioner, Part
from query.rows import as_objects, as_rows

if TYPE_CHECKING:
    from query.scan import StreamTable

logger = logging.getLogger(__name__)

_COUNTS = re.compile(
    r"\s*select\s+count\s*\(\s*(?:\*|1)\s*\)\s+(?:as\s+\w+\s+)?from\s+\w+\s*"
    r"(?:where\b(?!.*\b(?:id|select|from|columns)\b)[^*#]*)?;?\s*",
    re.DOTALL,
)
"""Statements that only count the rows of one table, by conditions without the column `id`, which is every stream's first."""
_BATCH_ROWS = 2048
_LOOK_S = 0.1
"""How often it is looked whether a query is to end."""
_NO_TABLE = re.compile(r"Table with name (\S+) does not exist")
_ALLOWED = "send one SELECT (or WITH, FROM, VALUES), SHOW, DESCRIBE, SUMMARIZE or EXPLAIN of such a statement"
_SETTINGS = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a query ends. Beyond ``rows`` or ``result_bytes`` the answer is cut; beyond the others it is refused."""

    rows: int = 10_000
    result_bytes: int = 64 << 20
    seconds: float = 30.0
    memory_bytes: int = 512 << 20
    threads: int = 2


class Column(NamedTuple):
    name: str
    type: str
    """DuckDB's name of the type, such as ``BIGINT``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A query's result; ``truncated``: there were more rows. ``cut``: how far each stream that was read went."""

    columns: list[Column]
    table: pa.Table
    truncated: bool
    elapsed_ms: float
    cut: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    as_of: str = ""
    """The token of the moment that this was answered at: asked ``as_of`` it, the same is answered."""

    def rows(self) -> list[list[Any]]:
        """JSON-able values, a list a row."""
        return as_rows(self.table)

    def objects(self) -> list[dict[str, Any]]:
        """JSON-able values, an object a row."""
        return as_objects(self.table)


class Stop:
    """Ends queries from another thread: when whoever asked is gone, nobody needs the answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[duckdb.DuckDBPyConnection] = set()
        self.asked = False

    def now(self) -> None:
        """Interrupt what runs; what begins later ends at once."""
        with self._lock:
            self.asked = True
            for db in self._running:
                db.interrupt()

    @contextmanager
    def over(self, db: duckdb.DuckDBPyConnection) -> Generator[None, None, None]:
        """While this lasts, ``now`` interrupts ``db``. Raises ``Stopped`` where that was asked for already."""
        with self._lock:
            if self.asked:
                raise Stopped
            self._running.add(db)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(db)


class Stopped(Exception):
    """The query was stopped from outside; there is nobody to tell."""


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
        tables = _Tables(history, root, cut or {}, partitions, keep_bytes, valid_at)
        limits = self._limits if partitions > 1 else replace(self._limits, threads=1)
        with closing(database(limits)) as db, stop.over(db), _deadline(db, self._limits.seconds, stop) as late:
            yield Session(db, tables, self._limits, late, stop)


class Session:
    """Statements on one cut of the log; what one of them read, the next one sees, too, and nothing newer."""

    def __init__(
        self, db: duckdb.DuckDBPyConnection, tables: _Tables, limits: Limits, late: threading.Event, stop: Stop
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
            raise _refused(statement, error, limits, self._late.is_set()) from None
        return Answer(columns, table, truncated, (perf_counter() - started) * 1000, tables.cut)


class _Tables:
    """The streams as DuckDB sees them. What goes wrong in the log meanwhile is kept: it is not the caller's fault."""

    def __init__(
        self,
        history: History,
        root: Path,
        divided: Collection[str] = (),
        partitions: int = 1,
        keep_bytes: int = 0,
        valid_at: int | None = None,
    ) -> None:
        """``divided``: the streams that are scanned in ``partitions`` parts. ``keep_bytes``: of rows read before."""
        self._keep_bytes = keep_bytes
        self._kept: dict[tuple[str, Part | None], list[Archived | pa.RecordBatch]] = {}
        self._history = history
        self._root = root
        self.counting = False
        """Whether the statement at hand only counts rows: nobody looks at the first column."""
        self._valid_at = valid_at
        self._divided = divided if partitions > 1 else ()
        self._partitioner = DataPartitioner(partitions)
        self.failure: Exception | None = None
        self.cut: dict[str, Mapping[str, int]] = {}

    def register(self, db: duckdb.DuckDBPyConnection) -> None:
        for name in STREAMS:
            stored = name if self._valid_at is None else f"{name}_of_all_times"
            if name in self._divided:
                self._register_parts(db, name, stored)
            else:
                db.register(stored, self._table(name, None))
            if self._valid_at is not None:
                db.execute(f"CREATE TEMP VIEW {name} AS FROM {stored} WHERE epoch_us(time) <= {self._valid_at}")
        db.execute("BEGIN TRANSACTION READ ONLY")

    def _register_parts(self, db: duckdb.DuckDBPyConnection, name: str, stored: str) -> None:
        parts = self._partitioner.partition_data(self._history.heads(name)) or [()]
        for i, part in enumerate(parts):
            db.register(f"part_{i}_of_{name}", self._table(name, part))
        every = " UNION ALL ".join(f"FROM part_{i}_of_{name}" for i in range(len(parts)))
        db.execute(f"CREATE TEMP VIEW {stored} AS {every}")

    def _table(self, stream: str, part: Part | None) -> StreamTable:
        from query.scan import StreamTable  # needs pyarrow.dataset, which takes its time to import

        return StreamTable(
            columns_of(stream), self._root, lambda: self._read(stream, part), self._fails, lambda: self.counting
        )

    def _fails(self, failure: Exception) -> None:
        self.failure = failure

    def _read(self, stream: str, part: Part | None) -> Iterator[Archived | pa.RecordBatch]:
        kept = self._kept.get((stream, part))
        if kept is not None:
            yield from kept
            return
        read: list[Archived | pa.RecordBatch] = []
        room = self._keep_bytes
        self.cut[stream] = self._history.heads(stream)
        for found in self._history.parts(stream, part):
            room -= 0 if isinstance(found, Archived) else found.nbytes
            if room > 0:
                read.append(found)
            else:
                read.clear()
            yield found
        if room > 0:  # all of it was asked for, and it is small enough
            self._keep_bytes = room
            self._kept[stream, part] = read


def database(limits: Limits | None = None, **more: str) -> duckdb.DuckDBPyConnection:
    """An empty database in memory that reaches nothing outside of it, and whose settings (``more`` of them) cannot be
    changed."""
    limits = limits or Limits()
    memory = f"{limits.memory_bytes}B"
    db = duckdb.connect(
        ":memory:", config={**_SETTINGS, **more, "threads": str(limits.threads), "memory_limit": memory}
    )
    db.execute("SET TimeZone = 'UTC'")
    db.execute("SET lock_configuration = true")
    return db


def admitted(db: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The statement to run. Raises ``Rejected`` where it is none, more than one, or of a kind that is not for reading."""
    try:
        statements = db.extract_statements(sql)
    except duckdb.Error as error:
        raise Rejected("sql", _words(error)) from None
    if len(statements) != 1:
        raise Rejected("sql", f"has {len(statements)} statements; {_ALLOWED}")
    statement = statements[0]
    if statement.type == duckdb.StatementType.EXPLAIN:
        admitted(db, _explained(statement.query))
    elif statement.type != duckdb.StatementType.SELECT:
        raise Rejected("sql", f"is {statement.type.name}, and queries only read; {_ALLOWED}")
    return statement.query


def _explained(sql: str) -> str:
    """What an EXPLAIN explains: the statement after the word, ANALYZE and its options in brackets."""
    starts, words = _tokens(sql)
    at = words.index("explain") + 1
    if words[at] == "analyze":
        at += 1
    elif words[at] == "(" and words[at + 1] in ("format", "analyze"):
        at = words.index(")", at) + 1
    return sql[starts[at] :]


def words_of(sql: str) -> list[str]:
    """The words of a statement in lower case, without their quotes; comments are none."""
    return [word.strip('"') for word in _tokens(sql)[1]]


def _tokens(sql: str) -> tuple[list[int], list[str]]:
    starts = [start for start, _ in duckdb.tokenize(sql)]
    return starts, [sql[a:b].strip().lower() for a, b in pairwise([*starts, len(sql)])]


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


@contextmanager
def _deadline(db: duckdb.DuckDBPyConnection, seconds: float, stop: Stop) -> Generator[threading.Event, None, None]:
    """Interrupt what runs in ``db`` after ``seconds``, or once ``stop`` is asked for; the event tells whether time is over.

    An interruption holds for what runs at that moment only, and is forgotten where a statement is about to begin: so it is
    repeated until this ends.
    """
    late, done, end = threading.Event(), threading.Event(), monotonic() + seconds

    def interrupt() -> None:
        while not done.wait(_LOOK_S):
            if monotonic() >= end:
                late.set()
            if late.is_set() or stop.asked:
                db.interrupt()

    watching = threading.Thread(target=interrupt, name="deadline", daemon=True)
    watching.start()
    try:
        yield late
    finally:
        done.set()
        watching.join()


def _refused(statement: str, error: Exception, limits: Limits, late: bool) -> Rejected:
    if late:
        return Rejected(
            "sql", f"ran longer than {limits.seconds:g} s; ask for less time, fewer columns or fewer groups"
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        mib = limits.memory_bytes >> 20
        return Rejected(
            "sql",
            f"needs more than {mib} MiB of memory, with what others ask now; ask for less time, or fewer columns or groups",
        )
    if isinstance(error, (duckdb.InternalException, duckdb.FatalException)):
        logger.error("DuckDB failed at %r: %s", statement, error)
    if isinstance(error, duckdb.CatalogException):
        return Rejected("sql", _no_such_name(_words(error)))
    if isinstance(error, duckdb.BinderException):
        return Rejected("sql", f"{_words(error)}.{_columns(statement)}")
    return Rejected("sql", _words(error))


def _columns(statement: str) -> str:
    tables = {word.strip('"') for word in _tokens(statement)[1]}
    known = {**{name: view.of for name, view in views.VIEWS.items()}, **{name: name for name in STREAMS}}
    return "".join(f" Columns of {t}: {', '.join(columns_of(known[t]).names)}." for t in sorted(tables & known.keys()))


def _no_such_name(said: str) -> str:
    """DuckDB knows its own tables, too, and likes to suggest those: for a table, what is meant is one of ours."""
    missing = _NO_TABLE.search(said)
    tables = sorted([*STREAMS, *views.VIEWS])
    if missing:
        said = f"There is no table {missing[1]!r}{did_you_mean(missing[1], tables)}."
    return f"{said} Tables: {', '.join(tables)}."


def _words(error: Exception) -> str:
    """DuckDB's message on one line, where it does not point into the SQL; without advice that nobody here can follow."""
    text = str(error).partition("\n\nLaunch the database")[0].strip()
    return text if "\nLINE " in text else " ".join(text.split())
