"""Statements: which are let in, the database that they run in, and DuckDB's words as ours where one is refused."""

from __future__ import annotations

import logging
import re
from itertools import pairwise

import duckdb

from events.catalog import STREAMS
from events.errors import Rejected
from events.nearest import did_you_mean
from events.tables import columns_of
from query import views
from query.bounds import Limits

logger = logging.getLogger(__name__)

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


def refused(statement: str, error: Exception, limits: Limits, late: bool) -> Rejected:
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
