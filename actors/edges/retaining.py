"""Retention: which segments of the archive are not kept any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from actors.archiver import Retention
from events.archive.segments import Segment

SECOND = 1_000_000


def expired(segments: Iterable[Segment], bounds: Retention, now: int) -> Iterator[Segment]:
    """Of one stream's ``segments``, the oldest first: those beyond the age, or more than the bytes. ``now``: us UTC.

    Of each producer it is always the oldest: where one is kept, those after it are. A segment with rows of unknown time
    counts as new.
    """
    aged = sorted(_aged(segments, now), key=lambda one: (one[0], one[1].producer, one[1].first))
    total = sum(segment.bytes for _, segment in aged)
    held: set[str] = set()
    for received, segment in aged:
        old = bounds.age_s is not None and received < now - int(bounds.age_s * SECOND)
        large = bounds.bytes is not None and total > bounds.bytes
        if segment.producer in held or not (old or large):
            held.add(segment.producer)
            continue
        total -= segment.bytes
        yield segment


def _aged(segments: Iterable[Segment], now: int) -> Iterator[tuple[int, Segment]]:
    """Each segment with the latest time of receipt of it and those before it of its producer."""
    latest: dict[str, int] = {}
    for segment in sorted(segments, key=lambda one: one.first):
        received = now if segment.latest_received is None else segment.latest_received
        latest[segment.producer] = max(received, latest.get(segment.producer, received))
        yield latest[segment.producer], segment
