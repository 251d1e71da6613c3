"""What Redis stores of a cell beside its entries: where it stands, how much it holds, which states are saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from events.append import Position, kept
from events.errors import Corrupt
from events.log import Snapshot, SnapshotRef
from events.redis_script import Value
from events.stored_position import decode_position, encode_position

FIELDS = ("epoch", "number", "at", "streams", "cursor", "sizes", "saved")
_encode = msgspec.msgpack.Encoder().encode


class Blob(msgspec.Struct, frozen=True, array_like=True):
    """Bytes in the hash of blobs: in several fields where they are many."""

    name: str
    fields: list[str]
    size: int


class Saved(msgspec.Struct, frozen=True, array_like=True):
    """A snapshot, without its bytes."""

    number: int
    fold_version: int
    arch: str
    state: Blob
    pieces: list[Blob]

    def blobs(self) -> Iterator[Blob]:
        yield self.state
        yield from self.pieces


class Stand(msgspec.Struct, frozen=True):
    """All of one cell that is not an entry."""

    position: Position = Position()
    sizes: dict[str, int] = {}
    """Bytes ever written to each stream; ``""``: to the journal."""
    saved: tuple[Saved, ...] = ()

    def fields(self, before: Stand | None = None) -> dict[str, Value]:
        """As ``FIELDS``; without those that are as they were ``before``."""
        position = self.position
        streams, cursor = encode_position(position)
        made: dict[str, Value] = {"number": position.number, "at": position.committed, "streams": streams}
        made["sizes"] = _encode(self.sizes)
        if before is None or before.position.epoch != position.epoch:
            made["epoch"] = position.epoch
        if before is None or before.position.cursor is not position.cursor:
            made["cursor"] = cursor
        if before is None or before.saved is not self.saved:
            made["saved"] = _encode(self.saved)
        return made

    @property
    def heads(self) -> dict[str, int]:
        return {stream: tail.head for stream, tail in self.position.streams.items()}


_sizes = msgspec.msgpack.Decoder(dict[str, int]).decode
_saved = msgspec.msgpack.Decoder(tuple[Saved, ...]).decode


def decode_stand(row: Sequence[bytes | None]) -> Stand | None:
    """The inverse of ``Stand.fields``; None for a cell that was never acquired. Raises ``Corrupt``."""
    if row[0] is None:
        return None
    if any(value is None for value in row):
        raise Corrupt("a cell's position: fields of it are missing; restore the server from a backup")
    epoch, number, at, streams, cursor, sizes, saved = [value or b"" for value in row]
    try:
        position = decode_position((int(epoch), int(number), int(at), streams, cursor))
        return Stand(position, _sizes(sizes), _saved(saved))
    except (msgspec.MsgspecError, ValueError) as error:
        raise Corrupt(f"a cell's position: {error}") from error


def retained(saved: Sequence[Saved]) -> tuple[Saved, ...]:
    """Those that a log keeps, as ``append.kept`` says."""
    refs = [SnapshotRef(s.number, Snapshot(s.fold_version, s.arch, b"")) for s in saved]
    numbers = {ref.commit for ref in kept(refs)}
    return tuple(s for s in saved if s.number in numbers)
