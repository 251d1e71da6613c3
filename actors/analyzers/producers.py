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

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from actors.columns import labels, times
from actors.fold import Batch
from analytics.closings import marks
from analytics.windows import NO_WATERMARK

ALONE = 1 << 62
"""The least watermark of the others where there are none."""


class Producer(msgspec.Struct):
    """How far one producer has come. Times are us UTC."""

    reach: int = NO_WATERMARK
    """The greatest min(event time, received time) of its rows."""
    told: int = NO_WATERMARK
    """The greatest watermark that the headers of its entries gave."""
    read: int = 0
    """The next offset to read."""
    idle_at: int = -1
    """It wrote nothing from this offset on, …"""
    idle_until: int = NO_WATERMARK
    """… and nobody has to wait for rows of before this time."""

    def watermark(self, bound_us: int) -> int:
        found = max(self.reach - bound_us, self.told, NO_WATERMARK)
        return max(found, self.idle_until) if self.idle_at == self.read else found


class Step(NamedTuple):
    """What a batch does to the stream's watermark, for one bound."""

    before: int
    marks: np.ndarray
    """int64[n]: the stream's watermark at each row."""
    after: int
    limit: int
    """The stream's watermark cannot pass this while the rows are taken, for the others have not; ``ALONE``: no limit."""
    began: int
    """The producer's own watermark at the first row, or after a batch without rows."""


class Producers(msgspec.Struct):
    """Those of one stream."""

    by_name: dict[str, Producer] = {}
    reached: dict[int, int] = {}
    """By bound: the stream's watermark. It never steps back."""
    begun: bool = False

    def expect(self, names: Iterable[str]) -> None:
        """Wait for these from the beginning."""
        for name in names:
            self.by_name.setdefault(name, Producer())

    def watermark(self, bound_us: int) -> int:
        """The stream's watermark with rows that come up to ``bound_us`` out of order; ``NO_WATERMARK`` where it has none."""
        if not self.begun:
            return NO_WATERMARK
        found = max(self.reached.get(bound_us, NO_WATERMARK), self._least(bound_us))
        self.reached[bound_us] = found
        return found

    def _least(self, bound_us: int, but: str = "") -> int:
        found = (p.watermark(bound_us) for name, p in self.by_name.items() if name != but)
        return min(found, default=ALONE)

    def take(self, batch: Batch, time: np.ndarray, received: np.ndarray, bounds: Iterable[int]) -> dict[int, Step]:
        """Take a batch of one of them: what it does to the watermark, by bound. ``time``, ``received``: int64[n]."""
        before = {bound: self.watermark(bound) for bound in bounds}
        me = self.by_name.setdefault(batch.producer, Producer())
        me.read = batch.header.end if batch.last else batch.first + batch.rows  # from here on it does not idle
        own = {bound: marks(me.watermark(bound), time, received, bound) for bound in before}
        if batch.rows:
            me.reach = max(me.reach, int(np.minimum(time, received).max()))
        me.told = max(me.told, batch.watermark)
        self.begun = True
        return {bound: self._step(me, batch, own[bound], before[bound], bound) for bound in before}

    def _step(self, me: Producer, batch: Batch, own: np.ndarray, before: int, bound: int) -> Step:
        began = int(own[0]) if batch.rows else me.watermark(bound)
        others = self._least(bound, batch.producer)
        limit = others if others == ALONE else max(others, before)
        return Step(before, np.clip(own, before, limit), self.watermark(bound), limit, began)

    def pass_time(self, now_us: int, bound_us: int) -> int:
        """The clock says that no row of any producer is under way that is older than ``now_us`` less the bound."""
        if self.begun:
            self.reached[bound_us] = max(self.watermark(bound_us), now_us - bound_us)
        return self.watermark(bound_us)


class Idle(NamedTuple):
    """One row of ``idle_producers``."""

    row: int
    stream: str
    producer: str
    offset: int
    until: int


def idle_in(table: pa.RecordBatch) -> Iterator[Idle]:
    """The rows of ``idle_producers``, in order."""
    streams, names = labels(table, "stream")
    who, producers = labels(table, "producer")
    offsets, until = table.column("at_offset").to_pylist(), times(table, "until").tolist()
    for row in range(table.num_rows):
        yield Idle(row, names[streams[row]], producers[who[row]], offsets[row] or 0, until[row])


def note_idle(producers: Producers, said: Idle) -> None:
    """Take in that one of ``producers`` idles. One that is not known yet is not waited for, and has nothing to be told."""
    found = producers.by_name.get(said.producer)
    if found is None or said.offset != found.read:
        return  # it has written since, or what it wrote is still to be read: if it idles then, too, that will be said again
    if said.offset == found.idle_at:
        found.idle_until = max(found.idle_until, said.until)
    else:
        found.idle_at, found.idle_until = said.offset, said.until
