"""Who idles: the producers of a stream that others write, too, and that have written nothing for a while.

Windows close once all producers of a stream have passed their end. One that is silent would hold up the others: its host
is gone, it is no longer configured, or it is a partition to which no key belongs yet. Only the log can tell, by what is
not there; so that is looked at here, at the edge, and recorded. In the log it has its exact place among the rows, and a
replay gives the same windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from actors.cell import AnyCell
from actors.collectors.pull import PACE_US, SETTLED_US, PullCollector
from actors.pulling import PullWorker
from actors.source import Read, next_beat
from actors.topology import CellSpec, Surroundings
from actors.workers import Worker
from events.catalog import CONTROL, IDLE_PRODUCERS, SYSTEM_METRICS, USER_INTERACTIONS, rows
from events.envelope import CellName, is_import
from events.log import LogReader, Source

NAME = "idle_producers"
EVERY_US = 2_000_000
NEVER_US = 1 << 60
"""Nobody asks how far this stream is complete, so its watermark need not follow the clock."""

IDLE_US = 75_000_000
"""So long others wait for a producer that has stopped writing. A collector that runs says more often that nothing comes,
even amid an import of history (``actors.collectors.pull.HISTORY_IDLE_US``)."""
WATCHED = (USER_INTERACTIONS.name, SYSTEM_METRICS.name, CONTROL.name)
"""Streams whose producers tell their silence; windows over others are closed by the clock."""


class _Seen(NamedTuple):
    head: int
    since_us: int
    """When it last wrote; if it never did, when it was first seen."""
    told_us: int = 0
    """When its idling was last recorded."""


class IdleProducers:
    """A source of ``idle_producers``. A stream with one producer costs nothing, and is never spoken of.

    ``bound_us``: how far out of order rows may come: until then behind the clock a producer that idles is done.
    ``now`` gives microseconds UTC. It has no position: what idles is looked at anew.
    """

    def __init__(self, log: LogReader, tenant: str, bound_us: int, now: Callable[[], int]) -> None:
        self._log = log
        self._now = now
        self._prefix = f"{tenant}/"
        self._bound_us = bound_us
        self._seen: dict[Source, _Seen] = {}

    def open(self, position: bytes | None) -> IdleProducers:
        return self

    def read(self) -> Read:
        now = self._now()
        return Read(self.poll(now), wake_at_us=next_beat(now, EVERY_US))

    def close(self) -> None:
        """Nothing to let go of."""

    def poll(self, now_us: int) -> pa.RecordBatch:
        """Who idles at ``now_us``, of those of whom it is time to say so."""
        idle = list(self._idle(now_us))
        columns = {
            "type": "producer.idled",
            "subject": [producer for (_, producer), _ in idle],
            "time": now_us,
            "received": now_us,
            "partition_key": [producer for (_, producer), _ in idle],
            "stream": [stream for (stream, _), _ in idle],
            "producer": [producer for (_, producer), _ in idle],
            "at_offset": [offset for _, offset in idle],
            "until": now_us - self._bound_us,
        }
        return rows(IDLE_PRODUCERS, columns, len(idle))

    def _idle(self, now_us: int) -> Iterator[tuple[Source, int]]:
        for stream in WATCHED:
            producers = [
                name for name in self._log.producers(stream) if name.startswith(self._prefix) and not is_import(name)
            ]
            heads = {(stream, name): self._log.head(stream, name) for name in producers} if len(producers) > 1 else {}
            if not any(heads.values()):
                continue  # one producer, or nobody has written yet: there is nothing to wait for
            for source, head in heads.items():
                seen = self._seen.get(source)
                if seen is None or seen.head != head:
                    self._seen[source] = _Seen(head, self._wrote(source, head, now_us) if seen is None else now_us)
                elif self._due(seen, now_us):
                    self._seen[source] = seen._replace(told_us=now_us)
                    yield source, head

    def _wrote(self, source: Source, head: int, now_us: int) -> int:
        return self._log.read(*source, head - 1, 1)[-1].header.committed if head else now_us

    @staticmethod
    def _due(seen: _Seen, now_us: int) -> bool:
        silence = now_us - seen.since_us
        if seen.head == 0 and silence <= SETTLED_US:
            return True  # it never had a row: nothing of it is under way
        return silence >= IDLE_US and now_us - seen.told_us >= PACE_US


@dataclass(frozen=True, slots=True)
class WatchIdle:
    """Drive the cell by looking which producers idle."""

    tenant: str
    bound_us: int

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        def watch() -> IdleProducers:
            return IdleProducers(host.log, self.tenant, self.bound_us, host.now)

        return PullWorker(cell, host.log, watch, host.now, name=NAME, kind=NAME)


def idle_producers(tenant: str, bound_us: int) -> CellSpec:
    """The cell that watches who idles: in the clock's host, for it does next to nothing."""
    collector = PullCollector(NAME, IDLE_PRODUCERS, idle_us=NEVER_US)
    beside = str(CellName(tenant, "clock", 0))
    return CellSpec("edges", collector, tenant, WatchIdle(tenant, bound_us), beside=beside)
