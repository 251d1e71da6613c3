"""Entries: one committed Arrow record batch of one producer's stream, with its header.

On the wire (archive, golden files) an entry is ``to_bytes``: a msgpack map for the header, then the payload.
The payload is the Arrow IPC stream of the batch *without* its schema message (the catalog has it), compressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import msgspec
import pyarrow as pa
import xxhash

from events.catalog import STREAMS, Stream
from events.errors import Corrupt
from events.upcasters import upcast

NO_WATERMARK = -(2**63)
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
"""How Arrow ends an IPC stream; each payload has it."""


class EntryHeader(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=False):
    """What a reader must know before it opens the payload. Fields are only ever added, with a default."""

    stream: str
    producer: str
    tenant: str
    first: int
    """Offset of the first row."""
    rows: int
    """0 for a punctuation: an entry that carries only a watermark and takes one offset."""
    commit: int
    committed: int
    """Commit time, microseconds UTC; monotone within the producer."""
    epoch: int
    version: int
    """Version of the stream's schema."""
    watermark: int = NO_WATERMARK
    codec: str = "lz4"
    size: int = 0
    """Bytes of the payload before compression."""
    chain: bytes = b""
    """xxh3-128 of the previous chain hash and this payload: shows a torn or altered log, not a forger."""
    encrypted: tuple[str, ...] = ()
    """Columns that are encrypted per subject."""
    position: bytes = b""
    """Where the source of these rows is to be read on, in the source's own words; empty where it has no place."""
    tombstone: bytes = b""
    """Of an entry from which somebody was erased: xxh3-128 of the previous chain hash and the payload that is there now.

    ``chain`` is still what it was when the entry was written, so that all later entries hang on it as before.
    """

    @property
    def end(self) -> int:
        """The offset after the entry's last place."""
        return self.first + max(self.rows, 1)


class Payload(msgspec.Struct, frozen=True):
    """An encoded batch, ready to be written: the log adds the rest of the header."""

    data: bytes
    rows: int
    size: int
    codec: str
    version: int


EMPTY = Payload(b"", 0, 0, "", 0)
_encode_header = msgspec.msgpack.Encoder().encode
_decode_header = msgspec.msgpack.Decoder(EntryHeader).decode


class Entry(msgspec.Struct, frozen=True):
    """A header and its payload as stored."""

    header: EntryHeader
    payload: bytes

    def batch(self) -> pa.RecordBatch:
        """The rows, upcast to the newest schema. Raises ``Corrupt`` where the payload is not what was written."""
        return decode(self.header, self.payload)

    def to_bytes(self) -> bytes:
        head = _encode_header(self.header)
        return len(head).to_bytes(4, "little") + head + self.payload

    @classmethod
    def from_bytes(cls, data: bytes) -> Entry:
        n = int.from_bytes(data[:4], "little")
        return cls(decode_header(data[4 : 4 + n]), data[4 + n :])


def encode_header(header: EntryHeader) -> bytes:
    return _encode_header(header)


def decode_header(data: bytes) -> EntryHeader:
    """Raises ``Corrupt`` where the bytes are no header."""
    try:
        return _decode_header(data)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"entry header: {error}") from error


def chain(previous: bytes, payload: bytes) -> bytes:
    """The next link: xxh3-128 over the previous link and the payload as stored."""
    return xxhash.xxh3_128_digest(previous + payload)


def agrees(previous: bytes, entry: Entry) -> bool:
    """Whether the payload is what was written, or what an erasure left of it."""
    return chain(previous, entry.payload) == (entry.header.tombstone or entry.header.chain)


@cache
def _schema_message(schema: pa.Schema) -> bytes:
    return schema.serialize().to_pybytes()


def encode(stream: Stream, batch: pa.RecordBatch, codec: str = "lz4") -> Payload:
    """Encode ``batch`` (in the stream's newest schema). Raises ``ValueError`` for another schema."""
    if not batch.schema.equals(stream.schema):
        raise ValueError(f"batch is not of stream {stream.name}: {batch.schema}")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    body = sink.getvalue().slice(len(_schema_message(stream.schema)))
    data = pa.Codec(codec).compress(body, asbytes=True)
    return Payload(data, batch.num_rows, body.size, codec, stream.version)


def decode(header: EntryHeader, payload: bytes) -> pa.RecordBatch:
    """The entry's rows in the stream's newest schema; a punctuation has none. Raises ``Corrupt``."""
    stream = STREAMS.get(header.stream)
    if stream is None:
        raise Corrupt(
            f"{header.producer}: entry of the stream {header.stream!r}, which nobody here knows: install the plug-in that "
            "brings it, or the Hindcast that wrote it"
        )
    if header.rows == 0:
        return _empty(stream.name)
    written = stream.schema if header.version == stream.version else upcast.schema(stream.name, header.version)
    try:
        body = pa.Codec(header.codec).decompress(payload, header.size, asbytes=True)
        batch = pa.ipc.open_stream(_schema_message(written) + body).read_next_batch()
    except (pa.ArrowInvalid, OSError, ValueError) as error:
        raise Corrupt(f"{header.stream} of {header.producer} at offset {header.first}: {error}") from error
    if batch.num_rows != header.rows:
        raise Corrupt(
            f"{header.stream} of {header.producer} at {header.first}: {batch.num_rows} rows, not {header.rows}"
        )
    return batch if header.version == stream.version else upcast(stream.name, batch, header.version, stream.version)


def decode_together(entries: Sequence[Entry]) -> pa.Table:
    """The rows of entries of one stream, in order, in its newest schema: what ``Entry.batch`` gives of each, as one table.

    Where entries are small this takes a third of the time, since Arrow reads all payloads as one IPC stream. Each column
    has one dictionary. Raises ``Corrupt`` for the first entry that is not what was written.
    """
    stream = STREAMS[entries[0].header.stream]
    held = [entry for entry in entries if entry.header.rows]
    if all(entry.header.version == stream.version for entry in held):
        try:
            batches = list(pa.ipc.open_stream(b"".join((_schema_message(stream.schema), *map(_body, held)))))
        except (pa.ArrowInvalid, OSError, ValueError):
            batches = []
        if [batch.num_rows for batch in batches] == [entry.header.rows for entry in held]:
            return pa.Table.from_batches(batches, stream.schema).unify_dictionaries()
    return pa.Table.from_batches([entry.batch() for entry in held], stream.schema).unify_dictionaries()


def _body(entry: Entry) -> bytes:
    """The messages of one payload, without the end of the stream."""
    body = pa.Codec(entry.header.codec).decompress(entry.payload, entry.header.size, asbytes=True)
    return body.removesuffix(_END_OF_STREAM)


@cache
def _empty(stream: str) -> pa.RecordBatch:
    schema = STREAMS[stream].schema
    return pa.record_batch([pa.nulls(0, f.type) for f in schema], schema=schema)
