"""Copies of cells out of Redis and into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from events import redis_past
from events.entry import Entry, encode_header
from events.errors import Rejected
from events.log import Piece, Snapshot, SnapshotRef, Verdict
from events.redis_keys import CellKeys
from events.redis_place import RedisPlace
from events.redis_position import FIELDS, Blob, Saved, Stand, decode_stand
from events.redis_server import Server
from events.redis_verify import verify
from events.redis_writer import CHUNK_BYTES, JOURNAL_BYTES, entry_of
from events.stored_position import decode_journal, encode_journal
from events.transfer import CellCopy, CommitRecord
from events.verification import Start

STATE = "half of a migration"
BATCH_BYTES = 4 << 20
_BATCH = 500
_PAGE = 32
_trimmed = msgspec.msgpack.Decoder(tuple[int, bytes, int]).decode


def copy_of(server: Server, cell: str) -> CellCopy:
    """See ``CopySource.copy``."""
    keys = server.keys.of(cell)
    stand = decode_stand(server.call(lambda client: client.hmget(keys.position, *FIELDS)))
    if stand is None:
        raise Rejected("cell", f"{cell!r} is not in this log")
    places: Mapping[bytes, bytes] = server.call(lambda client: client.hgetall(keys.trimmed))
    found = {field[2:].decode(): _trimmed(value) for field, value in places.items() if field.startswith(b"v:")}
    starts = {stream: Start(end, link) for stream, (end, link, _) in found.items()}

    def entries(stream: str, after: int) -> Iterator[Entry]:
        for raw in _elements(server, keys.stream(stream), after):
            yield entry_of(raw, stream, cell)

    def commits(after: int) -> Iterator[CommitRecord]:
        sources = list(stand.position.cursor)
        for place, fields in _elements(server, keys.commits, after):
            number = int(place.partition(b"-")[0])
            journal = tuple(decode_journal(number, fields[b"j"], sources)) if fields[b"j"] else ()
            yield CommitRecord(number, int(fields[b"t"]), fields[b"n"], journal)

    def data(blob: Blob) -> bytes:
        return b"".join(server.call(lambda client, f=field: client.hget(keys.blobs, f)) for field in blob.fields)

    def snapshots() -> Iterator[SnapshotRef]:
        brought: set[str] = set()
        for saved in stand.saved:
            pieces = tuple(Piece(p.name, None if p.name in brought else data(p)) for p in saved.pieces)
            brought |= {piece.name for piece in pieces}
            yield SnapshotRef(saved.number, Snapshot(saved.fold_version, saved.arch, data(saved.state), pieces))

    return CellCopy(stand.position, starts, entries, commits, snapshots, lambda: redis_past.every(server, keys))


def _elements(server: Server, key: str, after: int) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
    start = after + 1
    while page := server.call(lambda client, s=start: client.xrange(key, str(s), "+", _PAGE)):
        yield from page
        start = int(page[-1][0].partition(b"-")[0]) + 1


class RedisTarget:
    """``CopyTarget`` in a name space, for the system with the identity ``system``, which is at ``where``."""

    def __init__(
        self, place: RedisPlace, system: str, where: str, remedy: str = "choose another name space with --name"
    ) -> None:
        self._remedy = remedy
        self._place = place
        self._system = system
        self._where = where
        self._server = Server(place)

    def begin(self) -> None:
        server = self._server
        server.judge()
        state = server.state()
        owner = server.guarded(lambda client: client.hget(server.keys.owner, "system"))
        if state is not None and (state != STATE or owner != self._system.encode()):
            raise Rejected("log.name", f"{self._place} has a log already; {self._remedy}")
        server.begin(STATE)
        server.call(
            lambda client: client.hset(server.keys.owner, mapping={"system": self._system, "where": self._where})
        )

    def adopt(self, cell: str, copy: CellCopy) -> None:
        server, keys = self._server, self._server.keys.of(cell)
        if server.call(lambda client: client.exists(keys.position)):
            return
        sizes = {stream: self._stream(keys, copy, stream) for stream in copy.position.streams}
        sizes[""] = self._commits(keys, copy)
        saved = self._saved(keys, copy)
        for at, (number, snapshot) in copy.lasting():
            name, data = redis_past.packed(number, at, snapshot)
            server.call(lambda client, f=name.field, d=data: client.hset(keys.lasting, f, d))
        stand = Stand(copy.position, sizes, saved)
        members = [f"{cell} {stream}" for stream in ("", *copy.position.streams)]
        server.call(lambda client: client.sadd(server.keys.writers, *members))
        server.call(lambda client: client.hset(keys.position, mapping=stand.fields()))

    def _stream(self, keys: CellKeys, copy: CellCopy, stream: str) -> int:
        """Bytes of it."""
        key = keys.stream(stream)
        if start := copy.starts.get(stream):
            value = msgspec.msgpack.encode((start.offset, start.chain, 0))
            fields = {f"e:{stream}": start.offset + 1, f"v:{stream}": value}
            self._server.call(lambda client: client.hset(keys.trimmed, mapping=fields))
        after, size = self._last(key)
        batch: list[tuple[str, dict[str, Any]]] = []
        held = 0
        for entry in copy.entries(stream, after):
            header = encode_header(entry.header)
            size += len(header) + len(entry.payload)
            held += len(entry.payload)
            batch.append((f"{entry.header.end}-{size}", {"h": header, "p": entry.payload}))
            if held > BATCH_BYTES or len(batch) >= _BATCH:
                self._add(key, batch)
                batch, held = [], 0
        self._add(key, batch)
        return size

    def _commits(self, keys: CellKeys, copy: CellCopy) -> int:
        after, _ = self._last(keys.commits)
        size = after * JOURNAL_BYTES
        batch: list[tuple[str, dict[str, Any]]] = []
        for record in copy.commits(after):
            journal = encode_journal(record.journal, copy.position.cursor) or b""
            size += len(journal) + JOURNAL_BYTES
            batch.append((f"{record.number}-0", {"t": record.at, "n": record.nonce, "j": journal}))
            if len(batch) >= _BATCH:
                self._add(keys.commits, batch)
                batch = []
        self._add(keys.commits, batch)
        return size

    def _last(self, key: str) -> tuple[int, int]:
        """The two numbers of the last element's id: an earlier attempt came so far."""
        found = self._server.call(lambda client: client.xrevrange(key, count=1))
        if not found:
            return 0, 0
        end, _, size = found[0][0].partition(b"-")
        return int(end), int(size)

    def _add(self, key: str, batch: list[tuple[str, dict[str, Any]]]) -> None:
        """Also once more, after a lost answer: what is there already is not added again."""

        def add(client: Any) -> None:
            found = client.xrevrange(key, count=1)
            last = int(found[0][0].partition(b"-")[0]) if found else 0
            together = client.pipeline(transaction=False)
            for place, fields in batch:
                if int(place.partition("-")[0]) > last:
                    together.xadd(key, fields, id=place)
            together.execute()

        if batch:
            self._server.call(add)

    def _saved(self, keys: CellKeys, copy: CellCopy) -> tuple[Saved, ...]:
        known: dict[str, Blob] = {}
        made: list[Saved] = []
        for number, snapshot in copy.snapshots():
            state = self._blob(keys, f"0.{number}.", "", snapshot.data)
            for name, data in snapshot.pieces:
                if data is not None:
                    known[name] = self._blob(keys, f"0.{number}.{len(known)}.", name, data)
            pieces = [known[piece.name] for piece in snapshot.pieces]
            made.append(Saved(number, snapshot.fold_version, snapshot.arch, state, pieces))
        return tuple(made)

    def _blob(self, keys: CellKeys, prefix: str, name: str, data: bytes) -> Blob:
        chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)] or [b""]
        fields = [f"{prefix}{n}" for n in range(len(chunks))]
        for field, chunk in zip(fields, chunks, strict=True):
            self._server.call(lambda client, f=field, c=chunk: client.hset(keys.blobs, f, c))
        return Blob(name, fields, len(data))

    def verify(self, cell: str) -> Verdict:
        keys = self._server.keys.of(cell)
        stand = decode_stand(self._server.call(lambda client: client.hmget(keys.position, *FIELDS)))
        if stand is None:
            raise Rejected("cell", f"{cell!r} is not in this log")
        return verify(self._server, keys, cell, stand)

    def copy(self, cell: str) -> CellCopy:
        return copy_of(self._server, cell)

    def finish(self) -> None:
        self._server.end_state()

    def close(self) -> None:
        self._server.close()
