"""Batches as bytes: Arrow IPC streams, the form in which rows cross between processes and wait in states."""

from __future__ import annotations

import pyarrow as pa


def pack(batch: pa.RecordBatch) -> bytes:
    """The batch as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def unpack(data: bytes) -> pa.RecordBatch:
    """What ``pack`` made bytes of."""
    return pa.ipc.open_stream(data).read_next_batch()
