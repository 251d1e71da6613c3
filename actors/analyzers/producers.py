"""The producers of one stream, and how far all of them together are complete: the least of their watermarks.

Whoever folds rows of several producers into one state may close a window only when every producer has passed its end. So
the watermark of a stream is the least one of its producers; it never steps back. Three things follow:

- A producer counts from its first entry on. Those that are *expected* (the partitions of a collector) count from the
  beginning, for one of them may be read far ahead of the others.
- A producer that idles holds nobody up: ``idle_producers`` says that it wrote nothing beyond an offset, up to a time. That
  counts where the fold has read up to that offset, and until the producer writes again. So a fold that lags behind, and
  has the rows still before it, makes none of them late.
- Before the first entry of any producer there is no watermark: no time has passed yet on a stream that never had a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from actors.columns import labels, times
from analytics.closings import marks, whole_from
from analytics.window_kernel import FAR
from analytics.windows import NO_WATERMARK

ALONE = 1 << 62
"""The least watermark of the others where there are none."""
UNKNOWN = -1
"""The place in a producer's stream, of a state of an older release, until the cell says it."""


class Producer(msgspec.Struct):
    """How far one producer's rows were read, and how far its event time is complete. Times are us UTC."""

    end: int = 0
    """The next offset to read."""
    reach: int = NO_WATERMARK
    """The greatest min(event time, received time) of its rows."""
    said: int = NO_WATERMARK
    """The greatest watermark that the headers of its entries gave."""
    idle_at: int = -2
    """It wrote nothing from this offset on, …"""
    idle_until: int = NO_WATERMARK
    """… and nobody has to wait for rows of before this time."""

    @property
    def idles(self) -> bool:
        return self.idle_at == self.end

    def watermark(self, bound_us: int) -> int:
        found = max(self.reach - bound_us, self.said, NO_WATERMARK)
        return max(found, self.idle_until) if self.idles else found


class Step(NamedTuple):
    """What rows of one producer, or an entry without rows, do to the stream's watermark, for one bound."""

    before: int
    marks: np.ndarray
    """int64[n]: the stream's watermark at each row."""
    after: int
    limit: int
    """The stream's watermark cannot pass this while the rows are taken, for the others have not; ``ALONE``: no limit."""


class Idle(NamedTuple):
    """One row of ``idle_producers``."""

    row: int
    stream: str
    producer: str
    offset: int
    until: int


class Producers(msgspec.Struct):
    """Those of one stream. ``bounds``: how far out of order rows may come, for each watermark that somebody asks for."""

    by_name: dict[str, Producer] = {}
    reached: dict[int, int] = {}
    """By bound: the stream's watermark. It never steps back."""
    ticked: int = NO_WATERMARK
    """What the clock says of all of them, where it closes windows: no older row is under way."""
    first_reach: int = NO_WATERMARK
    """Of the first row of any of them, where that came before any watermark was said."""
    first_said: int = NO_WATERMARK

    @property
    def begun(self) -> bool:
        return max(self.first_reach, self.first_said) > NO_WATERMARK

    @property
    def places(self) -> dict[str, int]:
        """The next offset to read of each one that was read."""
        return {name: one.end for name, one in sorted(self.by_name.items()) if one.end != 0}

    def expect(self, names: Iterable[str]) -> None:
        """Wait for these from the beginning."""
        for name in names:
            self.by_name.setdefault(name, Producer())

    def whole_from(self, bound_us: int, width_us: int) -> int:
        """Start of the first window that is seen whole."""
        began = self.first_said
        if self.first_reach > NO_WATERMARK:
            began = self.first_reach - bound_us
        return whole_from(began, bound_us, width_us)

    def watermark(self, bound_us: int) -> int:
        """The stream's watermark with rows that come up to ``bound_us`` out of order; ``NO_WATERMARK`` where it has none."""
        if not self.begun:
            return NO_WATERMARK
        known = self.reached.get(bound_us, NO_WATERMARK)
        return max(known, self._least(bound_us), self.ticked - bound_us, NO_WATERMARK)

    def _least(self, bound_us: int, but: str = "") -> int:
        found = (one.watermark(bound_us) for name, one in self.by_name.items() if name != but)
        return min(found, default=ALONE)

    def reach(self, bound_us: int, watermark: int) -> None:
        """The stream's watermark is known to have come so far."""
        if watermark > self.reached.get(bound_us, NO_WATERMARK):
            self.reached[bound_us] = watermark

    def take(
        self, producer: str, end: int, watermark: int, time: np.ndarray, received: np.ndarray, bounds: Iterable[int]
    ) -> dict[int, Step]:
        """Take rows of one of them, up to the offset ``end``: what they do to the watermark, by bound.

        ``time``, ``received``: int64[n]. ``watermark``: what the entry says of the producer once these are taken, or
        ``NO_WATERMARK``.
        """
        before = {bound: self.watermark(bound) for bound in bounds}
        me = self.by_name.setdefault(producer, Producer())
        me.end = end  # from here on it does not idle
        own = {bound: marks(me.watermark(bound), time, received, bound) for bound in before}
        if len(time):
            reach = np.clip(np.minimum(time, received), -FAR, FAR)
            if not self.begun:
                self.first_reach = int(reach[0])
            me.reach = max(me.reach, int(reach.max()))
        if watermark > NO_WATERMARK:
            if not self.begun:
                self.first_said = watermark
            me.said = max(me.said, watermark)
        return {bound: self._step(producer, own[bound], before[bound], bound) for bound in before}

    def _step(self, producer: str, own: np.ndarray, before: int, bound: int) -> Step:
        others = self._least(bound, producer)
        limit = others if others == ALONE else max(others, before)
        after = max(before, self.watermark(bound))
        self.reach(bound, after)
        alone = limit == ALONE and (not len(own) or own[0] >= before)
        return Step(before, own if alone else np.clip(own, before, limit), after, limit)

    def tick(self, reach: int, bounds: Iterable[int]) -> None:
        """The clock says that no row of any producer is under way that is older than ``reach`` less its bound."""
        if self.begun:
            self.ticked = max(self.ticked, reach)
            self._note(bounds)

    def idle(self, producer: str, offset: int, until: int, bounds: Iterable[int]) -> None:
        """One of them idles. One that is not known yet is not waited for, and has nothing to be told."""
        found = self.by_name.get(producer)
        if found is None or offset != found.end:
            return  # it has written since, or what it wrote is still to be read: if it idles then, that will be said again
        found.idle_until = max(found.idle_until, until) if found.idles else until
        found.idle_at = offset
        self._note(bounds)

    def _note(self, bounds: Iterable[int]) -> None:
        for bound in bounds:
            self.reach(bound, self.watermark(bound))

    def idle_now(self) -> Mapping[str, tuple[int, int]]:
        """By producer that idles: from which offset on, and until when."""
        return {name: (one.idle_at, one.idle_until) for name, one in sorted(self.by_name.items()) if one.idles}


def idle_in(table: pa.RecordBatch) -> Iterator[Idle]:
    """The rows of ``idle_producers``, in order."""
    streams, names = labels(table, "stream")
    who, producers = labels(table, "producer")
    offsets, until = table.column("at_offset").to_pylist(), times(table, "until").tolist()
    for row in range(table.num_rows):
        yield Idle(row, names[streams[row]], producers[who[row]], offsets[row] or 0, until[row])
