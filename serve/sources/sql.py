"""The source ``sql``: a table or a query of somebody's database, polled by a column that grows, into ``business_events``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from actors.parts import Part, SourceKind, Within
from actors.source import Source
from events.collected import BUSINESS_EVENTS
from serve.sources.sql_settings import SqlSection


def _opened(section: SqlSection, within: Within, source: str, now: Callable[[], int]) -> Source:
    from serve.sources.polling import Database  # here: only the process that reads needs SQLAlchemy

    return Database(section, within, source, now)


def _source(section: SqlSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    return partial(_opened, section, within, section.source or name)


KIND = SourceKind("sql", BUSINESS_EVENTS, _source, SqlSection, refuses=True, bound=True)
PART = Part("sql", sources=(KIND,))
