"""What the text of a statement says, whatever is in the log: the streams, columns and times that it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import cache
from typing import Any, NamedTuple

import duckdb

from events.catalog import STREAMS
from events.tables import columns_of
from query import views
from query.statements import admitted, database, words_of

_BOUND = re.compile(r"\"?time\"? (>=|<=|>|<|=) (?:CAST\()?(?:TIMESTAMPTZ )?'([^']+)'")
_NEVER_THE_SAME = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp",
                             "sample", "tablesample", "explain"})  # fmt: skip
Plan = tuple[tuple[str, ...], str | None, str | None]
"""Columns, and the span of time."""


class Text(NamedTuple):
    """What the text of a statement says: by stream its plan, all streams whose names are in it, and the rest as ``Analysis``
    has it."""

    plans: Mapping[str, Plan]
    named: frozenset[str]
    normal: str
    repeatable: bool


def text_of(sql: str) -> Text:
    """What a statement says. Raises ``Rejected`` for SQL that is wrong or forbidden."""
    known = tuple(STREAMS)
    words = set(words_of(sql))
    with closing(database(disabled_optimizers="statistics_propagation")) as db:
        statement = admitted(db, sql)
        named = frozenset(n for n in known if n in words) | views.streams_behind(words)
        repeatable = not words & (_NEVER_THE_SAME | volatile())
        return Text(_planned(db, statement), named, _normal(db, statement), repeatable)


def _planned(db: duckdb.DuckDBPyConnection, statement: str) -> dict[str, Plan]:
    """By stream (columns, since, until) as DuckDB plans them: filters and columns pushed down to the stream's scan."""
    for name in STREAMS:
        db.register(f"empty_{name}", columns_of(name).empty_table())
        db.execute(f"CREATE TABLE {name} AS FROM empty_{name}")
    views.register(db, views.needed(statement))
    try:
        ((_, plan),) = db.sql(f"EXPLAIN (FORMAT JSON) {statement}").fetchall()
    except (duckdb.Error, ValueError):  # it is explained already, or running it will say what is wrong
        return {}
    found: dict[str, tuple[set[str], list[str | None], list[str | None]]] = {}
    for node in _nodes(json.loads(plan)):
        info = node.get("extra_info", {})
        name = str(info.get("Table", "")).rpartition(".")[2]
        if name in STREAMS:
            columns, sinces, untils = found.setdefault(name, (set(), [], []))
            columns.update(_listed(info.get("Projections")))
            filters = " ".join(_listed(info.get("Filters")))
            columns.update(c for c in columns_of(name).names if re.search(rf"\b{c}\b", filters))
            bounds = _BOUND.findall(filters)
            sinces.append(max((at for op, at in bounds if op in (">", ">=", "=")), default=None))
            untils.append(min((at for op, at in bounds if op in ("<", "<=", "=")), default=None))
    return {
        name: (tuple(c for c in columns_of(name).names if c in columns), _widest(sinces, min), _widest(untils, max))
        for name, (columns, sinces, untils) in found.items()
    }


def _widest(bounds: list[str | None], pick: Any) -> str | None:
    """Of several scans of one stream the widest bound; None where one of them has none."""
    return None if not bounds or None in bounds else pick(bounds)


def _nodes(plan: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in plan:
        yield node
        yield from _nodes(node.get("children", []))


def _listed(said: Any) -> list[str]:
    return [] if said is None else [said] if isinstance(said, str) else list(said)


def _normal(db: duckdb.DuckDBPyConnection, statement: str) -> str:
    """The statement as its tree, so that blanks, comments and the case of words make no difference."""
    ((tree,),) = db.execute("SELECT json_serialize_sql(?::VARCHAR, skip_null := true)", [statement]).fetchall()
    found = json.loads(tree)
    return statement if found.get("error") else json.dumps(_without_places(found), sort_keys=True)


def _without_places(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: _without_places(v) for k, v in tree.items() if not k.startswith("query_location")}
    return [_without_places(one) for one in tree] if isinstance(tree, list) else tree


@cache
def volatile() -> frozenset[str]:
    """Functions that may answer otherwise each time."""
    with closing(database()) as db:
        rows = db.sql(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
        ).fetchall()
    return frozenset(name for (name,) in rows)
