"""Tables on their way in: Arrow bodies of as many rows as one request may have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hindcast.client.answers import Receipt
from hindcast.client.call import Call
from hindcast.client.sending import receipt, uuid7

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 20_000
BYTES = 4_500_000
STREAM = "application/vnd.apache.arrow.stream"


def send_table(table: Any, source: str) -> Iterator[Call[Receipt]]:
    """Calls of at most 20,000 rows each, in order; each bears a key of its own, so that every retry is harmless.

    ``table``: a ``pyarrow.Table``, ``RecordBatch`` or ``RecordBatchReader``, or anything else that
    ``pyarrow.RecordBatchReader.from_stream`` reads, such as a data frame of pandas or Polars.
    """
    import pyarrow as pa

    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    if isinstance(table, pa.Table):
        yield from _calls(table, source)
        return
    for batch in pa.RecordBatchReader.from_stream(table):
        yield from _calls(pa.Table.from_batches([batch]), source)


def _calls(table: pa.Table, source: str) -> Iterator[Call[Receipt]]:
    import pyarrow as pa

    if "source" not in table.column_names and table.num_rows:
        one = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), table.num_rows), pa.array([source]))
        table = table.append_column("source", one)
    for begin in range(0, table.num_rows, ROWS):
        yield from _within(table.slice(begin, ROWS))


def import_table(name: str, table: pa.Table, first: int) -> Iterator[Call[Receipt]]:
    """Calls that bring rows of an import, of which ``first`` rows came before."""
    for begin in range(0, table.num_rows, ROWS):
        at = first + begin
        for body, rows in _bodies(table.slice(begin, ROWS)):
            path, judged = f"/v1/imports/{name}", frozenset({400})
            yield Call("POST", path, receipt, {"first": at}, body, STREAM, judged=judged)
            at += rows


def _within(part: pa.Table) -> Iterator[Call[Receipt]]:
    for body, _ in _bodies(part):
        yield Call(
            "POST",
            "/v1/events",
            receipt,
            content=body,
            content_type=STREAM,
            headers={"idempotency-key": uuid7()},
            judged=frozenset({400}),
        )


def _bodies(part: pa.Table) -> Iterator[tuple[bytes, int]]:
    """Bodies that are small enough, and how many rows each has."""
    body = _written(part)
    if len(body) > BYTES and part.num_rows > 1:
        half = part.num_rows // 2
        yield from _bodies(part.slice(0, half))
        yield from _bodies(part.slice(half))
    else:
        yield body, part.num_rows


def _written(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=True)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()
