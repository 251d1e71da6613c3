"""What every source must keep to: each row once, wherever its reader is thrown away and another one opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from actors.source import MOST_POSITION, Read, Source
from events.catalog import Stream

MOST_READS = 1_000
IDLE_READS = 3
"""So many reads in a row without rows are taken for the end."""


def keeps_the_source_rules(
    make: Callable[[], Source], stream: Stream, *, of: tuple[str, ...] = ("id",), endless: int = 0
) -> list[Any]:
    """Fails where a source breaks a rule of ``actors.source``; answers its rows, as told apart by the columns ``of``.

    ``make`` gives the source over the same content each time (a file, a server with fixed answers); its rows must be told
    apart by the columns ``of``. Of a source without an end the first ``endless`` reads are looked at. Checked: rows are of
    ``stream``; each position is 1 to 64 KiB long; a reader opened at the position of any read gives exactly the rows that
    follow that read, so that none is lost and none comes twice; the same position gives the same rows again.
    """
    reads = _all(make, stream, None, endless)
    whole = [row for read in reads for row in _rows(read, of)]
    assert len(set(whole)) == len(whole), f"rows come twice, or are not told apart by {of}: {whole}"
    told = 0
    for read in reads:
        told += read.rows.num_rows
        if read.position is None:
            continue
        rest = [row for later in _all(make, stream, read.position, endless) for row in _rows(later, of)]
        place = f"a reader at {read.position!r}, which is behind {told} rows,"
        follow = rest[: len(whole) - told] if endless else rest
        assert follow == whole[told:], f"{place} gives {rest[:5]} …, not {whole[told : told + 5]} …"
    return whole


def _all(make: Callable[[], Source], stream: Stream, position: bytes | None, endless: int) -> list[Read]:
    """Every read from ``position`` to the end, or so many."""
    reader = make().open(position)
    found: list[Read] = []
    idle = 0
    try:
        while len(found) < endless or (not endless and idle < IDLE_READS):
            read = reader.read()
            assert read.rows.schema.equals(stream.schema), f"the rows are not of stream {stream.name}"
            if read.position is not None:
                assert 0 < len(read.position) <= MOST_POSITION, f"a position of {len(read.position)} bytes"
            idle = idle + 1 if not read.rows.num_rows else 0
            found.append(read)
            assert endless or len(found) < MOST_READS, f"no end after {MOST_READS} reads; say `endless`"
    finally:
        reader.close()
    return found


def _rows(read: Read, of: tuple[str, ...]) -> list[tuple[Any, ...]]:
    table = pa.Table.from_batches([read.rows]).select(list(of))
    return [tuple(row.values()) for row in table.to_pylist()]
