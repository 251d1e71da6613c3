"""Rows of an import: plain events in a table, with what only the past has: when a row became known, and who somebody was
before they had a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events.errors import Rejected
from events.stream import TIME
from serve.ingest.arrow import as_text
from serve.ingest.tables import decode_rows, table_of, times_of
from serve.ingest.times import AHEAD_US, parse_times
from serve.ingest.verdicts import Decoded, Fault

_compute: Any = pc
KNOWN, ANONYMOUS, CONTEXT = "known", "anonymous_id", "context"
_BESIDE = (KNOWN, ANONYMOUS, CONTEXT)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_import(body: bytes, content_type: str, received_us: int, ahead_us: int = AHEAD_US) -> Decoded:
    """Decode a part of an import: a table as ``decode_table`` takes it, in which every row has an ``id``.

    Three more columns may be there: ``anonymous_id``; ``context``, JSON text of an object; and ``known``, when the row
    became known (timestamps, or ISO 8601 with an offset; null: when it happened). ``received`` of the rows is that, but
    never before they happened. Raises as ``decode_table`` does, and ``Rejected`` without ids.
    """
    batch = table_of(body, content_type)
    if "id" not in batch.schema.names:
        raise Rejected("id", "is required in an import: every row has one, by which it is known again")
    beside = {name: _text(batch, name) for name in (ANONYMOUS, CONTEXT) if name in batch.schema.names}
    known, there, unread = _known(batch)
    rest = batch.select([name for name in batch.schema.names if name not in _BESIDE])
    faults = dict([*_missing(rest), *_wrong_context(beside.get(CONTEXT))])
    faults |= {row: Fault(KNOWN, reason) for row, reason in unread.items()}
    decoded = decode_rows(rest, received_us, "import", ahead_us, None, beside, faults)
    at = decoded.batch.schema.get_field_index("received")
    time = decoded.batch.column("time").cast(pa.int64()).to_numpy()
    became = np.where(there[decoded.index], np.maximum(known[decoded.index], time), time)
    received = pa.array(became, pa.int64()).cast(TIME)
    return replace(decoded, batch=decoded.batch.set_column(at, decoded.batch.schema.field(at), received))


def _text(batch: pa.RecordBatch, name: str) -> pa.Array:
    column = as_text(batch.column(name), name)
    return _compute.if_else(_compute.equal(column, ""), None, column)


def _known(batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    if KNOWN not in batch.schema.names:
        return np.zeros(batch.num_rows, np.int64), np.zeros(batch.num_rows, np.bool_), {}
    return parse_times(times_of(batch.select([KNOWN]).rename_columns(["time"])))


def _missing(batch: pa.RecordBatch) -> Iterator[tuple[int, Fault]]:
    column = batch.column("id")
    empty = _compute.is_null(column)
    if pa.types.is_string(column.type):
        empty = _compute.or_kleene(empty, _compute.equal(column, ""))
    for row in np.flatnonzero(empty.to_numpy(zero_copy_only=False)).tolist():
        yield row, Fault("id", "is missing: a row of an import needs one of its own")


def _wrong_context(column: pa.Array | None) -> Iterator[tuple[int, Fault]]:
    for row, text in enumerate([] if column is None else column.to_pylist()):
        if text is not None:
            try:
                _object.decode(text)
            except (msgspec.MsgspecError, RecursionError) as error:
                yield row, Fault(CONTEXT, f"is no JSON object ({error})")
