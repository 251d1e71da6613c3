"""The source ``redis``: streams of a Redis or Valkey server, each entry once, or channels that it publishes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from actors.parts import Part, SourceKind, Within
from actors.source import Source
from events import catalog
from events.collected import BUSINESS_EVENTS
from serve.sources.redis_settings import RedisSection


def _opened(section: RedisSection, within: Within, source: str, now: Callable[[], int]) -> Source:
    from serve.sources.redis_entries import RedisStreamProcessor  # here: only the process that reads needs the client

    return RedisStreamProcessor(section, within, source, now)


def _source(section: RedisSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    return partial(_opened, section, within, section.source or name)


def _stream(section: RedisSection) -> catalog.Stream:
    return section.stream


KIND = SourceKind("redis", BUSINESS_EVENTS, _source, RedisSection, refuses=True, bound=True, chosen=_stream)
PART = Part("redis", sources=(KIND,))
