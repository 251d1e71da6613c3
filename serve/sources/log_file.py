"""What follows a log: the lines of a file that grows, is rotated and cut off, each read by a form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from actors.source import Read
from events.catalog import Stream
from serve.ingest import ROWS
from serve.sources.gathered import Gathered
from serve.sources.line_file import STEP, FollowedFile, Place

KEPT = 1_000
"""Bytes that are kept of a line that is too long."""


class Form(Protocol):
    """How lines are written."""

    def take(self, line: str, gathered: Gathered) -> None:
        """Add the line as a row, or refuse it. ``line`` is not empty, and has no end of a line."""
        ...


class LogFile:
    """A source of ``stream``. ``now`` gives microseconds UTC."""

    def __init__(
        self, path: Path, stream: Stream, form: Callable[[], Form], every_s: float, source: str, now: Callable[[], int]
    ) -> None:
        self.path, self.stream, self.form, self.source, self.now = path, stream, form, source, now
        self.every_us = int(every_s * 1_000_000)

    def open(self, position: bytes | None) -> LogReader:
        return LogReader(self, msgspec.msgpack.decode(position, type=Place) if position else None)


class LogReader:
    """The file, open."""

    def __init__(self, log: LogFile, place: Place | None) -> None:
        self._log, self._form = log, log.form()
        self._file = FollowedFile(log.path, place)

    def read(self) -> Read:
        """The next lines. Raises ``FileNotFoundError`` while there is no file."""
        log = self._log
        now = log.now()
        found = self._file.read(ROWS)
        place = self._file.place
        gathered = Gathered(log.stream, log.source, now)
        if found.too_long:
            reason = f"is a line of {found.too_long:,} bytes; a line has {STEP:,} at most"
            gathered.refuse("line", reason, found.text[:KEPT])
        else:
            for line in found.text.decode("utf-8", "replace").split("\n"):
                if line.strip():
                    self._form.take(line.rstrip("\r"), gathered)
        position = msgspec.msgpack.encode(place) if place else None
        wake_at = None if found.text else now + log.every_us
        return Read(gathered.batch(), position, wake_at, gathered.refused(), found.behind, found.note)

    def close(self) -> None:
        self._file.close()
