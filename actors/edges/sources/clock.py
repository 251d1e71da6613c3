"""The clock: time as events. Folds see no other clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actors.collectors.pull import PullCollector
from actors.parts import Part, PartSection, Within
from actors.pulling import Pull
from actors.source import Read, next_beat
from actors.topology import CellSpec
from events.catalog import CLOCK, rows

EVERY_US = 1_000_000


class Clock:
    """The source of ``clock``: one tick a second. It has no position: what was missed while nobody looked is no tick.

    ``now`` gives microseconds UTC.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now

    def open(self, position: bytes | None) -> Clock:
        return self

    def read(self) -> Read:
        now = self._now()
        ticked = rows(CLOCK, {"type": "clock.ticked", "time": now, "received": now}, 1)
        return Read(ticked, wake_at_us=next_beat(now, EVERY_US))

    def close(self) -> None:
        """Nothing to let go of."""


def _cells(_: PartSection, within: Within) -> Iterator[CellSpec]:
    yield CellSpec("edges", PullCollector("clock", CLOCK), within.tenant, Pull(Clock, "clock", "clock"))


PART = Part("clock", cells=_cells)
