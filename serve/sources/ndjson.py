"""What reads the source ``file``: each line is an event, decoded as those are that come to `POST /v1/events`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa

from actors.source import Read
from events.catalog import USER_INTERACTIONS, rows
from serve.ingest import ROWS, Fault, Refused, decode_cloudevents
from serve.interactions import dead_letters
from serve.sources.line_file import STEP, FollowedFile, Lines, Place

NDJSON = "application/x-ndjson"
KEPT = 1000
"""Bytes that are kept of a line that is too long."""


class NdjsonFile:
    """A source of ``user_interactions``. ``name``: the source of events that name none; ``now`` gives microseconds UTC."""

    def __init__(self, path: Path, name: str, every_s: float, now: Callable[[], int]) -> None:
        self._path = path
        self._name = name
        self._every_us = int(every_s * 1_000_000)
        self._now = now

    def open(self, position: bytes | None) -> NdjsonReader:
        place = msgspec.msgpack.decode(position, type=Place) if position else None
        return NdjsonReader(FollowedFile(self._path, place), self._name, self._every_us, self._now)


class NdjsonReader:
    """The file, open."""

    def __init__(self, file: FollowedFile, name: str, every_us: int, now: Callable[[], int]) -> None:
        self._file = file
        self._name = name
        self._every_us = every_us
        self._now = now

    def read(self) -> Read:
        """The next lines, ``ROWS`` at most. Raises ``FileNotFoundError`` while there is no file."""
        now = self._now()
        found = self._file.read(ROWS)
        place = self._file.place
        position = msgspec.msgpack.encode(place) if place else None
        wake_at = None if found.text else now + self._every_us
        batch, refused = self._decoded(found, now)
        return Read(batch, position, wake_at, refused, found.behind, found.note)

    def _decoded(self, found: Lines, now: int) -> tuple[pa.RecordBatch, pa.RecordBatch | None]:
        if found.too_long:
            reason = f"is a line of {found.too_long:,} bytes; a line has {STEP:,} at most"
            fault = Refused(0, None, (Fault("body", reason),), found.text[:KEPT])
            return rows(USER_INTERACTIONS, {}, 0), dead_letters([fault], now)
        if not found.text.strip():
            return rows(USER_INTERACTIONS, {}, 0), None
        decoded = decode_cloudevents(found.text, NDJSON, {}, now, self._name)
        return decoded.batch, dead_letters(decoded.refused, now) if decoded.refused else None

    def close(self) -> None:
        self._file.close()
