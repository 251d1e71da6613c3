"""What takes several calls, or is tried only once: following a stream, and whether the system is ready."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from hindcast.client.answers import Readiness, Rows, StreamStatus
from hindcast.client.call import Call
from hindcast.client.operations.answered import json_of, part, path_of

PAGE_ROWS = 1000


def readiness() -> Call[Readiness]:
    """Whether every cell runs, as one try says it."""
    return Call("GET", "/ready", json_of, judged=frozenset({503}))


def tail(stream: str, last: int, follow: bool, every_s: float) -> Generator[Call[Any] | float | list[Any], Any, None]:
    """The steps of following a stream: calls (the generator is sent their answers), rows to hand on, and seconds to rest."""
    path = path_of("/v1/streams", stream)
    page: Rows = yield Call("GET", path, json_of, params={"last": max(last, 1)})
    if last:
        yield page["rows"]
    at = dict(page["next"])
    while follow:
        known: list[StreamStatus] = yield Call("GET", "/v1/streams", part("streams"))
        moved = False
        for producer in next(s["producers"] for s in known if s["name"] == stream):
            name = producer["producer"]
            if producer["head"] > at.get(name, 0):
                params: Mapping[str, str | int | float] = {
                    "producer": name,
                    "after": at.get(name, 0),
                    "limit": PAGE_ROWS,
                }
                page = yield Call("GET", path, json_of, params=params)
                at |= page["next"]
                moved = True
                if page["rows"]:
                    yield page["rows"]
        if not moved:
            yield every_s
