"""Is what Redis has of a cell what was written? Walks all of it, page by page; for ``hindcast doctor``."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from events.entry import Entry
from events.errors import Corrupt
from events.log import Verdict
from events.redis_keys import CellKeys
from events.redis_position import Stand
from events.redis_server import Server
from events.redis_writer import entry_of
from events.stored_position import decode_journal
from events.verification import Start, StoredCommit, commit_problems, judged, stream_problems

_PAGE = 64
_COMMITS = 5_000
_trimmed = msgspec.msgpack.Decoder(tuple[int, bytes, int]).decode


def verify(server: Server, keys: CellKeys, cell: str, stand: Stand) -> Verdict:
    """What ``events.verification`` checks of every log, and that the bytes of each saved state are there."""
    verdict = Verdict(cell, snapshots=len(stand.saved))
    return judged(verdict, _problems(server, keys, stand, verdict))


def _problems(server: Server, keys: CellKeys, stand: Stand, verdict: Verdict) -> Iterator[str]:
    position = stand.position
    for stream, tail in position.streams.items():
        place = server.call(lambda client, s=stream: client.hget(keys.trimmed, f"v:{s}"))
        end, link, _ = _trimmed(place) if place else (0, b"", 0)
        entries = _entries(server, keys, stream, verdict.cell, tail.head)
        yield from stream_problems(entries, stream, Start(end, link), position, verdict)
    yield from commit_problems(_commits(server, keys, stand), position, verdict)
    for saved in stand.saved:
        for blob in saved.blobs():
            sizes = server.call(lambda client, b=blob: [client.hstrlen(keys.blobs, field) for field in b.fields])
            if sum(sizes) != blob.size:
                what = f"piece {blob.name}" if blob.name else "state"
                yield f"snapshot {saved.number} has {sum(sizes)} of the {blob.size} bytes of its {what}"


def _entries(server: Server, keys: CellKeys, stream: str, cell: str, head: int) -> Iterator[Entry]:
    start = 1
    while start <= head:
        page = server.call(lambda client, s=start: client.xrange(keys.stream(stream), str(s), str(head), _PAGE))
        for raw in page:
            start = int(raw[0].partition(b"-")[0]) + 1
            yield entry_of(raw, stream, cell)
        if len(page) < _PAGE:
            return


def _commits(server: Server, keys: CellKeys, stand: Stand) -> Iterator[StoredCommit]:
    sources = list(stand.position.cursor)
    start, last = 1, stand.position.number
    while start <= last:
        page = server.call(lambda client, s=start: client.xrange(keys.commits, str(s), str(last), _COMMITS))
        for place, fields in page:
            number = int(place.partition(b"-")[0])
            if b"t" not in fields or b"j" not in fields:
                raise Corrupt(f"commit {number} has no time or no journal")
            start = number + 1
            journal = decode_journal(number, fields[b"j"], sources) if fields[b"j"] else []
            yield StoredCommit(number, int(fields[b"t"]), journal)
        if len(page) < _COMMITS:
            return
