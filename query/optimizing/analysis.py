"""What a query touches, known before it runs: streams, rows, columns, and the span of time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel

from events.catalog import IDENTITIES, STREAMS
from events.tables import columns_of
from query import views
from query.apart.deeds import text
from query.apart.desk import Doer
from query.bounds import Stop
from query.history import History
from query.moments import at_us
from query.optimizing.cache import MISS, CacheManager
from query.questions.asked import asks_for_people
from query.questions.expressions import JSON_COLUMNS
from query.questions.schema import NAMED, Filter, Match, Question
from query.questions.span import Span
from query.texts import Text, text_of

_TEXTS_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Touched:
    """One stream: its places, the columns that are needed, and the span of event time (ISO 8601; None: open)."""

    rows: int
    columns: tuple[str, ...]
    since: str | None = None
    until: str | None = None


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
    """Says what a query touches without running it.

    ``doer``: what reads a statement, for DuckDB works out constants while it does; None: it is read right here.
    """

    def __init__(self, doer: Doer | None = None) -> None:
        self._doer = doer
        self._texts = CacheManager(_TEXTS_BYTES)

    def analyze_query(self, sql: str, history: History, stop: Stop | None = None) -> Analysis:
        """Raises ``Rejected`` for SQL that is wrong or forbidden; ``Withheld`` for ``control`` without leave."""
        said = self._said(sql, stop)
        streams = {name: Touched(sum(history.heads(name).values()), *plan) for name, plan in said.plans.items()}
        return Analysis(streams, said.named | streams.keys(), said.normal, said.repeatable)

    def _said(self, sql: str, stop: Stop | None) -> Text:
        key = (sql, tuple(STREAMS))
        known = self._texts.get_cached_result(key)
        if known is not MISS:
            return known
        said = text_of(sql) if self._doer is None else self._doer.do(partial(text, sql=sql), stop)
        if said.repeatable:  # else what it plans may be otherwise each time, too: "the last hour"
            self._texts.cache_result(key, said, 2 * len(sql) + len(said.normal))
        return said

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
