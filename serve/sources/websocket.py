"""The source ``websocket``: a peer that sends messages; where it can resume, each message once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from actors.parts import Part, SourceKind, Within
from actors.source import Source
from events.collected import BUSINESS_EVENTS
from serve.sources.messages import stream_of
from serve.sources.websocket_settings import WebSocketSection


def _opened(section: WebSocketSection, within: Within, source: str, now: Callable[[], int]) -> Source:
    from serve.sources.socket_messages import WebSocketProcessor  # here: only the process that reads needs the client

    return WebSocketProcessor(section, within, source, now)


def _source(section: WebSocketSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    return partial(_opened, section, within, section.source or name)


KIND = SourceKind("websocket", BUSINESS_EVENTS, _source, WebSocketSection, refuses=True, bound=True, chosen=stream_of)
PART = Part("websocket", sources=(KIND,))
