"""Hours of the week in a time zone: when a rule is judged, when somebody is on call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Hours:
    """On ``days`` from ``start`` (minute of the local day) up to ``end``; an end that is not after the start is on the
    next day. Clocks that are put forward or back are those of ``zone``."""

    days: frozenset[int]
    """0 is Monday."""
    start: int
    end: int
    zone: str = "UTC"

    def holds(self, at_us: int) -> bool:
        """Whether ``at_us`` (microseconds UTC) is within these hours."""
        local = datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(ZoneInfo(self.zone))
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.start < self.end:
            return day in self.days and self.start <= minute < self.end
        return (day in self.days and minute >= self.start) or ((day - 1) % 7 in self.days and minute < self.end)

    def stretches(self, after: int, to: int, width: int) -> Iterator[tuple[int, int, bool]]:
        """(after, to, within) of the windows that end in (after, to], each as its last moment is; as few as possible."""
        first = (after // width + 1) * width
        if first > to:
            return
        begin, inside = after, self.holds(first - 1)
        for end in range(first + width, to + 1, width):
            now = self.holds(end - 1)
            if now != inside:
                yield begin, end - width, inside
                begin, inside = end - width, now
        yield begin, to, inside
