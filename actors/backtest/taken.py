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
from events.catalog import CLOCK, CONTROL
from events.entry import Entry
from events.envelope import CellName
from events.log import LogReader

BLOCK_ROWS = 50_000
BLOCK_SLICES = 20_000
FIRST_ROWS = 2_000
"""Of the first block: what it shows lets the next ones be folded faster."""


def taken(log: LogReader, cell: str, streams: Collection[str]) -> Iterator[Batch]:
    """The slices of ``streams`` that ``cell`` took in so far, in its order; a punctuation is one, too."""
    begun = False
    ahead = Ahead(log)
    for row in journal_above(log, cell, 0):
        begun = True
        if row.stream in streams:
            yield from ahead.journaled(row)
    if not begun:
        yield from _by_commit(log, CellName.parse(cell).tenant, streams)


def _by_commit(log: LogReader, tenant: str, streams: Collection[str]) -> Iterator[Batch]:
    def entries(stream: str, producer: str) -> Iterator[Entry]:
        after, end = 0, log.head(stream, producer)
        while after < end:
            found = gapless(log, (stream, producer), after, READ_BYTES)
            for entry in found:
                if entry.header.first < end:
                    yield entry
            after = found[-1].header.end if found else end

    sources = [(s, p) for s in sorted(streams) for p in log.producers(s) if p.startswith(f"{tenant}/")]
    in_order = merge(
        *(entries(*source) for source in sources),
        key=lambda e: (e.header.committed, e.header.stream != CONTROL.name, e.header.producer, e.header.first),
    )
    for entry in in_order:
        yield from slices_of(entry, entry.header.first, entry.header.end)


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
