"""What a query touches, known before it runs: streams, rows, columns, and the span of time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple

import duckdb
from pydantic import BaseModel

from events.catalog import IDENTITIES, STREAMS
from events.tables import columns_of
from query import views
from query.history import History
from query.moments import at_us
from query.questions.asked import asks_for_people
from query.questions.expressions import JSON_COLUMNS
from query.questions.schema import NAMED, Filter, Match, Question
from query.questions.span import Span
from query.statements import admitted, database, words_of

_BOUND = re.compile(r"\"?time\"? (>=|<=|>|<|=) (?:CAST\()?(?:TIMESTAMPTZ )?'([^']+)'")
_NEVER_THE_SAME = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp",
                             "sample", "tablesample", "explain"})  # fmt: skip
Plan = tuple[tuple[str, ...], str | None, str | None]
"""Columns, and the span of time."""


@dataclass(frozen=True, slots=True)
class Touched:
    """One stream: its places, the columns that are needed, and the span of event time (ISO 8601; None: open)."""

    rows: int
    columns: tuple[str, ...]
    since: str | None = None
    until: str | None = None


class Text(NamedTuple):
    """What the text of a statement says: by stream its plan, all streams whose names are in it, and the rest as ``Analysis``
    has it."""

    plans: Mapping[str, Plan]
    named: frozenset[str]
    normal: str
    repeatable: bool


@dataclass(frozen=True, slots=True)
class Analysis:
    """``depends``: streams that the answer may depend on, those that are read at least. ``normal``: the query as it is
    compared with others. ``repeatable``: the same rows always give the same answer."""

    streams: Mapping[str, Touched]
    depends: frozenset[str]
    normal: str
    repeatable: bool

    @property
    def rows(self) -> int:
        """Places of all streams together: what has to be read at most."""
        return sum(stream.rows for stream in self.streams.values())


class QueryOptimizer:
    """Says what a query touches without running it."""

    def analyze_query(self, sql: str, history: History) -> Analysis:
        """Raises ``Rejected`` for SQL that is wrong or forbidden; ``Withheld`` for ``control`` without leave."""
        text = _of_text(sql, tuple(STREAMS))
        if not text.repeatable:  # what it plans may be otherwise each time, too: "the last hour"
            text = _of_text.__wrapped__(sql, tuple(STREAMS))
        streams = {name: Touched(sum(history.heads(name).values()), *plan) for name, plan in text.plans.items()}
        return Analysis(streams, text.named | streams.keys(), text.normal, text.repeatable)

    def analyze_question(self, question: Question, others: Mapping[str, Any], span: Span, history: History) -> Analysis:
        """``others``: the definitions that the question refers to."""
        streams = {question.stream, *question.beside, *(cohort.stream for cohort in others.values())}
        if asks_for_people(question) or any(map(asks_for_people, others.values())):
            streams.add(IDENTITIES.name)
        rows = {name: sum(history.heads(name).values()) for name in sorted(streams)}
        columns = ("time", *sorted(set(_columns(question, question.stream)) - {"time"}))
        since, until = (at_us(us).isoformat() for us in (span.since_us, span.until_us))
        touched = {name: Touched(n, columns, since, until) if name == question.stream else Touched(n, ())
                   for name, n in rows.items()}  # fmt: skip
        said = question.model_dump(
            mode="json", exclude={"as_of", "valid_at"}
        )  # they are in the cut, the span and the rows
        said |= {"since": span.since_us, "until": span.until_us}
        then = {name: cohort.model_dump(mode="json") for name, cohort in others.items()}
        seen = span.observed_us if others else min(span.observed_us, span.until_us + round(question.settles_s * 1e6))
        normal = json.dumps([type(question).__name__, said, seen, then], sort_keys=True)
        return Analysis(touched, frozenset(touched), normal, True)


@lru_cache(maxsize=1_024)
def _of_text(sql: str, known: tuple[str, ...]) -> Text:
    """What the text alone says, whatever is in the log."""
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


def _columns(part: Any, stream: str) -> Iterator[str]:
    """The columns that a question needs."""
    names = columns_of(stream).names
    json_columns = [name for name in JSON_COLUMNS if name in names]
    if isinstance(part, (tuple, list)):
        for one in part:
            yield from _columns(one, stream)
    if not isinstance(part, BaseModel):
        return
    if isinstance(part, Match) and part.types:
        yield "type"
    said = [part.name] if isinstance(part, Filter) else [getattr(part, field, None) for field in NAMED]
    for name in said:
        if isinstance(name, str):
            if name in views.OF_PEOPLE:
                yield "subject"
                continue
            before = name.partition(".")[0]
            yield name if name in names else before if before in json_columns else next(iter(json_columns), name)
    for field in type(part).model_fields:
        yield from _columns(getattr(part, field), stream)
