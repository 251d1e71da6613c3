"""The log on a Redis or Valkey server, for systems of more than one machine.

A commit is one script in the server, see ``events.redis_script``; what is where, ``events.redis_keys``. Readers keep their
own cursors and read by them; there are no consumer groups. How durable a commit is when it is answered is the server's
``appendfsync`` and the spec's ``wait_disk`` and ``wait_replicas``.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from events import redis_past
from events.append import Follower, missing_piece
from events.doorbell import Doorbell, Rung
from events.entry import Entry
from events.errors import Corrupt, Rejected, Transient
from events.log import JOURNAL_COMMITS, Commit, Cursor, JournalRow, Lease, Room, Snapshot, SnapshotRef, Verdict
from events.redis_keys import CellKeys
from events.redis_place import RedisPlace
from events.redis_position import FIELDS, Blob, Saved, Stand, decode_stand
from events.redis_server import Server
from events.redis_transfer import copy_of
from events.redis_verify import verify
from events.redis_watch import LOOK_S, Watch, room_of
from events.redis_writer import RedisWriter, entry_of
from events.stored_position import decode_journal
from events.transfer import CellCopy

R = TypeVar("R")
FIRST_ENTRIES = 4
"""So many entries are asked for where it is not known yet how large they are."""
MOST_ENTRIES = 1000
JOURNAL_PAGE = 10_000
_streams = msgspec.msgpack.Decoder(list[tuple[str, int, bytes]]).decode
_trimmed = msgspec.msgpack.Decoder(tuple[int, bytes, int]).decode


class RedisLog:
    """``EventLog`` on a server. ``woken``: it listens for the commits of other processes, once somebody waits.

    ``at_close`` is called when it is closed: by whoever started a server for this handle alone.
    """

    def __init__(self, spec: RedisPlace, *, woken: bool = True, at_close: Callable[[], None] | None = None) -> None:
        self._server = Server(spec)
        self._writer = RedisWriter(self._server)
        self._bell = Doorbell(None)
        self._watch = Watch(self._server, self._bell)
        self._woken = woken
        self._at_close = at_close
        self._mutex = threading.Lock()
        self._follower = (0, Follower())
        self._entry_bytes: dict[tuple[str, str], int] = {}
        self._listed: tuple[int, dict[str, set[str]]] = (-1, {})
        self._closed = False
        self._prepared()

    def _prepared(self) -> None:
        """There is a log from here on; where the server does not answer, each call says so until it does."""
        with contextlib.suppress(Transient):
            self._server.call(lambda client: client.ping())

    # -- writing -------------------------------------------------------------------------------------------------

    def acquire(self, cell: str, writes: Sequence[str]) -> Lease:
        self._check_open()
        stand, added = self._writer.acquire(cell, writes)
        if added:
            self._listed = (-1, {})
        return stand.position.lease(cell)

    def release(self, cell: str) -> None:
        self._writer.release(cell)

    def commit(self, lease: Lease, commit: Commit) -> int:
        self._check_open()
        stand = self._writer.commit(lease, commit)
        if stand is not None:
            self._watch.tell(lease.cell, stand.heads)
        return commit.after + 1

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the log is closed")

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self, stream: str, producer: str, after: int, max_bytes: int) -> Sequence[Entry]:
        key = self._server.keys.of(producer).stream(stream)
        found: list[Entry] = []
        size, start = 0, max(after, 0) + 1
        while True:
            usual = self._entry_bytes.get((stream, producer), 0)
            count = min(MOST_ENTRIES, max(1, (max_bytes - size) // usual)) if usual else FIRST_ENTRIES
            page = self._call(lambda client, s=start, n=count: client.xrange(key, str(s), "+", n))
            for raw in page:
                entry = entry_of(raw, stream, producer)
                size += len(entry.payload)
                if found and size > max_bytes:
                    return self._followed(stream, producer, found)
                found.append(entry)
            if len(page) < count or size > max_bytes:
                return self._followed(stream, producer, found)
            start = found[-1].header.end + 1
            self._entry_bytes[stream, producer] = max(1, size // len(found))

    def _followed(self, stream: str, producer: str, found: list[Entry]) -> list[Entry]:
        """After a lost connection the server may have lost its newest entries: what was read before proves nothing then."""
        if found:
            with self._mutex:
                if self._follower[0] != self._server.losses:
                    self._follower = (self._server.losses, Follower())
                self._follower[1].check((stream, producer), found)
        return found

    def head(self, stream: str, producer: str) -> int:
        return self._heads([producer]).get(producer, {}).get(stream, 0)

    def _heads(self, cells: Iterable[str]) -> dict[str, dict[str, int]]:
        """Next offsets of every stream of those ``cells`` that are there."""
        wanted = list(cells)
        keys = [self._server.keys.of(cell).position for cell in wanted]

        def ask(client: Any) -> list[bytes | None]:
            if len(keys) == 1:
                return [client.hget(keys[0], "streams")]
            together = client.pipeline(transaction=False)
            for key in keys:
                together.hget(key, "streams")
            return together.execute()

        rows = self._call(ask) if keys else []
        return {cell: {s: head for s, head, _ in _streams(row)} for cell, row in zip(wanted, rows, strict=True) if row}

    def producers(self, stream: str) -> Sequence[str]:
        """While this handle waits for others, one that has just come may be missing for a moment."""
        return sorted(cell for cell, streams in self._declared().items() if stream in streams)

    def cells(self) -> Sequence[str]:
        """Every cell that was ever acquired, sorted."""
        return sorted(self._declared())

    def _declared(self) -> dict[str, set[str]]:
        heard, listed = self._watch.declared, self._listed
        if self._watch.hears and listed[0] == heard:
            return listed[1]
        found: dict[str, set[str]] = {}
        for member in self._call(lambda client: client.smembers(self._server.keys.writers)):
            cell, _, stream = member.decode().rpartition(" ")
            found.setdefault(cell, set()).add(stream)
        self._listed = (heard, found)
        return found

    def journal(self, cell: str, after: int) -> Sequence[JournalRow]:
        keys = self._server.keys.of(cell)
        found: list[JournalRow] = []
        consuming, start = 0, max(after, 0) + 1
        while consuming < JOURNAL_COMMITS:
            page = self._call(lambda client, s=start: client.xrange(keys.commits, str(s), "+", JOURNAL_PAGE))
            sources = list(stand.position.cursor) if page and (stand := self._stand(keys)) else []
            for place, fields in page:
                start = int(place.partition(b"-")[0]) + 1
                if (journal := fields[b"j"]) and consuming < JOURNAL_COMMITS:
                    found += decode_journal(start - 1, journal, sources)
                    consuming += 1
            if len(page) < JOURNAL_PAGE:
                break
        return found

    def last_commit(self, cell: str) -> tuple[int, int]:
        key = self._server.keys.of(cell).position
        number, at = self._call(lambda client: client.hmget(key, "number", "at"))
        return int(number or 0), int(at or 0)

    def commit_at(self, cell: str, at: int) -> int:
        return redis_past.commit_at(self._server, self._server.keys.of(cell), self.last_commit(cell), at)

    def cursor(self, cell: str) -> Cursor:
        stand = self._stand(self._server.keys.of(cell))
        return stand.position.cursor if stand else {}

    def _stand(self, keys: CellKeys) -> Stand | None:
        return decode_stand(self._call(lambda client: client.hmget(keys.position, *FIELDS)))

    def snapshots(self, cell: str) -> Sequence[SnapshotRef]:
        keys = self._server.keys.of(cell)

        def ref(saved: Saved) -> SnapshotRef:
            return SnapshotRef(saved.number, Snapshot(saved.fold_version, saved.arch, self._blob(keys, saved.state)))

        return self._unpruned(cell, lambda: [ref(saved) for saved in self._saved(keys)])

    def snapshot_at(self, cell: str, commit: int, fold_version: int, arch: str) -> SnapshotRef | None:
        keys = self._server.keys.of(cell)
        return self._unpruned(cell, lambda: redis_past.newest(self._server, keys, commit, fold_version, arch))

    def piece(self, cell: str, name: str) -> bytes:
        keys = self._server.keys.of(cell)

        def found() -> bytes:
            for saved in reversed(self._saved(keys)):
                for piece in saved.pieces:
                    if piece.name == name:
                        return self._blob(keys, piece)
            raise missing_piece(cell, name)

        return self._unpruned(cell, found)

    def _saved(self, keys: CellKeys) -> Sequence[Saved]:
        stand = self._stand(keys)
        return stand.saved if stand else ()

    def _blob(self, keys: CellKeys, blob: Blob) -> bytes:
        """Raises ``KeyError`` where a part of it is not there any more."""
        parts = [self._call(lambda client, f=field: client.hget(keys.blobs, f)) for field in blob.fields]
        if None in parts:
            raise KeyError(blob.name)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _unpruned(self, cell: str, look: Callable[[], R]) -> R:
        """Between the look at which states are saved and their bytes, a commit may have replaced them: look again."""
        for _ in range(5):
            try:
                return look()
            except KeyError:
                continue
        raise Corrupt(f"{cell}: bytes of a saved state are missing; restore the server from a backup")

    def wait(self, after: Cursor, timeout_s: float) -> bool:
        """Also raises ``Transient`` where an offset is behind the end of its source: the server has lost what was read."""
        by_cell: dict[str, list[tuple[str, int]]] = {}
        for (stream, producer), offset in after.items():
            by_cell.setdefault(producer, []).append((stream, offset))
        if self._woken and not self._closed:
            self._watch.start()

        def ready(rung: Rung) -> bool:
            if rung is None:
                heads = self._heads(by_cell)
                for cell, wanted in by_cell.items():
                    for stream, offset in wanted:
                        self._check_kept(stream, cell, offset, heads.get(cell, {}).get(stream, 0))
                return any(heads.get(cell, {}).get(s, 0) > at for cell, wanted in by_cell.items() for s, at in wanted)
            return any(self._watch.head(cell, s) > at for cell in by_cell.keys() & rung for s, at in by_cell[cell])

        return self._bell.wait(ready, timeout_s)

    def _check_kept(self, stream: str, producer: str, offset: int, head: int) -> None:
        if head < offset:
            lost = f"{stream} of {producer} ends at {head}, and was read to {offset}"
            raise Transient(f"the server has lost its newest entries ({lost}); the state is loaded again")

    def wake(self) -> None:
        self._bell.wake()

    def _call(self, deed: Callable[[Any], R]) -> R:
        return self._server.call(deed)

    # -- upkeep --------------------------------------------------------------------------------------------------

    def size(self) -> int:
        """Bytes of entries, journals and saved states; what Redis needs around them, about a tenth, is not counted."""
        return sum(map(self._size, self.cells()))

    def _size(self, cell: str) -> int:
        keys = self._server.keys.of(cell)
        stand = self._stand(keys)
        if stand is None:
            return 0
        gone = sum(_trimmed(v)[2] for f, v in self._call(lambda c: c.hgetall(keys.trimmed)).items() if f[:2] == b"v:")
        blobs = {blob.fields[0]: blob.size for saved in stand.saved for blob in saved.blobs()}
        lasting = sum(one.size for one in redis_past.listed(self._server, keys))
        return sum(stand.sizes.values()) - gone + sum(blobs.values()) + lasting

    def room(self) -> Room:
        """Of the memory that ``maxmemory`` sets, as of about a second ago; never keeps a caller waiting for a server that is
        gone, once it has answered."""
        if self._woken and not self._closed:
            self._watch.start()
            if (known := self._watch.room()) is not None:
                if not self._watch.hears:
                    raise Transient("the log's server does not answer", LOOK_S)
                return known
        return room_of(self._server.infos("memory"))

    def verify(self, cell: str) -> Verdict:
        """See ``events.redis_verify``."""
        keys = self._server.keys.of(cell)
        stand = self._stand(keys)
        if stand is None:
            raise Rejected("cell", f"{cell!r} is not in this log")
        return verify(self._server, keys, cell, stand)

    def copy(self, cell: str) -> CellCopy:
        """See ``events.transfer``."""
        return copy_of(self._server, cell)

    def trim(self, stream: str, producer: str, below: int) -> None:
        self._writer.trim(stream, producer, below)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._bell.close()
        self._watch.close()
        self._server.close()
        if self._at_close is not None:
            self._at_close()
