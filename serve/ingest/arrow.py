"""Bodies that are tables: Arrow IPC (stream and file) and Parquet, read within bounds of rows and memory."""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from events.errors import Rejected
from serve.ingest.verdicts import TooLarge

ARROW_STREAM = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"
PARQUET = "application/vnd.apache.parquet"
TABLES = (ARROW_STREAM, ARROW_FILE, PARQUET)
"""The content types whose bodies are tables."""
TABLE_ROWS = 20_000
TABLE_COLUMNS = 1_000
INFLATED_BYTES = 64_000_000
"""What the columns of one body may come to in memory."""

_FILE_START = b"ARROW1\0\0"
_ALONE = pa.ipc.IpcReadOptions(use_threads=False)
_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2
"""Kinds of messages by ``MessageHeader`` of Arrow's format/Message.fbs."""


def read_table(body: bytes, media: str) -> pa.RecordBatch:
    """The rows of a body as one batch, of which every value has been checked: it comes from anybody.

    Raises ``Rejected`` where it cannot be read, ``TooLarge`` over 20,000 rows or 64 MB of memory.
    """
    try:
        batch = _parquet(body) if media == PARQUET else _ipc(body, media)
        batch.validate(full=True)
        names = batch.schema.names
    except UnicodeDecodeError:
        raise Rejected("body", "names a column in bytes that are not UTF-8; give it a name that is text") from None
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0][:200]
        raise Rejected("body", f"cannot be read as {media} ({reason}); write it with an Arrow library") from None
    except OSError as error:  # how the Parquet reader says that bytes are not what they should be
        reason = str(error).splitlines()[0][:200]
        raise Rejected("body", f"cannot be read as {media} ({reason}); send the file whole") from None
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Rejected(twice[0], "is the name of two columns; give each column a name of its own")
    if len(names) > TABLE_COLUMNS:
        raise TooLarge("body", f"has {len(names):,} columns; one request may have {TABLE_COLUMNS:,}")
    _within(
        sum(
            expanded(column)
            for column in batch.columns
            if (pa.types.is_dictionary(column.type) and is_text(column.type.value_type))
            or pa.types.is_string_view(column.type)
        )
    )
    return batch


def _ipc(body: bytes, media: str) -> pa.RecordBatch:
    if media == ARROW_FILE:
        if not body.startswith(_FILE_START):
            raise Rejected("body", f"is no Arrow file; send a stream as {ARROW_STREAM}")
        body = body[len(_FILE_START) :]  # what follows is a stream, and then an index of it
    elif body.startswith(_FILE_START):
        raise Rejected("body", f"is an Arrow file, not a stream; send it as {ARROW_FILE}")
    inflated = 0
    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(body)):
        inflated = _within(inflated + _inflated(message))
    batches: list[pa.RecordBatch] = []
    rows = 0
    with pa.ipc.open_stream(pa.py_buffer(body), options=_ALONE) as stream:
        for batch in stream:
            rows = _few_enough(rows + batch.num_rows)
            batches.append(batch)
        return _one(batches, stream.schema)


def _parquet(body: bytes) -> pa.RecordBatch:
    import pyarrow.parquet as pq

    source = pa.BufferReader(body)
    about = pq.read_metadata(source)
    _few_enough(about.num_rows)
    groups = [about.row_group(i) for i in range(about.num_row_groups)]
    _within(sum(g.column(c).total_uncompressed_size for g in groups for c in range(g.num_columns)))
    leaves = [about.schema.column(i) for i in range(about.num_columns)]
    # A dictionary keeps one copy of a value that stands in many rows, however long it is.
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY" and leaf.path == leaf.name]
    table = pq.ParquetFile(source, read_dictionary=texts).read(use_threads=False)
    _few_enough(table.num_rows)
    return _one(table.to_batches(), table.schema)


def _one(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    if not batches:
        return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)
    unified = pa.Table.from_batches(batches).unify_dictionaries()
    return unified.combine_chunks().to_batches()[0] if unified.num_rows else batches[0]


def _few_enough(rows: int) -> int:
    if rows > TABLE_ROWS:
        raise TooLarge("body", f"has {rows:,} rows or more; one request may have {TABLE_ROWS:,}: send several")
    return rows


def _within(size: int) -> int:
    if size > INFLATED_BYTES:
        raise TooLarge(
            "body", f"is larger than {INFLATED_BYTES:,} bytes once it is unpacked; send fewer rows in one request"
        )
    return size


def _inflated(message: Any) -> int:
    """Bytes that a message's buffers say they have once they are unpacked: Arrow makes room for them by that word."""
    kind = _Table.root(message.metadata.to_pybytes())
    at = kind.table(2)
    if at is None:
        return 0
    batch = at.table(1) if kind.byte(1) == _DICTIONARY_BATCH else at
    if batch is None or kind.byte(1) not in (_RECORD_BATCH, _DICTIONARY_BATCH):
        return 0
    body = message.body.to_pybytes() if message.body is not None else b""
    if batch.table(3) is None:  # not compressed
        return len(body)
    total = 0
    for begin, length in batch.pairs(2):
        if length >= 8 and 0 <= begin <= len(body) - 8:
            said = struct.unpack_from("<q", body, begin)[0]
            total += length if said < 0 else said
    return total


class _Table:
    """One table of a FlatBuffer, as far as Arrow's messages need it (flatbuffers.dev, "Internals")."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, struct.unpack_from("<I", data)[0])

    def _field(self, number: int) -> int | None:
        begin = self._at - struct.unpack_from("<i", self._data, self._at)[0]
        if 4 + 2 * number >= struct.unpack_from("<H", self._data, begin)[0]:
            return None
        offset = struct.unpack_from("<H", self._data, begin + 4 + 2 * number)[0]
        return self._at + offset if offset else None

    def byte(self, number: int) -> int:
        at = self._field(number)
        return 0 if at is None else self._data[at]

    def table(self, number: int) -> _Table | None:
        at = self._field(number)
        return None if at is None else _Table(self._data, at + struct.unpack_from("<I", self._data, at)[0])

    def pairs(self, number: int) -> list[tuple[int, int]]:
        """A vector of structs, each of two int64, as a list of pairs."""
        at = self._field(number)
        if at is None:
            return []
        at += struct.unpack_from("<I", self._data, at)[0]
        n = struct.unpack_from("<I", self._data, at)[0]
        return [struct.unpack_from("<qq", self._data, at + 4 + 16 * i) for i in range(n)]


def as_text(column: pa.Array, name: str) -> pa.Array:
    """A column of text (also of a dictionary, or of large strings) as plain strings; nulls of any type are nulls.

    Raises ``Rejected`` for other types, ``TooLarge`` where the strings come to more than a body may.
    """
    type_ = column.type
    if pa.types.is_null(type_):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_string(type_):
        return column
    values = type_.value_type if pa.types.is_dictionary(type_) else type_
    if not is_text(values):
        raise Rejected(name, f"is a column of {type_}; make it one of strings")
    _within(expanded(column))
    return column.cast(pa.string())


def is_text(type_: pa.DataType) -> bool:
    return pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)


def expanded(column: pa.Array) -> int:
    """How many bytes a column of text takes once each row has a copy of its own text."""
    count: Any = pc
    if pa.types.is_dictionary(column.type):
        lengths = count.binary_length(column.dictionary.cast(pa.large_string())).cast(pa.int64())
        return count.sum(lengths.take(column.indices)).as_py() or 0
    if pa.types.is_string_view(column.type):
        return count.sum(count.binary_length(column.cast(pa.binary_view()))).as_py() or 0
    return count.sum(count.binary_length(column)).as_py() or 0
