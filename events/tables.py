"""A stream as a table: the catalog's columns and, of each row, its ``producer``, ``offset`` and ``tenant``.

Where a stream has a column of that name (quarantine has two), the added one is called ``row_producer``, ``row_offset``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from events.catalog import LABEL, STREAMS
from events.entry import Entry, decode_together

_IN_SQL = {
    "alerts": {"by": "acknowledged_by"},
    "metrics": {"distinct": "distinct_count"},
    "past_metrics": {"distinct": "distinct_count"},
    "quarantine": {"offset": "at_offset"},
}
"""What SQL calls the columns whose names are words of its own."""


@cache
def schema_of(stream: str) -> pa.Schema:
    """The columns of a stream's table; the three that are added come last."""
    fields = list(STREAMS[stream].schema)
    taken = set(STREAMS[stream].schema.names)
    for name, type_ in (("producer", LABEL), ("offset", pa.int64()), ("tenant", LABEL)):
        fields.append(pa.field(f"row_{name}" if name in taken else name, type_))
    return pa.schema(fields)


@cache
def columns_of(stream: str) -> pa.Schema:
    """The same columns, in the same order, as SQL and the archive's files call them: none is named by a word of SQL."""
    names = _IN_SQL.get(stream, {}) | ({} if stream == "quarantine" else {"offset": "row_offset"})
    return pa.schema([column.with_name(names.get(column.name, column.name)) for column in schema_of(stream)])


def named_in_sql(batch: pa.RecordBatch, stream: str) -> pa.RecordBatch:
    """Rows of a stream's table under the names that SQL and the archive have for the columns."""
    return pa.RecordBatch.from_arrays(batch.columns, schema=columns_of(stream))


def rows_within(entries: Sequence[Entry], first: int, end: int) -> pa.RecordBatch:
    """The rows of entries of one producer's stream with offsets in ``[first, end)``, as its table has them.

    ``entries`` is not empty. Raises ``Corrupt`` for one that is not what was written.
    """
    head = entries[0].header
    table = decode_together(entries).combine_chunks()
    offsets = offsets_of(entries)
    places = [_label(head.producer, len(offsets)), pa.array(offsets), _label(head.tenant, len(offsets))]
    columns = [*(c.chunk(0) if c.num_chunks else pa.nulls(0, c.type) for c in table.columns), *places]
    low, high = np.searchsorted(offsets, [first, end])
    return pa.record_batch(columns, schema=schema_of(head.stream)).slice(int(low), int(high - low))


def offsets_of(entries: Sequence[Entry]) -> NDArray[np.int64]:
    """The offset of each row of ``entries``."""
    starts = np.array([entry.header.first for entry in entries], np.int64)
    counts = np.array([entry.header.rows for entry in entries], np.int64)
    return np.arange(counts.sum()) + np.repeat(starts - (np.cumsum(counts) - counts), counts)


def _label(value: str, n: int) -> pa.Array:
    indices = pa.repeat(pa.scalar(0, pa.int32()), n)
    return pa.DictionaryArray.from_arrays(indices, pa.array([value], pa.string()))
