"""The writing side of a log in Redis: acquire, commit, trim."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from events import redis_past
from events.append import Position, admit, appended, missing_piece, taken_over
from events.entry import Entry, decode_header, encode_header
from events.envelope import CellName
from events.errors import Corrupt, Fenced, Transient
from events.log import Commit, Lease, Snapshot
from events.redis_keys import CellKeys
from events.redis_position import FIELDS, Blob, Saved, Stand, decode_stand, retained
from events.redis_script import MOVE, TOUCH, TRIM, Move
from events.redis_server import MOST_BYTES, Server
from events.redis_watch import message
from events.stored_position import encode_journal

AT_ONCE_BYTES = 1 << 20
"""Saved states up to this size go with the commit; larger ones are stored before it, for a script holds up everybody."""
CHUNK_BYTES = 32 << 20
_TRIES = 20
JOURNAL_BYTES = 40
"""About what a commit takes beside its journal rows."""


class _Held:
    """One cell that this process writes."""

    def __init__(self) -> None:
        self.mutex = threading.Lock()
        self.stand: Stand | None = None
        """As of this process's last commit; whether it still is, the server says."""
        self.loose: list[str] = []
        """Blobs that were stored before a commit which then failed."""


class RedisWriter:
    """Safe for several threads and processes: who may commit is decided by the epoch, in the server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._mutex = threading.Lock()
        self._cells: dict[str, _Held] = {}

    def acquire(self, cell: str, writes: Sequence[str]) -> tuple[Stand, bool]:
        """Where the cell stands under its new lease, and whether it declared a stream that it did not write before."""
        keys = self._server.keys.of(cell)
        with self._held(cell) as held:
            for _ in range(_TRIES):
                old = self._fetch(keys) or Stand()
                new = msgspec.structs.replace(old, position=taken_over(old.position, writes))
                added = self._declare(cell, new.position)
                told = message(cell, None if added else new.heads)
                move = Move(
                    old.position.epoch, old.position.number, self._server.keys.bell, told, new.fields(),
                    dropped=self._unused(keys, new),
                )  # fmt: skip
                if self._moved(keys, move, []):
                    held.stand, held.loose = new, []
                    return new, added
        raise Transient(f"{cell}: others take it over all the time")

    def _declare(self, cell: str, position: Position) -> bool:
        """Before the cell is there, so that nobody overlooks it should this process die in between."""
        members = [f"{cell} {stream}" for stream in ("", *position.streams)]
        return bool(self._server.call(lambda client: client.sadd(self._server.keys.writers, *members)))

    def _unused(self, keys: CellKeys, stand: Stand) -> list[str]:
        """Blobs that an instance stored and never named: it was killed, or its commit failed."""
        there = self._server.call(lambda client: client.hkeys(keys.blobs))
        named = {field for saved in stand.saved for blob in saved.blobs() for field in blob.fields}
        return [field for raw in there if (field := raw.decode()) not in named]

    def commit(self, lease: Lease, commit: Commit) -> Stand | None:
        """Where the cell stands after it; None where this commit was made before. See ``EventLog.commit``."""
        keys = self._server.keys.of(lease.cell)
        with self._held(lease.cell) as held:
            stand, held.stand = held.stand, None  # if anything goes wrong below, it is asked for again
            if stand is None or (stand.position.epoch, stand.position.number) != (lease.epoch, commit.after):
                stand = self._fetch(keys)
            for _ in range(_TRIES):
                if stand is None:
                    raise Fenced(f"{lease.cell} was never acquired here")
                if commit.after < stand.position.number and self._is_retry(keys, commit):
                    held.stand = stand
                    self._server.script(TOUCH, [keys.position], [commit.nonce], confirm=True)
                    return None
                admit(stand.position, lease, commit)
                if (new := self._commit(held, keys, stand, lease.cell, commit)) is not None:
                    held.stand = new
                    return new
                stand = self._fetch(keys)
        raise Transient(f"{lease.cell}: others commit to it all the time")

    def _commit(self, held: _Held, keys: CellKeys, old: Stand, cell: str, commit: Commit) -> Stand | None:
        position, entries = appended(cell, CellName.parse(cell).tenant, old.position, commit)
        streams = list(position.streams)
        sizes = dict(old.sizes)
        journal = encode_journal(commit.journal, position.cursor) or b""
        sizes[""] = sizes.get("", 0) + len(journal) + JOURNAL_BYTES
        added: list[tuple[int, str, bytes, bytes]] = []
        for entry in entries:
            stream, header = entry.header.stream, encode_header(entry.header)
            if len(entry.payload) > MOST_BYTES:
                raise Corrupt(f"{cell}: an entry of {stream} has {len(entry.payload):,} bytes, more than Redis takes")
            sizes[stream] = sizes.get(stream, 0) + len(header) + len(entry.payload)
            added.append((5 + streams.index(stream), f"{entry.header.end}-{sizes[stream]}", header, entry.payload))
        saved, blobs, dropped = old.saved, dict[str, bytes](), list[str]()
        lasting, forgotten = dict[str, bytes](), list[str]()
        if commit.snapshot is not None:
            saved, blobs = _with(old.saved, cell, position, commit.snapshot)
            dropped = _unnamed(old.saved, saved, held.loose)
            if commit.snapshot.lasting:
                lasting, forgotten = redis_past.added(redis_past.listed(self._server, keys), position, commit.snapshot)
        new = Stand(position, sizes, saved)
        if sum(map(len, blobs.values())) > AT_ONCE_BYTES:
            held.loose += blobs
            for field, data in blobs.items():
                self._server.call(lambda client, f=field, d=data: client.hset(keys.blobs, f, d))
            blobs = {}
        told = message(cell, new.heads)
        number = position.number
        stored = (f"{number}-0", position.committed, commit.nonce, journal)
        move = Move(
            old.position.epoch,
            number - 1,
            self._server.keys.bell,
            told,
            new.fields(old),
            stored,
            added,
            blobs,
            dropped,
            lasting,
            forgotten,
        )
        if not self._moved(keys, move, [keys.stream(stream) for stream in streams]):
            return None
        if commit.snapshot is not None:
            held.loose = []
        return new

    def _moved(self, keys: CellKeys, move: Move, streams: Sequence[str]) -> bool:
        named = [keys.position, keys.commits, keys.blobs, keys.lasting, *streams]
        return self._server.script(MOVE, named, move.arguments(), confirm=True) == 1

    def _is_retry(self, keys: CellKeys, commit: Commit) -> bool:
        number = f"{commit.after + 1}-0"
        found = self._server.call(lambda client: client.xrange(keys.commits, number, number))
        return bool(found) and found[0][1][b"n"] == commit.nonce

    def _fetch(self, keys: CellKeys) -> Stand | None:
        return decode_stand(self._server.call(lambda client: client.hmget(keys.position, *FIELDS)))

    def trim(self, stream: str, producer: str, below: int) -> None:
        """See ``EventLog.trim``."""
        keys = self._server.keys.of(producer)
        stand = self._fetch(keys)
        tail = stand.position.streams.get(stream) if stand else None
        if tail is None or tail.head == 0:
            return
        key, most = keys.stream(stream), min(below, tail.head - 1)
        # XREVRANGE, for `XREAD +` finds nothing once the last entry was deleted.
        found: list[Any] = self._server.call(lambda client: client.xrevrange(key, str(most), "-", count=1))
        if not found:
            return
        (place, fields), *_ = found
        end, _, before = place.partition(b"-")
        link = decode_header(fields[b"h"]).chain
        value = msgspec.msgpack.encode((int(end), link, int(before)))
        arguments = [f"e:{stream}", int(end) + 1, f"v:{stream}", value]
        self._server.script(TRIM, [keys.trimmed, key], arguments, confirm=True)

    def release(self, cell: str) -> None:
        with self._mutex:
            self._cells.pop(cell, None)

    @contextmanager
    def _held(self, cell: str) -> Generator[_Held, None, None]:
        with self._mutex:
            held = self._cells.setdefault(cell, _Held())
        with held.mutex:
            yield held


def _with(
    old: tuple[Saved, ...], cell: str, position: Position, snapshot: Snapshot
) -> tuple[tuple[Saved, ...], dict[str, bytes]]:
    """The saved states with a new one, and the blobs to store for it."""
    known = {piece.name: piece for saved in old for piece in saved.pieces}
    blobs: dict[str, bytes] = {}

    def stored(name: str, data: bytes) -> Blob:
        chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)] or [b""]
        fields = [f"{position.epoch}.{position.number}.{len(blobs) + n}" for n in range(len(chunks))]
        blobs.update(zip(fields, chunks, strict=True))
        return Blob(name, fields, len(data))

    state = stored("", snapshot.data)
    pieces: list[Blob] = []
    for name, data in snapshot.pieces:
        if name not in known and data is None:
            raise missing_piece(cell, name)
        known[name] = known[name] if name in known else stored(name, data or b"")
        pieces.append(known[name])
    new = Saved(position.number, snapshot.fold_version, snapshot.arch, state, pieces)
    return retained([*old, new]), blobs


def _unnamed(old: Sequence[Saved], new: Sequence[Saved], loose: Sequence[str]) -> list[str]:
    """Fields that only the old states name, and loose ones that the new states do not name either."""
    now = {field for saved in new for blob in saved.blobs() for field in blob.fields}
    before = {field for saved in old for blob in saved.blobs() for field in blob.fields}
    return sorted((before | set(loose)) - now)


def entry_of(raw: tuple[bytes, dict[bytes, bytes]], stream: str, producer: str) -> Entry:
    """An element of a stream. Raises ``Corrupt`` where it does not stand where it says."""
    place, fields = raw
    try:
        entry = Entry(decode_header(fields[b"h"]), fields[b"p"])
    except KeyError as error:
        raise Corrupt(f"{producer}: {stream} has at {place.decode()} what is no entry of a log") from error
    if entry.header.end != int(place.partition(b"-")[0]):
        raise Corrupt(f"{producer}: {stream} ends at {entry.header.end} where the log has {place.decode()}")
    return entry
