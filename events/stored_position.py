"""A cell's position and its journal as bytes, for every log that stores them."""

from __future__ import annotations

import msgspec

from events.append import Position, Tail
from events.errors import Corrupt
from events.log import JournalRow, Source

_encode = msgspec.msgpack.Encoder().encode
_streams = msgspec.msgpack.Decoder(list[tuple[str, int, bytes]]).decode
_cursor = msgspec.msgpack.Decoder(list[tuple[str, str, int]]).decode
_journal = msgspec.msgpack.Decoder(list[tuple[int, ...]]).decode


def encode_position(position: Position) -> tuple[bytes, bytes]:
    """The columns ``streams`` and ``cursor``."""
    streams = [(name, tail.head, tail.chain) for name, tail in position.streams.items()]
    return _encode(streams), _encode([(*source, offset) for source, offset in position.cursor.items()])


def decode_position(row: tuple[int, int, int, bytes, bytes]) -> Position:
    """From the columns epoch, number, committed, streams, cursor. Raises ``Corrupt``."""
    epoch, number, committed, streams, cursor = row
    try:
        tails = {name: Tail(head, link) for name, head, link in _streams(streams)}
        return Position(epoch, number, committed, tails, {(s, p): offset for s, p, offset in _cursor(cursor)})
    except msgspec.MsgspecError as error:
        raise Corrupt(f"a cell's position: {error}") from error


def encode_journal(rows: tuple[JournalRow, ...], cursor: dict[Source, int]) -> bytes | None:
    """Rows as ``[place of the source in the cursor, start, length, version, skipped...]``: about 8 bytes each."""
    if not rows:
        return None
    places = {source: place for place, source in enumerate(cursor)}
    return _encode(
        [
            (places[r.stream, r.producer], r.start, r.end - r.start, r.version, *(o - r.start for o in r.skipped))
            for r in rows
        ]
    )


def decode_journal(number: int, data: bytes, sources: list[Source]) -> list[JournalRow]:
    """Inverse of ``encode_journal``; a cursor only ever grows at its end. Raises ``Corrupt``."""
    try:
        return [
            JournalRow(number, *sources[place], start, start + length, version, tuple(start + s for s in skipped))
            for place, start, length, version, *skipped in _journal(data)
        ]
    except (msgspec.MsgspecError, ValueError, IndexError) as error:
        raise Corrupt(f"journal of commit {number}: {error}") from error
