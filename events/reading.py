"""Reading a stretch of a stream: the entries that have a place in it, in bounded reads."""

from __future__ import annotations

from collections.abc import Iterator

from events.entry import Entry
from events.log import LogReader, Source

READ_BYTES = 4 << 20
"""Stored bytes that are read at once."""


def entries_within(
    log: LogReader, source: Source, first: int, end: int, read_bytes: int = READ_BYTES
) -> Iterator[Entry]:
    """The entries of one producer with offsets in ``[first, end)``, in order; the outer ones may reach beyond."""
    at = first
    while at < end:
        entries = log.read(*source, at, read_bytes)
        if not entries:
            return
        for entry in entries:
            if entry.header.first >= end:
                return
            yield entry
        at = entries[-1].header.end
