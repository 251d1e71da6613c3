"""``AnalyticsOptimizer``: one door for SQL and typed questions that answers each in the cheapest way that gives the same.

An answer that was given already, for the same rows, is given again. Else a query over more than a million rows has its
streams divided into parts that DuckDB scans at the same time, and a smaller one is run as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any, Literal

import orjson

from events.catalog import CONTROL
from events.errors import Rejected
from events.log import LogReader
from query import as_of
from query.apart.deeds import When, question, statement, statement_in
from query.apart.desk import Doer, Here
from query.as_of import Moment
from query.bounds import Limits, Stop
from query.history import Cut, History
from query.optimizing.analysis import Analysis, QueryOptimizer
from query.optimizing.cache import MISS, CacheManager
from query.optimizing.indexes import Index, IndexOptimizer
from query.questions.asking import Questions

PARTITION_ABOVE = 1_000_000
"""Rows; a query of exactly so many is still run in one piece."""
Way = Literal["cached", "partitioned", "optimized"]


@dataclass(frozen=True, slots=True)
class Optimized:
    """A result, and how it was come by. ``rows``: what the choice was made by."""

    result: Any
    way: Way
    rows: int
    partitions: int
    analysis: Analysis
    indexes: Mapping[str, Index]
    """What the statistics of archived files save, by stream."""
    elapsed_ms: float


class AnalyticsOptimizer:
    """Over one log for one tenant. Safe for several threads; the cache is shared by all who ask."""

    def __init__(
        self,
        log: LogReader,
        tenant: str,
        limits: Limits | None = None,
        cache_bytes: int = 64 << 20,
        doer: Doer | None = None,
    ) -> None:
        """``doer``: what runs the queries; None: the thread that asks."""
        self._log = log
        self._tenant = tenant
        self._limits = limits or Limits()
        self._doer = doer or Here(log, tenant, self._limits)
        self._analyser = QueryOptimizer(self._doer)
        self._indexes = IndexOptimizer()
        self.cache = CacheManager(cache_bytes)

    def optimize_analytics_performance(
        self, query: str | Mapping[str, Any], data_size: int | None = None, *, now: float, **how: Any
    ) -> Optimized:
        """The answer to ``query``, SQL or a typed question, as of ``now`` (seconds UTC).

        ``data_size``: rows that it is about; None: measured. ``how``: as for ``sql`` and ``ask``. Raises ``Rejected``.
        """
        if data_size is not None and data_size < 0:
            raise Rejected("data_size", f"must be 0 or more, got {data_size}; leave it out to have it measured")
        if isinstance(query, str):
            return self.sql(query, data_size, **how)
        return self.ask(query, now, data_size, **how)

    def sql(
        self,
        sql: str,
        data_size: int | None = None,
        *,
        rows: int | None = None,
        commands: bool = False,
        stop: Stop | None = None,
        moment: Moment | None = None,
        valid_at: int | None = None,
        form: str | None = None,
    ) -> Optimized:
        """The answer to SQL: an ``Answer``, or where a ``form`` is named, what is ``Written`` in it.

        What is not of the query itself is as for ``Engine.run``.
        """
        started = perf_counter()
        moment = moment or as_of.now(self._log, self._tenant)
        history = History(self._log, self._tenant, commands=commands, moment=moment)
        analysis = self._analyser.analyze_query(sql, history, stop)
        cut = {n: dict(history.heads(n)) for n in analysis.depends if commands or n != CONTROL.name}
        when = When(moment, valid_at, cut)
        key = ("sql", self._tenant, form, commands, rows, valid_at, analysis.normal, _frozen(cut))
        size = analysis.rows if data_size is None else data_size

        def run(partitions: int) -> tuple[Any, int]:
            how: dict[str, Any] = {"when": when, "rows": rows, "commands": commands, "partitions": partitions}
            if form is None:
                answer = self._doer.do(partial(statement, sql=sql, **how), stop)
                return answer, answer.table.nbytes + sys.getsizeof(answer)
            ready = self._doer.do(partial(statement_in, form=form, sql=sql, **how), stop)
            return ready, len(ready.content) + sys.getsizeof(ready)

        indexes = self._indexes.optimize_indexes(analysis, history)
        found = self._answered(key if analysis.repeatable else None, size, analysis, indexes, started, run)
        return replace(found, result=replace(found.result, elapsed_ms=found.elapsed_ms, as_of=moment.token))

    def ask(
        self,
        said: Mapping[str, Any],
        now: float,
        data_size: int | None = None,
        *,
        cohorts: Mapping[str, Mapping[str, Any]] | None = None,
        stop: Stop | None = None,
        moment: Moment | None = None,
        valid_at: int | None = None,
    ) -> Optimized:
        """The answer to a typed question, as ``Questions.ask`` gives it."""
        started = perf_counter()
        questions = Questions(self._log, self._tenant, cohorts, self._limits)
        history = History(self._log, self._tenant, commands=False, moment=moment)
        analysis = self._analyser.analyze_question(*questions.read(said, now), history)
        cut = {name: dict(history.heads(name)) for name in analysis.streams}
        when = When(moment, valid_at, cut)
        key = ("ask", self._tenant, valid_at, analysis.normal, _frozen(cut))
        size = analysis.rows if data_size is None else data_size

        def run(partitions: int) -> tuple[Any, int]:
            deed = partial(question, said=said, now=now, cohorts=cohorts, when=when, partitions=partitions)
            answer = self._doer.do(deed, stop)
            return answer, len(orjson.dumps(answer))

        indexes = self._indexes.optimize_indexes(analysis, history)
        found = self._answered(key, size, analysis, indexes, started, run)
        return replace(found, result=found.result | {"elapsed_ms": found.elapsed_ms})

    def _answered(
        self, key: Any, size: int, analysis: Analysis, indexes: Mapping[str, Index], started: float, run: Any
    ) -> Optimized:
        found = MISS if key is None else self.cache.get_cached_result(key)
        way: Way = "cached"
        partitions = 1
        if found is MISS:
            if size > PARTITION_ABOVE:
                way, partitions = "partitioned", max(2, self._limits.threads)
            else:
                way = "optimized"
            found, held = run(partitions)
            if key is not None:
                self.cache.cache_result(key, found, held)
        return Optimized(found, way, size, partitions, analysis, indexes, (perf_counter() - started) * 1000)


def _frozen(cut: Cut) -> tuple[Any, ...]:
    return tuple((name, tuple(sorted(heads.items()))) for name, heads in sorted(cut.items()))
