"""The source ``redis``: streams of a Redis or Valkey server, each entry once, or channels that it publishes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from actors.parts import Part, SourceKind, Within
from actors.source import Source
from events.collected import BUSINESS_EVENTS
from serve.sources.messages import stream_of
from serve.sources.redis_settings import RedisSection


def _opened(section: RedisSection, within: Within, source: str, now: Callable[[], int]) -> Source:
    from serve.sources.redis_entries import RedisStreamProcessor  # here: only the process that reads needs the client

    return RedisStreamProcessor(section, within, source, now)


def _source(section: RedisSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    return partial(_opened, section, within, section.source or name)


KIND = SourceKind("redis", BUSINESS_EVENTS, _source, RedisSection, refuses=True, bound=True, chosen=stream_of)
PART = Part("redis", sources=(KIND,))
