"""What a cell took in, again and in the same order: the journal says it. A cell that never ran reads by time of commit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from heapq import merge
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from actors.columns import times
from actors.fold import Batch
from actors.slices import READ_BYTES, Ahead, gapless, journal_above, slices_of
from events.archive.log import kept_from
from events.catalog import CLOCK, CONTROL
from events.entry import Entry
from events.envelope import CellName
from events.log import LogReader, Source

BLOCK_ROWS = 50_000
BLOCK_SLICES = 20_000
FIRST_ROWS = 2_000
"""Of the first block: what it shows lets the next ones be folded faster."""


class Committed(NamedTuple):
    """Between which times of commit is read, us UTC: what was committed before, or later, cannot matter. None: all."""

    since: int | None = None
    until: int | None = None

    def holds(self, at: int) -> bool:
        return (self.since is None or at > self.since) and (self.until is None or at <= self.until)


ALL = Committed()


def taken(log: LogReader, cell: str, streams: Collection[str], span: Committed = ALL) -> Iterator[Batch]:
    """The slices of ``streams`` that ``cell`` took in so far, in its order; a punctuation is one, too.

    Of ``control`` all that was committed before ``span`` comes first: what somebody said then still holds.
    """
    first, last = (None if at is None else log.commit_at(cell, at) for at in span)
    tenant = CellName.parse(cell).tenant
    begun = log.last_commit(cell)[0] > 0 and bool(log.journal(cell, 0))
    if not begun:
        yield from by_commit(log, tenant, streams, span)
        return
    if first and CONTROL.name in streams:
        yield from by_commit(log, tenant, (CONTROL.name,), Committed(until=span.since))
    ahead = Ahead(log)
    for row in journal_above(log, cell, first or 0):
        if last is not None and row.commit > last:
            return
        if row.stream in streams:
            yield from ahead.journaled(row)


def by_commit(log: LogReader, tenant: str, streams: Collection[str], span: Committed = ALL) -> Iterator[Batch]:
    """The slices of ``streams`` in the order in which they were committed; all of ``control``, as for ``taken``."""

    def entries(stream: str, producer: str) -> Iterator[Entry]:
        after, end = 0, log.head(stream, producer)
        here = Committed(until=span.until) if stream == CONTROL.name else span
        if here.since is not None:
            after = _first_after(log, (stream, producer), here.since, end)
        while after < end:
            found = gapless(log, (stream, producer), after, READ_BYTES)
            for entry in found:
                if here.until is not None and entry.header.committed > here.until:
                    return
                if entry.header.first < end and here.holds(entry.header.committed):
                    yield entry
            after = found[-1].header.end if found else end

    sources = [(s, p) for s in sorted(streams) for p in log.producers(s) if p.startswith(f"{tenant}/")]
    in_order = merge(
        *(entries(*source) for source in sources),
        key=lambda e: (e.header.committed, e.header.stream != CONTROL.name, e.header.producer, e.header.first),
    )
    for entry in in_order:
        yield from slices_of(entry, entry.header.first, entry.header.end)


def _first_after(log: LogReader, source: Source, at: int, end: int) -> int:
    """An offset at or before the first entry that was committed after ``at``: commits of a producer are in order."""
    low, high = kept_from(log, source), end
    while low < high:
        middle = (low + high) // 2
        entries = log.read(*source, middle, 1)
        if entries and entries[0].header.committed > at:
            high = middle
        else:
            low = middle + 1
    return max(kept_from(log, source), low - 1)


class Block(NamedTuple):
    """Slices that follow each other: commands, which stand alone; or rows of one stream with the ticks between them."""

    commands: Batch | None = None
    rows: Batch | None = None
    """All rows, as one batch: cutting it otherwise changes nothing (a law)."""
    place: np.ndarray = np.empty(0, np.int64)
    """int64[rows]: in which slice each row was."""
    ticks: np.ndarray = np.empty(0, np.int64)
    """int64[ticks]: us UTC."""
    tick_place: np.ndarray = np.empty(0, np.int64)
    """int64[ticks]: in which slice each tick was."""


def blocks(slices: Iterator[Batch]) -> Iterator[Block]:
    """``slices`` of ``control``, ``clock`` and one other stream in bounded blocks."""
    held: list[tuple[int, Batch]] = []
    rows, most = 0, min(FIRST_ROWS, BLOCK_ROWS)
    for place, batch in enumerate(slices):
        if batch.stream == CONTROL.name:
            if held:
                yield _block(held)
            held, rows = [], 0
            if batch.rows:
                yield Block(commands=batch)
        elif batch.rows:
            held.append((place, batch))
            rows += batch.rows
            if rows >= most or len(held) >= BLOCK_SLICES:
                yield _block(held)
                held, rows, most = [], 0, BLOCK_ROWS
    if held:
        yield _block(held)


def _block(held: list[tuple[int, Batch]]) -> Block:
    ticked = [(place, times(batch.table, "time")) for place, batch in held if batch.stream == CLOCK.name]
    data = [(place, batch) for place, batch in held if batch.stream != CLOCK.name]
    found = Block()
    if ticked:
        found = found._replace(
            ticks=np.concatenate([at for _, at in ticked]),
            tick_place=np.repeat([place for place, _ in ticked], [len(at) for _, at in ticked]),
        )
    if data:
        last = data[-1][1]
        table = joined([batch.table for _, batch in data])
        found = found._replace(
            rows=Batch(last.header, 0, table, False),
            place=np.repeat([place for place, _ in data], [batch.rows for _, batch in data]),
        )
    return found


def joined(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch of several, in order."""
    if len(parts) == 1:
        return parts[0]
    return pa.Table.from_batches(parts).unify_dictionaries().combine_chunks().to_batches()[0]
